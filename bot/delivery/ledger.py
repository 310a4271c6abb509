"""The ledger of everything the bot must say: written with its cause, claimed, settled with a reason."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Interval,
    Row,
    TableClause,
    Update,
    event,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState, Restore
from bot.db.models.deliveries import OPEN
from bot.db.types import UtcDateTime
from bot.delivery.again import reopened, revived
from bot.delivery.messages import WORTH_SENDING, Claimed, Outgoing, nonce
from bot.delivery.order import held_up, turn
from bot.delivery.shares import OTHERS_AFTER, Share

__all__ = ["OTHERS_AFTER", "Claimed", "Ledger", "Outgoing", "Share", "nonce"]

ERROR_LIMIT = 500
FORGOTTEN = "due before the backup was restored: it was probably said then"
# Where a session keeps the due times of what it has planned and not committed yet.
PLANNED = "deliveries planned"

table = cast(TableClause, Delivery.__table__)
# An earlier delivery to the same place that keeps failing holds up the later ones for so long, and for the
# time that a dead process's successor needs on top of it.
HOLDS_UP_FOR = timedelta(minutes=1)


class Ledger:
    """The `deliveries` table as a queue that survives the death of any process at any moment.

    A row is claimed and committed before it is sent. Who claims it holds a lease; when that runs out
    unsettled, the next claim hands it out again, as a retry. `owner` names this process in the rows, and no
    other one, not even its predecessor with the same process id.

    What goes to one place is handed out in the order of `due_at`, then id, whatever process asks: a delivery
    waits while an earlier one to the same channel or member is with another process or postponed, but no
    longer than `holds_up_for` after that one's first attempt. What this process itself has on its way is
    the caller's to keep in order.

    With a `share`, only what goes to it is claimed, and what nobody else has said in time.

    `database_clock` makes PostgreSQL's own clock decide what is due and when a lease ends, so that
    processes on machines with different clocks agree; without it, and always on SQLite (where there is
    one process), `clock` does.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        owner: str,
        lease: timedelta = timedelta(seconds=30),
        database_clock: bool = False,
        share: Share | None = None,
    ) -> None:
        self.lease = lease
        self.holds_up_for = lease + OTHERS_AFTER + HOLDS_UP_FOR
        #: Called after each commit that planned something, with the earliest moment it can be due.
        self.on_planned: Callable[[datetime], None] | None = None
        self._database = database
        self._share = share
        self._gaps: Sequence[tuple[datetime, datetime]] | None = None
        self._clock = clock
        self._owner = owner[:64]
        self._database_clock = database_clock and not database.is_sqlite

    # Writing.

    async def plan(self, session: AsyncSession, *outgoing: Outgoing) -> None:
        """Write deliveries in the caller's transaction: with it they happen or do not.

        A key that exists already, in whatever state, plans nothing. What was due in a time that a restored
        backup knows nothing of was probably said then: it is written down as skipped.
        """
        if not outgoing:
            return
        dialect = sqlite if self._database.is_sqlite else postgresql
        statement = dialect.insert(table).on_conflict_do_nothing(index_elements=["dedupe_key"])
        now = self._clock()
        gaps = await self._forgotten(session)
        # Always in one order: two transactions that plan the same keys then cannot block each other.
        rows = [self._row(item, now, gaps) for item in sorted(outgoing, key=lambda item: item.key)]
        await session.execute(statement, rows)
        self._tell_after_commit(session, min(item.due_at for item in outgoing))

    async def reschedule(self, session: AsyncSession, outgoing: Outgoing) -> None:
        """Give what waits under this key, and was not tried yet, the due time and the end of `outgoing`."""
        waiting = (table.c.state == DeliveryState.PENDING) & (table.c.attempts == 0)
        await session.execute(
            update(table)
            .where(table.c.dedupe_key == outgoing.key, waiting)
            .values(due_at=outgoing.due_at, next_attempt_at=outgoing.due_at, expires_at=outgoing.expires_at)
        )
        self._tell_after_commit(session, outgoing.due_at)

    async def revive(self, session: AsyncSession, outgoing: Outgoing) -> None:
        """Try anew what was given up under this key, in the caller's transaction; see `revived`."""
        await self._put_back(session, revived(outgoing))

    async def plan_claimed(self, session: AsyncSession, outgoing: Outgoing) -> Claimed:
        """Write a delivery that this process sends itself at once, such as a command's own answer.

        The sender calls `sent` afterwards. If it dies before, or fails, the lease runs out and the
        dispatcher takes over, looking first whether the answer stands there already. Raises
        IntegrityError when the key exists.
        """
        values = self._row(outgoing, self._clock(), ()) | {
            "state": DeliveryState.CLAIMED,
            "attempts": 1,
            "fence": 1,
            "owner": self._owner,
            "first_attempt_at": self._now(),
            "next_attempt_at": self._now(self.lease),
        }
        result = await session.execute(insert(table).values(values).returning(*table.c))
        self._tell_after_commit(session, self._clock() + self.lease)
        return _claimed(result.one())

    async def skip(
        self, session: AsyncSession, *, subject: str, reason: str, kinds: Collection[str] | None = None
    ) -> int:
        """Take back, in the caller's transaction, what is still open about a subject; returns how many.

        What is being sent at this moment may still arrive, and is then recorded as sent.
        """
        statement = update(table).where(OPEN, table.c.subject == subject)
        if kinds is not None:
            statement = statement.where(table.c.kind.in_(kinds))
        return await _count(session, statement.values(self._settled(DeliveryState.SKIPPED, reason)))

    async def reopen(self, session: AsyncSession, *, guild_id: int, reason: str) -> int:
        """Let be said, in the caller's transaction, what was skipped in this server for `reason` and is not
        too late; returns how many. See `reopened`.
        """
        ended = func.coalesce(table.c.expires_at <= self._now(), table.c.due_at <= self._now(-WORTH_SENDING))
        return await self._put_back(session, reopened(guild_id=guild_id, reason=reason, ended=ended))

    async def _put_back(self, session: AsyncSession, statement: Update) -> int:
        due = (await session.scalars(statement)).all()
        if due:
            self._tell_after_commit(session, min(due))
        return len(due)

    # Claiming.

    async def claim(self, limit: int) -> list[Claimed]:
        """Take at most `limit` due deliveries for this process alone, the longest due first; committed.

        They may be fewer than are due where an earlier delivery to the same place is still to come.
        """
        due = (
            select(table.c.id)
            .where(OPEN, table.c.next_attempt_at <= self._now(), self._for_us())
            .order_by(table.c.next_attempt_at, table.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)  # SQLite has no such clause, and its write lock instead
            .cte("due")
        )
        statement = (
            update(table)
            .where(table.c.id.in_(select(due.c.id)))
            .values(
                state=DeliveryState.CLAIMED,
                attempts=table.c.attempts + 1,
                fence=table.c.fence + 1,
                owner=self._owner,
                first_attempt_at=func.coalesce(table.c.first_attempt_at, self._now()),
                next_attempt_at=self._now(self.lease),
            )
            .returning(*table.c)
        )
        async with self._database.write() as session:
            claimed = [_claimed(row) for row in await session.execute(statement)]
            if claimed:
                waits = await held_up(
                    session, claimed, now=self._now, owner=self._owner, longest=self.holds_up_for
                )
                for one in claimed:
                    if one.id in waits:
                        values = self._unused(one, waits[one.id])
                        await session.execute(self._newest(one).values(values))
                claimed = [one for one in claimed if one.id not in waits]
        return sorted(claimed, key=turn)

    async def next_due(self) -> datetime | None:
        """When the next claim can find something, by the injected clock; None when nothing is open.

        A delivery that some process holds counts with the end of its lease.
        """
        statement = select(func.min(table.c.next_attempt_at), self._now()).where(OPEN)
        async with self._database.read() as session:
            if self._share is None:
                earliest, now = (await session.execute(statement)).one()
            else:
                mine = self._share.mine()
                earliest, now = (await session.execute(statement.where(mine))).one()
                others, _ = (await session.execute(statement.where(~mine))).one()
                if others is not None and (earliest is None or others + OTHERS_AFTER < earliest):
                    earliest = others + OTHERS_AFTER
        if earliest is None:
            return None
        return self._clock() + (earliest - now) if self._database_clock else cast(datetime, earliest)

    def _for_us(self) -> ColumnElement[bool]:
        if self._share is None:
            return true()
        return or_(self._share.mine(), table.c.next_attempt_at <= self._now(-OTHERS_AFTER))

    # Settling.

    async def backlog(self) -> tuple[int, timedelta]:
        """How many deliveries are due and not settled, and for how long the oldest of them has been."""
        query = select(func.count(), func.min(table.c.due_at)).where(OPEN, table.c.due_at <= self._now())
        async with self._database.read() as session:
            due, oldest = (await session.execute(query)).one()
        return due, max(self._clock() - oldest, timedelta(0)) if oldest is not None else timedelta(0)

    async def sent(self, claimed: Claimed, *, channel_id: int, message_id: int | None) -> None:
        """Record that it stands in Discord. Needs no fence: it is true, whoever holds the row by now.

        `message_id` is None when it was delivered and then deleted.
        """
        values = self._settled(DeliveryState.SENT, None) | {
            "message_channel_id": channel_id,
            "message_id": message_id,
        }
        async with self._database.write() as session:
            await session.execute(update(table).where(table.c.id == claimed.id).values(values))

    async def retry(self, claimed: Claimed, *, after: timedelta, error: str) -> bool:
        """Let it be claimed again after this time; False when this claim is no longer the newest."""
        values: dict[str, Any] = {
            "state": DeliveryState.PENDING,
            "next_attempt_at": self._now(after),
            "owner": None,
            "last_error": error[:ERROR_LIMIT],
            "errors": table.c.errors + 1,
        }
        return await self._settle(claimed, values)

    async def give_back(self, claimed: Claimed) -> bool:
        """Undo a claim that was not used: nothing was sent since. False as for `retry`."""
        return await self._settle(claimed, self._unused(claimed))

    async def drop(self, claimed: Claimed, *, reason: str) -> bool:
        """Skip it: there is no point in sending it any more. False as for `retry`."""
        return await self._settle(claimed, self._settled(DeliveryState.SKIPPED, reason))

    async def fail(self, claimed: Claimed, *, reason: str, follow_on: Outgoing | None = None) -> bool:
        """Give up on it and, in the same transaction, plan what is to be said instead. False as for
        `retry`; then `follow_on` is not planned.
        """
        return await self._settle(claimed, self._settled(DeliveryState.FAILED, reason), follow_on)

    async def _settle(
        self, claimed: Claimed, values: dict[str, Any], follow_on: Outgoing | None = None
    ) -> bool:
        async with self._database.write() as session:
            if await _count(session, self._newest(claimed).values(values)) == 0:
                return False
            if follow_on is not None:
                await self.plan(session, follow_on)
            return True

    @staticmethod
    def _newest(claimed: Claimed) -> Update:
        """An update of the row while this claim is the newest."""
        return update(table).where(
            table.c.id == claimed.id,
            table.c.fence == claimed.fence,
            table.c.state == DeliveryState.CLAIMED,
        )

    def _unused(self, claimed: Claimed, after: timedelta = timedelta(0)) -> dict[str, Any]:
        values: dict[str, Any] = {
            "state": DeliveryState.PENDING,
            "next_attempt_at": self._now(after),
            "owner": None,
            "attempts": table.c.attempts - 1,
        }
        if not claimed.is_retry:
            values["first_attempt_at"] = None
        return values

    # Looking.

    async def get(self, key: str) -> Delivery | None:
        async with self._database.read() as session:
            found: Delivery | None = await session.scalar(select(Delivery).where(Delivery.dedupe_key == key))
            return found

    async def settled(self, key: str) -> bool:
        """Whether nothing more will happen with this key: sent, skipped or failed."""
        row = await self.get(key)
        return row is not None and row.settled_at is not None

    async def failed(self, limit: int, *, guild_id: int | None = None) -> list[Delivery]:
        """What could not be delivered, newest first; of one server if given."""
        statement = select(Delivery).where(Delivery.state == DeliveryState.FAILED)
        if guild_id is not None:
            statement = statement.where(Delivery.guild_id == guild_id)
        async with self._database.read() as session:
            return list(await session.scalars(statement.order_by(Delivery.id.desc()).limit(limit)))

    # Pieces.

    def _now(self, after: timedelta = timedelta(0)) -> ColumnElement[datetime]:
        """This moment, or one after it, as SQL: by the database's clock or by ours."""
        if not self._database_clock:
            return literal(self._clock() + after, UtcDateTime())
        now: ColumnElement[datetime] = func.statement_timestamp(type_=UtcDateTime())
        return now + literal(after, Interval()) if after else now

    async def _forgotten(self, session: AsyncSession) -> Sequence[tuple[datetime, datetime]]:
        """From when to when a restored backup does not know what was said; nobody restores under a running
        bot, so it is read once.
        """
        if self._gaps is None:
            rows = await session.execute(select(Restore.backed_up_at, Restore.restored_at))
            self._gaps = [(begins, ends) for begins, ends in rows]
        return self._gaps

    def _row(
        self, item: Outgoing, now: datetime, gaps: Sequence[tuple[datetime, datetime]]
    ) -> dict[str, Any]:
        forgotten = any(begins <= item.due_at <= ends for begins, ends in gaps)
        return {
            "dedupe_key": item.key,
            "kind": item.kind,
            "subject": item.subject,
            "guild_id": item.guild_id,
            "channel_id": item.channel_id,
            "user_id": item.user_id,
            "refs": {**item.refs, "fallback": list(item.fallback)},
            "created_at": now,
            "due_at": item.due_at,
            "next_attempt_at": item.due_at,
            "expires_at": item.expires_at,
            "state": DeliveryState.SKIPPED if forgotten else DeliveryState.PENDING,
            "attempts": 0,
            "errors": 0,
            "fence": 0,
            "settled_at": now if forgotten else None,
            "last_error": FORGOTTEN if forgotten else None,
        }

    def _settled(self, state: DeliveryState, reason: str | None) -> dict[str, Any]:
        error = reason[:ERROR_LIMIT] if reason is not None else None
        return {"state": state, "settled_at": self._now(), "owner": None, "last_error": error}

    def _tell_after_commit(self, session: AsyncSession, due_at: datetime) -> None:
        planned: list[datetime] | None = session.info.get(PLANNED)
        if planned is None:
            planned = session.info[PLANNED] = []
            event.listen(session.sync_session, "after_commit", self._on_commit)
        planned.append(due_at)

    def _on_commit(self, session: Session) -> None:
        if session.in_nested_transaction():  # a savepoint: others do not see the rows yet
            return
        planned: list[datetime] = session.info[PLANNED]
        if planned and self.on_planned is not None:
            self.on_planned(min(planned))
        planned.clear()


def _claimed(row: Row[Any]) -> Claimed:
    facts = row._mapping
    return Claimed(
        id=facts["id"],
        key=facts["dedupe_key"],
        kind=facts["kind"],
        subject=facts["subject"],
        guild_id=facts["guild_id"],
        channel_id=facts["channel_id"],
        user_id=facts["user_id"],
        refs=facts["refs"],
        created_at=facts["created_at"],
        due_at=facts["due_at"],
        expires_at=facts["expires_at"],
        attempts=facts["attempts"],
        errors=facts["errors"],
        fence=facts["fence"],
        first_attempt_at=facts["first_attempt_at"],
        lease_until=facts["next_attempt_at"],
        last_error=facts["last_error"],
    )


async def _count(session: AsyncSession, statement: Update) -> int:
    result = await session.execute(statement)
    return cast("CursorResult[Any]", result).rowcount
