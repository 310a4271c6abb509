"""`cohort db move`: every row arrives as it was, or none does."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from bot.db import migrate
from bot.db.engine import Database
from bot.moving import Moved, move
from bot.sandbox import open_world
from bot.schema import CannotRun, only_process
from bot.settings import Settings

A_MEMBER = "INSERT INTO members (user_id) VALUES (1)"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def count(url: str, table: str) -> int:
    database = Database(url)
    try:
        async with database.read() as session:
            return await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608
    finally:
        await database.close()


async def moved(source: str, target: str) -> dict[str, int]:
    tables: list[Moved] = []
    await move(Settings(_env_file=None, database_url=source), target, on_table=tables.append)
    return {one.table: one.rows for one in tables}


async def test_a_group_moves_to_postgresql_and_lives_on(sqlite_url: str, postgres_url: str) -> None:
    async with open_world(database_url=sqlite_url, start=NOW) as world:
        await world.alice.slash(world.channel, "remind me", when="in 2 days", what="algebra")
        await world.organizer.slash(world.channel, "cards starter")
        # Its id stays behind: no row of the new database may get it.
        database = world.bot.database
        async with database.write() as session:
            await session.execute(text("UPDATE sqlite_sequence SET seq = 500 WHERE name = 'reminders'"))
    rows = await moved(sqlite_url, postgres_url)
    assert rows["reminders"] == 1
    assert rows["groups"] == 1
    assert rows["cards"] > 100
    for table, number in rows.items():
        assert await count(sqlite_url, table) == await count(postgres_url, table) == number

    async with open_world(database_url=postgres_url, start=NOW) as world:
        await world.bob.slash(world.channel, "remind me", when="in 3 days", what="topology")
        async with world.bot.database.read() as session:
            ids = list(await session.scalars(text("SELECT id FROM reminders ORDER BY id")))
        assert ids[1] > 500
        await world.pass_time(days=2, minutes=1)
        assert "algebra" in str(world.last_dm(world.alice).content)
    with pytest.raises(CannotRun, match="not empty"):
        await moved(sqlite_url, postgres_url)


async def test_what_arrives_otherwise_is_noticed_and_nothing_stays(
    sqlite_url: str, postgres_url: str
) -> None:
    async with open_world(database_url=sqlite_url, start=NOW):
        pass
    database = Database(postgres_url)
    try:
        async with database.write() as session:
            await session.execute(
                text(
                    "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS"
                    " $$ BEGIN NEW.title := NEW.title || '!'; RETURN NEW; END $$"
                )
            )
            await session.execute(
                text("CREATE TRIGGER spoil BEFORE INSERT ON meetups FOR EACH ROW EXECUTE FUNCTION spoil()")
            )
    finally:
        await database.close()
    with pytest.raises(CannotRun, match="Rows of meetups did not arrive as they were"):
        await moved(sqlite_url, postgres_url)
    assert await count(postgres_url, "groups") == 0


async def test_a_running_bot_keeps_its_database(sqlite_url: str, postgres_url: str) -> None:
    with only_process(sqlite_url), pytest.raises(CannotRun, match="Another Cohort process uses"):
        await moved(sqlite_url, postgres_url)


async def test_a_target_with_rows_is_not_upgraded(sqlite_url: str, tmp_path: Path) -> None:
    target = f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
    old = min(migrate.revisions(), key=lambda revision: migrate.revisions()[revision] is not None)
    await migrate.upgrade(target, old)
    database = Database(target)
    try:
        async with database.write() as session:
            await session.execute(text(A_MEMBER))
        with pytest.raises(CannotRun, match="it has rows in members"):
            await moved(sqlite_url, target)
        assert await migrate.current(database) == old
    finally:
        await database.close()
    assert await count(target, "members") == 1


async def test_without_a_database_to_move_from_nothing_is_made(tmp_path: Path) -> None:
    source, target = (f"sqlite+aiosqlite:///{tmp_path / name}" for name in ("wrong.db", "new.db"))
    with pytest.raises(CannotRun, match="There is no database at "):
        await moved(source, target)
    assert os.listdir(tmp_path) == []


async def test_a_link_to_the_file_is_the_same_file(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "cohort.db"
    link.symlink_to(str(make_url(sqlite_url).database))
    with only_process(sqlite_url), pytest.raises(CannotRun, match="Another Cohort process uses"):
        only_process(f"sqlite+aiosqlite:///{link}").__enter__()
