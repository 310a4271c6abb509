"""The local classifier, and one that is reached over HTTP, do the same; test_ray.py tries it on Ray Serve."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio
from aiohttp import web

from bot.classifier.protocol import Classifier
from bot.classifier.serving import wire
from bot.classifier.serving.local import LocalClassifier
from bot.classifier.serving.remote import RemoteClassifier
from bot.classifier.store import ModelStore
from bot.errors import ClassifierOff, StudyError
from tests.classifier.contract import BEHAVIOURS, Behaviour, Models, Site, lay_out, photo, until_ready

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return lay_out(tmp_path_factory.mktemp("models"))


@asynccontextmanager
async def local(models: Models) -> AsyncIterator[Classifier]:
    classifier = LocalClassifier(ModelStore(models.folder), device="cpu")
    try:
        yield classifier
    finally:
        await classifier.close()


@asynccontextmanager
async def remote(models: Models) -> AsyncIterator[Classifier]:
    """Over HTTP, in front of a local one."""
    async with local(models) as behind, served(behind) as url:
        await behind.start()
        classifier = RemoteClassifier(url)
        try:
            yield classifier
        finally:
            await classifier.close()


@asynccontextmanager
async def served(behind: Classifier) -> AsyncIterator[str]:
    """The address of a server that asks `behind`."""

    async def classify(request: web.Request) -> web.Response:
        claims = {name: request.query[name] == "1" for name in ("exact", "photo")}
        verdict = await behind.classify(await request.read(), wire.model_of(request.query), **claims)
        return web.json_response(wire.verdict_body(verdict))

    async def explain(request: web.Request) -> web.Response:
        label = request.query.get("label")
        picture = await behind.explain(await request.read(), wire.model_of(request.query), label=label)
        return web.json_response(wire.picture_body(picture))

    async def status(_request: web.Request) -> web.Response:
        return web.json_response(wire.status_body(behind.status()))

    @web.middleware
    async def refusing(request: web.Request, handler: web.Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except StudyError as error:
            number, body = wire.refusal(error)
            return web.json_response(body, status=number)

    app = web.Application(middlewares=[refusing], client_max_size=wire.MOST_BYTES)
    app.add_routes(
        [web.post(wire.CLASSIFY, classify), web.post(wire.EXPLAIN, explain), web.get(wire.STATUS, status)]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[local, remote])
async def site(request: pytest.FixtureRequest, models: Models) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        found = Site(await stack.enter_async_context(request.param(models)), models)
        await found.classifier.start()
        await until_ready(found)
        yield found


@pytest.mark.parametrize("behaves", BEHAVIOURS, ids=lambda behaves: behaves.__name__)
async def test_both_do_it(site: Site, behaves: Behaviour) -> None:
    await behaves(site)


@pytest.mark.parametrize("kind", [local, remote])
async def test_a_closed_one_is_off(models: Models, kind: type) -> None:
    async with kind(models) as classifier:
        await classifier.start()
        await classifier.close()
        with pytest.raises(ClassifierOff):
            await classifier.classify(photo(), models.pets)
