"""What groups live through, a naive model that counts it, and a database that has it counted."""

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from operator import add
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import insert

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import (
    Attendance,
    Base,
    Group,
    Kudos,
    LessonMark,
    Meetup,
    Membership,
    Occurrence,
    OccurrenceState,
    Project,
    ProjectStage,
    ProjectState,
    Stage,
)
from bot.services.access import Caller
from bot.services.boards import BoardFacts, BoardService, Measure, Period, period_bounds

GUILD = 1
BERLIN = ZoneInfo("Europe/Berlin")
POINTS = {Stage.WATCHED: 0, Stage.RAN: 2, Stage.REPRODUCED: 4, Stage.OWN_DATA: 6, Stage.EXPLAINED: 6}
# The last one never joined the group.
PEOPLE = range(1, 21)
STRANGER = PEOPLE[-1]
MEETUPS = range(3)
# Midnight is skipped or repeated in some of them, and the offsets are neither whole nor small in others.
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Havana", "America/Santiago", "Africa/Cairo",
    "Asia/Beirut", "Asia/Kathmandu", "Pacific/Chatham", "Pacific/Apia", "Australia/Lord_Howe",
)  # fmt: skip
# Weeks in which clocks change somewhere, months' and years' ends.
DAYS = (
    date(2026, 1, 1), date(2026, 3, 1), date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5),
    date(2026, 4, 24), date(2026, 6, 1), date(2026, 9, 6), date(2026, 10, 25), date(2026, 10, 30),
    date(2026, 11, 1), date(2024, 12, 31),
)  # fmt: skip
MICROSECOND = timedelta(microseconds=1)


# What happened.


@dataclass(frozen=True)
class Mark:
    """A stage of a lesson: `at` is when it began to count, None while it does not."""

    user_id: int
    lesson: int
    stage: Stage
    at: datetime | None


@dataclass(frozen=True)
class Came:
    user_id: int
    meetup: int
    at: datetime


@dataclass(frozen=True)
class Shipped:
    user_id: int
    at: datetime | None


@dataclass(frozen=True)
class Thanked:
    user_id: int
    at: datetime


Event = Mark | Came | Shipped | Thanked


@dataclass(frozen=True, kw_only=True)
class Story:
    """One group's life up to `now`, and a board that is asked for then. Who left or hid themselves did what
    they did all the same.
    """

    measure: Measure
    period: Period
    now: datetime
    events: tuple[Event, ...]
    zone: ZoneInfo = BERLIN
    left: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()


def story_of(measure: Measure, period: Period, zone_name: str, day: date, seed: int) -> Story:
    """Most of what happens is what the board counts, near the edges of its period."""
    chance = random.Random(seed)
    zone = ZoneInfo(zone_name)
    now = datetime(day.year, day.month, day.day, chance.randrange(24), 30, tzinfo=zone).astimezone(UTC)
    bounds = period_bounds(Period.WEEK if period is Period.ALL else period, now, zone)
    edges = [edge for edge in (bounds.starts_at, bounds.ends_at) if edge is not None]

    def instant() -> datetime:
        by = chance.choice(
            [-MICROSECOND, 0 * MICROSECOND, MICROSECOND, timedelta(minutes=chance.randint(-90, 90))]
        )
        return chance.choice([*edges, *edges, now - timedelta(hours=chance.randrange(24 * 40))]) + by

    def happens(what: Measure) -> Event:
        user_id = chance.choice([*PEOPLE[:3], STRANGER])
        match what:
            case Measure.MEETUPS:
                return Came(user_id, chance.choice(MEETUPS), instant())
            case Measure.PROJECTS:
                return Shipped(user_id, chance.choice([None, instant(), instant()]))
            case Measure.KUDOS:
                return Thanked(user_id, instant())
        stage, verified = chance.choice(list(Stage)), chance.random() < 0.7
        counts = stage is Stage.RAN or (stage is not Stage.WATCHED and verified)
        return Mark(user_id, chance.randint(1, 2), stage, instant() if counts else None)

    kinds = chance.choices([measure, *Measure], weights=[5, *(1 for _ in Measure)], k=chance.randrange(25))
    events = [happens(kind) for kind in kinds]
    left, hidden = (frozenset(chance.choices(PEOPLE[:3], k=chance.choice([0, 0, 1]))) for _ in range(2))
    return Story(
        measure=measure,
        period=period,
        now=now,
        # What the tables hold once happens once.
        events=tuple({_unique(event): event for event in events}.values()),
        zone=zone,
        left=left,
        hidden=hidden,
    )


