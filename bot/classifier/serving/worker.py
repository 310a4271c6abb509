"""The worker: takes batches of pictures, decodes them in threads while the model looks at the ones before.

Run by the bot as `python -m bot.classifier.serving.worker DEVICE ADDRESS`. Two stages, so that neither waits
for the other: this thread reads what is asked and hands the pictures to the decoders, another one gives what
they made to the model and writes the answers. Pillow, onnxruntime and torch let go of the interpreter's lock
while they work. An error that nobody expected ends the process: the bot starts another one, and asks it about
each picture again.
"""

import io
import itertools
import mmap
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from bot.classifier.protocol import ModelRef, Picture, Verdict
from bot.classifier.serving import answers, bounds, frames
from bot.classifier.serving.answers import Answer, Answers
from bot.errors import ClassifierOff, ImageFault, ImageRefused, StudyError

# Bytes of a batch that is prepared at once: handing so little to threads takes longer.
_LITTLE = 2**14
_FAILED = 70  # the exit status for an error of our own (EX_SOFTWARE)

ModelT = TypeVar("ModelT")
ShownT = TypeVar("ShownT")


class Answering(Protocol[ModelT, ShownT]):
    """What a worker does with pictures; `bot.classifier.serving.answering` is the real one.

    `open` is called by one thread, `judge` and `explain` by another one, `prepare` by several at once.
    """

    @property
    def device(self) -> str: ...

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the models in memory, the one used last at the end."""

    def open(self, ref: ModelRef, folder: Path) -> ModelT:
        """Raises ModelDamaged and ModelMissing."""

    def prepare(self, model: ModelT, image: bytes, *, exact: bool, photo: bool, keep: bool) -> ShownT:
        """`keep` is for what `explain` gets. Raises ImageRefused."""

    def judge(self, model: ModelT, shown: Sequence[ShownT]) -> Sequence[Verdict | StudyError]: ...

    def explain(self, model: ModelT, shown: ShownT, label: str | None) -> Picture: ...


Opener = Callable[[str], Answering[Any, Any]]


@dataclass
class _Batch:
    """`shown` holds for each picture what the model is to be shown, or why it is not."""

    number: int
    count: int
    model: Any = None
    refused: StudyError | None = None
    explain: bool = False
    label: str | None = None
    loading: float = 0.0
    jobs: list[Future[None]] = field(default_factory=list)
    shown: list[Any] = field(default_factory=list)


class Worker:
    """`decoders` is the number of threads that prepare pictures."""

    def __init__(
        self,
        answering: Answering[Any, Any],
        memory: mmap.mmap,
        requests: IO[bytes],
        replies: IO[bytes],
        *,
        decoders: int,
    ) -> None:
        self._answering = answering
        self._memory = memory
        self._requests = requests
        self._replies = replies
        self._decoders = decoders
        self._pool = ThreadPoolExecutor(max_workers=decoders, thread_name_prefix="decoder")
        self._batches: queue.SimpleQueue[_Batch] = queue.SimpleQueue()

    def run(self) -> None:
        """Until the bot is gone."""
        threading.Thread(target=self._answer_all, name="model", daemon=True).start()
        self._say({"kind": "hello", "device": self._answering.device})
        while frame := frames.read(self._requests):
            self._batches.put(self._accept(frame[0]))

    def _accept(self, message: frames.Message) -> _Batch:
        batch = _Batch(number=message["batch"], count=len(message["sizes"]))
        if "explain" in message:
            batch.explain, batch.label = True, message["explain"]
        began = time.perf_counter()
        try:
            ref = ModelRef(name=message["name"], digest=message["digest"])
            batch.model = self._answering.open(ref, Path(message["folder"]))
        except StudyError as error:
            batch.refused = error
            return batch
        batch.loading = time.perf_counter() - began
        batch.shown = [None] * batch.count
        places = list(itertools.accumulate(message["sizes"], initial=message["buffer"] * frames.BUFFER_BYTES))
        pictures = iter(list(zip(range(batch.count), places, places[1:], message["wishes"], strict=False)))
        if places[-1] - places[0] <= _LITTLE:
            self._prepare(batch, pictures)
        else:
            # They share one iterator, so that nobody has to know beforehand which picture takes long.
            jobs = range(min(self._decoders, batch.count))
            batch.jobs = [self._pool.submit(self._prepare, batch, pictures) for _ in jobs]
        return batch

    def _prepare(self, batch: _Batch, pictures: Iterator[tuple[int, int, int, int]]) -> None:
        for number, start, end, wishes in pictures:
            try:
                batch.shown[number] = self._answering.prepare(
                    batch.model,
                    self._memory[start:end],
                    exact=bool(wishes & frames.EXACT),
                    photo=bool(wishes & frames.PHOTO),
                    keep=batch.explain,
                )
            except StudyError as error:
                batch.shown[number] = error
            except MemoryError:
                batch.shown[number] = ImageRefused(ImageFault.TOO_MUCH_MEMORY)
            except Exception:
                # Whatever a decoder says of a file that somebody made up: the file is what is wrong.
                traceback.print_exc()
                batch.shown[number] = ImageRefused(ImageFault.DAMAGED)

    def _answer_all(self) -> None:
        try:
            while True:
                batch = self._batches.get()
                said = Answers(
                    batch=batch.number,
                    answers=self._answers(batch),
                    loading=batch.loading,
                    loaded=self._answering.loaded,
                )
                self._write(answers.pack(said))
        except BrokenPipeError:
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(_FAILED)

    def _answers(self, batch: _Batch) -> list[Answer]:
        if batch.refused is not None:
            return [batch.refused] * batch.count
        for job in batch.jobs:
            job.result()
        good = [shown for shown in batch.shown if not isinstance(shown, StudyError)]
        judged: Iterator[Answer] = iter(self._judged(batch, good) if good else ())
        return [shown if isinstance(shown, StudyError) else next(judged) for shown in batch.shown]

    def _judged(self, batch: _Batch, good: list[Any]) -> Sequence[Answer]:
        if not batch.explain:
            return self._answering.judge(batch.model, good)
        try:
            return [self._answering.explain(batch.model, shown, batch.label) for shown in good]
        except StudyError as error:
            return [error] * len(good)

    def _say(self, message: frames.Message) -> None:
        self._write(frames.pack(message))

    def _write(self, frame: bytes) -> None:
        self._replies.write(frame)
        self._replies.flush()


def serve(device: str, address: str, opener: Opener) -> None:
    """Be a worker until the bot is gone. `opener` makes what answers, for a device."""
    # Ctrl-C and systemd's SIGTERM reach the bot as well, which ends this when nobody waits any more.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    requests, replies = _pipes()
    memory = frames.attach(address)
    bounds.be_modest()
    try:
        answering = opener(device)
    except ClassifierOff as error:
        replies.write(frames.pack({"kind": "off", "text": error.text}))
        replies.flush()
        return
    cores = bounds.cores()
    # The interpreter's lock passes on more often than every 5 ms: three threads wait for it here.
    sys.setswitchinterval(0.001)
    Worker(answering, memory, requests, replies, decoders=cores).run()
    # Whatever the threads are doing, nobody waits for it any more.
    os._exit(0)


def _pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The two ends that the bot made. Whatever else prints goes to its error output."""
    requests = io.BufferedReader(io.FileIO(os.dup(sys.stdin.fileno())))
    replies = io.BufferedWriter(io.FileIO(os.dup(sys.stdout.fileno()), "wb"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return requests, replies


def main(arguments: Sequence[str]) -> None:
    device, address = arguments
    from bot.classifier.serving.devices import open_device

    serve(device, address, open_device)


if __name__ == "__main__":
    main(sys.argv[1:])
