"""Daily cards without Discord: one post per local date, whatever the clocks do and whoever plans it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Card, DailyPost, Deck, Delivery, Group, Note, NoteState
from bot.delivery.ledger import Ledger
from bot.services.access import Caller
from bot.services.reviews import DailyService

GUILD, CHANNEL, ORGANIZER = 10, 20, 1
SETTINGS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# A few days before a clock change: of an hour at night, of half an hour, of one at midnight, and none.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 27)),
    ("Europe/Berlin", date(2026, 10, 23)),
    ("America/New_York", date(2026, 3, 6)),
    ("America/New_York", date(2026, 10, 30)),
    ("Australia/Lord_Howe", date(2026, 4, 3)),
    ("Australia/Lord_Howe", date(2026, 10, 2)),
    ("Africa/Cairo", date(2026, 4, 22)),
    ("Africa/Cairo", date(2026, 10, 28)),
    ("America/Santiago", date(2026, 4, 3)),
    ("America/Santiago", date(2026, 9, 4)),
    ("Pacific/Kiritimati", date(2026, 6, 1)),
]
DAYS = 5


@dataclass(frozen=True)
class Row:
    day: date
    due_at: datetime
    expires_at: datetime | None


class Room:
    """Groups with one card each, two processes that plan their posts, and a clock that the test moves."""

    def __init__(self, url: str) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.databases = [Database(url), Database(url)]
        self.processes = [
            DailyService(
                database,
                ledger=Ledger(database, clock=lambda: self.now, owner="test"),
                library=CourseLibrary(),
                clock=lambda: self.now,
            )
            for database in self.databases
        ]
        self._numbers = count(1)

    async def group(self, zone: str) -> int:
        number = next(self._numbers)
        async with self.databases[0].write() as session:
            group = Group(
                guild_id=GUILD,
                name=f"Group {number}",
                name_key=f"group {number}",
                timezone=zone,
                channel_id=CHANNEL,
                created_by=ORGANIZER,
                created_at=self.now,
            )
            session.add(group)
            await session.flush()
            deck = Deck(group_id=group.id, name="D", name_key="d", created_by=1, created_at=self.now)
            session.add(deck)
            await session.flush()
            note = Note(
                group_id=group.id,
                deck_id=deck.id,
                guid="g",
                fields=["f", "b"],
                tags=[],
                front_key="f",
                state=NoteState.ACTIVE,
                created_by=1,
                created_at=self.now,
                updated_at=self.now,
            )
            session.add(note)
            await session.flush()
            session.add(
                Card(
                    group_id=group.id,
                    note_id=note.id,
                    ordinal=0,
                    front="f",
                    back="b",
                    front_media=[],
                    back_media=[],
                )
            )
            return group.id

    async def switch_on(self, group_id: int, hour: int) -> None:
        caller = Caller(user_id=ORGANIZER, guild_id=GUILD)
        await self.processes[0].set(caller=caller, typed=str(group_id), hour=hour, count=1, deck=None)

    async def switch_off(self, group_id: int) -> None:
        caller = Caller(user_id=ORGANIZER, guild_id=GUILD)
        await self.processes[0].switch_off(caller=caller, typed=str(group_id))

    async def tick(self) -> datetime | None:
        """Both processes at the same moment, as their alarms do; when the first wants to be called again."""
        planned = await asyncio.gather(*(process.plan_next() for process in self.processes))
        assert planned[0] == planned[1]
        return planned[0]

    async def rows(self, group_id: int) -> list[Row]:
        async with self.databases[0].read() as session:
            days = await session.scalars(
                select(DailyPost.day).where(DailyPost.group_id == group_id).order_by(DailyPost.day)
            )
            found = await session.scalars(
                select(Delivery).where(Delivery.subject == f"daily:{group_id}").order_by(Delivery.due_at)
            )
            rows = [
                Row(date.fromisoformat(one.dedupe_key.split(":")[2]), one.due_at, one.expires_at)
                for one in found
            ]
            assert [row.day for row in rows] == list(days)
            return rows


@pytest.fixture
async def room(database_url: str) -> AsyncIterator[Room]:
    room = Room(database_url)
    yield room
    for database in room.databases:
        await database.close()


@SETTINGS
@given(
    change=st.sampled_from(CHANGES),
    hour=st.integers(0, 23),
    starts=st.integers(0, 23),
    naps=st.lists(st.sampled_from([1, 20, 59, 60, 61, 180, 420]), max_size=12),
)
async def test_one_post_per_local_date_at_its_hour(
    room: Room, change: tuple[str, date], hour: int, starts: int, naps: list[int]
) -> None:
    """`naps` are minutes in which no process runs, besides the ticks that come when they were asked for."""
    zone_name, first = change
    zone = ZoneInfo(zone_name)
    room.now = datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(hours=starts)
    group_id = await room.group(zone_name)
    await room.switch_on(group_id, hour)
    began, end = room.now, room.now + timedelta(days=DAYS)
    sleeps = iter(naps)
    woken: list[datetime] = []
    while room.now < end:
        woken.append(room.now)
        next_at = await room.tick()
        assert next_at is not None
        assert next_at > room.now
        # Some ticks come at their time, some late, some for nothing.
        nap = timedelta(minutes=next(sleeps, 0))
        room.now = next_at if nap == timedelta(0) else min(next_at + nap, room.now + 5 * nap)
    rows = await room.rows(group_id)
    assert len({row.day for row in rows}) == len(rows)
    for row in rows:
        local = row.due_at.astimezone(zone)
        assert local.date() == row.day
        # Where the hour is skipped, it is the one after the gap.
        wanted = datetime(row.day.year, row.day.month, row.day.day, hour)  # noqa: DTZ001 (a wall clock)
        exists = wanted.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wanted
        assert local.hour == hour or not exists
        assert local.fold == 0
        assert row.expires_at is not None
        assert row.expires_at.astimezone(zone).date() == row.day + timedelta(days=1)
    # Every date on which somebody woke between its hour and its midnight has its post, and no other has.
    expected = {
        at.astimezone(zone).date()
        for at in woken
        if began <= _hour_of(at.astimezone(zone).date(), hour, zone) <= at
    }
    assert {row.day for row in rows} == expected
    await room.switch_off(group_id)


def _hour_of(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC)
