"""Alembic's entry: `bot.db.migrate` hands over a connection; the command line makes its own."""

import asyncio
import os
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.types import TypeDecorator

from bot.db.engine import Database
from bot.db.models import Base

DEFAULT_URL = "sqlite+aiosqlite:///data/cohort.db"


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own types as the plain ones below them: a migration must not change with the code."""
    if kind != "type":
        return False
    if isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    if type(item).__name__ == "Enum":
        return f"sa.String(length={item.length})"
    if type(item).__name__ == "BigInteger" and item._variant_mapping:
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    return False


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=render_item,
        # SQLite alters by copying the table.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_from_command_line() -> None:
    database = Database(os.environ.get("COHORT_DATABASE_URL", DEFAULT_URL))
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await database.close()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
else:
    asyncio.run(migrate_from_command_line())
