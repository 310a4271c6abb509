"""A demo that was lived in once; each test gets a copy of its data, for living through it takes seconds."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sandbox.demo import Demo, listen, open_demo
from bot.sandbox.server import SECRET
from bot.sandbox.views import CAPABILITY, CONTEXT
from tests.postgres import outside_the_loop

# A Tuesday, two days before the meetup.
MOMENT = datetime(2026, 10, 20, 16, 25, tzinfo=UTC)


@dataclass
class Watch:
    """The time outside the demo; it stands until someone moves it."""

    now: datetime = MOMENT

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Visitor:
    """A browser at the demo's address, without the browser."""

    demo: Demo
    http: aiohttp.ClientSession
    _sequence: dict[str, int] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return self.demo.page.url.partition("/#")[0]

    async def state(self) -> dict[str, Any]:
        async with self.http.get(f"{self.base}/demo/state", headers=self._secret()) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        async with self.http.post(self.base + path, json=body, headers=self._secret()) as answer:
            text = answer.content_type == "application/json"
            return answer.status, await answer.json() if text else await answer.text()

    async def open(self, name: str, place: str) -> dict[str, Any]:
        """What SimCord's page shows this person of that channel, or of their direct messages (`dm`)."""
        token = await self.token(name, place)
        headers = {CAPABILITY: token}
        async with self.http.post(f"{self.base}/api/pages", json={}, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return {**await answer.json(), "token": token}

    async def again(self, page: dict[str, Any]) -> dict[str, Any]:
        """What that page shows by now."""
        async with self.http.get(f"{self.base}/api/state", headers=self.headers(page)) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def act(self, page: dict[str, Any], kind: str, **body: Any) -> dict[str, Any]:
        """Do something on a page, as SimCord's script would; returns the receipt."""
        number = self._sequence[page["token"]] = self._sequence.get(page["token"], 0) + 1
        envelope = {
            "protocol_version": 3,
            "sequence": number,
            "request_id": f"request-{number}",
            "generation": page["context"]["generation"],
            "bot_generation": page["botGeneration"],
            "published_revision": page["publishedRevision"],
            "kind": kind,
            **body,
        }
        async with self.http.post(
            f"{self.base}/api/action", json=envelope, headers=self.headers(page)
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def token(self, name: str, place: str) -> str:
        state = await self.state()
        person = next(one for one in state["people"] if one["name"] == name)
        key = next((one["id"] for one in state["channels"] if one["name"] == place), place)
        return str(person["views"][key]["token"])

    def headers(self, page: dict[str, Any]) -> dict[str, str]:
        return {CAPABILITY: page["token"], CONTEXT: page["context"]["id"]}

    def _secret(self) -> dict[str, str]:
        return {SECRET: self.demo.page.secret}


OpenDemo = Callable[..., AbstractAsyncContextManager[Visitor]]


@asynccontextmanager
async def visit(database: Path, present: Callable[[], datetime]) -> AsyncIterator[Visitor]:
    with listen(0) as listening:
        async with open_demo(database, listening, present=present) as demo, aiohttp.ClientSession() as http:
            yield Visitor(demo, http)
            demo.stage.world.raise_errors()


@contextmanager
def no_classifier() -> Iterator[None]:
    """No demo of these tests is asked to look at a picture, so none starts a process for that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COHORT_CLASSIFIER", "off")
        yield


@pytest.fixture(autouse=True)
def without_classifier() -> Iterator[None]:
    """For each test anew: the tests of other rooms, which may follow in this process, classify."""
    with no_classifier():
        yield


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a demo that was opened for the first time, and closed."""
    database = tmp_path_factory.mktemp("demo") / "demo.db"

    async def live() -> None:
        async with visit(database, Watch()):
            pass

    with no_classifier():
        outside_the_loop(live())
    return database


@pytest.fixture
def database(lived_in: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(lived_in, tmp_path / "demo.db"))


@pytest.fixture
def watch() -> Watch:
    return Watch(MOMENT + timedelta(minutes=1))


@pytest.fixture
async def visitor(database: Path, watch: Watch) -> AsyncIterator[Visitor]:
    """Someone at the demo's second run."""
    async with visit(database, watch) as visitor:
        yield visitor
