"""A stand-in for Discord over real HTTP and WebSocket: gateway, REST, nonces, limits, faults.

It knows nothing of the bot; whatever speaks Discord's API v10 can be pointed at it.
"""

from tests.wire.standin.driving import Unusable, labels
from tests.wire.standin.faults import ERRORS, Fault, Faults
from tests.wire.standin.interactions import Interaction
from tests.wire.standin.server import StandIn
from tests.wire.standin.world import Channel, Guild, Message, Overwrite, Permission, User

__all__ = [
    "ERRORS",
    "Channel",
    "Fault",
    "Faults",
    "Guild",
    "Interaction",
    "Message",
    "Overwrite",
    "Permission",
    "StandIn",
    "Unusable",
    "User",
    "labels",
]