def stories() -> st.SearchStrategy[Story]:
    days = st.builds(add, st.sampled_from(DAYS), st.builds(timedelta, days=st.integers(-8, 8)))
    return st.builds(
        story_of,
        st.sampled_from(Measure),
        st.sampled_from(Period),
        st.sampled_from(ZONES),
        days,
        st.integers(0, 2**32),
    )


def _unique(event: Event) -> tuple[object, ...]:
    """What the tables hold once."""
    match event:
        case Mark(user_id=user_id, lesson=lesson, stage=stage):
            return "mark", user_id, lesson, stage
        case Came(user_id=user_id, meetup=meetup):
            return "came", user_id, meetup
        case Shipped(user_id=user_id, at=None):
            return "active", user_id
    return "other", event


# The naive model: no SQL, no spans, only local calendars.


@dataclass
class Tally:
    instants: list[datetime] = field(default_factory=list)
    score: int = 0

    def add(self, amount: int, at: datetime) -> None:
        self.instants.append(at)
        self.score += amount


def falls_into_period(at: datetime, story: Story) -> bool:
    day, today = at.astimezone(story.zone).date(), story.now.astimezone(story.zone).date()
    match story.period:
        case Period.WEEK:
            return day.isocalendar()[:2] == today.isocalendar()[:2]
        case Period.MONTH:
            return (day.year, day.month) == (today.year, today.month)
        case Period.ALL:
            return True


def tallies(story: Story) -> dict[int, Tally]:
    firsts: dict[tuple[int, int], datetime] = {}
    happened: list[tuple[int, int, datetime]] = []
    for event in story.events:
        match event:
            case Mark(user_id=user_id, lesson=lesson, stage=stage, at=datetime() as at):
                firsts[user_id, lesson] = min(at, firsts.get((user_id, lesson), at))
                if story.measure is Measure.POINTS:
                    happened.append((user_id, POINTS[stage], at))
            case Came(user_id=user_id, at=at) if story.measure is Measure.MEETUPS:
                happened.append((user_id, 1, at))
            case Shipped(user_id=user_id, at=datetime() as at) if story.measure is Measure.PROJECTS:
                happened.append((user_id, 1, at))
            case Thanked(user_id=user_id, at=at) if story.measure is Measure.KUDOS:
                happened.append((user_id, 1, at))
    if story.measure is Measure.LESSONS:
        happened = [(user_id, 1, at) for (user_id, _), at in firsts.items()]
    found: dict[int, Tally] = defaultdict(Tally)
    for user_id, amount, at in happened:
        if falls_into_period(at, story):
            found[user_id].add(amount, at)
    return found


def expected(story: Story) -> list[tuple[int, int, int]]:
    """(rank, member, score) of everybody on the board, in order."""
    found = tallies(story)
    absent = story.left | story.hidden | {STRANGER}
    shown = {user_id: tally for user_id, tally in found.items() if user_id not in absent}
    order = sorted(shown, key=lambda user_id: (-shown[user_id].score, max(shown[user_id].instants), user_id))
    scores = [shown[user_id].score for user_id in order]
    return [(scores.index(shown[user_id].score) + 1, user_id, shown[user_id].score) for user_id in order]


# The same through the service, each story in a group of its own beside all the earlier ones.


