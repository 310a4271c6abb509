"""`cohort db move`: everything from one database into another, verified row by row."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, Table, collate, func, insert, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db import migrate
from bot.db.engine import Database
from bot.db.models import Base
from bot.db.sequences import go_on_after, last_ids
from bot.schema import CannotRun, only_process, require_newest, upgrade_schema, usable
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
    await require_newest(settings)
    with (
        usable(settings),
        only_process(settings.database_url),
        only_process(target_url),
        usable(target_settings),
    ):
        await _require_empty(target_settings)
        await upgrade_schema(target_settings)
        source, target = Database(settings.database_url), Database(target_url)
        try:
            async with source.engine.connect() as reading, target.engine.begin() as writing:
                await _refuse_rows(writing, [table.name for table in Base.metadata.sorted_tables])
                for table in Base.metadata.sorted_tables:
                    await _copy(table, reading, writing)
                    on_table(Moved(table=table.name, rows=await _compare(table, reading, writing)))
                ids = await reading.run_sync(last_ids)
                await writing.run_sync(go_on_after, ids)
        finally:
            await source.close()
            await target.close()


async def _require_empty(settings: Settings) -> None:
    """Look before the upgrade: a database of somebody's own stays at its revision."""
    path = migrate.sqlite_path(settings.database_url)
    if path is not None and not path.exists():
        return
    database = Database(settings.database_url)
    try:
        async with database.engine.connect() as connection:
            ours = {table.name for table in Base.metadata.sorted_tables}
            there = await connection.run_sync(lambda plain: inspect(plain).get_table_names())
            await _refuse_rows(connection, sorted(ours.intersection(there)))
    finally:
        await database.close()


async def _refuse_rows(connection: AsyncConnection, tables: list[str]) -> None:
    for name in tables:
        if await connection.scalar(select(func.count()).select_from(table(name))):
            raise CannotRun(f"The target is not empty: it has rows in {name}. Nothing was changed.")


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
