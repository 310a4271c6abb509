"""A backup is put back into PostgreSQL: what was there is kept until the new is whole, and beyond."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import make_url, text

from bot.backups import into_postgresql, make_backup, restore_backup, restoring
from bot.backups.postgresql import run_tool
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


async def test_a_restore_that_is_interrupted_waits_for_its_tool_and_changes_nothing(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C may come while pg_restore is about to commit."""
    settings, file = settings_for(postgres_url, tmp_path), tmp_path / "backup.zip"
    await make_backup(settings, file, now=NOW)
    await ask(postgres_url, BERLIN)
    run_tool, begun = into_postgresql.run_tool, threading.Event()

    def slow(name: str, settings: Settings, *arguments: str | Path, connect: bool = True) -> str:
        if connect:
            begun.set()
            time.sleep(0.3)
        return run_tool(name, settings, *arguments, connect=connect)

    monkeypatch.setattr(into_postgresql, "run_tool", slow)
    restoring = asyncio.ensure_future(restore_backup(settings, file, replace=True, now=NOW))
    await asyncio.to_thread(begun.wait)
    restoring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await restoring
    assert await ask(postgres_url, "SELECT string_agg(name, ' ') FROM groups") == "Berlin"
    assert await schemas(postgres_url) is None


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


async def test_what_the_address_says_of_the_driver_is_kept_from_the_tools(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its password from the list of processes, which other users of the machine can read."""
    url = make_url(postgres_url)
    secret, seen = str(url.password), list[list[str]]()
    settings = settings_for(
        f"postgresql+asyncpg://{url.username}@/{url.database}?host={url.host}&port={url.port}&password={secret}"
        "&prepared_statement_cache_size=100&statement_cache_size=0&ssl=disable&connect_timeout=20",
        tmp_path,
    )
    run = subprocess.run

    def watched(command: list[str], **how: Any) -> Any:
        seen.append(command)
        return run(command, **how)

    monkeypatch.setattr(subprocess, "run", watched)
    file = tmp_path / "backup.zip"
    run_tool("pg_dump", settings, "--format=custom", f"--file={tmp_path / 'a.dump'}")
    run_tool("pg_restore", settings, "--list", tmp_path / "a.dump", connect=False)
    assert (tmp_path / "a.dump").stat().st_size > 10_000
    assert "connect_timeout=20" in seen[0][-1]
    assert "sslmode=disable" in seen[0][-1]
    assert secret not in str(seen)
    await make_backup(settings_for(postgres_url, tmp_path), file, now=NOW)
    assert secret not in str(seen)


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        ("host=a:5433&host=b:5434", "host=a,b&port=5433,5434"),
        ("host=/var/run/postgresql", "host=/var/run/postgresql"),
        ("sslpassword=secret&statement_cache_size=0&prepared_statement_cache_size=9", ""),
        ("ssl=verify-full&sslrootcert=/ca.pem", "sslmode=verify-full&sslrootcert=/ca.pem"),
    ],
)
def test_what_libpq_gets_of_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, passed: str
) -> None:
    seen = list[list[str]]()

    def watched(command: list[str], **_: Any) -> Any:
        seen.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", watched)
    run_tool("pg_dump", settings_for(f"postgresql://cohort:secret@/cohort?{query}", tmp_path))
    (command,) = seen
    assert "secret" not in str(command)
    assert unquote(command[-1]).rstrip("?") == f"postgresql://cohort@/cohort?{passed}".rstrip("?")


async def test_autovacuum_does_not_use_the_database(postgres_url: str, tmp_path: Path) -> None:
    """Its worker is one more process that is connected; a bot's connection is another matter."""
    settings, file = settings_for(postgres_url, tmp_path), tmp_path / "backup.zip"
    await make_backup(settings, file, now=NOW)
    others = str(into_postgresql._OTHERS)
    # The server's own processes have the database of nobody: count them as if they had this one's.
    everywhere = others.replace("datname = current_database()", "datname IS NOT DISTINCT FROM NULL")
    assert await ask(postgres_url, "SELECT count(*) FROM pg_stat_activity WHERE datname IS NULL") != 0
    assert await ask(postgres_url, everywhere) == 0
    database = Database(postgres_url)
    try:
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            with pytest.raises(CannotRun, match="Something still uses the database"):
                await restore_backup(settings, file, replace=True, now=NOW)
    finally:
        await database.close()
