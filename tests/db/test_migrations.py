"""Migrations: from nothing to the newest and back, by four processes at once, without losing a row."""

import asyncio
import sys
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bot.db import migrate
from bot.db.engine import Database
from bot.db.models import Base, Group, Membership

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def tables(url: str) -> set[str]:
    database = Database(url)
    try:
        async with database.engine.connect() as connection:
            return set(await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names()))
    finally:
        await database.close()


async def revision(url: str) -> str | None:
    database = Database(url)
    try:
        return await migrate.current(database)
    finally:
        await database.close()


async def drift(url: str) -> list[object]:
    database = Database(url)
    try:
        return await migrate.drift(database)
    finally:
        await database.close()


async def fill(url: str) -> None:
    database = Database(url)
    try:
        async with database.write() as session:
            session.add(
                group := Group(
                    guild_id=1, name="Berlin", name_key="berlin", timezone="Europe/Berlin",
                    channel_id=2, created_by=3, created_at=NOW,
                )
            )  # fmt: skip
            await session.flush()
            session.add(Membership(group_id=group.id, user_id=3, joined_at=NOW))
    finally:
        await database.close()


async def memberships(url: str) -> int:
    database = Database(url)
    try:
        async with database.read() as session:
            return int(await session.scalar(text("SELECT count(*) FROM memberships")) or 0)
    finally:
        await database.close()


async def test_from_nothing_to_the_newest_the_models_agree(empty_database_url: str) -> None:
    await migrate.upgrade(empty_database_url)
    assert await revision(empty_database_url) == migrate.head()
    assert await drift(empty_database_url) == []
    assert await tables(empty_database_url) == {*Base.metadata.tables, "alembic_version"}


async def test_drift_is_noticed(database_url: str) -> None:
    database = Database(database_url)
    try:
        async with database.write() as session:
            await session.execute(text("ALTER TABLE reminders ADD COLUMN colour VARCHAR(7)"))
            await session.execute(text("DROP INDEX ix_reminders_user_id"))
    finally:
        await database.close()
    assert len(await drift(database_url)) == 2


async def test_down_to_nothing_and_up_again(database_url: str) -> None:
    await fill(database_url)
    await migrate.downgrade(database_url, "base")
    assert await tables(database_url) == {"alembic_version"}
    await migrate.upgrade(database_url)
    assert await drift(database_url) == []
    assert await memberships(database_url) == 0


async def test_no_table_lost_its_memory_for_ids(sqlite_url: str) -> None:
    """Altering a table on SQLite makes it anew, and not every detail comes along by itself."""
    wanted = {t.name for t in Base.metadata.sorted_tables if t.dialect_options["sqlite"]["autoincrement"]}
    database = Database(sqlite_url)
    try:
        async with database.read() as session:
            rows = await session.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
            found = {name for name, sql in rows if "AUTOINCREMENT" in sql}
    finally:
        await database.close()
    assert "groups" in wanted
    assert found == wanted


def test_alembic_reads_the_same_from_the_files() -> None:
    script = ScriptDirectory.from_config(migrate.alembic_config())
    assert migrate.head() == script.get_current_head()
    assert migrate.revisions() == {one.revision: one.down_revision for one in script.walk_revisions()}


async def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    await fill(database_url)
    await migrate.upgrade(database_url)
    assert await memberships(database_url) == 1


async def test_a_failed_migration_leaves_no_trace(empty_database_url: str) -> None:
    def begin_then_break(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await migrate._under_lock(
            empty_database_url, lambda config: begin_then_break(config.attributes["connection"])
        )
    assert await tables(empty_database_url) == set()


async def test_altering_a_table_keeps_the_rows_that_point_to_it(database_url: str) -> None:
    """SQLite alters by dropping and copying: with foreign keys on, that deletes every membership."""
    await fill(database_url)

    def widen(connection: Connection) -> None:
        with Operations(MigrationContext.configure(connection)).batch_alter_table("groups") as batch:
            batch.alter_column("course", existing_type=sa.String(80), type_=sa.String(200))

    await migrate._under_lock(database_url, lambda config: widen(config.attributes["connection"]))
    assert await memberships(database_url) == 1


async def test_a_migration_that_leaves_orphans_is_undone(sqlite_url: str) -> None:
    await fill(sqlite_url)
    with pytest.raises(RuntimeError, match="memberships"):
        await migrate._under_lock(
            sqlite_url,
            lambda config: config.attributes["connection"].execute(text("DELETE FROM groups")),
        )
    assert await memberships(sqlite_url) == 1
    assert (await drift(sqlite_url)) == []


async def test_four_processes_that_start_together_all_succeed(empty_database_url: str) -> None:
    program = "import asyncio, sys; from bot.db.migrate import upgrade; asyncio.run(upgrade(sys.argv[1]))"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, empty_database_url, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    said = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0] * 4, [err.decode() for _, err in said]
    assert await revision(empty_database_url) == migrate.head()
    assert await drift(empty_database_url) == []