class Shelf:
    """A database in which groups pile up, and a loop to ask it in."""

    def __init__(self, url: str) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.database = Database(url)
        self.boards = BoardService(self.database, library=CourseLibrary(), clock=lambda: self.now)
        self.examples = 240 if self.database.is_sqlite else 40
        self._numbers = count(1)
        self._runner = asyncio.Runner()
        self.run = self._runner.run

    def close(self) -> None:
        self.run(self.database.close())
        self._runner.close()

    async def tell(self, story: Story) -> int:
        """Write the story down, its events in their order; returns its group's id."""
        self.now = story.now
        number = next(self._numbers)
        async with self.database.write() as session:
            group = Group(
                guild_id=GUILD,
                name=f"Group {number}",
                name_key=f"group {number}",
                timezone=story.zone.key,
                channel_id=number,
                created_by=1,
                created_at=story.now,
            )
            session.add(group)
            await session.flush()
            session.add_all(
                _membership(group.id, user_id, story) for user_id in PEOPLE if user_id != STRANGER
            )
            meetup = _meetup(group.id)
            session.add(meetup)
            await session.flush()
            dates = [_occurrence(meetup.id, day) for day in MEETUPS]
            session.add_all(dates)
            await session.flush()
            rows: dict[type[Base], list[dict[str, Any]]] = defaultdict(list)
            for event in story.events:
                table, row = _row(group.id, event, [occurrence.id for occurrence in dates])
                rows[table].append(row)
            for table, values in rows.items():
                await session.execute(insert(table), values)
        return group.id

    async def board(self, story: Story, *, user_id: int = STRANGER) -> BoardFacts:
        """Tell the story, and ask for its board."""
        group_id = await self.tell(story)
        return await self.boards.show(
            caller=Caller(user_id=user_id, guild_id=GUILD),
            typed=str(group_id),
            measure=story.measure,
            period=story.period,
        )


def places(facts: BoardFacts) -> list[tuple[int, int, int]]:
    """(rank, member, score), as `expected` has them."""
    return [(place.rank, place.user_id, place.score) for place in facts.places]


def _membership(group_id: int, user_id: int, story: Story) -> Membership:
    return Membership(
        group_id=group_id,
        user_id=user_id,
        joined_at=story.now,
        left_at=story.now if user_id in story.left else None,
        hidden=user_id in story.hidden,
    )


def _meetup(group_id: int) -> Meetup:
    return Meetup(
        group_id=group_id,
        title="Algebra",
        starts_local=datetime(2026, 1, 1, 19),  # noqa: DTZ001 (a wall clock)
        timezone="UTC",
        minutes=90,
        repeat="daily",
        host_id=1,
        created_by=1,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def _occurrence(meetup_id: int, day: int) -> Occurrence:
    starts_at = datetime(2026, 1, 1 + day, 19, tzinfo=UTC)
    return Occurrence(
        meetup_id=meetup_id,
        slot=starts_at.date(),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=90),
        state=OccurrenceState.PLANNED,
        checkin_secret="secret",
    )


def _row(group_id: int, event: Event, occurrence_ids: list[int]) -> tuple[type[Base], dict[str, Any]]:
    match event:
        case Mark():
            return LessonMark, {
                "group_id": group_id,
                "user_id": event.user_id,
                "pack": "math",
                "version": "1",
                "lesson": f"lesson-{event.lesson}",
                "stage": event.stage,
                "points": POINTS[event.stage],
                "marked_at": event.at or datetime(2026, 1, 1, tzinfo=UTC),
                "counts_at": event.at,
            }
        case Came():
            occurrence_id = occurrence_ids[event.meetup]
            return Attendance, {
                "occurrence_id": occurrence_id,
                "user_id": event.user_id,
                "came_at": event.at,
                "source": "code",
            }
        case Shipped():
            started_at = datetime(2026, 1, 1, tzinfo=UTC)
            return Project, {
                # Of another server than the group's, for a member has one active project in each.
                "guild_id": group_id,
                "group_id": group_id,
                "user_id": event.user_id,
                "title": "Bears",
                "goal": "Tell bears apart",
                "stage": ProjectStage.DEMO,
                "state": ProjectState.SHIPPED if event.at else ProjectState.ACTIVE,
                "started_at": started_at,
                "updated_at": event.at or started_at,
                "finished_at": event.at,
            }
        case Thanked():
            return Kudos, {
                "group_id": group_id,
                # Another one each time: whoever gives may do so once a day.
                "giver_id": 1000 + next(GIVERS),
                "receiver_id": event.user_id,
                "reason": "explained it",
                "given_on": event.at.date(),
                "given_at": event.at,
            }


GIVERS = count()
