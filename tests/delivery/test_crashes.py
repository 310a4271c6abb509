"""Processes that die at every point between the claim and the settlement: exactly once, all the same."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import product

import pytest

from bot.db.engine import Database
from bot.delivery.dispatcher import SentMessage
from bot.delivery.ledger import Claimed, Outgoing, nonce
from tests.delivery.acting import (
    NONCE_WINDOW,
    ActingSender,
    Discord,
    Faults,
    MortalLedger,
    Process,
    live,
    target_of,
)
from tests.delivery.conftest import Clock

CHANNEL, MEMBER = 7, 5
LEASE = timedelta(seconds=30)
# Long enough for the lease to run out; and so long that Discord has forgotten the nonce.
SHORT, LONG = timedelta(seconds=31), timedelta(minutes=11)
#: Points that a process can pass at most in these scenarios.
POINTS = 10


@dataclass(frozen=True)
class Scenario:
    """Processes die at these points one after the other, with this pause after each; then one lives."""

    deaths: tuple[int, ...]
    pause: timedelta
    faults: tuple[str, ...] = ()
    to_closed_member: bool = False


@dataclass
class Outcome:
    messages: int
    state: str
    died: list[str]


class Stage:
    """A ledger and a Discord that survive the processes that come and go."""

    def __init__(self, database: Database, clock: Clock, **ways: bool) -> None:
        self.database = database
        self.clock = clock
        self.ways = ways
        self.discord = Discord(clock, closed={MEMBER})
        self.played = 0

    def ledger(self) -> MortalLedger:
        ledger = MortalLedger(self.database, clock=self.clock, owner="p", lease=LEASE)
        ledger.process = Process()
        return ledger

    async def play(self, scenario: Scenario) -> Outcome:
        self.played += 1
        key = f"scenario:{self.played}"
        to: dict[str, int] = {"user_id": MEMBER} if scenario.to_closed_member else {"channel_id": CHANNEL}
        async with self.database.write() as session:
            await self.ledger().plan(
                session,
                Outgoing(
                    key=key,
                    kind="k",
                    subject=key,
                    due_at=self.clock(),
                    fallback=(CHANNEL,),
                    **to,  # type: ignore[arg-type]
                ),
            )
        before = len(self.discord.posted)
        faults = Faults(list(scenario.faults))
        died = []
        for death in (*scenario.deaths, None):
            process = Process(death)
            ledger = self.ledger()
            sender = ActingSender(self.discord, process, faults, **self.ways)
            for _ in range(1 if death is not None else 1 + len(scenario.faults)):
                if not await live(process, ledger, sender, self.clock):
                    died.append(process.points[-1])
                self.clock.now += scenario.pause
        chain = [await ledger.get(key), await ledger.get(f"{key} via {CHANNEL}")]
        states = [row.state.value for row in chain if row is not None]
        return Outcome(len(self.discord.posted) - before, " > ".join(states), died)


async def test_dying_anywhere_once_and_twice(database: Database, clock: Clock) -> None:
    stage = Stage(database, clock)
    once = product([(), *((one,) for one in range(1, POINTS))], (SHORT, LONG))
    twice = ((pair, LONG if sum(pair) % 2 else SHORT) for pair in product(range(1, POINTS), repeat=2))
    places = set()
    for deaths, pause in (*once, *twice):
        outcome = await stage.play(Scenario(deaths, pause))
        assert (outcome.messages, outcome.state) == (1, "sent"), (deaths, pause, outcome)
        places.update(outcome.died)
    assert places >= {
        "before the claim",
        "claimed",
        "before reading back",
        "rendered",
        "before sending",
        "Discord has it",
        "before marking it sent",
        "marked sent",
    }


@pytest.mark.parametrize("fault", ["refused", "reply lost"])
async def test_dying_anywhere_while_the_network_fails(database: Database, clock: Clock, fault: str) -> None:
    stage = Stage(database, clock)
    places = set()
    for first, faults in product(range(1, POINTS), ((fault,), (fault, fault))):
        pause = LONG if (first + len(faults)) % 2 else SHORT
        outcome = await stage.play(Scenario((first,), pause, faults))
        assert (outcome.messages, outcome.state) == (1, "sent"), (first, faults, pause, outcome)
        places.update(outcome.died)
    assert places >= {"before postponing", "postponed"}


async def test_dying_anywhere_on_the_way_to_the_fallback(database: Database, clock: Clock) -> None:
    stage = Stage(database, clock)
    places = set()
    for deaths in product(range(1, POINTS, 2), range(1, POINTS)):
        pause = LONG if deaths[1] % 2 else SHORT
        outcome = await stage.play(Scenario(deaths, pause, to_closed_member=True))
        assert (outcome.messages, outcome.state) == (1, "failed > sent"), (deaths, outcome)
        places.update(outcome.died)
    assert places >= {"before failing", "failed"}


@pytest.mark.parametrize(
    ("with_nonce", "reads_back", "pause"),
    [(False, False, SHORT), (False, False, LONG), (True, False, LONG)],
    ids=["lease alone", "lease alone, long pause", "nonce alone, long pause"],
)
async def test_the_naive_ways_double_in_this_very_harness(
    database: Database, clock: Clock, with_nonce: bool, reads_back: bool, pause: timedelta
) -> None:
    stage = Stage(database, clock, with_nonce=with_nonce, reads_back=reads_back)
    outcomes = [await stage.play(Scenario((one,), pause)) for one in range(1, POINTS)]
    doubled = {outcome.died[0] for outcome in outcomes if outcome.messages == 2}
    assert doubled == {"Discord has it", "before marking it sent"}


class Sleeper(ActingSender):
    """Stopped just before it sends, as by SIGSTOP, while another process takes over."""

    def __init__(self, stage: Stage, **ways: bool) -> None:
        super().__init__(stage.discord, Process(), Faults(), **ways)
        self.stage = stage

    async def send(self, delivery: Claimed, message: None, nonce: str) -> SentMessage:
        self.stage.clock.now += SHORT
        successor = ActingSender(self.stage.discord, Process(), Faults(), with_nonce=self.with_nonce)
        assert await live(successor.process, self.stage.ledger(), successor, self.stage.clock)
        return await super().send(delivery, message, nonce)


@pytest.mark.parametrize(("with_nonce", "messages"), [(True, 1), (False, 2)])
async def test_a_process_that_slept_through_its_lease(
    database: Database, clock: Clock, with_nonce: bool, messages: int
) -> None:
    """Reading back cannot help here; Discord's nonce does."""
    assert SHORT < NONCE_WINDOW
    stage = Stage(database, clock)
    ledger = stage.ledger()
    async with database.write() as session:
        await ledger.plan(
            session, Outgoing(key="k", kind="k", subject="s", due_at=clock(), channel_id=CHANNEL)
        )
    assert await live(ledger.process, ledger, Sleeper(stage, with_nonce=with_nonce), clock)
    assert len(stage.discord.posted) == messages
    row = await ledger.get("k")
    assert row is not None
    assert row.state.value == "sent"


async def test_the_harness_tells_targets_and_nonces_apart(database: Database, clock: Clock) -> None:
    stage = Stage(database, clock)
    ledger = stage.ledger()
    async with database.write() as session:
        for key in ("a", "b"):
            await ledger.plan(
                session, Outgoing(key=key, kind="k", subject="s", due_at=clock(), channel_id=CHANNEL)
            )
    first, second = await ledger.claim(2)
    assert target_of(first) == CHANNEL
    made = stage.discord.create(CHANNEL, first.id, nonce(first))
    assert stage.discord.create(CHANNEL, first.id, nonce(first)) is made
    assert stage.discord.create(CHANNEL, second.id, nonce(second)) is not made
    clock.now += NONCE_WINDOW
    assert stage.discord.create(CHANNEL, first.id, nonce(first)) is not made
