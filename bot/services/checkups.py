"""What `/doctor` asks the database about one server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from bot.db import migrate
from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState, Group
from bot.db.models.deliveries import OPEN
from bot.errors import NotOrganizer
from bot.locales import _
from bot.services.access import Caller, active_groups, is_organizer

LOOK_BACK = timedelta(days=7)
OVERDUE_AFTER = timedelta(minutes=5)
MOST_REASONS = 5


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Deliveries of one kind that could not be said, for one reason."""

    kind: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Checkup:
    """`revision` is the database's, `newest` the code's. `failed` is of the last week, the most frequent
    first; `overdue` counts what should have been said five minutes ago.
    """

    groups: Sequence[Group]
    database: str
    revision: str | None
    newest: str
    failed: Sequence[Failures]
    overdue: int


class CheckupService:
    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def look(self, *, caller: Caller) -> Checkup:
        """The server's state, for whoever manages it or organizes one of its groups. Raises NotOrganizer."""
        version = await self._database.ping()
        revision = await migrate.current(self._database)
        async with self._database.read() as session:
            now = self._clock()
            groups = await active_groups(session, caller.guild_id)
            if not caller.manages_server and not any(is_organizer(group, caller) for group in groups):
                raise NotOrganizer(group=groups[0].name if len(groups) == 1 else _("this server’s groups"))
            failures = await session.execute(
                select(Delivery.kind, Delivery.last_error, func.count())
                .where(
                    Delivery.guild_id == caller.guild_id,
                    Delivery.state == DeliveryState.FAILED,
                    Delivery.settled_at > now - LOOK_BACK,
                )
                .group_by(Delivery.kind, Delivery.last_error)
                .order_by(func.count().desc(), Delivery.kind)
                .limit(MOST_REASONS)
            )
            late = (Delivery.guild_id == caller.guild_id) & (Delivery.next_attempt_at < now - OVERDUE_AFTER)
            overdue = await session.scalar(select(func.count()).select_from(Delivery).where(OPEN, late))
            return Checkup(
                groups=groups,
                database=f"SQLite {version}" if self._database.is_sqlite else version.partition(" on ")[0],
                revision=revision,
                newest=migrate.head(),
                failed=[
                    Failures(kind=kind, reason=reason or _("no reason"), count=count)
                    for kind, reason, count in failures
                ],
                overdue=overdue or 0,
            )
