"""Figure 10: what the bot's memory does over a hundred thousand interactions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bot.db.engine import Database
from tests.benchmarks.figures import mib, table
from tests.soak.load import Taken
from tests.soak.rate import UNHURRIED, site
from tests.soak.running import STOPPING_SECONDS
from tests.soak.verdict import Verdict, judge

GOAL_GROWTH = 0.05
#: Seconds without interactions before each look, for what they set off to end.
REST_SECONDS = 3.0


@dataclass(frozen=True)
class Plan:
    """`warm_up` of the interactions go before the first sample that counts."""

    interactions: int = 100_000
    warm_up: int = 10_000
    samples: int = 18
    at_once: int = 12
    seed: int = 1
    servers: int = 4
    members: int = 100


@dataclass(frozen=True)
class Sample:
    """Sizes in bytes; `worker` is the drawing process.

    PSS shares out what several processes map, those of other programs too, so it rises when one of them
    ends; RSS counts it in full, and is what growth is measured by.
    """

    after: int
    seconds: float
    pss: int
    rss: int
    worker_pss: int
    worker_rss: int

    @property
    def together(self) -> int:
        return self.rss + self.worker_rss

    def __str__(self) -> str:
        return (
            f"after {self.after:,} and {self.seconds:.0f} s: bot {mib(self.pss)} MiB PSS, "
            f"{mib(self.rss)} RSS; drawing {mib(self.worker_pss)} PSS, {mib(self.worker_rss)} RSS"
        )


@dataclass
class Figure:
    plan: Plan
    database: str
    taken: Taken
    verdict: Verdict
    samples: list[Sample] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Of the RSS of bot and drawing process together, from after the warm-up to the end."""
        return self.samples[-1].together / self.samples[0].together - 1

    @property
    def clean(self) -> bool:
        return self.verdict.clean and not self.violations and not self.taken.never_answered

    @property
    def met(self) -> bool:
        return self.growth <= GOAL_GROWTH

    def __str__(self) -> str:
        rows = [
            (
                f"{one.after:,}",
                f"{one.seconds:.0f}",
                *(mib(size) for size in (one.pss, one.rss, one.worker_pss, one.worker_rss, one.together)),
                f"{one.together / self.samples[0].together - 1:+.1%}",
            )
            for one in self.samples
        ]
        heads = ("after", "s", "bot PSS", "RSS", "drawing PSS", "RSS", "both RSS", "growth")
        return "\n".join(
            [
                f"figure 10 on {self.database}, seed {self.plan.seed}: {self.taken.sent:,} interactions, "
                f"{self.plan.at_once} at once, {self.taken.rate:.0f} a second; memory in MiB from after the "
                f"first {self.plan.warm_up:,} on",
                table(heads, rows),
                f"{self.taken.never_answered} never answered, {self.taken.errors} told that something went "
                f"wrong; {self.verdict}",
                f"goal: memory grows by at most {GOAL_GROWTH:.0%}: "
                f"{'reached' if self.met else 'MISSED'} ({self.growth:+.1%})",
                *(f"  {count}x not confirmed: {words}" for words, count in self.taken.refused.most_common(5)),
                *self.violations[:10],
            ]
        )


async def soak(
    plan: Plan, url: str, folder: Path, *, seen: Callable[[Sample], None] = lambda _: None
) -> Figure:
    """Interactions as fast as they are answered, with looks at the memory in between; `seen` is told each."""
    samples: list[Sample] = []
    place = {"seed": plan.seed, "servers": plan.servers, "members": plan.members}
    async with site(url, folder, **place, name="memory") as (standin, bot, load, halls):  # type: ignore[arg-type]
        # How soon is figure 3's question; here nothing may stay without its answer.
        standin.interactions.deadline = UNHURRIED
        began = time.monotonic()

        async def look(sent: int) -> None:
            await asyncio.sleep(REST_SECONDS)
            samples.append(sample(bot.pid, sent, time.monotonic() - began))
            seen(samples[-1])

        await load.at_once(plan.at_once, count=plan.warm_up)
        await look(plan.warm_up)
        rest = plan.interactions - plan.warm_up
        every = max(rest // plan.samples, 1)

        async def pause(sent: int) -> None:
            await look(plan.warm_up + sent)

        taken = await load.at_once(plan.at_once, count=rest, every=every, pause=pause)
        await bot.terminate(STOPPING_SECONDS)
        database = Database(url)
        try:
            verdict = await judge(database, halls)
        finally:
            await database.close()
        kind = "SQLite" if database.is_sqlite else "PostgreSQL"
        return Figure(plan, kind, taken, verdict, samples, list(standin.violations))


def sample(pid: int, after: int, seconds: float) -> Sample:
    """The present sizes of a bot and of the processes it started."""
    bot = psutil.Process(pid)
    own = bot.memory_full_info()
    workers = [child.memory_full_info() for child in bot.children(recursive=True)]
    return Sample(
        after=after,
        seconds=seconds,
        pss=own.pss,
        rss=own.rss,
        worker_pss=sum(one.pss for one in workers),
        worker_rss=sum(one.rss for one in workers),
    )
