"""Figure 8: four processes that start together on one database, empty or filled by an older version."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bot.db import migrate
from bot.db.engine import Database
from tests.postgres import PostgresServer
from tests.soak.load import Load
from tests.soak.members import populate
from tests.soak.running import STARTING_SECONDS, STOPPING_SECONDS, running
from tests.wire.process import ROOT, BotProcess
from tests.wire.standin import StandIn

PROCESSES = 4
#: What the one bot process of SQLite says to a second.
REFUSED = "Another Cohort process uses"


@dataclass(frozen=True)
class Plan:
    """Rounds take turns: an empty database, then one that each older revision filled."""

    rounds: int = 100
    seed: int = 1


@dataclass
class Figure:
    plan: Plan
    database: str
    rounds: Counter[str] = field(default_factory=Counter)
    ready: int = 0
    refused: int = 0
    upgrades: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} on {kind}" for kind, count in sorted(self.rounds.items()))
        return "\n  ".join(
            [
                f"figure 8 on {self.database}, seed {self.plan.seed}: {self.rounds.total()} times "
                f"{PROCESSES} processes at once ({kinds}): {self.ready} came to READY, {self.refused} were "
                f"refused as the second on SQLite, {self.upgrades} `cohort db upgrade` ended well; "
                f"{len(self.wrong)} wrong",
                f"goal: no migration fails, one schema: {'reached' if self.clean else 'MISSED'}",
                *self.wrong[:20],
            ]
        )


class Starts:
    """Databases of one kind, made anew for each round; PostgreSQL when there is a server, else SQLite."""

    def __init__(self, plan: Plan, folder: Path, server: PostgresServer | None) -> None:
        self.plan = plan
        self.figure = Figure(plan, "SQLite" if server is None else "PostgreSQL")
        self._folder = folder
        self._server = server
        self._made = 0
        self._head = migrate.head()
        #: Older revisions, the newest first, and what their filled databases held in each table.
        self._older: dict[str, tuple[str, Counter[str]]] = {}

    async def run(self) -> Figure:
        older = [script.revision for script in _script().walk_revisions()][1:]
        filled, rows = await self._fill()
        for number in range(self.plan.rounds):
            if number % 2:
                revision = older[number // 2 % len(older)]
                if revision not in self._older:
                    self._older[revision] = await self._made_older(filled, rows, revision)
                source, rows_then = self._older[revision]
                await self._round(number, f"revision {revision}", await self._copy(source), rows_then)
            else:
                await self._round(number, "an empty one", await self._empty(), Counter())
        return self.figure

    # Databases.

    async def _empty(self) -> str:
        self._made += 1
        if self._server is None:
            return f"sqlite+aiosqlite:///{self._folder / f'starts-{self._made}.db'}"
        name = self._server.unused_name()
        await asyncio.to_thread(self._server.create_database, name)
        return self._server.url(name)

    async def _copy(self, source: str) -> str:
        self._made += 1
        if self._server is None:
            file = self._folder / f"starts-{self._made}.db"
            found = migrate.sqlite_path(source)
            assert found is not None
            shutil.copy(found, file)
            return f"sqlite+aiosqlite:///{file}"
        name = self._server.unused_name()
        template = source.rpartition("/")[2]
        await asyncio.to_thread(self._server.create_database, name, template=template)
        return self._server.url(name)

    async def _drop(self, url: str) -> None:
        if self._server is None:
            for file in self._folder.glob(f"{Path(url.rpartition('/')[2]).stem}.db*"):
                file.unlink()
        else:
            await asyncio.to_thread(self._server.drop_database, url.rpartition("/")[2])

    async def _fill(self) -> tuple[str, Counter[str]]:
        """A database that members used, through a bot of its own."""
        url = await self._empty()
        async with StandIn(seed=self.plan.seed) as standin:
            standin.rest.global_limit = None
            bot = BotProcess(standin, self._folder, database_url=url, name="filler")
            async with running(bot):
                halls = await populate(standin, servers=1, members=5)
                await Load(standin, halls, seed=self.plan.seed).at_once(4, count=60)
                await bot.terminate(STOPPING_SECONDS)
        return url, await _rows(url)

    async def _made_older(self, filled: str, rows: Counter[str], revision: str) -> tuple[str, Counter[str]]:
        url = await self._copy(filled)
        await migrate.downgrade(url, revision)
        # The tables that were there then keep every row; some rows stand for the schema itself.
        there = await _rows(url)
        assert there["groups"] == rows["groups"] > 0
        assert there["reminders"] == rows["reminders"] > 0
        return url, there

    # A round.

    async def _round(self, number: int, kind: str, url: str, rows: Counter[str]) -> None:
        try:
            if self._server is not None:
                await self._all_run(number, url)
            elif number // 2 % 2:
                await self._one_runs(number, url)
            else:
                await self._all_upgrade(number, url)
            await self._judge(f"round {number} on {kind}", url, rows)
        except AssertionError as error:
            self.figure.wrong.append(f"round {number} on {kind}: {str(error)[:2000]}")
        self.figure.rounds["an empty one" if not rows else "a filled older one"] += 1
        await self._drop(url)

    async def _all_run(self, number: int, url: str) -> None:
        """Four processes of one bot, a shard each."""
        async with StandIn(shards=PROCESSES, seed=self.plan.seed) as standin:
            bots = [
                self._bot(standin, number, place, url, {"COHORT_SHARDS": f"{place}/{PROCESSES}"})
                for place in range(PROCESSES)
            ]
            await _together(standin, bots)
            not_ready = [bot for bot in bots if not bot.ready]
            self.figure.ready += PROCESSES - len(not_ready)
            logs = "\n".join(f"{bot.client}: {bot.log(15)}" for bot in not_ready)
            await _stop(bots)
            assert not not_ready, f"not READY: {logs}"
            assert not standin.violations, standin.violations[:3]

    async def _one_runs(self, number: int, url: str) -> None:
        """SQLite has one process: whoever comes first; the others say why they go."""
        async with StandIn(seed=self.plan.seed) as standin:
            bots = [self._bot(standin, number, place, url, {}) for place in range(PROCESSES)]
            await _together(standin, bots, enough=1)
            for bot in bots:
                if not bot.ready and not bot.running:
                    assert bot.returncode == 1, bot.log(15)
                    assert REFUSED in bot.log(15), bot.log(15)
                    self.figure.refused += 1
                else:
                    assert bot.ready, bot.log(15)
                    self.figure.ready += 1
            await _stop(bots)

    async def _all_upgrade(self, number: int, url: str) -> None:
        """`cohort db upgrade` may run in any number of processes on SQLite too."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("COHORT_", "DISCORD_"))}
        environment |= {"COHORT_DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "db", "upgrade",
                cwd=self._folder, env=environment,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )
            for _ in range(PROCESSES)
        ]  # fmt: skip
        said = await asyncio.gather(*(process.communicate() for process in processes))
        for process, (words, _) in zip(processes, said, strict=True):
            assert process.returncode == 0, words.decode()[-1500:]
            self.figure.upgrades += 1

    def _bot(self, standin: StandIn, number: int, place: int, url: str, env: dict[str, str]) -> BotProcess:
        name = f"starts-{number}-{place}"
        return BotProcess(standin, self._folder, database_url=url, name=name, env=env)

    async def _judge(self, what: str, url: str, rows: Counter[str]) -> None:
        database = Database(url)
        try:
            found = await migrate.current(database)  # raises when there is more than one
            assert found == self._head, f"{what}: at {found}"
            drift = await migrate.drift(database)
            assert drift == [], f"{what}: {drift}"
        finally:
            await database.close()
        now = await _rows(url)
        lost = {name: (count, now[name]) for name, count in rows.items() if now[name] < count}
        assert not lost, f"{what}: rows before and after: {lost}"


