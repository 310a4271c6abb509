"""Putting a dump into PostgreSQL, where what was there stays whole until the new is."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.backups.aside import put_back, relations, set_aside
from bot.backups.postgresql import run_tool
from bot.db.engine import Database
from bot.schema import CannotRun
from bot.settings import Settings

# What a dump's list says of tables and what belongs to them. Anything else in a dump is not the bot's.
_OURS = re.compile(
    r"^\d+; \d+ \d+ (TABLE DATA|TABLE|SEQUENCE OWNED BY|SEQUENCE SET|SEQUENCE|DEFAULT|FK CONSTRAINT"
    r"|CONSTRAINT|INDEX) (?P<schema>\S+) (?P<name>\S+) "
)
# Autovacuum and its like have no user, and do no harm. What others do is only visible to some users.
_OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'"
)


async def restore_postgresql(
    settings: Settings,
    dump: Path,
    *,
    replace: bool,
    now: datetime,
    finish: Callable[[Settings], Awaitable[None]],
) -> str | None:
    """Put the dump where the tables are, let `finish` complete it, and return the schema that keeps the old
    ones; None when there were none. Raises CannotRun, with the old ones where they were.
    """
    listed = await asyncio.to_thread(run_tool, "pg_restore", settings, "--list", dump, connect=False)
    ours = [(line, found) for line in listed.splitlines() if (found := _OURS.match(line))]
    schemas = {found["schema"] for _, found in ours if found["name"] == "alembic_version"}
    database = Database(settings.database_url)
    try:
        async with database.engine.begin() as connection:
            schema = str(await connection.scalar(text("SELECT current_schema()")))
            if schemas != {schema}:
                raise CannotRun(
                    f"The backup's tables lie in {' and '.join(sorted(schemas)) or 'no schema'}, the user in "
                    f"COHORT_DATABASE_URL works in {schema}. Let its search_path begin with the same."
                )
            if await connection.scalar(_OTHERS):
                raise CannotRun("Something still uses the database. Stop every bot process first.")
            there = await connection.run_sync(relations, schema)
            if there and not replace:
                raise CannotRun("The database is not empty. To put the backup in its place, add --replace.")
            kept = await connection.run_sync(set_aside, schema, now)
        try:
            chosen = dump.with_suffix(".list")
            chosen.write_text("".join(f"{line}\n" for line, found in ours if found["schema"] == schema))
            wanted = ("--single-transaction", "--no-owner", "--no-privileges", f"--use-list={chosen}")
            restoring = asyncio.to_thread(run_tool, "pg_restore", settings, *wanted, "--dbname", dump)
            await _to_its_end(restoring)
            await finish(settings)
        except BaseException:
            await _undo(database, schema, kept)
            raise
    finally:
        await database.close()
    return kept


async def _to_its_end(work: Coroutine[Any, Any, str]) -> None:
    """Even when the operator loses patience: only what has ended can be undone."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _undo(database: Database, schema: str, kept: str | None) -> None:
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(put_back, schema, kept)
    except (DBAPIError, OSError) as error:
        if kept is None:
            raise
        raise CannotRun(
            f"The restore broke off, and what was there could not be put back ({type(error).__name__}). "
            f"All of it lies in the schema {kept} of the database. Restore once more when the server answers."
        ) from error
