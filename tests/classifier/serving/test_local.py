"""The bot's side of the worker: batches, deaths, floods; the real loop, with a model that costs nothing."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.classifier.protocol import Doubt, ModelRef, Picture, Readiness
from bot.classifier.serving import process, wire
from bot.classifier.serving.local import LocalClassifier
from bot.errors import (
    ClassifierBusy,
    ClassifierLost,
    ClassifierOff,
    ClassifierWarmingUp,
    ImageFault,
    ImageRefused,
    ModelDamaged,
    ModelMissing,
)
from tests.benchmarks.kills import kill_under_load
from tests.classifier.serving import odd_worker

MINE = ModelRef(name="mine", digest="1" * 64)
YOURS = ModelRef(name="yours", digest="2" * 64)
NOWHERE = ModelRef(name="nowhere", digest="3" * 64)
GONE = ModelRef(name="gone", digest="4" * 64)
DAMAGED = ModelRef(name="damaged", digest="5" * 64)
# Long enough for a machine that does other things as well.
PATIENCE = 60


class Store:
    """One folder for every model but two: one that nobody ever had, and one that went meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str, *, name: str = "") -> Path:
        if digest == NOWHERE.digest:
            raise ModelMissing(name, digest)
        return self._folder / "gone" if digest == GONE.digest else self._folder


