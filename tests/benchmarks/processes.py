"""What every measurement starts: the bot, the bare program, fresh databases of both kinds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from bot.db.migrate import upgrade
from tests.postgres import PostgresServer
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
BARE = "bare discord.py"
QUIET_CPU_SECONDS = 0.03


class Databases:
    """Fresh databases: SQLite always, PostgreSQL when a server is given. It should be one with fsync, for the
    bot's SQLite waits for the disk too.
    """

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        self._folder = folder
        self._server = server
        self._made = 0

    @property
    def kinds(self) -> list[str]:
        return [SQLITE] if self._server is None else [SQLITE, POSTGRESQL]

    async def empty(self, kind: str) -> str:
        """The address of a new database without a schema."""
        self._made += 1
        if kind == SQLITE:
            return f"sqlite+aiosqlite:///{self._folder / f'cohort-{self._made}.db'}"
        assert self._server is not None, "no PostgreSQL here"
        name = self._server.unused_name()
        await asyncio.to_thread(self._server.create_database, name)
        return self._server.url(name)

    async def fresh(self, kind: str) -> str:
        """The address of a new database with the newest schema."""
        url = await self.empty(kind)
        await upgrade(url)
        return url


def cohort(standin: StandIn, folder: Path, url: str, *python: str, name: str = "cohort") -> BotProcess:
    """`cohort run`; `python` are options for the interpreter, such as -X importtime."""
    return BotProcess(standin, folder, database_url=url, name=name, program=(*python, "-m", "bot", "run"))


def bare(standin: StandIn, folder: Path, *python: str, name: str = "bare") -> BotProcess:
    """The program of bare.py, which opens no database."""
    program = (*python, "-m", "tests.benchmarks.bare")
    return BotProcess(standin, folder, database_url="sqlite+aiosqlite:///none.db", name=name, program=program)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process took so far, its own and the kernel's for it."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def until_idle(pid: int, *, longest: float = 30.0) -> None:
    """Wait until the process takes hardly any processor time for a second: it has finished starting.

    discord.py lets two seconds pass between READY and `on_ready`, hence the wait before.
    """
    await asyncio.sleep(2.5)
    for _ in range(int(longest)):
        before = cpu_seconds(pid)
        await asyncio.sleep(1)
        if cpu_seconds(pid) - before < QUIET_CPU_SECONDS:
            return
    raise AssertionError(f"the process was still busy after {longest} s")
