"""Servers come and go: what stops at once, what is kept for a while, and what is purged."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import Database
from bot.db.models import (
    CoursePack,
    Delivery,
    DeliveryState,
    Group,
    Prediction,
    Project,
    Reminder,
    RemovedServer,
)
from bot.db.models.deliveries import OPEN
from bot.delivery.ledger import Ledger
from bot.services.meetups import carry_on

#: As Discord asks for data of servers that a bot has left.
KEPT_FOR = timedelta(days=30)
#: Long after nobody plans it again: a delivery's key also keeps it from being planned twice.
SETTLED_KEPT_FOR = timedelta(days=180)
_REASON = "the bot was taken out of the server"


class ServerService:
    def __init__(self, database: Database, *, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def left(self, *, guild_id: int) -> None:
        """Stop everything that was planned for this server. An outage is no reason to call this."""
        async with self._database.write() as session:
            if await session.get(RemovedServer, guild_id) is not None:
                return
            now = self._clock()
            session.add(RemovedServer(guild_id=guild_id, removed_at=now))
            await session.execute(
                update(Group)
                .where(Group.guild_id == guild_id, Group.archived_at.is_(None))
                .values(archived_at=now)
            )
            await session.execute(
                update(Delivery)
                # A member's own reminder may still reach them, through another server.
                .where(OPEN, Delivery.guild_id == guild_id, Delivery.user_id.is_(None))
                .values(state=DeliveryState.SKIPPED, settled_at=now, owner=None, last_error=_REASON)
                .execution_options(synchronize_session=False)
            )

    async def back(self, *, guild_ids: Collection[int]) -> bool:
        """The bot is in these servers: of those that it had left, the groups go on as they were, and what is
        not too late is said. False when it had left none of them.
        """
        async with self._database.read() as session:
            known = list(await session.scalars(select(RemovedServer.guild_id)))
        returned = set(known) & set(guild_ids)
        for guild_id in returned:
            async with self._database.write() as session:
                removed = await session.get(RemovedServer, guild_id)
                if removed is None:
                    continue
                # Those that their organizers had archived before stay so.
                closed_then = (Group.guild_id == guild_id) & (Group.archived_at == removed.removed_at)
                opened = update(Group).where(closed_then).values(archived_at=None).returning(Group.id)
                groups = (await session.scalars(opened)).all()
                await self._ledger.reopen(session, guild_id=guild_id, reason=_REASON)
                # Nothing was planned meanwhile: a series may have come to the end of its dates.
                await carry_on(session, group_ids=groups, ledger=self._ledger, now=self._clock())
                await session.delete(removed)
        return bool(returned)

    async def known(self) -> list[int]:
        """The servers that have a group and were not left."""
        gone = exists().where(RemovedServer.guild_id == Group.guild_id)
        async with self._database.read() as session:
            return list(await session.scalars(select(Group.guild_id).where(~gone).distinct()))

    async def purge(self) -> int:
        """Delete what is not needed any more; returns how many servers were forgotten."""
        now = self._clock()
        async with self._database.read() as session:
            over = RemovedServer.removed_at <= now - KEPT_FOR
            gone = list(await session.scalars(select(RemovedServer.guild_id).where(over)))
        for guild_id in gone:
            async with self._database.write() as session:
                await _forget(session, guild_id)
        async with self._database.write() as session:
            settled = Delivery.settled_at <= now - SETTLED_KEPT_FOR
            await session.execute(delete(Delivery).where(settled))
            cancelled = Reminder.cancelled_at <= now - SETTLED_KEPT_FOR
            await session.execute(delete(Reminder).where(cancelled))
        return len(gone)


async def _forget(session: AsyncSession, guild_id: int) -> None:
    """A server's groups take all that hangs on them along; reminders are their members' own."""
    for table in (Project, Prediction, CoursePack, Delivery, Group):
        await session.execute(delete(table).where(table.guild_id == guild_id))
    nowhere = {"guild_id": None, "channel_id": None, "parent_channel_id": None}
    await session.execute(update(Reminder).where(Reminder.guild_id == guild_id).values(nowhere))
    await session.execute(delete(RemovedServer).where(RemovedServer.guild_id == guild_id))
