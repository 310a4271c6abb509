"""Figure 6: the gateway's connection lost in every way there is, with members at work meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bot.db.engine import Database
from tests.benchmarks.figures import percentile, table
from tests.soak.members import Deed, Habits, populate
from tests.soak.rate import UNHURRIED
from tests.soak.running import STOPPING_SECONDS, running
from tests.soak.verdict import Verdict, judge
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn

#: Close codes after which Discord wants the client back, and those of them that end the session.
CODES = (4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009)
ENDING_CODES = frozenset({4007, 4009})
ZOMBIE, NEW_SESSION = "zombie", "op 9"
RESUMABLE = (
    "TCP reset",
    "op 7",
    "op 9, resumable",
    *(f"close {code}" for code in CODES if code not in ENDING_CODES),
)
#: Discord asks for five seconds between two IDENTIFYs, so these take long and are fewer.
ENDING = (NEW_SESSION, *(f"close {code}" for code in sorted(ENDING_CODES)))
ENDING_SHARE = 0.15
#: discord.py takes a connection for dead after a minute without a word; looked for at each heartbeat.
HEARTBEAT_SECONDS = 5.0
BACK_WITHIN = 150.0
ANSWERED_WITHIN = 40.0


@dataclass(frozen=True)
class Plan:
    """`zombies` of the drops are connections that fall silent: each takes discord.py a minute to notice."""

    drops: int = 500
    zombies: int = 10
    seed: int = 1
    members: int = 12


@dataclass
class Figure:
    plan: Plan
    database: str
    drops: Counter[str] = field(default_factory=Counter)
    #: Deeds sent just before a drop and while the bot was away, and those that Discord replayed.
    deeds: int = 0
    replayed: int = 0
    #: Deeds that came while there was no session: Discord does not keep them either.
    unheard: int = 0
    away: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    lost: list[str] = field(default_factory=list)
    identifies: int = 0
    resumes: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    violations: list[str] = field(default_factory=list)

    @property
    def identifies_allowed(self) -> int:
        """One to begin with, and one for each session that Discord ended."""
        return 1 + sum(count for kind, count in self.drops.items() if kind in ENDING)

    @property
    def clean(self) -> bool:
        return (
            not self.lost
            and not self.violations
            and self.verdict.clean
            and self.identifies <= self.identifies_allowed
        )

    def __str__(self) -> str:
        rows = [
            (kind, count, *(f"{percentile(self.away[kind], share):.2f}" for share in (0.5, 1.0)))
            for kind, count in sorted(self.drops.items())
        ]
        return "\n".join(
            [
                f"figure 6 on {self.database}, seed {self.plan.seed}: {self.drops.total()} drops",
                table(("how", "drops", "back after, s (p50)", "longest"), rows),
                f"{self.deeds} interactions just before and meanwhile, {self.replayed} of them replayed, "
                f"{self.unheard} while there was no session to keep them",
                f"{len(self.lost)} lost while resumable; {self.verdict}",
                f"{self.identifies} IDENTIFYs, {self.identifies_allowed} needed; {self.resumes} RESUMEs",
                f"goal: nothing lost while resumable, no effect twice, IDENTIFYs bounded: "
                f"{'reached' if self.clean else 'MISSED'}",
                *(f"  {line}" for line in [*self.lost[:10], *self.violations[:10]]),
            ]
        )


class Drops:
    """One run against a database that has its schema."""

    def __init__(self, plan: Plan, url: str, folder: Path) -> None:
        self.plan = plan
        self.random = Random(plan.seed)
        self.database = Database(url)
        self.figure = Figure(plan, "SQLite" if self.database.is_sqlite else "PostgreSQL")
        self.standin = StandIn(heartbeat_interval=HEARTBEAT_SECONDS, seed=plan.seed)
        # How soon is figure 3's question.
        self.standin.interactions.deadline = UNHURRIED
        self.habits = Habits(self.standin, seed=plan.seed)
        self.bot = BotProcess(
            self.standin, folder, database_url=url, name="drops", env={"COHORT_LOG_LEVEL": "WARNING"}
        )

    async def run(self) -> Figure:
        gateway = self.standin.gateway
        try:
            async with self.standin, running(self.bot):
                self.standin.rest.global_limit = None
                halls = await populate(self.standin, servers=1, members=self.plan.members)
                self._people = halls[0].people
                for kind in self._kinds():
                    await self._drop(kind)
                await self.bot.terminate(STOPPING_SECONDS)
                self.figure.identifies, self.figure.resumes = gateway.identifies, gateway.resumes
                self.figure.violations = list(self.standin.violations)
            self.figure.verdict = await judge(self.database, halls)
        finally:
            await self.database.close()
        return self.figure

    def _kinds(self) -> list[str]:
        """Every kind at least once when there is room, in an order that the seed decides."""
        plan = self.plan
        kinds = [ZOMBIE] * min(plan.zombies, plan.drops)
        for number in range(plan.drops - len(kinds)):
            every = (*RESUMABLE, *ENDING)
            if number < len(every):
                kinds.append(every[number])
            else:
                ends = self.random.random() < ENDING_SHARE
                kinds.append(self.random.choice(ENDING if ends else RESUMABLE))
        self.random.shuffle(kinds)
        return kinds

    async def _drop(self, kind: str) -> None:
        gateway = self.standin.gateway
        sessions = gateway.identifies + gateway.resumes
        self.figure.drops[kind] += 1
        people = self.random.sample(self._people, 5)
        deeds = [self._act(people.pop()) for _ in range(self.random.randint(0, 2))]
        if self.random.random() < 0.5:
            await asyncio.sleep(self.random.uniform(0, 0.03))
        began = time.monotonic()
        await self._ways()[kind]()
        before = len(deeds)
        deeds += [self._act(people.pop()) for _ in range(self.random.randint(1, 3))]
        if self.random.random() < 0.5:
            await self.standin.wait_until(
                lambda: not gateway.ready_shards or gateway.identifies + gateway.resumes > sessions,
                BACK_WITHIN,
                f"the end by {kind}",
            )
        self.figure.replayed += sum(deed.interaction.sent_at is None for deed in deeds[before:])
        await self.standin.wait_until(
            lambda: gateway.identifies + gateway.resumes > sessions and gateway.ready_shards,
            BACK_WITHIN,
            f"the bot back after {kind}",
        )
        self.figure.away[kind].append(time.monotonic() - began)
        await self._await_answers(kind, deeds)

    async def _await_answers(self, kind: str, deeds: list[Deed]) -> None:
        # Wherever the session lives on, each must arrive; without one, only what left is waited for.
        awaited = deeds if kind not in ENDING else [d for d in deeds if d.interaction.sent_at is not None]
        self.figure.deeds += len(deeds)
        self.figure.unheard += len(deeds) - len(awaited)
        end = time.monotonic() + ANSWERED_WITHIN
        # What left on a connection whose session ended may have been on its way for ever.
        while time.monotonic() < end and not all(deed.interaction.answered for deed in awaited):
            if kind in ENDING and time.monotonic() > end - ANSWERED_WITHIN + 3:
                break
            await asyncio.sleep(0.01)
        for deed in deeds:
            one = deed.interaction
            if not one.answered and deed in awaited and kind not in ENDING:
                self.figure.lost.append(f"{deed.kind} at a drop by {kind}: acknowledged {one.acknowledged}")
            if one.answered and not deed.confirmed:
                self.figure.lost.append(f"{deed.kind} at a drop by {kind}: {one.text[:100]!r}")
            deed.answered(deed.confirmed)

    def _act(self, person: object) -> Deed:
        """A deed that leaves a trace in the database."""
        writes = (self.habits.be_reminded, self.habits.press, self.habits.set_zone, self.habits.mark_a_lesson)
        return self.random.choice(writes)(person)  # type: ignore[arg-type]

    def _ways(self) -> dict[str, Callable[[], Awaitable[None]]]:
        gateway = self.standin.gateway

        async def close(code: int) -> None:
            if code in ENDING_CODES:
                gateway.forget_sessions()
            await gateway.close(code)

        async def do(what: Callable[[], None]) -> None:
            what()

        return {
            "TCP reset": lambda: do(gateway.drop),
            "op 7": lambda: do(gateway.reconnect),
            "op 9, resumable": lambda: do(lambda: gateway.invalidate(resumable=True)),
            NEW_SESSION: lambda: do(gateway.invalidate),
            ZOMBIE: lambda: do(gateway.become_zombie),
            **{f"close {code}": lambda code=code: close(code) for code in CODES},  # type: ignore[misc]
        }
