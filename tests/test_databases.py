"""The databases that tests get: fresh, with the schema, of the kind they say, and gone afterwards."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from bot.db.engine import Database
from bot.db.migrate import current, head
from bot.settings import Settings
from tests.postgres import PostgresServer, lives


async def test_a_fresh_database_has_the_newest_schema(
    database_url: str, request: pytest.FixtureRequest
) -> None:
    database = Database(database_url)
    try:
        assert await current(database) == head()
        assert (await database.ping()).startswith("PostgreSQL") is ("[postgresql]" in request.node.name)
    finally:
        await database.close()


async def test_an_empty_database_has_no_schema(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    try:
        assert await current(database) is None
    finally:
        await database.close()


@pytest.mark.parametrize("visit", [1, 2])
async def test_rows_do_not_leak_into_the_next_test(database_url: str, visit: int) -> None:
    database = Database(database_url)
    try:
        async with database.write() as session:
            await session.execute(text("CREATE TABLE visits (number INTEGER PRIMARY KEY)"))
            await session.execute(text("INSERT INTO visits VALUES (:visit)"), {"visit": visit})
    finally:
        await database.close()


async def test_postgresql_keeps_what_was_committed_when_it_is_killed() -> None:
    with PostgresServer() as server:
        database = Database(server.url())
        try:
            async with database.write() as session:
                await session.execute(text("CREATE TABLE promises (kept BOOLEAN)"))
                await session.execute(text("INSERT INTO promises VALUES (true)"))
            await asyncio.to_thread(server.crash)
            await asyncio.to_thread(server.start)
            async with database.read() as session:
                assert await session.scalar(text("SELECT kept FROM promises")) is True
            await asyncio.to_thread(server.restart)
            async with database.read() as session:
                assert await session.scalar(text("SELECT count(*) FROM promises")) == 1
        finally:
            await database.close()


@pytest.mark.parametrize(
    "options",
    [
        "application_name=cohort-test",
        "sslmode=prefer&channel_binding=require",
        "statement_cache_size=0&prepared_statement_cache_size=0",
        "connect_timeout=5&options=-c%20lock_timeout%3D5000",
        "sslmode=disable&sslrootcert=/nowhere.crt&target_session_attrs=any",
    ],
)
async def test_what_providers_put_into_an_address_is_understood(postgres_url: str, options: str) -> None:
    settings = Settings(_env_file=None, database_url=f"{postgres_url}?{options}")
    database = Database(settings.database_url)
    try:
        assert (await database.ping()).startswith("PostgreSQL")
        async with database.read() as session:
            name = await session.scalar(text("SELECT current_setting('application_name')"))
        assert name == ("cohort-test" if "cohort-test" in options else "")
    finally:
        await database.close()


def test_a_killed_test_run_leaves_no_postgresql_behind() -> None:
    program = (
        "import time; from tests.postgres import PostgresServer; server = PostgresServer(); server.start();"
        "print(server._process.pid, server._watchman.pid, server._home, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        postmaster, watchman, home = run.stdout.readline().split()
        processes = [psutil.Process(int(postmaster)), psutil.Process(int(watchman))]
        assert Path(home).is_dir()
        run.kill()
    deadline = time.monotonic() + 20
    while any(map(lives, processes)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not Path(home).exists()
