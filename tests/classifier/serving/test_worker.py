"""The real worker, with a real model: from a file's bytes to a verdict, without torch and within bounds."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.classifier.protocol import ModelRef, Readiness, Verdict
from bot.classifier.serving import bounds, devices, frames
from bot.classifier.serving.answering import ModelAnswering
from bot.classifier.serving.local import LocalClassifier
from bot.classifier.serving.runtime_onnx import OnnxRuntime
from bot.classifier.store import ModelStore
from bot.errors import ClassifierOff, ImageRefused, ModelDamaged
from tests.classifier.serving import bundles
from tests.classifier.serving.test_answering import jpeg, shares
from tests.classifier.serving.test_local import PATIENCE, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX's")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelStore, ModelRef, ModelRef]:
    """A store with one good model and one that lost a byte."""
    folder = tmp_path_factory.mktemp("served")
    good, _ = bundles.write(folder, bundles.manifest("good"))
    bad, path = bundles.write(folder, bundles.manifest("bad"), seed=1)
    (path / "model.onnx").write_bytes((path / "model.onnx").read_bytes()[:-1])
    return ModelStore(folder, shipped=folder / "none"), good, bad


@pytest.fixture
async def classifier(models: tuple[ModelStore, ModelRef, ModelRef]) -> AsyncIterator[LocalClassifier]:
    async with asyncio.timeout(PATIENCE):
        classifier = LocalClassifier(models[0], device="cpu")
        await classifier.start()
        await until(classifier, Readiness.READY)
        try:
            yield classifier
        finally:
            await classifier.close()


async def test_from_bytes_to_a_verdict(
    classifier: LocalClassifier, models: tuple[ModelStore, ModelRef, ModelRef]
) -> None:
    store, good, bad = models
    pictures = [jpeg(seed, (400, 300)) for seed in range(12)]
    found = await asyncio.gather(
        *(classifier.classify(picture, good, exact=True) for picture in pictures),
        classifier.classify(pictures[0], bad),
        classifier.classify(b"GIF89a and nothing else", good),
        return_exceptions=True,
    )
    refused, damaged = found.pop(), found.pop()
    assert isinstance(refused, ImageRefused)
    assert isinstance(damaged, ModelDamaged)
    assert "model.onnx" in damaged.part

    answering = ModelAnswering(OnnxRuntime(threads=1))
    model = answering.open(good, store.path(good.digest))
    expected = answering.judge(model, [answering.prepare(model, each, exact=True) for each in pictures])
    for one, two in zip(shares(found), shares(list(expected)), strict=True):
        assert one == pytest.approx(two, abs=1e-5)

    status = classifier.status()
    assert status.loaded == ("good",)
    assert status.device.startswith("cpu, onnxruntime")
    assert status.restarts == 0


async def test_photos_and_explanations_come_back(
    classifier: LocalClassifier, models: tuple[ModelStore, ModelRef, ModelRef]
) -> None:
    _, good, _ = models
    verdict = await classifier.classify(jpeg(1, (1600, 1200)), good, photo=True)
    assert isinstance(verdict, Verdict)
    assert verdict.photo is not None
    assert verdict.photo.ending == "jpg"
    assert verdict.photo.data[:3] == b"\xff\xd8\xff"
    picture = await classifier.explain(jpeg(1, (1600, 1200)), good)
    assert picture.data[:3] == b"\xff\xd8\xff"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what another process has mapped")
async def test_it_keeps_to_its_place(
    classifier: LocalClassifier, models: tuple[ModelStore, ModelRef, ModelRef]
) -> None:
    pid = classifier.pid
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    verdict = await classifier.classify(jpeg(1), models[1])
    assert verdict.guesses
    assert classifier.pid == pid, "these are the bot's"
    mapped = Path(f"/proc/{pid}/maps").read_text()  # noqa: ASYNC240 (of memory)
    assert "onnxruntime" in mapped
    assert "libtorch" not in mapped
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)


async def test_it_ends_with_the_bot(models: tuple[ModelStore, ModelRef, ModelRef]) -> None:
    """Also when the bot is killed and can end nothing itself."""
    said = """if True:
        import asyncio, os, pathlib, signal, sys
        from bot.classifier.serving.local import LocalClassifier
        from bot.classifier.store import ModelStore
        async def main():
            classifier = LocalClassifier(ModelStore(pathlib.Path("nowhere")), device="cpu")
            await classifier.start()
            while classifier.status().readiness != "ready":
                await asyncio.sleep(0.01)
            print(classifier.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    bot = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", said], capture_output=True, env=environment, timeout=PATIENCE
    )
    pid = int(bot.stdout)
    async with asyncio.timeout(PATIENCE):
        while _lives(pid):  # noqa: ASYNC110 (nobody tells of a process that is not our own)
            await asyncio.sleep(0.02)


def _lives(pid: int) -> bool:
    """A process that ended may wait for somebody to take notice of it."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_without_onnxruntime_the_device_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bot.classifier.serving.runtime_onnx", None)
    with pytest.raises(ClassifierOff) as off:
        devices.open_device("cpu")
    assert "extra `classify`" in off.value.text


@pytest.mark.skipif(devices.cards() > 0, reason="there is a card")
def test_without_a_card_cuda_says_so() -> None:
    with pytest.raises(ClassifierOff) as off:
        devices.open_device("cuda:3")
    assert off.value.text == "COHORT_CLASSIFIER_DEVICE is cuda:3, but torch finds no CUDA card here."


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_beyond_the_limit_is_an_error_and_not_the_end() -> None:
    said = """if True:
        from bot.classifier.serving import bounds
        bounds.limit_memory(200 * bounds.MIB)
        try:
            bytearray(400 * bounds.MIB)
        except MemoryError:
            print(len(bytearray(50 * bounds.MIB)) // bounds.MIB)
    """
    assert _output(said) == (0, "50\n")


def test_where_the_kernel_does_not_count_the_worker_does_it_itself() -> None:
    said = """if True:
        import time
        from bot.classifier.serving import bounds
        bounds.limit_memory(200 * bounds.MIB, with_card=True)
        time.sleep(0.5)
        print("small", flush=True)
        held = bytearray(b"x") * (400 * bounds.MIB)
        time.sleep(30)
    """
    assert _output(said) == (frames.TOO_MUCH_MEMORY, "small\n")


def _output(program: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout


def test_a_container_may_have_fewer_cores_than_its_machine(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    everything = bounds.cores(tmp_path / "none")
    assert everything >= 1
    quota.write_text("max 100000\n")
    assert bounds.cores(quota) == everything
    quota.write_text("50000 100000\n")
    assert bounds.cores(quota) == 1
    quota.write_text("9900000 100000\n")
    assert bounds.cores(quota) == everything
