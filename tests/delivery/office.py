"""A ledger, a dispatcher and a sender that does as it is told, for the dispatcher's tests."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from bot.db.engine import Database
from bot.db.models import Delivery
from bot.delivery.dispatcher import Dispatcher, SentMessage
from bot.delivery.ledger import Claimed, Ledger, Outgoing
from tests.delivery.conftest import Clock

Send = Callable[[Claimed], Awaitable[None]]


class Sender:
    """Sends into a list; `before` may raise, wait, or look."""

    def __init__(self, before: Send | None = None) -> None:
        self.before = before
        self.sent: list[str] = []
        self.tried: list[str] = []
        self.looked: list[str] = []
        self.there: set[str] = set()

    async def find(self, delivery: Claimed) -> SentMessage | None:
        self.looked.append(delivery.key)
        return SentMessage(channel_id=7, message_id=2) if delivery.key in self.there else None

    async def render(self, delivery: Claimed) -> str:
        return delivery.key

    async def send(self, delivery: Claimed, message: str, nonce: str) -> SentMessage:
        self.tried.append(message)
        if self.before is not None:
            await self.before(delivery)
        self.sent.append(message)
        return SentMessage(channel_id=7, message_id=1)


def raising(*errors: Exception | None) -> Send:
    """Raises these one after the other, the last one for ever."""
    left = list(errors)

    async def before(_: Claimed) -> None:
        error = left.pop(0) if len(left) > 1 else left[0]
        if error is not None:
            raise error

    return before


class Office:
    """A ledger, a dispatcher and what they need, with one row planned per key."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self.database, self.ledger, self.clock = database, ledger, clock
        self.told: list[tuple[str, str]] = []

    def dispatcher(self, sender: Sender, **options: Any) -> Dispatcher:
        return Dispatcher(self.ledger, sender, clock=self.clock, random=Random(1), **options)

    async def plan(self, *keys: str, **facts: Any) -> None:
        given = {"kind": "k", "subject": "s", "due_at": self.clock(), "channel_id": 7, **facts}
        async with self.database.write() as session:
            await self.ledger.plan(session, *(Outgoing(key=key, **given) for key in keys))

    async def row(self, key: str = "a") -> Delivery:
        row = await self.ledger.get(key)
        assert row is not None
        return row

    async def tell(self, delivery: Claimed, reason: str) -> None:
        self.told.append((delivery.key, reason))


async def until_settled(office: Office, key: str) -> None:
    for _ in range(1000):
        if await office.ledger.settled(key):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{key} is not settled")
