"""A backup is put back into PostgreSQL: what was there is kept until the new is whole, and beyond."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.backups import into_postgresql, make_backup, restore_backup, restoring
from bot.db import migrate
from bot.db.engine import Database
from bot.schema import CannotRun, schema_problems
from bot.settings import Settings
from tests.postgres import PostgresServer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEPT = "cohort_before_20261120_120000"
BERLIN = (
    "INSERT INTO groups (guild_id, name, name_key, timezone, channel_id, created_by, created_at)"
    " VALUES (1, 'Berlin', 'berlin', 'Europe/Berlin', 2, 3, now())"
)


@pytest.fixture
def bare_url(postgres: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database without a schema, dropped afterwards."""
    name = postgres.unused_name()
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


def settings_for(url: str, tmp_path: Path) -> Settings:
    return Settings(_env_file=None, database_url=url, models=tmp_path / "models")


async def ask(url: str, *statements: str) -> object:
    """Do them all, and return what the last one says."""
    database = Database(url)
    try:
        async with database.engine.begin() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        await database.close()


async def schemas(url: str) -> object:
    return await ask(url, "SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname LIKE 'cohort%'")


@pytest.mark.parametrize("revision", ["5c1d7e42a9b0", "a618edc8607b"])
async def test_a_backup_of_an_older_revision_replaces_the_newest(
    bare_url: str, tmp_path: Path, revision: str
) -> None:
    settings, old, new = settings_for(bare_url, tmp_path), tmp_path / "old.zip", tmp_path / "new.zip"
    await migrate.upgrade(bare_url, revision)
    await ask(bare_url, BERLIN)
    await make_backup(settings, old, now=NOW)
    await migrate.upgrade(bare_url)
    await ask(bare_url, BERLIN.replace("Berlin", "Later").replace("berlin", "later"))

    restored = await restore_backup(settings, old, replace=True, now=NOW)

    assert await schema_problems(settings) == []
    assert await ask(bare_url, "SELECT string_agg(name, ' ') FROM groups") == "Berlin"
    assert restored.kept_schema == KEPT
    assert (
        await ask(bare_url, f"SELECT string_agg(name, ' ' ORDER BY id) FROM {KEPT}.groups")  # noqa: S608
        == "Berlin Later"
    )
    assert await ask(bare_url, BERLIN.replace("'berlin'", "'b'") + " RETURNING id") == 1_000_002

    # What is kept is in no later backup: that goes into a database that has never seen it, and back.
    await make_backup(settings, new, now=NOW)
    later = await restore_backup(settings, new, replace=True, now=NOW + timedelta(hours=1))
    assert await ask(bare_url, "SELECT count(*) FROM groups") == 2
    assert later.kept_schema == "cohort_before_20261120_130000"
    for kept in (KEPT, later.kept_schema):
        await ask(bare_url, f"DROP SCHEMA {kept} CASCADE")
    await restore_backup(settings, new, replace=True, now=NOW + timedelta(hours=2))
    assert await schemas(bare_url) == "cohort_before_20261120_140000"


@pytest.mark.parametrize("breaks", ["the dump", "the upgrade", "the end", "an interrupt"])
async def test_a_restore_that_breaks_off_changes_nothing(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    settings, file = settings_for(postgres_url, tmp_path), tmp_path / "backup.zip"
    await make_backup(settings, file, now=NOW)
    await ask(postgres_url, BERLIN, "CREATE VIEW names AS SELECT name FROM groups")
    run_tool = into_postgresql.run_tool

    async def broken(*_: object) -> None:
        raise asyncio.CancelledError if breaks == "an interrupt" else CannotRun("broken off")

    def broken_tool(name: str, settings: Settings, *arguments: str | Path, connect: bool = True) -> str:
        said = run_tool(name, settings, *arguments, connect=connect)
        if connect:
            raise CannotRun("broken off")
        return said

    match breaks:
        case "the dump":
            monkeypatch.setattr(into_postgresql, "run_tool", broken_tool)
        case "the upgrade":
            monkeypatch.setattr(restoring, "upgrade_schema", broken)
        case _:
            monkeypatch.setattr(restoring, "_settle", broken)
    with pytest.raises((CannotRun, asyncio.CancelledError)):
        await restore_backup(settings, file, replace=True, now=NOW)
    assert await ask(postgres_url, "SELECT string_agg(name, ' ') FROM names") == "Berlin"
    assert await schema_problems(settings) == []
    assert await schemas(postgres_url) is None
    assert await ask(postgres_url, BERLIN.replace("'berlin'", "'b'") + " RETURNING id") == 2


async def test_a_restore_into_nothing_that_breaks_off_leaves_nothing(
    bare_url: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup.zip"
    await make_backup(settings_for(postgres_url, tmp_path), file, now=NOW)

    async def broken(*_: object) -> None:
        raise CannotRun("broken off")

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_settle", broken)
        with pytest.raises(CannotRun, match="broken off"):
            await restore_backup(settings_for(bare_url, tmp_path), file, replace=False, now=NOW)
    restored = await restore_backup(settings_for(bare_url, tmp_path), file, replace=False, now=NOW)
    assert restored.kept_schema is None


async def test_a_user_who_may_not_keep_what_is_there_is_told(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    """The tables are another's: they can neither be moved nor dropped."""
    file = tmp_path / "backup.zip"
    await make_backup(settings_for(postgres_url, tmp_path), file, now=NOW)
    name = postgres_url.rpartition("/")[2]
    await ask(postgres_url, f"CREATE ROLE guest_{name} LOGIN PASSWORD 'guest'")
    guest = f"postgresql+asyncpg://guest_{name}:guest@127.0.0.1:{postgres.port}/{name}"
    with pytest.raises(CannotRun, match="cannot be kept: permission denied for database"):
        await restore_backup(settings_for(guest, tmp_path), file, replace=True, now=NOW)
    await ask(postgres_url, f"GRANT CREATE ON DATABASE {name} TO guest_{name}")
    with pytest.raises(CannotRun, match="cannot be kept: must be owner of"):
        await restore_backup(settings_for(guest, tmp_path), file, replace=True, now=NOW)
    assert await schemas(postgres_url) is None
    assert await schema_problems(settings_for(postgres_url, tmp_path)) == []


async def test_an_owner_who_is_no_superuser_can_restore(
    postgres: PostgresServer, bare_url: str, tmp_path: Path
) -> None:
    name = bare_url.rpartition("/")[2]
    await ask(
        bare_url,
        f"CREATE ROLE owner_{name} LOGIN PASSWORD 'pass'",
        f"ALTER DATABASE {name} OWNER TO owner_{name}",
    )
    url = f"postgresql+asyncpg://owner_{name}:pass@127.0.0.1:{postgres.port}/{name}"
    settings, file = settings_for(url, tmp_path), tmp_path / "backup.zip"
    await migrate.upgrade(url)
    await ask(url, BERLIN)
    await make_backup(settings, file, now=NOW)
    restored = await restore_backup(settings, file, replace=True, now=NOW)
    assert await ask(url, f"SELECT count(*) FROM {restored.kept_schema}.groups") == 1  # noqa: S608
    assert await schema_problems(settings) == []
