"""Processes that die or sleep at every numbered point, under every kind of fault: exactly once, all the same.

Here each point is met once under each kind; `python -m tests.chaos.points` meets every pair of them.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.db.engine import Database
from bot.delivery.ledger import Outgoing, nonce
from tests.delivery.acting import DELETED, NONCE_WINDOW, POINTS, refusal, target_of
from tests.delivery.conftest import Clock
from tests.delivery.exploring import (
    CHANNEL,
    KINDS,
    LONG,
    SHORT,
    Kind,
    Scenario,
    Stage,
    Tally,
    asleep,
    once,
    reached,
    twice,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "deploy" / "reliability.md"
NONE = KINDS[0]


async def test_every_point_under_every_kind_of_fault(
    database: Database, clock: Clock, record_property: Callable[[str, object], None]
) -> None:
    stage, tally = Stage(database, clock), Tally()
    for number, kind in enumerate(KINDS):
        await once(stage, Scenario(kind, (), kind.pauses[number % len(kind.pauses)]), tally)
    assert tally.wrong == []
    assert set(tally.stops) == set(POINTS)
    assert len(tally.pairs) > 200
    record_property(
        "figure",
        f"crash points on {'SQLite' if database.is_sqlite else 'PostgreSQL'}: {tally.played} lives, "
        f"{len(tally.pairs)} pairs of point and fault, 0 lost, 0 doubled",
    )


@pytest.mark.parametrize("name", ["none", "dropped after the deed"])
async def test_dying_twice(database: Database, clock: Clock, name: str) -> None:
    stage, tally = Stage(database, clock), Tally()
    kind = next(kind for kind in KINDS if kind.name == name)
    await twice(stage, Scenario(kind, (), LONG), tally)
    assert tally.wrong == []
    assert tally.played > 40


async def test_sleeping_through_the_lease_at_every_point(database: Database, clock: Clock) -> None:
    """Another process takes over; the sleeper goes on, soon or when the nonce is forgotten."""
    stage, tally = Stage(database, clock), Tally()
    for pause in (SHORT, LONG):
        await asleep(stage, Scenario(NONE, (), pause), tally)
    assert tally.wrong == []
    assert tally.stops["before sending"] == tally.stops["Discord has it"] == 2


@pytest.mark.parametrize(
    ("with_nonce", "reads_back", "pause"),
    [(False, False, SHORT), (False, False, LONG), (True, False, LONG)],
    ids=["lease alone", "lease alone, long pause", "nonce alone, long pause"],
)
async def test_the_naive_ways_double_in_this_very_harness(
    database: Database, clock: Clock, with_nonce: bool, reads_back: bool, pause: timedelta
) -> None:
    stage, tally = Stage(database, clock, with_nonce=with_nonce, reads_back=reads_back), Tally()
    async for _ in reached(stage, Scenario(NONE, (), pause), tally):
        pass
    assert {outcome.stopped[0]: outcome.messages for _, outcome in tally.wrong} == {
        "Discord has it": 2,
        "before marking it sent": 2,
    }


async def test_without_a_nonce_a_sleeper_doubles(database: Database, clock: Clock) -> None:
    """Reading back cannot help here."""
    stage, tally = Stage(database, clock, with_nonce=False), Tally()
    await asleep(stage, Scenario(NONE, (), SHORT), tally)
    assert {outcome.stopped[0] for _, outcome in tally.wrong} >= {"before sending"}


async def test_what_was_deleted_and_forgotten_is_said_anew(database: Database, clock: Clock) -> None:
    """The one case that nobody can tell from a message that never was."""
    stage, deleted = Stage(database, clock), Kind(DELETED)
    assert (await stage.play(Scenario(deleted, (None,), SHORT))).messages == 1
    assert (await stage.play(Scenario(deleted, (None,), LONG))).messages == 2


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


def test_the_document_numbers_the_points_as_the_code_does() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+?) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(int(number), point) for number, point in rows if point in POINTS] == list(enumerate(POINTS, 1))


def test_refusals_are_discord_pys_own() -> None:
    assert (refusal(404, 10003).status, refusal(404, 10003).code) == (404, 10003)
    assert refusal(503).status == 503
