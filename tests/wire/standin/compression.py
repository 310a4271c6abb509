"""The compressions that a gateway connection may ask for."""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from typing import Protocol

from aiohttp import web


class Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self, mode: int, /) -> bytes: ...


def compressor(kind: str | None) -> tuple[Compressor, int] | None:
    """The transport compression a client asked for, with the flush mode that ends a message.

    discord.py asks for zstd when it finds the package zstandard, or Python 3.14's own module.
    """
    if kind is None:
        return None
    if kind == "zlib-stream":
        return zlib.compressobj(), zlib.Z_SYNC_FLUSH
    if kind == "zstd-stream":
        if importlib.util.find_spec("zstandard") is not None:
            package = importlib.import_module("zstandard")
            return package.ZstdCompressor().compressobj(), package.COMPRESSOBJ_FLUSH_BLOCK
        made = importlib.import_module("compression.zstd").ZstdCompressor()
        return made, made.FLUSH_BLOCK
    raise web.HTTPBadRequest(text=f"unknown compression {kind}")
