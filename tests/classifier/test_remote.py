"""A classifier over HTTP, against servers that answer well, badly, late or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from bot.classifier.protocol import Doubt, Guess, ModelRef, Picture, Readiness, Status, Verdict
from bot.classifier.serving import wire
from bot.classifier.serving.remote import FRESH, GRACE, RemoteClassifier
from bot.errors import (
    ClassifierBusy,
    ClassifierLost,
    ClassifierOff,
    ClassifierWarmingUp,
    ImageFault,
    ImageRefused,
    ModelDamaged,
    ModelMissing,
    StudyError,
)

DIGITS = ModelRef(name="digits", digest="ab" * 32)
SEEN = Verdict(
    guesses=(Guess(label="zwölf & \n", probability=0.75), Guess(label="one", probability=0.25)),
    doubt=Doubt.UNFAMILIAR,
    seconds=0.004,
    photo=Picture(data=bytes(range(256)), ending="png"),
)
READY = Status(
    readiness=Readiness.READY, device="cpu, onnxruntime", text="3 of 3", waiting=2, restarts=1, loaded=("a",)
)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
ERRORS = [
    ImageRefused(fault=ImageFault.DAMAGED),
    ImageRefused(fault=ImageFault.TOO_MANY_PIXELS, limit=25_000_000),
    ModelMissing(name="cats", digest="cd" * 32),
    ModelDamaged(name="cats", digest="cd" * 32, part="model.onnx: another hash"),
    ClassifierBusy(seconds=7),
    ClassifierOff(text="Install cohort-bot[classify]."),
    ClassifierLost(),
    ClassifierWarmingUp(),
]


class Server:
    """Answers every question by the next of `answers`, the last of them for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [verdict]
        self.status: Answer = ready
        self.asked: list[tuple[str, dict[str, str], dict[str, str], bytes]] = []
        self.url = ""
        self._came = asyncio.Semaphore(0)

    async def until_asked(self, times: int) -> None:
        for _ in range(times):
            await self._came.acquire()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith(wire.STATUS):
            return await self.status(request)
        data = await request.read()
        self.asked.append((request.path, dict(request.query), dict(request.headers), data))
        self._came.release()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def verdict(_request: web.Request) -> web.StreamResponse:
    return web.json_response(wire.verdict_body(SEEN))


async def picture(_request: web.Request) -> web.StreamResponse:
    return web.json_response(wire.picture_body(Picture(data=b"jpeg", ending="jpg")))


async def ready(_request: web.Request) -> web.StreamResponse:
    return web.json_response(wire.status_body(READY))


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    await asyncio.sleep(10)
    raise AssertionError("unreachable")


