"""The Ray Serve application, for real: the same behaviours as every classifier's, and its token."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml

from bot.classifier.protocol import Readiness, Status
from bot.classifier.serving import wire
from bot.classifier.serving.remote import RemoteClassifier
from bot.errors import ClassifierOff
from tests.classifier.contract import BEHAVIOURS, Models, Site, lay_out, photo, until_ready
from tests.wire.process import ROOT

TOKEN = "a token for the test"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return lay_out(tmp_path_factory.mktemp("models"))


async def test_ray_serve_does_it_too(models: Models, tmp_path: Path) -> None:
    async with ray_serve(models, tmp_path) as url:
        async with asking(url, TOKEN) as classifier:
            site = Site(classifier, models)
            await until_ready(site)
            for behaves in BEHAVIOURS:
                await behaves(site)
        async with asking(url, TOKEN) as another:
            status = await known(another, Readiness.READY)
            assert status.device.endswith("Ray Serve")
            assert set(status.loaded) >= {"pets", "shapes"}
        async with asking(url, "something else") as stranger:
            with pytest.raises(ClassifierOff) as refused:
                await stranger.classify(photo(), models.pets)
            assert "COHORT_CLASSIFIER_TOKEN" in refused.value.text
            assert (await known(stranger, Readiness.FAILED)).text == refused.value.text
        await odd_questions(url)


@asynccontextmanager
async def asking(url: str, token: str) -> AsyncIterator[RemoteClassifier]:
    classifier = RemoteClassifier(url, token=token)
    await classifier.start()
    try:
        yield classifier
    finally:
        await classifier.close()


async def known(classifier: RemoteClassifier, readiness: Readiness) -> Status:
    """The status once its short question is over."""
    for _ in range(300):
        if (status := classifier.status()).readiness is readiness:
            return status
        await asyncio.sleep(0.1)
    raise AssertionError(classifier.status())


async def odd_questions(url: str) -> None:
    """What no bot would ask gets a status and JSON, too."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for path, status in (
            (f"{wire.CLASSIFY}?model=../../etc", 400),
            (wire.CLASSIFY, 400),
            ("/v1/anything", 404),
            ("/", 404),
        ):
            async with http.post(url + path, data=b"x") as response:
                assert response.status == status, await response.text()
                assert (await response.json())["error"]
        async with http.get(url + wire.CLASSIFY) as response:
            assert response.status == 404
        # Whoever does not say how long it is, is stopped at the limit.
        query = f"?model={'ab' * 32}&name=x"
        async with http.post(url + wire.CLASSIFY + query, data=endless()) as response:
            assert (await response.json())["facts"]["fault"] == "too many bytes"


async def endless() -> AsyncIterator[bytes]:
    for _ in range(wire.MOST_BYTES // 2**20 + 1):
        yield bytes(2**20)


@asynccontextmanager
async def ray_serve(models: Models, folder: Path) -> AsyncIterator[str]:
    """The address of deploy/ray-serve.yaml's application, with our models and on a free port."""
    config = yaml.safe_load((ROOT / "deploy" / "ray-serve.yaml").read_text(encoding="utf-8"))
    config["http_options"]["port"] = port = free_port()
    config["applications"][0]["args"]["models"] = str(models.folder)
    file = folder / "ray-serve.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    with (folder / "ray.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.classifier.serving.ray_site",
            str(file),
            cwd=ROOT,
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    except Exception as error:
        error.add_note((folder / "ray.log").read_text(encoding="utf-8", errors="replace")[-4000:])
        raise
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 60)
        except TimeoutError:
            process.kill()
            await process.wait()


def environment() -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "COHORT_CLASSIFIER_TOKEN": TOKEN,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
