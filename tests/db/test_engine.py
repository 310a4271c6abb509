"""Two kinds of transaction: what they lose (nothing), what they keep apart, and how SQLite is set up."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from bot.db.engine import BUSY_TIMEOUT_MS, Database
from bot.db.models import Member, Membership

AT_ONCE = 50


async def counter(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("CREATE TABLE counters (id INTEGER PRIMARY KEY, value INTEGER)"))
        await session.execute(text("INSERT INTO counters VALUES (1, 0)"))


async def increment(database: Database) -> None:
    """Read, let others run, write what was read plus one: the way updates get lost."""
    lock = "" if database.is_sqlite else " FOR UPDATE"
    async with database.write() as session:
        value = await session.scalar(text(f"SELECT value FROM counters WHERE id = 1{lock}"))  # noqa: S608
        await asyncio.sleep(0)
        await session.execute(text("UPDATE counters SET value = :value"), {"value": (value or 0) + 1})


async def total(database: Database) -> int:
    async with database.read() as session:
        return int(await session.scalar(text("SELECT value FROM counters")) or 0)


async def test_increments_at_the_same_time_are_all_counted(database: Database) -> None:
    await counter(database)
    await asyncio.gather(*(increment(database) for _ in range(AT_ONCE)))
    assert await total(database) == AT_ONCE


async def test_two_engines_on_one_database_lose_nothing_either(database: Database) -> None:
    """As two processes would: the lock inside this process does not reach the other engine."""
    await counter(database)
    other = Database(database.url)
    try:
        await asyncio.gather(*(increment(each) for each in (database, other) * (AT_ONCE // 2)))
    finally:
        await other.close()
    assert await total(database) == AT_ONCE


async def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    async def halfway() -> None:
        async with database.write() as session:
            session.add(Member(user_id=7, timezone="Europe/Berlin"))
            await session.flush()
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await halfway()
    async with database.read() as session:
        assert await session.get(Member, 7) is None


async def test_a_cancelled_write_leaves_nothing_and_blocks_nobody(database: Database) -> None:
    inside = asyncio.Event()

    async def halfway() -> None:
        async with database.write() as session:
            session.add(Member(user_id=7))
            await session.flush()
            inside.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(halfway())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), database.write() as session:
        assert await session.get(Member, 7) is None


async def test_a_reader_never_waits_for_a_writer(database: Database) -> None:
    async with database.write() as writer:
        writer.add(Member(user_id=7))
        await writer.flush()
        async with asyncio.timeout(5), database.read() as reader:
            assert await reader.get(Member, 7) is None
    async with database.read() as reader:
        assert await reader.get(Member, 7) is not None


async def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            session.add(Membership(group_id=404, user_id=7, joined_at=datetime(2026, 1, 1, tzinfo=UTC)))


async def test_the_rows_read_stay_usable_after_the_transaction(database: Database) -> None:
    async with database.write() as session:
        session.add(member := Member(user_id=7, timezone="Europe/Berlin"))
    assert member.timezone == "Europe/Berlin"
    async with database.read() as session:
        found = (await session.scalars(select(Member))).one()
    assert found.timezone == "Europe/Berlin"


async def test_ping_names_the_server(database: Database) -> None:
    version = await database.ping()
    assert version.startswith("3." if database.is_sqlite else "PostgreSQL")


async def test_sqlite_is_set_up_on_every_connection(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": BUSY_TIMEOUT_MS}
    try:
        # Two at once, so that the second is a connection of its own.
        async with database.write() as one, database.read() as other:
            for session in (one, other):
                found = {name: await session.scalar(text(f"PRAGMA {name}")) for name in expected}
                assert found == expected
    finally:
        await database.close()
