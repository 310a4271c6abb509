"""Files that only say that they are images, by the ten thousand, through the real worker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bot.classifier.protocol import ModelRef, Readiness
from bot.classifier.serving.local import LocalClassifier
from bot.classifier.store import ModelStore
from bot.errors import ClassifierLost, ImageRefused, StudyError
from tests.benchmarks.figures import mib, ms, percentile, section, table
from tests.benchmarks.processes import Databases
from tests.classifier import pictures

IMAGES = 50_000
#: The first fifth comes one at a time, so that memory and time are an image's own; then so many at once.
AT_ONCE = 8
MOST_BYTES, MOST_SECONDS = 256 * 2**20, 2.0
LOOKS_EVERY = 0.02


@dataclass
class Found:
    """What came of the images: answers by kind, each answer's seconds, and the worker's memory."""

    answers: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    before: int = 0
    peak: int = 0
    #: The same while they came one at a time.
    alone: list[float] = field(default_factory=list)
    peak_alone: int = 0
    workers: set[int] = field(default_factory=set)
    unheard: list[str] = field(default_factory=list)


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    count = 300 if quick else IMAGES
    section(
        f"{count:,} hostile images",
        "Mutated and made-up JPEG, PNG, WebP and GIF files, bombs, programs and texts: from the bot through",
        "shared memory to the real worker, which decodes and classifies what can be decoded, and back.",
        f"The first fifth one at a time, the others {AT_ONCE} at once. Memory is the worker's resident set,",
        f"looked at every {LOOKS_EVERY * 1000:.0f} ms.",
    )
    from tests.classifier.serving import bundles  # brings torch, which other benchmarks need not wait for

    ref, _ = await asyncio.to_thread(bundles.write, folder, bundles.manifest("beasts", size=64))
    found = Found()
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: found.unheard.append(str(context.get("exception") or context["message"]))
    )
    classifier = LocalClassifier(ModelStore(folder), device="cpu")
    await classifier.start()
    try:
        await _until_ready(classifier)
        await classifier.classify(pictures.photo(0.3, 1), ref)
        assert classifier.pid is not None
        found.before = psutil.Process(classifier.pid).memory_info().rss
        watching = asyncio.create_task(_watch(classifier, found))
        began = time.perf_counter()
        await _ask(classifier, ref, pictures.hostile_images(1, count // 5), found)
        found.alone, found.peak_alone = list(found.seconds), found.peak
        images = pictures.hostile_images(2, count - count // 5)
        await asyncio.gather(*(_ask(classifier, ref, images, found) for _ in range(AT_ONCE)))
        elapsed = time.perf_counter() - began
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        verdict = await classifier.classify(pictures.photo(0.3, 1), ref)
        assert verdict.guesses, "the worker still does its work"
    finally:
        await classifier.close()
    _report(found, elapsed, restarts=classifier.status().restarts)


async def _until_ready(classifier: LocalClassifier) -> None:
    for _ in range(1200):
        if classifier.status().readiness is Readiness.READY:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(classifier.status())


async def _ask(classifier: LocalClassifier, ref: ModelRef, images: Iterator[bytes], found: Found) -> None:
    for image in images:
        began = time.perf_counter()
        try:
            verdict = await classifier.classify(image, ref)
        except ImageRefused as refused:
            said = f"refused: {refused.fault.value}"
        except ClassifierLost:
            said = "lost: the worker died over it, twice"
        except StudyError as error:
            said = f"something else: {error!r}"
        else:
            said = f"classified{'' if verdict.doubt is None else ', with doubt'}"
        found.answers[said] += 1
        found.seconds.append(time.perf_counter() - began)


async def _watch(classifier: LocalClassifier, found: Found) -> None:
    while True:
        if (pid := classifier.pid) is not None:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                found.workers.add(pid)
                found.peak = max(found.peak, process.memory_info().rss)
        await asyncio.sleep(LOOKS_EVERY)


def _report(found: Found, elapsed: float, *, restarts: int) -> None:
    total = sum(found.answers.values())
    rows: list[tuple[Any, ...]] = [(said, f"{times:,}") for said, times in found.answers.most_common()]
    print(table(("answer", "images"), rows))
    clear = sum(times for said, times in found.answers.items() if said.startswith(("refused", "classified")))
    more = found.peak_alone - found.before
    print(
        f"\n{total:,} answered in {elapsed:.0f} s, {total / elapsed:,.0f} a second; "
        f"p50 {ms(percentile(found.seconds, 0.5))} ms, p99 {ms(percentile(found.seconds, 0.99))} ms, "
        f"slowest {max(found.seconds):.2f} s, one at a time {max(found.alone):.2f} s\n"
        f"The worker's memory: {mib(found.before)} MiB before, {mib(found.peak_alone)} MiB at most one at a "
        f"time, {mib(found.peak)} MiB with {AT_ONCE} at once; "
        f"{restarts} restarts\n"
        f"Crashes of the bot, or errors that nobody caught: {len(found.unheard)}: "
        f"{_reached(not found.unheard)}\n"
        f"A clear answer to each: {clear:,} of {total:,}: {_reached(clear == total)}\n"
        f"At most {mib(MOST_BYTES)} MiB for an image, besides what the worker needs anyway: {mib(more)}: "
        f"{_reached(more <= MOST_BYTES)}\n"
        f"At most {MOST_SECONDS:.0f} s for an image: {_reached(max(found.alone) <= MOST_SECONDS)}",
        flush=True,
    )


def _reached(reached: bool) -> str:
    return "reached" if reached else "missed"
