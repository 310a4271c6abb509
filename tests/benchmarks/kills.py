"""Kills the classifier's worker again and again under load, and counts who got no answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.classifier.protocol import Classifier, ModelRef, Readiness
from bot.errors import StudyError

# Seconds between two kills, drawn at random: from one in the middle of the first batches to one in full flow.
SOONEST, LATEST = 0.02, 0.25
UNANSWERED = 120.0  # seconds after which somebody counts as waiting for ever


@dataclass
class Kills:
    """`answers` counts verdicts and the errors that were told; `longest` is somebody's wait in seconds, and
    `back` the seconds from a kill to the next verdict, each.
    """

    kills: int = 0
    asked: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    longest: float = 0.0
    back: list[float] = field(default_factory=list)


class Killable(Classifier, Protocol):
    """A classifier whose worker can be found: `bot.classifier.serving.local.LocalClassifier`."""

    @property
    def pid(self) -> int | None: ...


async def kill_under_load(
    classifier: Killable,
    model: ModelRef,
    images: Sequence[bytes],
    *,
    kills: int,
    clients: int = 32,
    seed: int = 0,
) -> Kills:
    """`clients` ask without a pause while the worker is killed so many times, each time when it is up."""
    chance = random.Random(seed)
    found = Kills()
    over = asyncio.Event()
    # When, and how many workers had been replaced before: a verdict may still come out of the pipe.
    last_kill: list[tuple[float, int]] = []

    async def ask(number: int) -> None:
        while not over.is_set():
            found.asked += 1
            began = time.perf_counter()
            try:
                async with asyncio.timeout(UNANSWERED):
                    await classifier.classify(images[number % len(images)], model)
            except StudyError as error:
                found.answers[type(error).__name__] += 1
                await asyncio.sleep(0.01)
            except TimeoutError:
                found.unanswered += 1
            else:
                found.answers["Verdict"] += 1
                if last_kill and classifier.status().restarts > last_kill[0][1]:
                    found.back.append(time.perf_counter() - last_kill.pop()[0])
            found.longest = max(found.longest, time.perf_counter() - began)

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(ask(number))
        while found.kills < kills:
            await asyncio.sleep(chance.uniform(SOONEST, LATEST))
            pid = classifier.pid
            if pid is None or classifier.status().readiness is not Readiness.READY:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
                found.kills += 1
                last_kill[:] = [(time.perf_counter(), classifier.status().restarts)]
        over.set()
    return found
