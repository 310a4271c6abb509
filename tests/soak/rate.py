"""Figure 3: how soon the bot acknowledges under a steady load, and whether it keeps what it confirmed."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bot.db.engine import Database
from tests.benchmarks.figures import ms, percentile, table
from tests.benchmarks.processes import cpu_seconds, until_idle
from tests.postgres import PostgresServer
from tests.soak.load import Load, Taken
from tests.soak.members import Hall, populate
from tests.soak.running import STOPPING_SECONDS, running
from tests.soak.verdict import Verdict, judge
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn

GOAL_P99 = 0.050
GOAL_LONGEST = 1.0
#: What the search for the highest rate tries, in interactions a second, and for how many seconds each.
LADDER = (200, 150, 120, 100, 80, 60, 50, 40, 30, 20, 10, 5)
LADDER_SECONDS = 20.0
#: Seconds that Discord's stand-in gives an answer where its speed is not the question.
UNHURRIED = 60.0


@dataclass(frozen=True)
class Plan:
    """`restart_every` seconds PostgreSQL is stopped and started again; 0: never. Discord takes the first
    answer to an interaction within `deadline` seconds.
    """

    rate: float = 200.0
    seconds: float = 600.0
    seed: int = 1
    servers: int = 4
    members: int = 100
    restart_every: float = 60.0
    restarts_at_most: int = 1000
    deadline: float = 3.0


@dataclass(frozen=True)
class Shares:
    """Of one core's time: the bot with its drawing process, and the stand-in with the members."""

    bot: float
    standin: float
    everything: float

    def __str__(self) -> str:
        return (
            f"of one core: bot {self.bot:.0%}, stand-in and members {self.standin:.0%}; "
            f"the whole machine was busy to {self.everything:.0%} of its {psutil.cpu_count()} cores"
        )


@dataclass
class Figure:
    plan: Plan
    database: str
    taken: Taken
    shares: Shares
    verdict: Verdict
    restarts: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return percentile(self.taken.every, 0.99)

    @property
    def kept_up(self) -> bool:
        """Whether that many really were sent."""
        return self.taken.starved == 0 and self.taken.rate > 0.98 * self.plan.rate

    @property
    def in_time(self) -> bool:
        return self.p99 <= GOAL_P99 and not self.taken.late(GOAL_LONGEST) and self.kept_up

    @property
    def clean(self) -> bool:
        return self.verdict.clean and not self.violations and not self.taken.never_answered

    def __str__(self) -> str:
        taken, plan = self.taken, self.plan
        return "\n".join(
            [
                f"figure 3 on {self.database}, seed {plan.seed}: {plan.rate:g} interactions a second asked "
                f"for, {taken.rate:.1f} sent over {taken.seconds:.0f} s; {self.restarts} restarts of "
                f"the database",
                taken.table(),
                f"acknowledged: p99 {ms(self.p99)} ms, {taken.late(GOAL_LONGEST)} over 1 s, "
                f"{taken.never_acknowledged} never; answered: p99 {ms(percentile(taken.answered, 0.99))} ms, "
                f"{taken.never_answered} never, nor {taken.never_suggested} suggestions; {taken.errors} told "
                "that something went wrong",
                str(self.shares),
                str(self.verdict),
                f"goal p99 <= {ms(GOAL_P99)} ms and none over 1 s at {plan.rate:g}/s: "
                f"{'reached' if self.in_time else 'MISSED'}; "
                f"no confirmed write lost: {'reached' if self.clean else 'MISSED'}",
                *(f"  {count}x not confirmed: {words}" for words, count in taken.refused.most_common(5)),
                *self.violations[:10],
            ]
        )


@asynccontextmanager
async def site(
    url: str, folder: Path, *, seed: int, servers: int, members: int, name: str
) -> AsyncIterator[tuple[StandIn, BotProcess, Load, list[Hall]]]:
    """A stand-in, `cohort run` behind it, and servers full of members whose groups are made."""
    async with StandIn(seed=seed) as standin:
        standin.rest.global_limit = None  # while the groups are made
        standin.interactions.deadline = UNHURRIED
        bot = BotProcess(standin, folder, database_url=url, name=name, env={"COHORT_LOG_LEVEL": "WARNING"})
        async with running(bot):
            halls = await populate(standin, servers=servers, members=members)
            await until_idle(bot.pid)
            standin.rest.global_limit = 50
            # What stands by now stays: the collector need not look at it again amid the measuring.
            standin.interactions.deadline = 3.0
            gc.collect()
            gc.freeze()
            try:
                yield standin, bot, Load(standin, halls, seed=seed), halls
            finally:
                gc.unfreeze()


