"""One worker process: started, watched, killed when it sticks, and started again when it died.

Two threads, which hand what happens to the event loop. One starts the process and reads what it says, for a
pipe cannot be awaited everywhere (Windows). The other is the clock, because a loop's own timers stop with the
loop, and because a simulated Discord would wait for them.
"""

import asyncio
import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, cast

from bot.classifier.serving import answers, frames
from bot.classifier.serving.answers import Answers

if sys.platform == "win32":
    _FLAGS = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
else:
    _FLAGS = 0

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-X", "utf8", "-m", "bot.classifier.serving.worker")
# Seconds: for a batch, reading its model included, and until a new process is ready (torch takes long).
BATCH_AT_MOST = 20.0
START_AT_MOST = 120.0
# Starts in a row that may fail before the classifier counts as failed; it goes on trying.
STARTS = 3
LONGEST_PAUSE, READY_PAUSE = 30.0, 1.0
TICK = 0.25
_QUIET_TICKS = 8
_FIRST_PAUSE = 0.25
_ENDING = 3.0

# What Python, its libraries and a graphics driver need, where it is set; the bot's token is not among it.
_PASSED_ON = (
    "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "HOME", "USERPROFILE", "LANG", "LC_ALL", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUDA_PATH", "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES", "OMP_NUM_THREADS", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS",
)  # fmt: skip
# OpenBLAS's threads go on spinning after numpy's smallest product, on the cores that the model then lacks: a
# resnet34 took twice the processor time. And glibc gives large blocks back only while it maps each by itself,
# which it stops after the first: a picture of 25 megapixels left 100 MiB, and the next one's came on top.
# These bounds are about where it begins and what it keeps otherwise, so that smaller pictures stay quick.
_SET = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(15 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
}
NEEDED = {"numpy": "numpy", "onnxruntime": "onnxruntime", "PIL": "pillow", "safetensors": "safetensors"}


def lacking() -> list[str]:
    """Packages that the worker cannot do without and that are not installed, by the names pip knows."""
    return [name for module, name in NEEDED.items() if importlib.util.find_spec(module) is None]


