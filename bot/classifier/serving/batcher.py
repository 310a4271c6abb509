"""Decides which pictures go to the worker together, who is told to come back later, and who is tried again.

It knows neither processes nor the event loop's clock. A batch is taken as soon as the worker has room; what
comes meanwhile is the next one, so a batch is as large as the load makes it and nobody waits for others.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bot.classifier.protocol import ModelRef, Picture, Verdict
from bot.errors import ClassifierBusy

# A batch should not take longer than this, for the sake of those who come meanwhile and of those who are
# with it when the worker dies; nor hold more pictures than a GPU gains from.
BATCH_SECONDS = 1.0
BATCH_PICTURES = 64
# Before anything is known of a model's pace.
FIRST_BATCH = 8
# Nobody is let in who would wait longer.
WAIT_SECONDS = 20.0
QUEUED_BYTES = 2**27
_NEWEST = 0.3  # the weight of the newest batch in the mean pace
_PACES = 256  # models whose pace is remembered
_NO_ANSWER_YET = 2  # seconds to come back in, said before anything is known of the pace

Key = tuple[str, bool]


@dataclass(eq=False, kw_only=True, slots=True)
class Question:
    """One picture that somebody asks about. `alone`: a worker died with it once, so nobody shares a batch
    with it; `at` is when it was asked, on the batcher's clock.
    """

    image: bytes
    model: ModelRef
    answer: asyncio.Future[Verdict | Picture]
    exact: bool = False
    photo: bool = False
    explain: bool = False
    label: str | None = None
    alone: bool = False
    at: float = 0.0

    @property
    def key(self) -> Key:
        """What may share a batch."""
        return self.model.digest, self.explain


class Batcher:
    """The queue: at most `limit` questions wait in it. `room` is how many bytes fit into a batch, `flights`
    how many batches may be with the worker.
    """

    def __init__(
        self, *, limit: int, room: int, flights: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._limit = limit
        self._room = room
        self._flights = flights
        self._clock = clock
        self._lines: dict[Key, deque[Question]] = {}
        self._suspects: deque[Question] = deque()
        self._flying: dict[int, list[Question]] = {}
        self._paces: dict[Key, float] = {}  # seconds per picture
        self._bytes = 0
        self._busy_since = 0.0
        self._number = 0
        self.queued = 0

    @property
    def waiting(self) -> int:
        """Questions without an answer, in the queue and with the worker."""
        return self.queued + sum(len(batch) for batch in self._flying.values())

    def add(self, question: Question) -> None:
        """Put it at the end. Raises ClassifierBusy when that would be too far from the front."""
        full = self.queued >= self._limit or self._bytes + len(question.image) > QUEUED_BYTES
        if full or (self.queued and self._wait() > WAIT_SECONDS):
            raise ClassifierBusy(seconds=self.seconds())
        question.at = self._clock()
        self._lines.setdefault(question.key, deque()).append(question)
        self._count(question, 1)

    def seconds(self) -> int:
        """After how many seconds those who wait now will have their answers, as far as can be known."""
        return max(math.ceil(self._wait()), 1) if self._paces else _NO_ANSWER_YET

    def take(self) -> tuple[int, list[Question]] | None:
        """The next batch and its number, if there is one and the worker has room for it.

        Whoever was with a worker that died comes first, and has the next one to themselves: should it die
        again, it is known over which picture.
        """
        while self._suspects:
            if self._flying:
                return None
            suspect = self._suspects.popleft()
            self._count(suspect, -1)
            if not suspect.answer.done():
                return self._send([suspect])
        if len(self._flying) >= self._flights or any(batch[0].alone for batch in self._flying.values()):
            return None
        while self._lines:
            key = min(self._lines, key=lambda key: self._lines[key][0].at)
            if batch := self._batch(key):
                return self._send(batch)
        return None

    def answered(self, number: int, *, besides: float = 0.0) -> list[Question]:
        """Whose batch came back. Learns from the time it took, of which so many seconds went `besides` into
        what other batches will not have to wait for.
        """
        batch = self._flying.pop(number)
        now = self._clock()
        pace = max(now - self._busy_since - besides, 0.0) / len(batch)
        self._busy_since = now
        key = batch[0].key
        known = self._paces.pop(key, pace)
        # The last one learned from stands last, so that the first one is the one to forget.
        self._paces[key] = known + _NEWEST * (pace - known)
        if len(self._paces) > _PACES:
            del self._paces[next(iter(self._paces))]
        return batch

    def drop(self, number: int) -> None:
        """The batch was not sent after all."""
        del self._flying[number]

    def lost(self) -> list[Question]:
        """The worker died. Returns those who were lost twice; the others stand in front of the queue again,
        each for a batch of its own.
        """
        given_up = []
        flying, self._flying = self._flying, {}
        for question in (question for batch in flying.values() for question in batch):
            if question.answer.done():
                continue
            if question.alone:
                given_up.append(question)
            else:
                question.alone = True
                self._suspects.append(question)
                self._count(question, 1)
        return given_up

    def expire(self, seconds: float) -> list[Question]:
        """Those who have been waiting for so long. They leave the queue; a batch that flies goes on."""
        before = self._clock() - seconds
        late = [each for each in self._everybody() if each.at < before and not each.answer.done()]
        if late:
            gone = set(map(id, late))
            self._suspects = deque(self._left(self._suspects, gone))
            lines = {key: deque(self._left(line, gone)) for key, line in self._lines.items()}
            self._lines = {key: line for key, line in lines.items() if line}
        return late

    def clear(self) -> list[Question]:
        """Everybody, all of whom leave."""
        everybody = [*self._everybody()]
        self._lines.clear()
        self._suspects.clear()
        self._flying.clear()
        self._bytes = self.queued = 0
        return everybody

    def _batch(self, key: Key) -> list[Question]:
        line = self._lines[key]
        pace = self._paces.get(key)
        most = FIRST_BATCH if pace is None else int(min(BATCH_SECONDS / max(pace, 1e-6), BATCH_PICTURES))
        if key[1]:
            most = 1  # each explanation is of a label of its own
        batch: list[Question] = []
        size = 0
        while line and len(batch) < max(most, 1):
            question = line[0]
            if size + len(question.image) > self._room and batch:
                break
            line.popleft()
            self._count(question, -1)
            if not question.answer.done():  # otherwise whoever asked is gone
                batch.append(question)
                size += len(question.image)
        if not line:
            del self._lines[key]
        return batch

    def _send(self, batch: list[Question]) -> tuple[int, list[Question]]:
        self._number += 1
        if not self._flying:
            self._busy_since = self._clock()
        self._flying[self._number] = batch
        return self._number, batch

    def _everybody(self) -> Iterator[Question]:
        for batch in self._flying.values():
            yield from batch
        yield from self._suspects
        for line in self._lines.values():
            yield from line

    def _left(self, questions: Iterable[Question], gone: set[int]) -> Iterator[Question]:
        for question in questions:
            if id(question) in gone:
                self._count(question, -1)
            else:
                yield question

    def _count(self, question: Question, by: int) -> None:
        self.queued += by
        self._bytes += by * len(question.image)

    def _wait(self) -> float:
        """Seconds of work before the worker. A model of unknown pace counts as much as the slowest known."""
        slowest = max(self._paces.values(), default=0.0)
        crowds = [(line[0].key, len(line)) for line in self._lines.values()]
        crowds += [(batch[0].key, len(batch)) for batch in self._flying.values()]
        crowds += [(suspect.key, 1) for suspect in self._suspects]
        return sum(self._paces.get(key, slowest) * number for key, number in crowds)
