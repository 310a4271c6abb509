"""An attached file is written piece by piece, and never beyond its limit."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from bot.errors import TrainingBusy, UnreachableFile
from bot.ui.downloads import PIECE, save, streamed

DATA = bytes(range(256)) * 4000


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """A server that has a file, one that breaks off, and none."""

    async def whole(_request: web.Request) -> web.Response:
        return web.Response(body=DATA)

    async def cut(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(len(DATA))})
        await answer.prepare(request)
        await answer.write(DATA[:1000])
        assert request.transport is not None
        request.transport.close()
        return answer

    app = web.Application()
    app.add_routes([web.get("/whole", whole), web.get("/cut", cut)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


def attachment(url: str, *, size: int = len(DATA)) -> Any:
    return SimpleNamespace(url=url, size=size, filename="images.zip")


async def fetch(file: Path, attached: Any, *, limit: int = len(DATA)) -> None:
    await save(attached, file, download=streamed, limit=limit, too_large=TrainingBusy())


async def test_a_file_is_fetched_in_pieces(address: str, tmp_path: Path) -> None:
    sizes = [len(piece) async for piece in streamed(attachment(f"{address}/whole"))]
    assert sum(sizes) == len(DATA)
    assert max(sizes) <= PIECE < len(DATA)
    await fetch(tmp_path / "images.zip", attachment(f"{address}/whole"))
    assert (tmp_path / "images.zip").read_bytes() == DATA


async def test_what_is_announced_too_large_is_not_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TrainingBusy):
        await fetch(tmp_path / "images.zip", attachment("http://127.0.0.1:9/", size=len(DATA) + 1))
    assert not (tmp_path / "images.zip").exists()


async def test_what_comes_is_counted_whatever_was_announced(address: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingBusy):
        await fetch(tmp_path / "images.zip", attachment(f"{address}/whole", size=10), limit=len(DATA) - 1)
    assert (tmp_path / "images.zip").stat().st_size < len(DATA)


@pytest.mark.parametrize("path", ["/cut", "/gone"])
async def test_what_does_not_come_is_unreachable(address: str, tmp_path: Path, path: str) -> None:
    with pytest.raises(UnreachableFile):
        await fetch(tmp_path / "images.zip", attachment(address + path))


async def test_no_server_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(UnreachableFile):
        await fetch(tmp_path / "images.zip", attachment("http://127.0.0.1:9/images.zip"))
