"""The town under fire: opened outside of any test's loop, so that hypothesis can call into it."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.features.conftest import body_validator
from tests.fuzz.attack import Actor, Range, Shot, actors
from tests.fuzz.profiles import examples
from tests.fuzz.shots import Stock, stock
from tests.fuzz.town import Town, open_town
from tests.openapi import BodyValidator, watch_simcord

__all__ = ["body_validator"]


class Siege:
    """A town, what it has to offer, and a way to fire at it from outside its loop."""

    def __init__(self, runner: asyncio.Runner, town: Town) -> None:
        self._runner = runner
        self.town = town
        self.range = Range(town)
        runner.run(self.range.load())
        self.stock: Stock = stock(town, self.range.before)
        self.actors = actors(town)
        self.failures: list[Exception] = []

    def attack(self, what: str, one: SearchStrategy[Shot], *, times: int, at_once: int = 3) -> None:
        """`times` batches of these, each by anybody; what was wrong is kept for `report`."""

        @examples(times)
        @given(actor=st.sampled_from(self.actors), batch=st.lists(one, min_size=1, max_size=at_once))
        def attack(actor: Actor, batch: list[Shot]) -> None:
            self.fire(actor, *batch)

        try:
            attack()
        except AssertionError as error:
            error.add_note(f"attacking {what}")
            self.failures.append(error)

    def figure(self) -> str:
        fired = self.range
        return (
            f"fuzz: {fired.fired:,} interactions, {fired.answered:,} answered, {len(fired.forms)} kinds of "
            f"forms filled in, {fired.changed:,} rows changed by those who may, "
            f"{len(self.failures)} kinds of failures"
        )

    def report(self) -> None:
        """Raise everything that was wrong, each in its smallest form."""
        if self.failures:
            raise ExceptionGroup(f"{len(self.failures)} kinds of interactions went wrong", self.failures)

    def fire(self, actor: Actor, *shots: Shot) -> list[str]:
        """What was answered to each, forms that opened in between included."""
        return self._runner.run(self.range.fire(actor, shots))


@pytest.fixture
def besieged(body_validator: BodyValidator) -> Iterator[Callable[[str], Siege]]:
    """Open a town on the database of that address; every body that the bot sends is checked."""
    with asyncio.Runner() as runner, watch_simcord(None, body_validator):
        opened, watches = [], []

        def begin(database_url: str) -> Siege:
            town = open_town(database_url)
            opened.append(town)
            siege = Siege(runner, runner.run(town.__aenter__()))
            watches.append(siege.range.watch)
            return siege

        yield begin
        for watch in watches:
            watch.close()
        for town in opened:
            runner.run(town.__aexit__(None, None, None))
