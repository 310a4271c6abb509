"""The short form of `make chaos`, on both databases; and the proof that it would notice a doubled message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.harness import Chaos
from tests.chaos.plan import Figure, Lateness, Naive, Plan
from tests.openapi import BodyValidator
from tests.postgres import PostgresServer

Record = Callable[[str, object], None]


async def play(plan: Plan, database_url: str, folder: Path, server: PostgresServer | None = None) -> Figure:
    run = Chaos(plan, database_url=database_url, folder=folder, validator=BodyValidator(), server=server)
    return await run.run()


async def test_nothing_is_lost_or_doubled_on_sqlite(
    sqlite_url: str, tmp_path: Path, record_property: Record
) -> None:
    plan = Plan(
        deliveries=40, kills=5, stops=1, outages=1, seed=4, calm=20, calm_seconds=4, measured_crashes=1
    )
    figure = await play(plan, sqlite_url, tmp_path)
    record_property("figure", str(figure))
    assert figure.clean, figure
    assert figure.kills.total() >= 5
    assert figure.outages == 1
    assert figure.faults
    assert len(figure.late.seconds) == 20
    assert len(figure.late_after_a_kill.seconds) == 6


async def test_nothing_is_lost_or_doubled_by_two_processes_on_postgresql(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path, record_property: Record
) -> None:
    plan = Plan(deliveries=40, kills=5, stops=0, outages=1, database_crashes=1, seed=2, processes=2)
    figure = await play(plan, postgres_url, tmp_path, postgres)
    record_property("figure", str(figure))
    assert figure.clean, figure
    assert figure.kills.total() >= 5
    assert figure.database_crashes == 1


@pytest.mark.parametrize(("naive", "outages"), [("lease", 0), ("nonce", 2)])
async def test_the_naive_ways_double_in_this_very_harness(
    sqlite_url: str, tmp_path: Path, naive: Naive, outages: int
) -> None:
    """Killed twice between Discord's deed and its answer; the second way needs Discord to forget, too."""
    plan = Plan(
        deliveries=8, kills=2, stops=0, outages=outages, seed=3, faults=0, moments=("ghost",), naive=naive
    )
    figure = await play(plan, sqlite_url, tmp_path)
    assert figure.doubled
    assert not figure.lost


def test_a_figure_says_which_goals_are_met() -> None:
    figure = Figure(Plan(kills=1), "PostgreSQL", planned=10_000, late=Lateness([0.1] * 99 + [9.0]))
    assert figure.goals["10,000 deliveries"]
    assert not figure.goals["1,000 SIGKILL"]
    assert not figure.goals["50 PostgreSQL crashes"]
    assert not figure.goals["p99 at most 1.5 s late"]
    figure.late.seconds += [0.1] * 100
    assert figure.goals["p99 at most 1.5 s late"]
    figure.lost = ["00007"]
    assert not figure.clean
    assert "lost: 00007" in str(figure)
    assert "1,000 SIGKILL" in str(figure).partition("goals missed")[2]