async def half(request: web.Request) -> web.StreamResponse:
    """Breaks off in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"guesses": [[')
    return await hang_up(request)


async def never(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError("unreachable")


def says(error: StudyError) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        status, body = wire.refusal(error)
        return web.json_response(body, status=status)

    return answer


def plainly(status: int, text: str = "", **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=headers)

    return answer


@asynccontextmanager
async def listening(server: Server, *, path: str = "") -> AsyncIterator[None]:
    app = web.Application(client_max_size=wire.MOST_BYTES)
    app.router.add_route("*", "/{any:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}{path}"
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with listening(server):
        yield server


@asynccontextmanager
async def asking(server: Server, **options: Any) -> AsyncIterator[RemoteClassifier]:
    classifier = RemoteClassifier(server.url, **options)
    await classifier.start()
    try:
        yield classifier
    finally:
        await classifier.close()


async def known(classifier: RemoteClassifier, readiness: Readiness) -> Status:
    """The status once its short question is over."""
    for _ in range(500):
        if (status := classifier.status()).readiness is readiness:
            return status
        await asyncio.sleep(0.01)
    raise AssertionError(classifier.status())


async def test_bytes_go_out_and_a_verdict_comes_back(server: Server) -> None:
    async with asking(server, token="s3cret") as classifier:
        assert await classifier.classify(b"image" * 300_000, DIGITS, photo=True) == SEEN
        await classifier.classify(b"x", DIGITS, exact=True)
        server.answers = [picture]
        assert await classifier.explain(b"x", DIGITS, label="zwölf & \n") == Picture(
            data=b"jpeg", ending="jpg"
        )
        await classifier.explain(b"x", DIGITS)
    first, second, third, fourth = server.asked
    path, query, headers, body = first
    assert (path, body) == ("/v1/classify", b"image" * 300_000)
    assert query == {"model": DIGITS.digest, "name": "digits", "exact": "0", "photo": "1"}
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers[wire.MODEL_HEADER] == DIGITS.digest
    assert second[1]["exact"] == "1"
    assert third[:2] == ("/v1/explain", {"model": DIGITS.digest, "name": "digits", "label": "zwölf & \n"})
    assert "label" not in fourth[1]


async def test_an_address_may_have_a_path(server: Server) -> None:
    async with listening(server, path="/cohort/"), asking(server) as classifier:
        await classifier.classify(b"x", DIGITS)
        assert server.asked[-1][0] == "/cohort/v1/classify"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_every_refusal_arrives_as_it_was_raised(server: Server, error: StudyError) -> None:
    server.answers = [says(error)]
    async with asking(server) as classifier:
        with pytest.raises(type(error)) as refused:
            await classifier.classify(b"x", DIGITS)
    assert refused.value == error
    assert len(server.asked) == 1, "a refusal is an answer: nothing is asked twice"


@pytest.mark.parametrize("fault", [hang_up, half, plainly(500), plainly(502, "<html>"), plainly(504)])
async def test_a_lost_connection_is_tried_once_more(server: Server, fault: Answer) -> None:
    server.answers = [verdict, fault, verdict]
    async with asking(server) as classifier:
        await classifier.classify(b"x", DIGITS)
        assert await classifier.classify(b"x", DIGITS) == SEEN
    assert len(server.asked) == 3


@pytest.mark.parametrize("fault", [hang_up, half, plainly(500)])
async def test_who_cannot_be_answered_twice_is_told(server: Server, fault: Answer) -> None:
    server.answers = [verdict, fault]
    async with asking(server) as classifier:
        await classifier.classify(b"x", DIGITS)
        with pytest.raises(ClassifierLost):
            await classifier.classify(b"x", DIGITS)
        assert len(server.asked) == 3
        assert classifier.status().readiness is Readiness.FAILED
        # The server is back: the next question finds that out, and the status says so.
        server.answers = [verdict]
        await classifier.classify(b"x", DIGITS)
        assert (await known(classifier, Readiness.READY)).device == READY.device


async def test_a_server_that_never_answers_is_given_up(server: Server) -> None:
    server.answers = [verdict, never]
    async with asking(server, longest=0.3) as classifier:
        await classifier.classify(b"x", DIGITS)
        with pytest.raises(ClassifierLost):
            await classifier.classify(b"x", DIGITS)
    assert len(server.asked) == 2, "the time was over: not asked again"


async def test_a_server_that_is_not_up_yet_warms_up_and_one_that_stays_away_is_lost(server: Server) -> None:
    clock = Hands()
    # Ray answers 404 while it runs without the application.
    server.status = server.answers[0] = plainly(404, "Path '/v1/classify' not found.")
    async with asking(server, clock=clock) as classifier:
        for _ in range(2):
            with pytest.raises(ClassifierWarmingUp):
                await classifier.classify(b"x", DIGITS)
            assert classifier.status().readiness is Readiness.WARMING_UP
            clock.now += GRACE / 2 - 1
        clock.now += 2
        with pytest.raises(ClassifierLost):
            await classifier.classify(b"x", DIGITS)
        assert (await known(classifier, Readiness.FAILED)).text == "The server does not answer."
        server.status, server.answers = ready, [verdict]
        assert await classifier.classify(b"x", DIGITS) == SEEN
        await known(classifier, Readiness.READY)


async def test_no_server_at_all(server: Server) -> None:
    async with listening(nobody := Server()):
        pass  # its port is closed again
    async with asking(nobody) as classifier:
        with pytest.raises(ClassifierWarmingUp):
            await classifier.classify(b"x", DIGITS)
        assert classifier.status().readiness is Readiness.WARMING_UP


async def test_more_questions_than_it_takes_are_turned_away_at_once(server: Server) -> None:
    gate = asyncio.Event()

    async def waiting(request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return await verdict(request)

    server.answers = [waiting]
    async with asking(server, at_once=3) as classifier:
        asked = [asyncio.create_task(classifier.classify(b"x", DIGITS)) for _ in range(3)]
        await server.until_asked(3)
        with pytest.raises(ClassifierBusy) as busy:
            await classifier.classify(b"x", DIGITS)
        assert busy.value.seconds >= 1
        assert classifier.status().waiting >= 3
        gate.set()
        assert await asyncio.gather(*asked) == [SEEN] * 3
        assert await classifier.classify(b"x", DIGITS) == SEEN
    assert len(server.asked) == 4


async def test_a_full_queue_of_ray_is_busy(server: Server) -> None:
    server.answers = [verdict, plainly(503, "Request dropped"), plainly(503, "", **{"Retry-After": "4"})]
    async with asking(server) as classifier:
        await classifier.classify(b"x", DIGITS)
        for seconds in (1, 4):
            with pytest.raises(ClassifierBusy) as busy:
                await classifier.classify(b"x", DIGITS)
            assert busy.value.seconds == seconds


async def test_closing_tells_who_still_waits(server: Server) -> None:
    server.answers = [never]
    async with asking(server) as classifier:
        asked = [asyncio.create_task(classifier.classify(b"x", DIGITS)) for _ in range(4)]
        await server.until_asked(4)
    for outcome in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(outcome, ClassifierLost)
    assert classifier.status().readiness is Readiness.OFF
    with pytest.raises(ClassifierOff):
        await classifier.classify(b"x", DIGITS)


async def test_who_gives_up_ends_its_question(server: Server) -> None:
    server.answers = [never]
    async with asking(server, at_once=1) as classifier:
        asked = asyncio.create_task(classifier.classify(b"x", DIGITS))
        await server.until_asked(1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        server.answers = [verdict]
        assert await classifier.classify(b"x", DIGITS) == SEEN, "its place is free again"


async def test_what_cannot_be_an_image_does_not_travel(server: Server) -> None:
    async with asking(server) as classifier:
        with pytest.raises(ImageRefused) as refused:
            await classifier.classify(b"", DIGITS)
        assert refused.value.fault is ImageFault.EMPTY
        with pytest.raises(ImageRefused) as refused:
            await classifier.explain(bytes(wire.MOST_BYTES + 1), DIGITS)
        assert refused.value == ImageRefused(fault=ImageFault.TOO_MANY_BYTES, limit=wire.MOST_BYTES)
    assert not server.asked


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (plainly(413), ImageRefused),
        (plainly(401, json.dumps({"error": wire.UNAUTHORISED})), ClassifierOff),
        (plainly(403, "<html>"), ClassifierOff),
        (plainly(307, "", Location="http://127.0.0.1:9/v1/classify"), ClassifierOff),
        (plainly(405), ClassifierOff),
        (plainly(200, "<html>"), ClassifierLost),
        (plainly(200, "[" * 100_000), ClassifierLost),
        (plainly(200, "{}"), ClassifierLost),
        (plainly(200, '{"guesses": [], "doubt": null, "seconds": 1}'), ClassifierLost),
        (plainly(200, '{"guesses": [["a", NaN]], "doubt": null, "seconds": 1}'), ClassifierLost),
        (plainly(200, '{"guesses": [["a", 1.5]], "doubt": null, "seconds": 1}'), ClassifierLost),
        (plainly(200, '{"guesses": [[1, 0.5]], "doubt": null, "seconds": 1}'), ClassifierLost),
        (plainly(200, '{"guesses": [["a", 0.5]], "doubt": "so", "seconds": 1}'), ClassifierLost),
        (plainly(418, '{"error": "ImageRefused", "facts": {"fault": "odd"}}'), ClassifierLost),
        (plainly(500, '{"error": "Nonsense"}'), ClassifierLost),
        (plainly(500, '{"error": "ModelMissing", "facts": {"name": 1, "digest": "x"}}'), ClassifierLost),
        (plainly(200, "x" * (wire.MOST_ANSWERED + 1)), ClassifierLost),
    ],
)
async def test_an_answer_of_any_other_form_is_an_error_of_ours(
    server: Server, answer: Answer, error: type[StudyError]
) -> None:
    server.answers = [verdict, answer]
    async with asking(server) as classifier:
        await classifier.classify(b"x", DIGITS)
        with pytest.raises(error):
            await classifier.classify(b"x", DIGITS)


async def test_the_status_is_asked_for_when_somebody_looks_and_it_is_old(server: Server) -> None:
    clock, looks = Hands(), []

    async def counted(request: web.Request) -> web.StreamResponse:
        looks.append(request.path)
        return await ready(request)

    server.status = counted
    async with asking(server, clock=clock) as classifier:
        assert await known(classifier, Readiness.READY) == READY
        for _ in range(5):
            classifier.status()
        await asyncio.sleep(0.05)
        assert len(looks) == 1
        clock.now += FRESH + 1
        server.status = plainly(403)
        assert classifier.status() == READY, "nobody waits for the server to look at the status"
        assert "COHORT_CLASSIFIER_URL" in (await known(classifier, Readiness.FAILED)).text


async def test_nothing_is_left_in_the_loop_between_questions(server: Server) -> None:
    async with asking(server) as classifier:
        await known(classifier, Readiness.READY)
        await classifier.classify(b"x", DIGITS)
        await asyncio.sleep(0.05)
        theirs = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
        assert not any("RemoteClassifier" in name for name in theirs), theirs


def test_a_question_names_a_model_by_its_digest() -> None:
    assert wire.model_of(wire.address(DIGITS)) == DIGITS
    for digest in ("", "AB" * 32, "ab" * 31, "../" * 21 + "a", "ab" * 32 + "\n"):
        with pytest.raises(wire.BadAnswer):
            wire.model_of({"model": digest, "name": "digits"})
