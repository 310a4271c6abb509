"""Every crash point under every kind of fault: lives that end there, and what stands in Discord then."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from bot.db.engine import Database
from bot.delivery.ledger import Outgoing
from tests.delivery.acting import (
    DELETED,
    NONCE_WINDOW,
    SENDS,
    ActingSender,
    Discord,
    Faults,
    MortalLedger,
    Process,
    live,
)
from tests.delivery.conftest import Clock

MEMBER, CHANNEL, FALLBACK = 5, 7, 8
LEASE = timedelta(seconds=30)
# Long enough for the lease to run out; and so long that Discord has forgotten the nonce.
SHORT, LONG = timedelta(seconds=31), timedelta(minutes=11)
#: The last process gets so many passes; each ends one fault.
PASSES = 6


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `refused` is the error code with which the target takes nothing, now and for ever."""

    name: str
    refused: int | None = None
    to_member: bool = False
    messages: int = 1
    states: str = "sent"

    @property
    def pauses(self) -> tuple[timedelta, ...]:
        """A message that is deleted and whose nonce is forgotten left no trace at all: it is said anew."""
        return (SHORT,) if self.name == DELETED else (SHORT, LONG)

    @property
    def is_retried(self) -> bool:
        """Whether it takes another pass, and so perhaps another process."""
        return self.refused is None and self.name not in ("none", "pointless")


ELSEWHERE = "failed > sent"
KINDS = (
    Kind("none"),
    *(Kind(name) for name in SENDS),
    Kind(DELETED),
    *(Kind(str(code), refused=code, states=ELSEWHERE) for code in (10003, 10004, 50001, 50013)),
    *(Kind(str(code), refused=code, to_member=True, states=ELSEWHERE) for code in (50007, 50278)),
    Kind("database lost before the claim"),
    Kind("database lost after the claim"),
    Kind("database lost for the words"),
    Kind("database lost before settling"),
    Kind("database lost after settling"),
    Kind("pointless", messages=0, states="skipped"),
)


@dataclass(frozen=True)
class Scenario:
    """Processes stop at these points one after the other (None: it lives for one pass), with this pause after
    each; the fault strikes `times` times; then one process lives. `asleep`: they sleep through the pause
    while another one lives, and wake up again.
    """

    kind: Kind
    stops: tuple[int | None, ...]
    pause: timedelta
    times: int = 1
    asleep: bool = False


@dataclass
class Outcome:
    messages: int
    states: str
    #: Where each stop was; None for a process that did not get as far.
    stopped: list[str | None]

    def is_right(self, kind: Kind) -> bool:
        return (self.messages, self.states) == (kind.messages, kind.states)


