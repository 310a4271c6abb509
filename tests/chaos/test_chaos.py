"""The short form of `make chaos`, on both databases; and the proof that it would notice a doubled message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.chaos.harness import Chaos, Figure, Plan
from tests.openapi import BodyValidator


async def play(plan: Plan, database_url: str, folder: Path) -> Figure:
    return await Chaos(plan, database_url=database_url, folder=folder, validator=BodyValidator()).run()


async def test_nothing_is_lost_or_doubled_on_sqlite(
    sqlite_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    figure = await play(Plan(deliveries=40, kills=5, seed=4), sqlite_url, tmp_path)
    record_property("figure", str(figure))
    assert figure.clean, figure
    assert figure.kills.total() >= 5


async def test_nothing_is_lost_or_doubled_by_two_processes_on_postgresql(
    postgres_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    figure = await play(Plan(deliveries=40, kills=5, seed=2, processes=2), postgres_url, tmp_path)
    record_property("figure", str(figure))
    assert figure.clean, figure
    assert figure.kills.total() >= 5


async def test_without_nonces_and_marks_this_harness_sees_doubles(sqlite_url: str, tmp_path: Path) -> None:
    figure = await play(Plan(deliveries=9, kills=3, seed=3, naive=True), sqlite_url, tmp_path)
    assert figure.doubled
    assert not figure.lost
