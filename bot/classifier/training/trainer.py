"""Has models trained, each in a process of its own that can be cancelled and may fail without harm."""

import contextlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from bot.classifier.protocol import ModelRef
from bot.classifier.reading import check_bundle, read_manifest
from bot.classifier.store import ModelStore
from bot.classifier.training.jobs import (
    Assignment,
    Mistake,
    NoMessage,
    Progress,
    Report,
    Stage,
    TrainedModel,
    TrainingJob,
    parse_line,
)
from bot.errors import StudyError, TrainingBusy, TrainingFailed, TrainingOff

__all__ = [
    "Mistake",
    "Progress",
    "Report",
    "Stage",
    "TrainedModel",
    "Trainer",
    "TrainingJob",
    "TrainingStopped",
]

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-X", "utf8", "-m", "bot.classifier.training.job")
# A training that says nothing for so long is stuck: a batch of the largest model takes seconds.
SILENT_AT_MOST = 600.0
#: More than a worker of the classifier has: answers come before trainings.
NICENESS = 15
NEEDED = {
    "fastai": "fastai",
    "numpy": "numpy",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "PIL": "pillow",
    "safetensors": "safetensors",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
}
# What Python, its libraries, a graphics driver and a download need; the bot's token is not among it.
_PASSED_ON = (
    "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "HOME", "USERPROFILE", "LANG", "LC_ALL", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUDA_PATH", "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES", "OMP_NUM_THREADS", "PYTHONDONTWRITEBYTECODE", "TORCH_HOME",
    "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
# Threads sleep while they wait for each other: beside a busy bot, spinning took ten times as long.
_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
_ENDING = 3.0
_LAST_WORDS = 4096

if sys.platform == "win32":
    _FLAGS = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
else:
    _FLAGS = 0


class TrainingStopped(Exception):
    """It was cancelled."""


class Trainer:
    """One training at a time. `backbones` is where weights to begin with are looked for and kept.

    Its methods may be called from any thread; `run` blocks, so give it one of its own.
    """

    def __init__(
        self,
        store: ModelStore,
        *,
        backbones: Path | None = None,
        device: str = "auto",
        command: Sequence[str] = COMMAND,
        silent_at_most: float = SILENT_AT_MOST,
        niceness: int = NICENESS,
    ) -> None:
        self._store = store
        self._backbones = backbones
        self._device = device
        self._command = tuple(command)
        self._silent_at_most = silent_at_most
        self._niceness = niceness
        self._busy = threading.Lock()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def available(self) -> str | None:
        """None when models can be trained here, else one sentence on what the operator would do."""
        lacking = [name for module, name in NEEDED.items() if importlib.util.find_spec(module) is None]
        if not lacking:
            return None
        return f"Training needs {', '.join(lacking)}. Install it with: uv pip install -e '.[train]'"

    @property
    def is_busy(self) -> bool:
        return self._busy.locked()

    def run(self, job: TrainingJob, on_progress: Callable[[Progress], None]) -> TrainedModel:
        """Train, and put the model into the store. `on_progress` is called in this thread.

        Raises TrainingStopped after `cancel`, and TrainingOff, TrainingBusy, BadTrainingSet, NoBackbone,
        ModelMissing and ModelDamaged (of the base), and TrainingFailed.
        """
        if (missing := self.available()) is not None:
            raise TrainingOff(text=missing)
        with self._lock:
            if not self._busy.acquire(blocking=False):
                raise TrainingBusy
            self._stopped = False
        try:
            # Not everything in there may go at once on Windows, where an ending process holds its files.
            with tempfile.TemporaryDirectory(prefix="cohort-training-", ignore_cleanup_errors=True) as work:
                return self._run(job, Path(work), on_progress)
        finally:
            self._busy.release()

    def cancel(self) -> None:
        """End the training that runs, if one does; returns at once."""
        with self._lock:
            if self._busy.locked():
                self._stopped = True
            if self._process is not None:
                self._process.kill()

    def _run(self, job: TrainingJob, work: Path, on_progress: Callable[[Progress], None]) -> TrainedModel:
        if job.out is not None and job.out.exists() and any(job.out.iterdir()):
            raise TrainingFailed(text=f"{job.out} is not empty. Name a new folder.")
        assignment = self._assignment(job, work)
        said = self._talk(assignment, work, on_progress)
        if isinstance(said, StudyError):
            raise said
        bundle = Path(assignment.out)
        digest = self._store.add(bundle)
        if job.out is not None:
            keep(bundle, job.out)
        return TrainedModel(digest=digest, manifest=self._store.manifest(digest), report=said)

    def _assignment(self, job: TrainingJob, work: Path) -> Assignment:
        base, digest = None, None
        if isinstance(job.base, ModelRef):
            base, digest = self._store.path(job.base.digest, name=job.base.name), job.base.digest
        elif job.base is not None:
            base = job.base
        if base is not None:
            _, digest = read_manifest(base, digest=digest or "")
        return Assignment(
            name=job.name,
            images=str(job.images),
            epochs=job.epochs,
            base=str(base) if base is not None else None,
            base_digest=digest,
            architecture=job.architecture,
            source=job.source,
            licence=job.licence,
            seed=job.seed,
            network=job.network,
            device=self._device,
            niceness=self._niceness,
            work=str(work / "images"),
            out=str(work / "bundle"),
            backbones=str(self._backbones) if self._backbones is not None else None,
            digits=next(
                (str(self._store.path(ref.digest)) for ref in self._store.shipped() if ref.name == "digits"),
                None,
            ),
        )

    def _talk(
        self, assignment: Assignment, work: Path, on_progress: Callable[[Progress], None]
    ) -> Report | StudyError:
        """What came of it, in the end."""
        log = work / "said.txt"
        with log.open("wb") as errors:
            process = self._start(errors)
        heard = Heard(process, self._silent_at_most)
        outcome: Report | StudyError | None = None
        try:
            with contextlib.suppress(OSError):  # it died at once: what it said tells why
                requests = cast(IO[bytes], process.stdin)
                requests.write(assignment.to_line())
                requests.flush()
            for line in cast(IO[bytes], process.stdout):
                heard.something()
                said = parse_line(line)
                if isinstance(said, Progress):
                    on_progress(said)
                else:
                    outcome = said
        except NoMessage as error:
            outcome = TrainingFailed(text=f"its process said what makes no sense: {error}")
        finally:
            heard.end()
            self._end(process)
        if self._stopped:
            raise TrainingStopped
        if outcome is None or (isinstance(outcome, Report) and process.returncode != 0):
            return TrainingFailed(text=heard.why or last_words(log, process.returncode))
        return outcome

    def _start(self, errors: IO[bytes]) -> subprocess.Popen[bytes]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        found = os.pathsep.join(path for path in sys.path if path)
        with self._lock:
            if self._stopped:
                raise TrainingStopped
            try:
                self._process = subprocess.Popen(  # noqa: S603 (this interpreter, our own module)
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**passed_on, **_THREADS, "PYTHONPATH": found},
                    creationflags=_FLAGS,
                )
            except OSError as error:
                raise TrainingFailed(text=f"it could not be started: {error.strerror or error}") from None
            return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            cast(IO[bytes], process.stdin).close()
        try:
            process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with self._lock:
            self._process = None
        cast(IO[bytes], process.stdout).close()