Opened = Callable[..., Awaitable[LocalClassifier]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    """A classifier with the odd worker, ready; closed afterwards."""
    async with opener(tmp_path) as start:
        yield start


@asynccontextmanager
async def opener(folder: Path) -> AsyncIterator[Opened]:
    classifiers: list[LocalClassifier] = []

    async def start(*, ready: bool = True, **options: object) -> LocalClassifier:
        options.setdefault("command", odd_worker.COMMAND)
        classifier = LocalClassifier(Store(folder), **options)  # type: ignore[arg-type]
        classifiers.append(classifier)
        await classifier.start()
        if ready:
            await until(classifier, Readiness.READY)
        return classifier

    async with asyncio.timeout(PATIENCE):
        try:
            yield start
        finally:
            for classifier in classifiers:
                await classifier.close()


async def until(classifier: LocalClassifier, readiness: Readiness) -> None:
    while classifier.status().readiness is not readiness:  # noqa: ASYNC110 (nothing in the bot waits for it)
        await asyncio.sleep(0.01)


async def best(classifier: LocalClassifier, image: bytes, model: ModelRef = MINE) -> str:
    return (await classifier.classify(image, model)).guesses[0].label


async def test_a_verdict_comes_back_whole(opened: Opened) -> None:
    classifier = await opened()
    verdict = await classifier.classify(b"left", MINE)
    assert [guess.label for guess in verdict.guesses] == [
        "left",
        *(x for x in odd_worker.LABELS if x != "left"),
    ]
    assert verdict.guesses[0].probability == 0.9
    assert verdict.doubt is None
    assert verdict.photo is None

    wished = await classifier.classify(b"left", MINE, exact=True, photo=True)
    assert wished.doubt is Doubt.UNDECIDED, "the odd worker's answer to an exact question"
    assert wished.photo == Picture(data=b"left", ending="png")
    assert await classifier.explain(b"left", MINE, label="b") == Picture(data=b"b on left", ending="png")


async def test_everybody_gets_their_own_answer(opened: Opened) -> None:
    classifier = await opened(queue=500)
    images = [label.encode() for label in odd_worker.LABELS] * 40
    found = await asyncio.gather(*(best(classifier, image) for image in images))
    assert [label.encode() for label in found] == images
    assert classifier.status().waiting == 0


async def test_large_pictures_arrive_unharmed(opened: Opened) -> None:
    classifier = await opened()
    images = [os.urandom(5 * 2**20) for _ in range(10)]
    photos = await asyncio.gather(*(classifier.classify(image, MINE, photo=True) for image in images))
    assert [verdict.photo.data for verdict in photos if verdict.photo] == [image[:20] for image in images]


async def test_two_models_are_answered_side_by_side(opened: Opened) -> None:
    classifier = await opened()
    asked = [(label.encode(), model) for label in odd_worker.LABELS for model in (MINE, YOURS)]
    found = await asyncio.gather(*(best(classifier, *each) for each in asked))
    assert [label.encode() for label in found] == [image for image, _ in asked]
    assert set(classifier.status().loaded) == {"mine", "yours"}


async def test_refusals_are_for_their_own_pictures_only(opened: Opened) -> None:
    classifier = await opened()
    found = await asyncio.gather(
        best(classifier, b"left"),
        best(classifier, b"refuse"),
        best(classifier, b"left", DAMAGED),
        best(classifier, b"left", NOWHERE),
        best(classifier, b"left", GONE),
        best(classifier, b"right", YOURS),
        return_exceptions=True,
    )
    assert found == [
        "left",
        ImageRefused(ImageFault.DAMAGED),
        ModelDamaged("damaged", DAMAGED.digest, "model.onnx"),
        ModelMissing("nowhere", NOWHERE.digest),
        ModelMissing("gone", GONE.digest),
        "right",
    ]
    assert classifier.status().restarts == 0


async def test_nothing_and_too_much_never_reach_the_worker(opened: Opened) -> None:
    classifier = await opened()
    with pytest.raises(ImageRefused) as refused:
        await classifier.classify(b"", MINE)
    assert refused.value.fault is ImageFault.EMPTY
    with pytest.raises(ImageRefused) as refused:
        await classifier.explain(bytes(wire.MOST_BYTES + 1), MINE)
    assert refused.value == ImageRefused(ImageFault.TOO_MANY_BYTES, limit=wire.MOST_BYTES)


async def test_a_full_queue_says_busy_at_once_and_serves_the_rest(opened: Opened) -> None:
    classifier = await opened(queue=20)
    asked = [asyncio.create_task(classifier.classify(b"slow 50", MINE)) for _ in range(60)]
    await asyncio.sleep(0)
    told = [task for task in asked if task.done()]
    assert len(told) == 40
    for task in told:
        error = task.exception()
        assert isinstance(error, ClassifierBusy)
        assert error.seconds >= 1
    served = await asyncio.gather(*(task for task in asked if task not in told))
    assert len(served) == 20


async def test_before_it_is_ready_it_says_warming_up(opened: Opened) -> None:
    classifier = await opened(ready=False)
    assert classifier.status().readiness is Readiness.WARMING_UP
    with pytest.raises(ClassifierWarmingUp):
        await classifier.classify(b"left", MINE)
    await until(classifier, Readiness.READY)
    assert await best(classifier, b"left") == "left"


async def test_one_poisonous_picture_takes_nobody_with_it(opened: Opened) -> None:
    classifier = await opened()
    images = [b"left"] * 10 + [b"die"] + [b"right"] * 10
    found = await asyncio.gather(*(best(classifier, image) for image in images), return_exceptions=True)
    assert found == ["left"] * 10 + [ClassifierLost()] + ["right"] * 10
    assert classifier.status().restarts == 2
    assert await best(classifier, b"left") == "left"


async def test_a_worker_that_sticks_is_replaced(opened: Opened) -> None:
    classifier = await opened(batch_at_most=0.6)
    found = await asyncio.gather(
        best(classifier, b"stick"), *(best(classifier, b"left") for _ in range(5)), return_exceptions=True
    )
    assert found == [ClassifierLost(), *["left"] * 5]
    assert classifier.status().restarts == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
async def test_a_suspended_worker_is_replaced(opened: Opened) -> None:
    classifier = await opened(batch_at_most=0.6)
    assert classifier.pid is not None
    os.kill(classifier.pid, signal.SIGSTOP)
    assert await best(classifier, b"left") == "left"
    assert classifier.status().restarts == 1


async def test_nobody_waits_longer_than_was_promised(opened: Opened) -> None:
    classifier = await opened(longest=0.6)
    found = await asyncio.gather(*(best(classifier, b"stick") for _ in range(5)), return_exceptions=True)
    assert found == [ClassifierLost()] * 5


async def test_twenty_kills_under_load_leave_nobody_without_an_answer(opened: Opened) -> None:
    classifier = await opened()
    found = await kill_under_load(classifier, MINE, [b"left", b"right", b"slow 3"], kills=20)
    assert found.kills == 20
    assert found.unanswered == 0
    assert sum(found.answers.values()) == found.asked
    assert set(found.answers) <= {"Verdict", "ClassifierLost"}
    assert found.answers["Verdict"] > 100
    assert classifier.status().waiting == 0


async def test_closing_tells_everybody_who_waits(opened: Opened) -> None:
    classifier = await opened()
    pid = classifier.pid
    asked = [asyncio.create_task(classifier.classify(b"slow 30000", MINE)) for _ in range(20)]
    await asyncio.sleep(0.1)
    await classifier.close()
    assert await asyncio.gather(*asked, return_exceptions=True) == [ClassifierLost()] * 20
    with pytest.raises(ClassifierOff):
        await classifier.classify(b"left", MINE)
    await classifier.close()
    assert pid is not None
    assert classifier.pid is None, "the process is gone, and was waited for"


async def test_closing_while_it_starts_leaves_no_process(opened: Opened) -> None:
    classifier = await opened(ready=False)
    await classifier.close()
    assert classifier.pid is None


async def test_who_gives_up_waiting_disturbs_nobody(opened: Opened) -> None:
    classifier = await opened()
    impatient = [asyncio.create_task(classifier.classify(b"slow 20", MINE)) for _ in range(10)]
    patient = [asyncio.create_task(best(classifier, b"right")) for _ in range(10)]
    await asyncio.sleep(0.01)
    for task in impatient:
        task.cancel()
    assert await asyncio.gather(*patient) == ["right"] * 10
    assert classifier.status().restarts == 0


async def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(process.NEEDED, "no_such_module", "no-such-package")
    classifier = LocalClassifier(Store(tmp_path))
    await classifier.start()
    assert classifier.status().readiness is Readiness.OFF
    with pytest.raises(ClassifierOff) as off:
        await classifier.classify(b"left", MINE)
    assert "no-such-package" in off.value.text
    await classifier.close()


async def test_a_worker_that_cannot_be_used_says_why(opened: Opened) -> None:
    said = "from bot.classifier.serving import worker; from bot.errors import ClassifierOff; import sys\n"
    said += "def off(device): raise ClassifierOff(f'There is no {device}.')\n"
    said += "worker.serve(*sys.argv[1:], off)"
    classifier = await opened(ready=False, command=[sys.executable, "-P", "-c", said], device="cuda:7")
    await until(classifier, Readiness.OFF)
    with pytest.raises(ClassifierOff) as off:
        await classifier.classify(b"left", MINE)
    assert off.value.text == "There is no cuda:7."


async def test_a_worker_that_never_starts_counts_as_failed(opened: Opened) -> None:
    classifier = await opened(ready=False, command=[sys.executable, "-P", "-c", "raise SystemExit(3)"])
    await until(classifier, Readiness.FAILED)
    assert "its status was 3" in classifier.status().text
    with pytest.raises(ClassifierOff):
        await classifier.classify(b"left", MINE)


async def test_a_program_that_is_not_there_counts_as_failed(opened: Opened) -> None:
    classifier = await opened(ready=False, command=["/nowhere/python"])
    await until(classifier, Readiness.FAILED)
    assert "could not be started" in classifier.status().text


@pytest.mark.parametrize(
    "nonsense",
    [
        r"b'\xff' * 64",
        r"frames.pack({'kind': 'answers', 'batch': 9, 'loading': 0, 'loaded': [], 'answers': []})",
        r"frames.pack({'kind': 'answers', 'batch': 1, 'loading': 0, 'loaded': [], 'answers': [[[], 0, 0]]})",
        r"frames.pack({'kind': 'answers', 'batch': 1})",
        r"frames.pack({'kind': 'verse'})",
        r"frames.pack({})",
    ],
)
async def test_a_mad_worker_is_replaced_and_believed_nothing(opened: Opened, nonsense: str) -> None:
    said = "from bot.classifier.serving import frames; import sys\n"
    said += "out = sys.stdout.buffer\n"
    said += "out.write(frames.pack({'kind': 'hello', 'device': 'mad'})); out.flush()\n"
    said += f"frames.read(sys.stdin.buffer); out.write({nonsense}); out.flush(); sys.stdin.read()"
    classifier = await opened(command=[sys.executable, "-P", "-c", said])
    with pytest.raises(ClassifierLost):
        await classifier.classify(b"left", MINE)
    assert classifier.status().restarts == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows another process's environment")
async def test_the_worker_is_given_no_secret(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "secret")
    monkeypatch.setenv("COHORT_DATABASE_URL", "postgresql://somebody:secret@nowhere/cohort")
    classifier = await opened()
    given = Path(f"/proc/{classifier.pid}/environ").read_bytes()  # noqa: ASYNC240 (of memory)
    assert b"PYTHONPATH" in given
    assert b"secret" not in given