async def steady(plan: Plan, url: str, folder: Path, *, server: PostgresServer | None = None) -> Figure:
    """The whole figure once; the database at `url` has its schema."""
    place = {"seed": plan.seed, "servers": plan.servers, "members": plan.members}
    async with site(url, folder, **place, name="rate") as (standin, bot, load, halls):  # type: ignore[arg-type]
        standin.interactions.deadline = plan.deadline
        await load.at_rate(min(plan.rate, 20), seconds=min(plan.seconds / 10, 10))  # warms up
        restarts = 0

        async def restart() -> None:
            nonlocal restarts
            assert server is not None
            while restarts < plan.restarts_at_most:
                await asyncio.sleep(plan.restart_every)
                await asyncio.to_thread(server.restart)
                restarts += 1

        restarting = asyncio.create_task(restart()) if server is not None and plan.restart_every else None
        before = _cpu(bot)
        try:
            taken = await load.at_rate(plan.rate, seconds=plan.seconds)
        finally:
            if restarting is not None:
                restarting.cancel()
                await asyncio.wait([restarting])
        shares = _shares(before, _cpu(bot))
        await bot.terminate(STOPPING_SECONDS)
        database = Database(url)
        try:
            verdict = await judge(database, halls)
        finally:
            await database.close()
        kind = "SQLite" if database.is_sqlite else "PostgreSQL"
        return Figure(plan, kind, taken, shares, verdict, restarts, list(standin.violations))


async def highest_rate(plan: Plan, url: str, folder: Path) -> tuple[float | None, str]:
    """The highest rate of the ladder that meets the goal here, without restarts, and what each rate gave."""
    place = {"seed": plan.seed, "servers": plan.servers, "members": plan.members}
    rows, found = [], None
    async with site(url, folder, **place, name="ladder") as (_, bot, load, _halls):  # type: ignore[arg-type]
        await load.at_rate(10, seconds=10)
        for rate in [rate for rate in LADDER if rate <= plan.rate]:
            before = _cpu(bot)
            taken = await load.at_rate(rate, seconds=LADDER_SECONDS)
            shares = _shares(before, _cpu(bot))
            p99 = percentile(taken.every, 0.99)
            met = p99 <= GOAL_P99 and not taken.late(GOAL_LONGEST) and not taken.starved
            rows.append(
                (
                    rate,
                    f"{taken.rate:.1f}",
                    ms(percentile(taken.every, 0.5)),
                    ms(p99),
                    taken.late(GOAL_LONGEST),
                    f"{shares.bot:.0%}",
                    f"{shares.standin:.0%}",
                    f"{shares.everything:.0%}",
                    "yes" if met else "no",
                )
            )
            if met:
                found = float(rate)
                break
            await until_idle(bot.pid)
    heads = ("rate", "sent/s", "p50", "p99", "over 1 s", "bot", "stand-in", "machine", "goal met")
    return found, table(heads, rows)


@dataclass(frozen=True)
class _Times:
    at: float
    bot: float
    standin: float
    machine: float


def _cpu(bot: BotProcess) -> _Times:
    family = psutil.Process(bot.pid).children(recursive=True)
    machine = psutil.cpu_times()
    busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0) - getattr(machine, "guest", 0.0)
    own = cpu_seconds(bot.pid) + sum(cpu_seconds(child.pid) for child in family)
    return _Times(time.monotonic(), own, time.process_time(), busy)


def _shares(before: _Times, after: _Times) -> Shares:
    seconds = after.at - before.at
    cores = psutil.cpu_count() or 1
    return Shares(
        bot=(after.bot - before.bot) / seconds,
        standin=(after.standin - before.standin) / seconds,
        everything=(after.machine - before.machine) / seconds / cores,
    )
