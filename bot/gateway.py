"""What the gateway sends, read so that no single event ends the bot: discord.py stops at the first that it
cannot read, for all servers.
"""

import functools
import json
import logging
from collections.abc import Callable
from typing import Any

import discord

log = logging.getLogger(__name__)

# Without these there is no session: then to stop, and be started again, is right.
NEEDED = frozenset({"READY", "RESUMED"})


def outlive_strange_events(client: discord.Client) -> None:
    """Leave out, and log, the events that cannot be read. To be called before the client connects."""
    # Where orjson happens to be installed, discord.py reads with it; it refuses the halves of characters
    # (\ud83d) that JSON may hold and somebody may type.
    discord.utils._from_json = json.loads  # type: ignore[assignment] # only text is read
    parsers = client._connection.parsers
    for event in parsers.keys() - NEEDED:
        parsers[event] = _careful(event, parsers[event])


def _careful(event: str, read: Callable[[Any], object]) -> Callable[[Any], None]:
    @functools.wraps(read)
    def carefully(data: Any) -> None:
        try:
            read(data)
        except Exception:
            log.exception("an event could not be read, and is left out", extra={"kind": event})

    return carefully
