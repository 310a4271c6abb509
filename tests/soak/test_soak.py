"""The short forms of `make soak`: the same harness, a little of each figure.

Milliseconds and memory belong to the long forms, for this machine has other work to do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.db.migrate import upgrade
from tests.postgres import PostgresServer
from tests.soak import drops, memory, rate, starts
from tests.soak.members import Belief

Record = Callable[[str, object], None]


async def test_what_was_confirmed_outlives_restarts_of_postgresql(
    tmp_path: Path, record_property: Record
) -> None:
    with PostgresServer() as server:  # its own: the other tests' must not go away
        server.create_database("soak")
        url = server.url("soak")
        await upgrade(url)
        plan = rate.Plan(
            rate=15,
            seconds=12,
            seed=31,
            servers=2,
            members=10,
            restart_every=4,
            restarts_at_most=2,
            deadline=60,
        )
        figure = await rate.steady(plan, url, tmp_path, server=server)
    record_property("figure", str(figure))
    assert figure.restarts > 0
    assert figure.clean, str(figure)
    assert figure.taken.confirmed > 5


async def test_a_lost_write_is_noticed() -> None:
    """The harness's own rule: a confirmed value must stand, an unconfirmed one may."""
    belief: Belief[str] = Belief({"nothing"})
    belief.attempt("first")(True)
    belief.attempt("second")(False)
    assert belief.possible == {"first", "second"}
    assert belief.certain is None


async def test_drops_of_every_kind_lose_nothing(
    sqlite_url: str, tmp_path: Path, record_property: Record
) -> None:
    kinds = len(drops.RESUMABLE) + len(drops.ENDING)
    plan = drops.Plan(drops=kinds, zombies=0, seed=61)
    figure = await drops.Drops(plan, sqlite_url, tmp_path).run()
    record_property("figure", str(figure))
    assert figure.clean, str(figure)
    assert figure.drops.total() == kinds
    assert figure.replayed > 0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_four_that_start_together_agree_on_one_schema(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, record_property: Record
) -> None:
    server = request.getfixturevalue("postgres") if database == "postgresql" else None
    rounds = 2 if server is not None else 4
    figure = await starts.Starts(starts.Plan(rounds=rounds, seed=81), tmp_path, server).run()
    record_property("figure", str(figure))
    assert figure.clean, str(figure)
    assert figure.rounds.total() == rounds


async def test_a_soak_answers_everything_and_shows_the_memory(
    sqlite_url: str, tmp_path: Path, record_property: Record
) -> None:
    plan = memory.Plan(interactions=240, warm_up=60, samples=2, seed=101, servers=2, members=8)
    figure = await memory.soak(plan, sqlite_url, tmp_path)
    record_property("figure", str(figure))
    assert figure.clean, str(figure)
    assert len(figure.samples) == 3
    assert figure.samples[-1].pss > 0
