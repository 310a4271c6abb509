"""The database: one engine, sessions that read, and sessions that write."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from bot.db.addresses import for_driver

BUSY_TIMEOUT_MS = 10_000


class Database:
    """Sessions over SQLite (aiosqlite) or PostgreSQL (asyncpg).

    `read()` and `write()` each are one transaction: `write()` commits when its block ends and rolls
    back when it raises. On SQLite, `write()` begins with BEGIN IMMEDIATE (a read that turns into a
    write would meet "database is locked" without waiting) and waits its turn in this process.
    """

    def __init__(self, url: str, *, echo: bool = False, foreign_keys: bool = True) -> None:
        parsed, arguments = for_driver(url)
        self.url = url
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._turn = asyncio.Lock()
        if self.is_sqlite:
            self.engine = create_async_engine(parsed, echo=echo)
            _set_up_sqlite(self.engine, foreign_keys=foreign_keys)
        else:
            # The one used last is used next: each keeps a hundred prepared statements, and few then suffice.
            self.engine = create_async_engine(
                parsed,
                echo=echo,
                connect_args=arguments,
                pool_size=10,
                pool_pre_ping=True,
                pool_use_lifo=True,
            )
        self._readers = async_sessionmaker(self.engine, expire_on_commit=False)
        self._writers = async_sessionmaker(
            self.engine.execution_options(begin="IMMEDIATE"), expire_on_commit=False
        )

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        async with self._readers() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        async with AsyncExitStack() as stack:
            if self.is_sqlite:
                await stack.enter_async_context(self._turn)
            yield await stack.enter_async_context(self._writers.begin())

    async def ping(self) -> str:
        """The server's version string; raises what the driver raises when it cannot be reached."""
        async with self.read() as session:
            version = func.sqlite_version() if self.is_sqlite else func.version()
            return str(await session.scalar(select(version)))

    async def close(self) -> None:
        await self.engine.dispose()


def lost_connection(error: BaseException) -> bool:
    """Whether the database went away in the middle: nobody knows then whether a COMMIT came through."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _set_up_sqlite(engine: AsyncEngine, *, foreign_keys: bool) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # The driver's own implicit BEGIN comes too late for a read and too weak for a write.
        connection.isolation_level = None
        cursor: sqlite3.Cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")
