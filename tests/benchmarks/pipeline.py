"""From a JPEG's bytes to probabilities: the bot's whole way, beside fastai's own."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from bot.classifier.protocol import Readiness, Verdict
from bot.classifier.serving.local import LocalClassifier
from bot.errors import ClassifierBusy
from tests.benchmarks.figures import median, ms, ratio, section, table
from tests.benchmarks.processes import Databases
from tests.wire.process import ROOT

MEGAPIXELS = (0.3, 3.0, 12.0)
BATCH = 8
AT_ONCE = 16
#: By model and megapixels: how many times faster than learn.predict, and than learn.get_preds.
GOALS = {
    ("small", 3.0): (6.0, 3.0),
    ("small", 12.0): (8.0, 4.0),
    **{("resnet34", size): (3.0, None) for size in MEGAPIXELS},
}
HEADS = (
    *("", "predict", "get_preds", "ours: fast", "8 at once", "exact", "8 at once"),
    *("predict to fast", "get_preds to 8", "predict to exact"),
)
CLOSE, SAME = 0.02, 0.995
THROUGHPUT = 0.9
INSTALLED = 250 * 10**6


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    import torch

    from tests.benchmarks import lights

    section(
        "Classifying photos, from the bytes of a JPEG",
        "Milliseconds an image, medians. learn.predict: one after the other. learn.get_preds: batches of 8,",
        "without workers, which take longer to start than these images take. Ours: through the bot's loop,",
        "shared memory and the worker, one after the other and 8 at once; fast is what /classify does, exact",
        "decodes whole as fastai does. small: the bot's small body at 64 × 64; resnet34 at 224 × 224.",
    )
    if quick:
        subjects = [lights.small(folder, photos=4, epochs=1)]
    else:
        subjects = [
            lights.small(folder, photos=60, epochs=6),
            lights.large(folder, photos=8, epochs=1),
        ]
    sizes = MEGAPIXELS[:1] if quick else MEGAPIXELS
    store = _Folders({subject.ref.digest: subject.folder for subject in subjects})
    async with running(store, "cpu") as classifier:
        for subject in subjects:
            rows, verdicts = [], []
            for size in sizes:
                photos = [lights.photo(size, seed) for seed in range(BATCH)]
                rounds = 1 if quick else 7 if subject.name == "small" else 3
                taken = await _side_by_side(classifier, subject, photos, rounds=rounds)
                rows.append((f"{subject.name}, {size:g} MP", *_cells(taken)))
                verdicts += _judged(subject.name, size, taken)
            print(table(HEADS, rows), "", *verdicts, sep="\n", flush=True)
            count = 6 if quick else 200 if subject.name == "small" else 30
            await _compare(classifier, subject, lights.photo, count)
        await _throughput(classifier, subjects[-1], lights.photo, quick=quick)
    _installed()
    if torch.cuda.is_available():
        from tests.benchmarks import card

        await card.measure(subjects[-1], quick=quick)
    else:
        print("\nNo CUDA card here, so nothing of it was measured.", flush=True)


class _Folders:
    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = folders

    def path(self, digest: str, *, name: str = "") -> Path:
        return self._folders[digest]


@asynccontextmanager
async def running(store: Any, device: str) -> AsyncIterator[LocalClassifier]:
    classifier = LocalClassifier(store, device=device)
    await classifier.start()
    try:
        for _ in range(2400):
            if classifier.status().readiness is Readiness.READY:
                break
            await asyncio.sleep(0.05)
        yield classifier
    finally:
        await classifier.close()


async def _side_by_side(
    classifier: LocalClassifier, subject: Any, photos: list[bytes], *, rounds: int
) -> dict[str, list[float]]:
    """Seconds an image, by way. The ways take turns, so that all meet the machine's same moods."""
    learn = subject.learn

    def predict(photo: bytes) -> None:
        learn.predict(photo)

    def get_preds() -> None:
        learn.get_preds(dl=learn.dls.test_dl(photos, bs=BATCH, num_workers=0))

    async def one(photo: bytes, *, exact: bool) -> None:
        await classifier.classify(photo, subject.ref, exact=exact)

    async def all_at_once(*, exact: bool) -> None:
        await asyncio.gather(*(one(photo, exact=exact) for photo in photos))

    taken: dict[str, list[float]] = {}
    with learn.no_bar(), learn.no_logging():
        for turn in range(rounds + 1):
            few = photos[turn % 2 :: 2]
            found: dict[str, list[float]] = {"predict": [_timed(lambda p=p: predict(p)) for p in few]}
            found["get_preds"] = [_timed(get_preds) / len(photos)]
            for exact in (False, True):
                way = "exact" if exact else "fast"
                found[way] = [await _awaited(lambda p=p, e=exact: one(p, exact=e)) for p in few]
                found[f"{way}, 8"] = [
                    await _awaited(lambda e=exact: all_at_once(exact=e)) / len(photos) for _ in range(2)
                ]
            if turn:  # the first one warms up
                for way, seconds in found.items():
                    taken.setdefault(way, []).extend(seconds)
    return taken


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