async def _together(standin: StandIn, bots: Sequence[BotProcess], *, enough: int = PROCESSES) -> None:
    """Start all at the same moment, and wait until so many are READY and no other is still starting."""
    await asyncio.gather(*(bot.launch() for bot in bots))

    def settled() -> bool:
        starting = [bot for bot in bots if bot.running and not bot.ready]
        return not starting and sum(bot.ready for bot in bots) >= min(enough, sum(b.running for b in bots))

    try:
        await standin.wait_until(settled, STARTING_SECONDS, "all READY or ended")
    except AssertionError:
        await _stop(bots)
        raise


async def _stop(bots: Sequence[BotProcess]) -> None:
    """SIGTERM to those that run; what does not end in time fails the round."""
    running = [bot for bot in bots if bot.running]
    results = await asyncio.gather(
        *(bot.terminate(STOPPING_SECONDS) for bot in running), return_exceptions=True
    )
    for bot in running:
        if bot.running:
            await bot.kill()
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _rows(url: str) -> Counter[str]:
    """How many rows each table has."""
    database = Database(url)

    def count(connection: Connection) -> Counter[str]:
        names = [name for name in sa.inspect(connection).get_table_names() if name != "alembic_version"]
        return Counter(
            {
                name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
                for name in names
            }
        )

    try:
        async with database.engine.connect() as connection:
            return await connection.run_sync(count)
    finally:
        await database.close()


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(migrate.alembic_config())