class Stage:
    """A ledger and a Discord that survive the processes that come and go."""

    def __init__(self, database: Database, clock: Clock, **ways: bool) -> None:
        self.database = database
        self.clock = clock
        self.ways = ways
        self.discord = Discord(clock)
        self.played = 0
        #: By how many seconds the event loop's clock was moved on.
        self.slept = 0.0

    def ledger(self) -> MortalLedger:
        ledger = MortalLedger(self.database, clock=self.clock, owner=f"p{self.played}", lease=LEASE)
        ledger.process, ledger.faults = Process(), Faults()
        return ledger

    async def play(self, scenario: Scenario) -> Outcome:
        kind = scenario.kind
        self.played += 1
        key = f"scenario:{self.played}"
        # A place of its own: what an earlier scenario left there is no concern of this one.
        target, fallback = (
            self.played * 10 + (MEMBER if kind.to_member else CHANNEL),
            self.played * 10 + FALLBACK,
        )
        if kind.refused is not None:
            self.discord.refused[target] = kind.refused
        outgoing = Outgoing(
            key=key,
            kind=kind.name if kind.name == "pointless" else "k",
            subject=key,
            due_at=self.clock(),
            expires_at=self.clock() + timedelta(days=1),
            channel_id=None if kind.to_member else target,
            user_id=target if kind.to_member else None,
            fallback=(fallback,),
        )
        async with self.database.write() as session:
            await self.ledger().plan(session, outgoing)
        before = len(self.discord.posted)
        faults = Faults([kind.name] * scenario.times)
        stopped = []
        for stop in scenario.stops:
            process = Process(stop, self._sleep(key, scenario.pause, faults) if scenario.asleep else None)
            await self._live(process, faults)
            stopped.append(process.stopped)
            self.clock.now += scenario.pause
        await self._until_settled(key, faults, scenario.pause)
        chain = [await self.ledger().get(name) for name in (key, f"{key} via {fallback}")]
        states = [row.state.value for row in chain if row is not None]
        return Outcome(len(self.discord.posted) - before, " > ".join(states), stopped)

    async def _live(self, process: Process, faults: Faults) -> None:
        sender = ActingSender(self.discord, process, faults, **self.ways)
        await live(process, self.ledger(), sender, self.clock)

    async def _until_settled(self, key: str, faults: Faults, pause: timedelta) -> None:
        for _ in range(PASSES):
            await self._live(Process(), faults)
            self.clock.now += pause
            if not faults.next and await self.ledger().settled(key):
                break

    def _sleep(self, key: str, pause: timedelta, faults: Faults) -> Callable[[], Awaitable[None]]:
        """Stopped by SIGSTOP: as its lease ends another one takes over, and after the pause it wakes up."""

        async def asleep() -> None:
            woken = self.clock.now + pause
            self.clock.now += SHORT
            await self._until_settled(key, faults, timedelta(seconds=1))
            self.clock.now = max(self.clock.now, woken)
            # Its timers ran on while it slept, and ring as soon as it is awake.
            loop = asyncio.get_running_loop()
            self.slept += pause.total_seconds()
            loop.time = lambda: type(loop).time(loop) + self.slept  # type: ignore[method-assign]
            if pause >= NONCE_WINDOW:
                # Else it was stopped between its last look at the timer and the socket: only the nonce helps.
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        return asleep


@dataclass
class Tally:
    """How many scenarios were played, where their processes stopped, and what came out wrong."""

    played: int = 0
    stops: Counter[str] = field(default_factory=Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    wrong: list[tuple[Scenario, Outcome]] = field(default_factory=list)

    def add(self, scenario: Scenario, outcome: Outcome) -> None:
        self.played += 1
        for point in outcome.stopped:
            if point is not None:
                self.stops[point] += 1
                self.pairs.add((point, scenario.kind.name))
        if not outcome.is_right(scenario.kind):
            self.wrong.append((scenario, outcome))


async def reached(
    stage: Stage, scenario: Scenario, tally: Tally, *, first: int = 1
) -> AsyncIterator[tuple[int, Outcome]]:
    """Play the scenario with one more stop, at each point in turn that a process gets to."""
    for point in count(first):
        longer = replace(scenario, stops=(*scenario.stops, point))
        outcome = await stage.play(longer)
        if outcome.stopped[-1] is None:
            return
        tally.add(longer, outcome)
        yield point, outcome


async def once(stage: Stage, scenario: Scenario, tally: Tally) -> None:
    """Stop at every point of the first process, and at every point of the one after it."""
    for lived in ((), (None,)) if scenario.kind.is_retried else ((),):
        async for _ in reached(stage, replace(scenario, stops=lived), tally):
            pass


async def twice(stage: Stage, scenario: Scenario, tally: Tally) -> None:
    """Stop at every point of the first process, and each time at every point of the second one too."""
    async for point, _ in reached(stage, scenario, tally):
        async for _ in reached(stage, replace(scenario, stops=(point,)), tally):
            pass


async def asleep(stage: Stage, scenario: Scenario, tally: Tally) -> None:
    """Sleep at every point of the first process."""
    async for _ in reached(stage, replace(scenario, asleep=True), tally):
        pass
