"""The least that an HTTP client can do over connections that stay open, so that the servers are measured."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self


class Connection:
    """Asks one question at a time: POST of `body` to `path`."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        self._port = port
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def ask(self) -> Any:
        """The answer's JSON. Raises ConnectionError for another status than 200."""
        self._writer.write(self._request)
        await self._writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise ConnectionError(head[:100])
        _, found, rest = head.partition(b"content-length:")
        if found:
            body = await self._reader.readexactly(int(rest.partition(b"\r\n")[0]))
        else:
            body = b""
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                body += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readexactly(2)
        return json.loads(body)
