"""How long hypothesis walks through a state machine, and a database with an event loop for it to walk on.

In the gate the walks are few and always the same. `COHORT_EXAMPLES=2000` in the environment makes them so
many, and different each time; what fails is printed with the steps that lead to it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from sqlalchemy import delete, event
from sqlalchemy.orm import Session

from bot.db.engine import Database
from bot.db.models import Base

T = TypeVar("T")
EXAMPLES = "COHORT_EXAMPLES"
BEFORE, AFTER = "before its commit", "after its commit"


def walks(*, examples: int, steps: int) -> settings:
    """So many walks of at most so many steps, or as many walks as the environment asks for."""
    wanted = os.environ.get(EXAMPLES)
    return settings(
        max_examples=int(wanted) if wanted else examples,
        stateful_step_count=steps,
        derandomize=not wanted,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=bool(wanted),
    )


class Place:
    """A database, and the event loop in which its connections live: a state machine itself is not async."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._runner = asyncio.Runner()
        self.database = Database(url)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def restart(self) -> None:
        """As when the process died: nothing is left but what the database holds."""
        self.run(self.database.close())
        self.database = Database(self.url)

    def clear(self, *models: type[Base]) -> None:
        """Remove all rows of these, in this order."""

        async def clear() -> None:
            async with self.database.write() as session:
                for model in models:
                    await session.execute(delete(model))

        self.run(clear())

    def close(self) -> None:
        self.run(self.database.close())
        self._runner.close()


@contextmanager
def place(url: str) -> Iterator[Place]:
    """Where all walks of one test take place, one after the other."""
    made = Place(url)
    try:
        yield made
    finally:
        made.close()


class Died(Exception):
    """The process is no more; nobody hears how it went."""


@contextmanager
def dying(when: str | None) -> Iterator[None]:
    """The process dies just before the next commit, or just after what it does."""

    def die(_: Session) -> None:
        raise Died

    if when == BEFORE:
        event.listen(Session, "before_commit", die)
    try:
        yield
    finally:
        if when == BEFORE:
            event.remove(Session, "before_commit", die)
    if when is not None:
        raise Died
