"""The classifier of a bot that answers by itself: pictures in batches to a worker process, verdicts back."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, cast

from bot.classifier.protocol import ModelRef, Picture, Readiness, Status, Verdict
from bot.classifier.serving import LONGEST, frames, wire
from bot.classifier.serving.answers import Answers
from bot.classifier.serving.batcher import Batcher, Question
from bot.classifier.serving.process import BATCH_AT_MOST, COMMAND, Life, Listener, WorkerProcess, lacking
from bot.errors import (
    ClassifierLost,
    ClassifierOff,
    ClassifierWarmingUp,
    ImageFault,
    ImageRefused,
    ModelMissing,
    StudyError,
)

log = logging.getLogger(__name__)

QUEUE = 128
# The clock looks four times a second, and on a busy machine a little later.
_MARGIN = 2.0


class Models(Protocol):
    """Where models lie: `bot.classifier.store.ModelStore`."""

    def path(self, digest: str, *, name: str = "") -> Path:
        """Raises ModelMissing."""


class LocalClassifier:
    """A `Classifier` with one worker process, on a CPU (onnxruntime) or a CUDA card (torch).

    `device` is "auto" (the first card if there is one and torch to use it, otherwise the CPU), "cpu", "cuda"
    or "cuda:1"; `queue` is how many pictures may wait before others are told that it is busy. `command`
    starts the worker; the device and the memory's address are put behind it. Seconds: a worker that takes
    longer than `batch_at_most` for a batch is replaced, and nobody waits for more than `longest`.
    """

    def __init__(
        self,
        store: Models,
        *,
        device: str = "auto",
        queue: int = QUEUE,
        command: Sequence[str] | None = None,
        batch_at_most: float = BATCH_AT_MOST,
        longest: float = LONGEST - _MARGIN,
    ) -> None:
        self._store = store
        self._check_packages = command is None
        self._batcher = Batcher(limit=queue, room=frames.BUFFER_BYTES, flights=frames.BUFFERS)
        self._memory: frames.SharedMemory | None = None
        self._command = [*(COMMAND if command is None else command), device]
        self._batch_at_most = batch_at_most
        self._longest = longest
        self._process: WorkerProcess | None = None
        self._life: Life | None = None
        self._free: list[int] = []
        self._buffers: dict[int, int] = {}  # by the number of the batch that lies there
        self._folders: dict[str, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        # What everybody is told who asks now; None when questions are taken.
        self._refusing: Callable[[], StudyError] | None = ClassifierWarmingUp
        self._dispatching = False
        self._closed = False
        self._status = Status(readiness=Readiness.OFF, device="none", text="It was not started.")

    @property
    def pid(self) -> int | None:
        """Of the worker process, while there is one."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        if self._process is not None or self._closed:
            return
        if self._check_packages and (names := lacking()):
            self._off(f"Not installed: {', '.join(names)}. Install the bot with its extra `classify`.")
            return
        self._loop = asyncio.get_running_loop()
        self._memory = frames.SharedMemory()
        self._free = list(range(frames.BUFFERS))
        listener = Listener(
            ready=self._ready, answered=self._answered, died=self._died, off=self._off, tick=self._tick
        )
        self._process = WorkerProcess(
            self._command, self._memory, listener, batch_at_most=self._batch_at_most
        )
        self._status = Status(
            readiness=Readiness.WARMING_UP, device="not known yet", text="The worker is starting."
        )
        self._process.start()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._life = None
        self._fail(self._batcher.clear(), ClassifierLost)
        self._status = replace(self._status, readiness=Readiness.OFF, text="It was closed.")
        if self._process is not None:
            await asyncio.to_thread(self._process.end)
        if self._memory is not None:
            self._memory.close()

    def status(self) -> Status:
        return replace(self._status, waiting=self._batcher.waiting)

    async def classify(
        self, image: bytes, model: ModelRef, *, exact: bool = False, photo: bool = False
    ) -> Verdict:
        question = Question(image=image, model=model, answer=self._future(), exact=exact, photo=photo)
        return cast(Verdict, await self._asked(question))

    async def explain(self, image: bytes, model: ModelRef, *, label: str | None = None) -> Picture:
        question = Question(image=image, model=model, answer=self._future(), explain=True, label=label)
        return cast(Picture, await self._asked(question))

    def _future(self) -> asyncio.Future[Verdict | Picture]:
        return asyncio.get_running_loop().create_future()

    def _asked(self, question: Question) -> asyncio.Future[Verdict | Picture]:
        """The question's future, once it stands in the queue."""
        if not question.image:
            raise ImageRefused(fault=ImageFault.EMPTY)
        if len(question.image) > wire.MOST_BYTES:
            raise ImageRefused(fault=ImageFault.TOO_MANY_BYTES, limit=wire.MOST_BYTES)
        if self._process is None or self._closed:
            raise ClassifierOff(text=self._status.text)
        if self._refusing is not None:
            raise self._refusing()
        self._batcher.add(question)
        self._process.wake()
        self._dispatch_soon()
        return question.answer

    def _dispatch_soon(self) -> None:
        """After everybody who is ready to ask in this turn of the loop has asked."""
        if not self._dispatching and self._loop is not None:
            self._dispatching = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatching = False
        while self._life is not None and (taken := self._batcher.take()):
            number, batch = taken
            try:
                folder = self._folder(batch[0].model)
            except ModelMissing as error:
                self._batcher.drop(number)
                self._fail(batch, partial(ModelMissing, error.name, error.digest))
                continue
            buffer = self._buffers[number] = self._free.pop()
            self._life.send(self._message(number, buffer, batch, folder), len(batch))

    def _message(self, number: int, buffer: int, batch: list[Question], folder: str) -> frames.Message:
        memory = cast(frames.SharedMemory, self._memory)
        place, sizes, wishes = 0, [], []
        for question in batch:
            memory.put(buffer, place, question.image)
            place += len(question.image)
            sizes.append(len(question.image))
            wishes.append(question.exact * frames.EXACT | question.photo * frames.PHOTO)
        first = batch[0]
        message = {
            "batch": number,
            "buffer": buffer,
            "name": first.model.name,
            "digest": first.model.digest,
            "folder": folder,
            "sizes": sizes,
            "wishes": wishes,
        }
        return message | {"explain": first.label} if first.explain else message

    def _folder(self, model: ModelRef) -> str:
        """Where the model lies; asked of the disk once, for what lies under a digest never changes."""
        if model.digest not in self._folders:
            self._folders[model.digest] = str(self._store.path(model.digest, name=model.name).resolve())
        return self._folders[model.digest]

    def _ready(self, life: Life, message: frames.Message) -> None:
        if self._closed:
            return
        self._life = life
        self._refusing = None
        self._status = replace(
            self._status, readiness=Readiness.READY, device=str(message["device"]), text="Ready.", loaded=()
        )
        self._dispatch()

    def _answered(self, said: Answers) -> None:
        if said.batch not in self._buffers:  # it was closed meanwhile
            return
        self._free.append(self._buffers.pop(said.batch))
        batch = self._batcher.answered(said.batch, besides=said.loading)
        if said.loaded != self._status.loaded:
            self._status = replace(self._status, loaded=said.loaded)
        for question, answer in zip(batch, said.answers, strict=True):
            if question.answer.done():  # whoever asked is gone, or was told that it takes too long
                continue
            if isinstance(answer, StudyError):
                question.answer.set_exception(answer)
            else:
                question.answer.set_result(answer)
        self._dispatch()

    def _died(self, why: str, hardly_starts: bool) -> None:
        if self._closed:
            return
        self._life = None
        self._free = list(range(frames.BUFFERS))
        self._buffers.clear()
        self._fail(self._batcher.lost(), ClassifierLost)
        restarts = self._status.restarts + 1
        if hardly_starts:
            text = f"The worker does not start: {why}. It is tried again now and then."
            self._refuse(Readiness.FAILED, text)
        else:
            text = f"The worker is starting again: {why}."
            self._status = replace(self._status, readiness=Readiness.WARMING_UP, text=text)
        self._status = replace(self._status, restarts=restarts, loaded=())

    def _off(self, text: str) -> None:
        """It can't be used here, until the bot is started again."""
        self._refuse(Readiness.OFF, text)
        log.warning("the classifier is off: %s", text)

    def _refuse(self, readiness: Readiness, text: str) -> None:
        self._status = replace(self._status, readiness=readiness, text=text)
        self._refusing = partial(ClassifierOff, text=text)
        self._fail(self._batcher.clear(), self._refusing)

    def _tick(self) -> None:
        self._fail(self._batcher.expire(self._longest), ClassifierLost)
        if self._process is not None and self._batcher.waiting:
            self._process.wake()

    def _fail(self, questions: Iterable[Question], error: Callable[[], StudyError]) -> None:
        for question in questions:
            if not question.answer.done():
                question.answer.set_exception(error())