async def _awaited(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def _cells(taken: dict[str, list[float]]) -> tuple[str, ...]:
    middle = {way: median(seconds) for way, seconds in taken.items()}
    ways = ("predict", "get_preds", "fast", "fast, 8", "exact", "exact, 8")
    return (
        *(ms(middle[way]) for way in ways),
        ratio(middle["predict"], middle["fast"]),
        ratio(middle["get_preds"], middle["fast, 8"]),
        ratio(middle["predict"], middle["exact"]),
    )


def _judged(name: str, size: float, taken: dict[str, list[float]]) -> list[str]:
    lines = []
    for goal, theirs, mine in zip(
        GOALS.get((name, size), ()), ("predict", "get_preds"), ("fast", "fast, 8"), strict=False
    ):
        if goal is not None:
            times = median(taken[theirs]) / median(taken[mine])
            what = f"{name}, {size:g} MP, at least {goal:g}× learn.{theirs}"
            lines.append(f"{what}: {times:.1f}×: {reached(times >= goal)}")
    return lines


async def _compare(
    classifier: LocalClassifier, subject: Any, photo: Callable[[float, int], bytes], count: int
) -> None:
    """How far the fast way is from the exact one, and the exact one from learn.predict."""
    apart, from_fastai, same = 0.0, 0.0, 0
    with subject.learn.no_bar(), subject.learn.no_logging():
        for number in range(count):
            image = photo(MEGAPIXELS[number % len(MEGAPIXELS)], 50_000 + number)
            fast = _by_label(first := await classifier.classify(image, subject.ref))
            exact = _by_label(second := await classifier.classify(image, subject.ref, exact=True))
            _, _, theirs = subject.learn.predict(image)
            same += first.guesses[0].label == second.guesses[0].label
            apart = max(apart, *(abs(fast[label] - exact[label]) for label in exact))
            for label, probability in zip(subject.learn.dls.vocab, theirs.tolist(), strict=True):
                from_fastai = max(from_fastai, abs(exact[label] - probability))
    print(
        f"{subject.name}, {count} photos of {MEGAPIXELS[0]:g} to {MEGAPIXELS[-1]:g} MP: fast and exact "
        f"differ by at most {apart:.4f}: {reached(apart <= CLOSE)}; same label {same / count:.1%}: "
        f"{reached(same / count >= SAME)}; exact and learn.predict differ by at most {from_fastai:.1e}\n",
        flush=True,
    )


def _by_label(verdict: Verdict) -> dict[str, float]:
    return {guess.label: guess.probability for guess in verdict.guesses}


async def _throughput(
    classifier: LocalClassifier, subject: Any, photo: Callable[[float, int], bytes], *, quick: bool
) -> None:
    """With 16 at once, and the runtime alone with batches of 16, in turns."""
    photos = [photo(0.3, seed) for seed in range(AT_ONCE)]
    served, alone = [], []
    async with forward("cpu", subject, AT_ONCE) as run:
        for _ in range(1 if quick else 5):
            alone.append(await run(3))
            rate, _ = await load(classifier, subject.ref, photos, AT_ONCE, 0.5 if quick else 8)
            served.append(rate)
            alone.append(await run(3))
    share = median(served) / median(alone)
    print(
        f"{subject.name}, photos of 0.3 MP, {AT_ONCE} at once: {median(served):.1f} a second; the same "
        f"runtime alone, batches of {AT_ONCE}: {median(alone):.1f}; at least {THROUGHPUT:g} of it: "
        f"{share:.2f}: {reached(share >= THROUGHPUT)}",
        flush=True,
    )


async def load(
    classifier: LocalClassifier, ref: Any, photos: list[bytes], at_once: int, seconds: float
) -> tuple[float, list[float]]:
    """Images a second, and each answer's seconds, with so many askers that ask again at once."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def ask(number: int) -> None:
        while (began := time.perf_counter()) < end:
            try:
                await classifier.classify(photos[number % len(photos)], ref)
            except ClassifierBusy:
                await asyncio.sleep(0.05)
                continue
            taken.append(time.perf_counter() - began)
            number += at_once

    began = time.perf_counter()
    await asyncio.gather(*(ask(number) for number in range(at_once)))
    return len(taken) / (time.perf_counter() - began), taken


@asynccontextmanager
async def forward(device: str, subject: Any, batch: int) -> AsyncIterator[Callable[[int], Awaitable[float]]]:
    """Runs so many batches of ready pictures in a process of its own; gives images a second."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.forward", device),
        *(str(subject.folder), subject.ref.digest, str(batch)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def run(rounds: int) -> float:
        stdin.write(f"{rounds}\n".encode())
        await stdin.drain()
        return float(await stdout.readline())

    try:
        assert await stdout.readline() == b"ready\n"
        yield run
    finally:
        stdin.close()
        await process.wait()


def _installed() -> None:
    """What `pip install cohort-bot[classify]` brings, by the files of what is installed here."""
    names = _closure("cohort-bot", {"classify"})
    sizes = {name: _size(name) for name in names}
    total = sum(sizes.values())
    largest = sorted(sizes, key=lambda name: -sizes[name])[:4]
    print(
        f"\nA bot that classifies on a processor: {len(names)} packages, {total / 1e6:.0f} MB ("
        + ", ".join(f"{name} {sizes[name] / 1e6:.0f}" for name in largest)
        + f"); under {INSTALLED / 1e6:.0f} MB: {reached(total < INSTALLED)}",
        flush=True,
    )


def _closure(name: str, extras: set[str]) -> set[str]:
    found: dict[str, set[str]] = {}
    waiting = [(name, extras)]
    while waiting:
        package, wanted = waiting.pop()
        package = package.lower().replace("_", "-")
        if package in found and wanted <= found[package]:
            continue
        found.setdefault(package, set()).update(wanted)
        try:
            requires = distribution(package).requires or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, requires):
            for extra in wanted | {""}:
                if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                    waiting.append((requirement.name, set(requirement.extras)))
    return set(found)


def _size(name: str) -> int:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return 0
    return sum(
        Path(str(file.locate())).stat().st_size for file in files if Path(str(file.locate())).is_file()
    )


def reached(reached: bool) -> str:
    return "reached" if reached else "missed"
