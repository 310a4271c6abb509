"""What a member's reviewing came to: recall by month, what is to come, and every day of a year."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import Database
from bot.db.models import CardSettings, Group, Membership, Review
from bot.flashcards.memory import Grade, Phase
from bot.services.access import Caller, find_group, require_member
from bot.services.days import day_begins
from bot.services.reviews import queue
from bot.services.reviews.grading import settings_of
from bot.services.reviews.sittings import forecast

MONTHS = 12
FORECAST_DAYS = 30
YEAR_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class Month:
    """A month of the member's calendar, by its first day: so many reviews of cards beyond the learning steps,
    of which `recalled` were not Again.
    """

    first: date
    reviews: int
    recalled: int


@dataclass(frozen=True, kw_only=True)
class Stats:
    """One member in one group. `months` end with this one, `forecast` begins with today (what is overdue
    counts as today's), `days` has the reviews of each of the last 365 days and ends with `today`.
    """

    group: Group
    name: str | None
    today: date
    wishes: CardSettings
    months: Sequence[Month]
    forecast: Sequence[int]
    days: Sequence[int]

    @property
    def reviews(self) -> int:
        return sum(self.days)


class StatsService:
    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def stats(self, *, caller: Caller, typed: str | None) -> Stats:
        """The caller's own. Raises UnknownGroup, NoGroupHere, NotAMember."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            await require_member(session, group, caller.user_id)
            desk = await queue.desk_of(
                session, user_id=caller.user_id, group=group, deck_id=None, now=self._clock()
            )
            today = desk.day.date
            since = min(today - timedelta(days=YEAR_DAYS - 1), _months(today)[0])
            log = await _log(session, desk, since=day_begins(since, desk.zone))
            upcoming = (await session.scalars(queue.upcoming(desk))).all()
            name = await session.scalar(
                select(Membership.name).where(
                    Membership.group_id == group.id, Membership.user_id == caller.user_id
                )
            )
            return Stats(
                group=group,
                name=name or caller.name,
                today=today,
                wishes=await settings_of(session, caller.user_id),
                months=_by_month(log, today),
                forecast=forecast(desk, upcoming, days=FORECAST_DAYS),
                days=_by_day(log, today),
            )


@dataclass(frozen=True)
class _Entry:
    day: date
    phase: str | None
    grade: str


async def _log(session: AsyncSession, desk: queue.Desk, *, since: datetime) -> list[_Entry]:
    rows = await session.execute(
        select(Review.reviewed_at, Review.before["phase"].as_string(), Review.grade).where(
            Review.user_id == desk.user_id, Review.reviewed_at >= since, Review.group_id == desk.group_id
        )
    )
    return [_Entry(_date(at, desk.zone), phase, grade) for at, phase, grade in rows]


def _by_month(log: Sequence[_Entry], today: date) -> list[Month]:
    reviews = dict.fromkeys(_months(today), 0)
    recalled = dict.fromkeys(reviews, 0)
    for entry in log:
        first = entry.day.replace(day=1)
        if entry.phase == Phase.REVIEW and first in reviews:
            reviews[first] += 1
            recalled[first] += entry.grade != Grade.AGAIN
    return [Month(first=first, reviews=reviews[first], recalled=recalled[first]) for first in reviews]


def _by_day(log: Sequence[_Entry], today: date) -> list[int]:
    days = [0] * YEAR_DAYS
    for entry in log:
        ago = (today - entry.day).days
        if 0 <= ago < YEAR_DAYS:
            days[YEAR_DAYS - 1 - ago] += 1
    return days


def _months(today: date) -> list[date]:
    """The first days of the last twelve months, this one included."""
    this = today.year * 12 + today.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(this - MONTHS + 1, this + 1)]


def _date(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()