class Heard:
    """Kills a process that says nothing for too long; `why` is what to say of it then."""

    def __init__(self, process: subprocess.Popen[bytes], silent_at_most: float) -> None:
        self.why: str | None = None
        self._process = process
        self._silent_at_most = silent_at_most
        self._last = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="training-clock", daemon=True)
        self._thread.start()

    def something(self) -> None:
        self._last = time.monotonic()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(min(self._silent_at_most, 1.0)):
            if time.monotonic() - self._last > self._silent_at_most:
                self.why = f"it said nothing for {self._silent_at_most:.0f} seconds"
                self._process.kill()
                return


def keep(bundle: Path, out: Path) -> None:
    """Copy a bundle to a folder that is not there yet, or is empty."""
    shutil.copytree(bundle, out, dirs_exist_ok=True)
    _, digest = read_manifest(bundle)
    check_bundle(out, digest, out.name)


def last_words(log: Path, status: int) -> str:
    """The last line of what a process said, and else how it ended."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LAST_WORDS))
        lines = file.read().decode(errors="replace").strip().splitlines()
    if lines:
        logger.warning("a training's process ended with status %d: %s", status, "\n".join(lines))
    if status < 0 or not lines:
        return f"it was killed by signal {-status}" if status < 0 else f"its status was {status}"
    return lines[-1][:300]
