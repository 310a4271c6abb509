"""`cohort db move`: everything from one database into another, verified row by row."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, Table, collate, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db import migrate
from bot.db.engine import Database
from bot.db.models import Base
from bot.db.sequences import go_on_after, last_ids
from bot.schema import CannotRun, only_process, upgrade_schema, usable
from bot.settings import Settings

BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A table, and how many of its rows were copied and found to be the same in both."""

    table: str
    rows: int


async def move(settings: Settings, target_url: str, *, on_table: Callable[[Moved], None]) -> None:
    """Copy all rows of the settings' database into the empty one at `target_url`, in one transaction, and
    compare them there with what they were. The first stays as it is. Raises CannotRun, leaving it empty.
    """
    target_settings = settings.model_copy(update={"database_url": target_url})
    with usable(settings), only_process(settings.database_url), only_process(target_url):
        found, newest = await _revision(settings)
        if found != newest:
            raise CannotRun("Bring this database to the newest revision first: cohort db upgrade")
        with usable(target_settings):
            await upgrade_schema(target_settings)
            source, target = Database(settings.database_url), Database(target_url)
            try:
                async with source.engine.connect() as reading, target.engine.begin() as writing:
                    await _require_empty(writing)
                    for table in Base.metadata.sorted_tables:
                        await _copy(table, reading, writing)
                        on_table(Moved(table=table.name, rows=await _compare(table, reading, writing)))
                    ids = await reading.run_sync(last_ids)
                    await writing.run_sync(go_on_after, ids)
            finally:
                await source.close()
                await target.close()


async def _revision(settings: Settings) -> tuple[str | None, str]:
    database = Database(settings.database_url)
    try:
        return await migrate.current(database), migrate.head()
    finally:
        await database.close()


async def _require_empty(connection: AsyncConnection) -> None:
    for table in Base.metadata.sorted_tables:
        if await connection.scalar(select(func.count()).select_from(table)):
            raise CannotRun(f"The target is not empty: it has rows in {table.name}. Nothing was changed.")


async def _copy(table: Table, source: AsyncConnection, target: AsyncConnection) -> None:
    async for rows in _batches(table, source):
        await target.execute(insert(table), rows)


async def _compare(table: Table, source: AsyncConnection, target: AsyncConnection) -> int:
    """How many rows are the same in both; raises CannotRun at the first that is not."""
    count = 0
    there = _batches(table, target)
    async for rows in _batches(table, source):
        if await anext(there, None) != rows:
            raise CannotRun(f"Rows of {table.name} did not arrive as they were. The target was left empty.")
        count += len(rows)
    if await anext(there, None) is not None:
        raise CannotRun(f"There are more rows in {table.name} than there were. The target was left empty.")
    return count


async def _batches(table: Table, connection: AsyncConnection) -> AsyncIterator[list[dict[str, Any]]]:
    """The rows in one order on both databases."""
    words = "BINARY" if connection.dialect.name == "sqlite" else "C"
    keys = [
        collate(column, words) if isinstance(column.type, String) else column for column in table.primary_key
    ]
    result = await connection.stream(select(table).order_by(*keys))
    async for rows in result.mappings().partitions(BATCH):
        yield [dict(row) for row in rows]
