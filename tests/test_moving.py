"""`cohort db move`: every row arrives as it was, or none does."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from bot.db.engine import Database
from bot.moving import Moved, move
from bot.sandbox import open_world
from bot.schema import CannotRun, only_process
from bot.settings import Settings

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
