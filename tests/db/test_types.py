"""Instants go in aware and come out as UTC; names that look alike are the same name."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from bot.db.engine import Database
from bot.db.models import Group, Reminder
from bot.db.types import name_key

NAIVE = datetime.fromisoformat("2026-10-22T17:00")


def reminder(due_at: datetime) -> Reminder:
    return Reminder(
        user_id=1,
        what="algebra",
        due_at=due_at,
        starts_local=datetime.fromisoformat("2026-10-22T19:00"),
        timezone="Europe/Berlin",
        repeat="none",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 10, 22, 17, 0, 0, 123456, tzinfo=UTC),
        datetime(2026, 10, 22, 19, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        datetime(2026, 10, 22, 19, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 30, tzinfo=UTC),
    ],
)
async def test_an_instant_comes_back_as_the_same_one_in_utc(database: Database, instant: datetime) -> None:
    async with database.write() as session:
        session.add(reminder(instant))
    async with database.read() as session:
        stored = (await session.scalars(select(Reminder))).one()
        assert stored.due_at == instant.astimezone(UTC)
        assert stored.due_at.tzinfo is UTC
        assert stored.starts_local.tzinfo is None
        # In a condition as well, whatever zone the bound is in.
        bound = instant.astimezone(ZoneInfo("Asia/Kathmandu")) if 1 < instant.year < 9999 else instant
        assert await session.scalar(select(Reminder.id).where(Reminder.due_at == bound)) == stored.id


async def test_a_naive_instant_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive"):
        async with database.write() as session:
            session.add(reminder(NAIVE))
    async with database.read() as session:
        with pytest.raises(StatementError, match="naive"):
            await session.scalar(select(Reminder.id).where(Reminder.due_at < NAIVE))
        assert (await session.scalars(select(Reminder))).all() == []


async def test_an_absent_instant_stays_absent(database: Database) -> None:
    async with database.write() as session:
        session.add(reminder(datetime(2026, 10, 22, tzinfo=UTC)))
    async with database.read() as session:
        assert (await session.scalars(select(Reminder))).one().cancelled_at is None


async def test_instants_sort_by_time_not_by_their_text(database: Database) -> None:
    moments = [
        datetime(2026, 10, 25, hour, tzinfo=UTC) + timedelta(microseconds=hour) for hour in (9, 10, 11)
    ]
    async with database.write() as session:
        session.add_all([reminder(moment) for moment in reversed(moments)])
        session.add(reminder(datetime(2026, 10, 25, 10, tzinfo=UTC)))
    async with database.read() as session:
        found = (await session.scalars(select(Reminder.due_at).order_by(Reminder.due_at))).all()
    assert found == sorted(found)
    assert len(set(found)) == 4


async def test_discords_ids_fit(database: Database) -> None:
    largest = 2**63 - 1
    async with database.write() as session:
        row = reminder(datetime(2026, 10, 22, tzinfo=UTC))
        row.user_id = largest
        session.add(row)
    async with database.read() as session:
        assert await session.scalar(select(Reminder.user_id)) == largest


async def test_a_deleted_rows_id_is_never_given_again(database: Database) -> None:
    async with database.write() as session:
        session.add(first := reminder(datetime(2026, 10, 22, tzinfo=UTC)))
    async with database.write() as session:
        await session.execute(text("DELETE FROM reminders"))
    async with database.write() as session:
        session.add(second := reminder(datetime(2026, 10, 22, tzinfo=UTC)))
    assert second.id > first.id


@pytest.mark.parametrize(
    ("one", "other"),
    [("Berlin", "  BERLIN "), ("fast.ai  Köln", "fast.ai ko\u0308ln"), ("Straße", "STRASSE"), ("ＡＩ", "ai")],
)
def test_names_that_look_alike_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)
    assert name_key(one) != name_key(one + "2")


def test_no_name_outgrows_its_key() -> None:
    # U+FDFA becomes 18 characters under NFKC.
    assert len(name_key("\ufdfa" * 80)) == Group.__table__.c.name_key.type.length
