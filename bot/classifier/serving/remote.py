"""A classifier that runs elsewhere: Ray Serve (bot.classifier.serve_app), reached over HTTP."""

import asyncio
import io
import json
import logging
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import aiohttp
from yarl import URL

from bot.classifier.protocol import ModelRef, Picture, Readiness, Status, Verdict
from bot.classifier.serving import LONGEST, wire
from bot.errors import (
    ClassifierBusy,
    ClassifierLost,
    ClassifierOff,
    ClassifierWarmingUp,
    ImageFault,
    ImageRefused,
    StudyError,
)

log = logging.getLogger(__name__)

#: Questions under way at once; the next one is told that the classifier is busy.
AT_ONCE = 64
#: Seconds for a connection to come about.
CONNECTING = 5.0
#: Seconds after `start` in which a server that does not answer yet counts as warming up: Ray takes up to 60.
GRACE = 180.0
#: Seconds until what is known of the server is old, and asked for again when somebody looks.
FRESH = 10.0
#: What Ray or a proxy says while the application is not there yet, or lost a replica over the question.
_LOST = frozenset({404, 408, 500, 502, 503, 504})
_T = TypeVar("_T")


class _NotAnswered(Exception):
    """The connection broke, or a proxy answered for the server; it is worth another try."""


class RemoteClassifier:
    """A `Classifier` behind the address `url`, such as `http://127.0.0.1:8000`.

    No task stays in the loop between questions: what `status` tells was learnt at the start, from the last
    question, or from a short one that an earlier look set off. Messages name no address: members read them.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        at_once: int = AT_ONCE,
        longest: float = LONGEST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = URL(url)
        self._token = token
        self._at_once = at_once
        self._longest = longest
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None
        self._closed = False
        self._running: set[asyncio.Task[Any]] = set()
        self._asked = 0
        # Of the last answers, in seconds: what a member who is turned away is told.
        self._usual = 1.0
        self._began = clock()
        self._looked_at: float | None = None
        self._looking = False
        self._was_ready = False
        self._status = Status(
            readiness=Readiness.WARMING_UP, device="remote", text="The server was not reached yet."
        )

    async def start(self) -> None:
        self._began = self._clock()
        self._look_soon()

    async def close(self) -> None:
        self._closed = True
        self._status = Status(readiness=Readiness.OFF, device="remote", text="It was closed.")
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    def status(self) -> Status:
        """What is known, at most `FRESH` seconds old if somebody looked before; `waiting` is exact."""
        if self._looked_at is None or self._clock() - self._looked_at > FRESH:
            self._look_soon()
        known = self._status
        return Status(
            readiness=known.readiness,
            device=known.device,
            text=known.text,
            waiting=known.waiting + self._asked,
            restarts=known.restarts,
            loaded=known.loaded,
        )

    async def classify(
        self, image: bytes, model: ModelRef, *, exact: bool = False, photo: bool = False
    ) -> Verdict:
        query = wire.address(model, exact=exact, photo=photo)
        return await self._ask(wire.CLASSIFY, query, image, model, wire.read_verdict)

    async def explain(self, image: bytes, model: ModelRef, *, label: str | None = None) -> Picture:
        query = wire.address(model, label=label)
        return await self._ask(wire.EXPLAIN, query, image, model, wire.read_picture)

    async def _ask(
        self, path: str, query: dict[str, str], image: bytes, model: ModelRef, read: Callable[[object], _T]
    ) -> _T:
        if not image:
            raise ImageRefused(fault=ImageFault.EMPTY)
        if len(image) > wire.MOST_BYTES:
            raise ImageRefused(fault=ImageFault.TOO_MANY_BYTES, limit=wire.MOST_BYTES)
        if self._closed:
            raise ClassifierOff(text=self._status.text)
        if self._asked >= self._at_once:
            raise ClassifierBusy(seconds=max(math.ceil(self._usual), 1))
        self._asked += 1
        began = self._clock()
        try:
            answer = read(await self._of_its_own(self._twice(path, query, image, model)))
        except wire.BadAnswer as error:
            log.error("%s answered %s in another form: %s", self._shown_address(), path, error)
            raise ClassifierLost() from error
        finally:
            self._asked -= 1
        self._usual += 0.2 * (self._clock() - began - self._usual)
        self._was_ready = True
        if self._status.readiness is not Readiness.READY:
            self._look_soon()
        return answer

    async def _of_its_own(self, question: Coroutine[Any, Any, _T]) -> _T:
        """In a task that `close` can end without cancelling who asked."""
        task = asyncio.create_task(question)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await task
        except asyncio.CancelledError:
            asking = asyncio.current_task()
            if self._closed and asking is not None and not asking.cancelling():
                raise ClassifierLost() from None
            raise

    async def _twice(self, path: str, query: dict[str, str], image: bytes, model: ModelRef) -> object:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._longest
        for last in (False, True):
            try:
                return await self._post(path, query, image, model, deadline - loop.time())
            except _NotAnswered as error:
                # A restart of the server, or a connection that it closed a moment ago.
                if not last and loop.time() < deadline:
                    continue
                self._lost(error)
            except TimeoutError as error:
                self._lost(error)
        raise AssertionError("unreachable")

    async def _post(
        self, path: str, query: dict[str, str], image: bytes, model: ModelRef, seconds: float
    ) -> object:
        try:
            async with self._session().post(
                self._address(path).update_query(query),
                data=io.BytesIO(image),
                headers={
                    "Content-Type": "application/octet-stream",
                    wire.MODEL_HEADER: model.digest,
                    **self._headers(),
                },
                timeout=self._timeout(seconds),
                allow_redirects=False,
            ) as response:
                return self._judge(response, await _read(response))
        except TimeoutError as error:
            # aiohttp's timeouts are connection errors too, and both in one when connecting took too long.
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise _NotAnswered(type(error).__name__) from error
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise _NotAnswered(f"{type(error).__name__}: {error}") from error

    def _judge(self, response: aiohttp.ClientResponse, data: bytes) -> object:
        """The answer's body, or what it refuses."""
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            body = None
        if response.status == 200:
            return body
        if isinstance(body, dict) and "error" in body:
            if body["error"] == wire.UNAUTHORISED:
                raise ClassifierOff(
                    text="COHORT_CLASSIFIER_TOKEN is not the one that the classifier's server was given."
                )
            try:
                refused = wire.read_refusal(body)
            except wire.BadAnswer as error:
                raise _NotAnswered(f"status {response.status}: {error}") from error
            raise refused
        raise self._for_a_proxy(response)

    def _for_a_proxy(self, response: aiohttp.ClientResponse) -> StudyError | _NotAnswered:
        """What an answer means that the classifier did not give itself."""
        status = response.status
        if status == 413:
            return ImageRefused(fault=ImageFault.TOO_MANY_BYTES, limit=wire.MOST_BYTES)
        if status in (429, 503) and self._was_ready:  # Ray's queue is full
            return ClassifierBusy(seconds=_retry_after(response) or max(math.ceil(self._usual), 1))
        if status in _LOST:
            return _NotAnswered(f"status {status}")
        return ClassifierOff(
            text=f"What answers at COHORT_CLASSIFIER_URL (status {status}) is not Cohort's classifier. "
            "Set it to the address of Ray Serve."
        )

    def _lost(self, error: Exception) -> NoReturn:
        """Says why in the status, and to whoever asked."""
        self._not_reached(error)
        self._looked_at = None
        if self._status.readiness is Readiness.WARMING_UP:
            raise ClassifierWarmingUp() from error
        raise ClassifierLost() from error

    def _not_reached(self, error: Exception) -> None:
        early = not self._was_ready and self._clock() - self._began < GRACE
        status = Status(
            readiness=Readiness.WARMING_UP if early else Readiness.FAILED,
            device="remote",
            text="The server does not answer yet." if early else "The server does not answer.",
        )
        if status != self._status:  # once, not for everybody who asks
            why = str(error) or type(error).__name__
            log.warning("the classifier's server %s does not answer: %s", self._shown_address(), why)
        self._status = status

    def _look_soon(self) -> None:
        """Ask for the server's status in a task that ends by itself after seconds."""
        if self._looking or self._closed:
            return
        self._looking = True
        task = asyncio.get_running_loop().create_task(self._look())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _look(self) -> None:
        try:
            async with self._session().get(
                self._address(wire.STATUS),
                headers=self._headers(),
                timeout=self._timeout(2 * CONNECTING),
                allow_redirects=False,
            ) as response:
                status = wire.read_status(self._judge(response, await _read(response)))
        except (ClassifierOff, wire.BadAnswer) as error:
            text = error.text if isinstance(error, ClassifierOff) else f"The server answers oddly: {error}."
            self._status = Status(readiness=Readiness.FAILED, device="remote", text=text)
        except (StudyError, _NotAnswered, aiohttp.ClientError, OSError) as error:
            self._not_reached(error)
        else:
            self._status = status
            self._was_ready = self._was_ready or status.readiness is Readiness.READY
        finally:
            self._looking = False
            self._looked_at = self._clock()

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=self._at_once + 1))
        return self._http

    def _timeout(self, seconds: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=max(seconds, 0.001), sock_connect=CONNECTING)

    def _headers(self) -> dict[str, str]:
        return {} if self._token is None else {"Authorization": f"Bearer {self._token}"}

    def _address(self, path: str) -> URL:
        return self._url.with_path(self._url.path.rstrip("/") + path)

    def _shown_address(self) -> str:
        """Without the name and password that may stand in it."""
        return str(self._url.origin()) if self._url.absolute else str(self._url)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, which may be from anybody. Raises ClientPayloadError where it is too long."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(2**16):
        size += len(part)
        if size > wire.MOST_ANSWERED:
            raise aiohttp.ClientPayloadError(f"an answer of more than {wire.MOST_ANSWERED} bytes")
        parts.append(part)
    return b"".join(parts)


def _retry_after(response: aiohttp.ClientResponse) -> int | None:
    text = response.headers.get("Retry-After", "")
    return min(int(text), 600) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) else None