class Life:
    """One process, from its start to its end. What it has left: the seconds until it is killed, None while
    nothing is expected of it. Its lock guards what three threads touch.
    """

    def __init__(self, process: subprocess.Popen[bytes], batch_at_most: float) -> None:
        self.process = process
        self.ready = self.fruitful = False
        self.ended_for: str | None = None
        self._batch_at_most = batch_at_most
        self._lock = threading.Lock()
        self._flying: dict[int, int] = {}
        self._left: float | None = START_AT_MOST

    @property
    def is_expected(self) -> bool:
        return self._left is not None

    def send(self, message: frames.Message, questions: int) -> None:
        """Give it a batch of so many questions. That it is dead is learned from the listener."""
        with self._lock:
            if not self._flying:
                self._left = self._batch_at_most
            self._flying[message["batch"]] = questions
        # A pipe holds far more than the few messages that may be on their way: this does not wait.
        with contextlib.suppress(OSError, ValueError):
            requests = cast(IO[bytes], self.process.stdin)
            requests.write(frames.pack(message))
            requests.flush()

    def greeted(self) -> None:
        with self._lock:
            self.ready, self._left = True, None

    def answered(self, said: Answers) -> None:
        """Raises NoSense when that was not asked."""
        with self._lock:
            if self._flying.pop(said.batch, None) != len(said.answers):
                raise frames.NoSense("an answer to what was not asked")
            self.fruitful = True
            self._left = self._batch_at_most if self._flying else None

    def pass_time(self, seconds: float) -> None:
        """A process that answers nothing for too long is killed. Time is counted in the clock's own steps, so
        that a bot that was itself suspended blames nobody.
        """
        with self._lock:
            if self._left is None:
                return
            self._left -= seconds
            if self._left > 0:
                return
            self._left = None
        self.ended_for = "it took too long"
        self.process.kill()


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Whom to tell, in the event loop.

    `ready`: a process is, and this is what it says of itself. `answered`: to a batch. `died`: why, and
    whether it fails to start again and again. `off`: why none will ever start. `tick`: some time passed in
    which somebody may be waiting.
    """

    ready: Callable[[Life, frames.Message], None]
    answered: Callable[[Answers], None]
    died: Callable[[str, bool], None]
    off: Callable[[str], None]
    tick: Callable[[], None]


class WorkerProcess:
    """`start` belongs to the event loop; `end` waits, in a thread of the caller's."""

    def __init__(
        self,
        command: Sequence[str],
        memory: frames.SharedMemory,
        listener: Listener,
        *,
        batch_at_most: float = BATCH_AT_MOST,
    ) -> None:
        self._command = [*command, memory.address]
        self._memory = memory
        self._listener = listener
        self._batch_at_most = batch_at_most
        self._loop: asyncio.AbstractEventLoop | None = None
        self._life: Life | None = None
        self._awake = threading.Event()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._threads = (
            threading.Thread(target=self._run, name="classifier", daemon=True),
            threading.Thread(target=self._watch, name="classifier-clock", daemon=True),
        )

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        life = self._life
        return None if life is None else life.process.pid

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Somebody waits: the clock must run."""
        if not self._awake.is_set():
            self._awake.set()

    def end(self) -> None:
        """End the process and the threads, and wait for them."""
        with self._starting:
            self._closing.set()
            life = self._life
        self._awake.set()
        if life is not None:
            with contextlib.suppress(OSError, ValueError):
                cast(IO[bytes], life.process.stdin).close()  # upon which it ends by itself
        if self._loop is None:
            return
        reader, clock = self._threads
        reader.join(_ENDING)
        if reader.is_alive() and life is not None:
            life.process.kill()
        reader.join()
        clock.join()

    def _run(self) -> None:
        failures = fruitless = 0
        while not self._closing.is_set():
            life, why, off = self._live()
            if self._closing.is_set():
                return
            if off:
                self._tell(self._listener.off, why)
                return
            failures = 0 if life and life.ready else failures + 1
            fruitless = 0 if life and life.fruitful else fruitless + 1
            log.warning("the classifier's worker ended: %s", why)
            self._tell(self._listener.died, why, failures >= STARTS)
            if fruitless > 1:
                # One that starts is worth another try soon: members wait, and a picture may have killed it.
                longest = LONGEST_PAUSE if failures else READY_PAUSE
                self._closing.wait(min(_FIRST_PAUSE * 2 ** min(fruitless - 2, 20), longest))

    def _live(self) -> tuple[Life | None, str, bool]:
        """A process's life; why it ended, and whether another one would end likewise."""
        try:
            with self._starting:
                if self._closing.is_set():
                    return None, "", False
                life = self._life = Life(self._started(), self._batch_at_most)
        except OSError as error:
            return None, f"it could not be started: {error.strerror or error}", False
        self.wake()
        try:
            off = self._listen(life)
        except (frames.NoSense, OSError, ValueError, TypeError, KeyError) as error:
            life.ended_for = life.ended_for or f"it said what makes no sense: {error}"
            off = None
        finally:
            self._life = None
            life.process.kill()
            life.process.wait()
            for pipe in (life.process.stdin, life.process.stdout):
                with contextlib.suppress(OSError, ValueError):
                    cast(IO[bytes], pipe).close()
        if off is not None:
            return life, off, True
        return life, life.ended_for or _ending(life.process.returncode), False

    def _started(self) -> subprocess.Popen[bytes]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # It finds what this process found, from wherever that was started.
        found = os.pathsep.join(path for path in sys.path if path)
        return subprocess.Popen(  # noqa: S603 (this interpreter, our own module)
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**passed_on, **_SET, "PYTHONPATH": found},
            pass_fds=self._memory.inherited,
            creationflags=_FLAGS,
        )

    def _listen(self, life: Life) -> str | None:
        stream = cast(IO[bytes], life.process.stdout)
        while frame := frames.read(stream):
            message, data = frame
            match message["kind"]:
                case "hello":
                    life.greeted()
                    self._tell(self._listener.ready, life, message)
                case "answers":
                    said = answers.unpack(message, data)
                    life.answered(said)
                    self._tell(self._listener.answered, said)
                case "off":
                    return str(message["text"])
                case other:
                    raise frames.NoSense(f"a message of the kind {other!r}")
        return None

    def _watch(self) -> None:
        quiet = 0
        while not self._closing.wait(TICK):
            life = self._life
            if life is not None:
                life.pass_time(TICK)
            if self._awake.is_set() or (life is not None and life.is_expected):
                self._awake.clear()
                quiet = 0
                self._tell(self._listener.tick)
            else:
                quiet += 1
            if quiet > _QUIET_TICKS:
                self._awake.wait()

    def _tell(self, whom: Callable[..., None], *what: object) -> None:
        assert self._loop is not None  # noqa: S101 (the threads begin after it is known)
        # Otherwise the loop is closed, and nobody is there to be told.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(whom, *what)


def _ending(status: int) -> str:
    if status == frames.TOO_MUCH_MEMORY:
        return "it took more memory than it may"
    return f"it was killed by signal {-status}" if status < 0 else f"its status was {status}"
