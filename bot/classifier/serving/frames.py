"""How the bot and its worker speak: small messages over pipes, the images in memory that both can see.

A message is JSON, so that nothing a worker says can run code in the bot, whatever a picture did to it; behind
it come bytes, if there are any (pictures). The shared memory has no name on Linux and macOS, where the worker
inherits its descriptor: it is gone with the last process that holds it, killed or not. On Windows it has one
that cannot be guessed, and goes likewise.
"""

import json
import mmap
import os
import secrets
import struct
import sys
import tempfile
from typing import IO, Any

_HEAD = struct.Struct("<II")
_MOST_TEXT, _MOST_BYTES = 2**24, 2**26
# How many batches may be with the worker: one in the model, one being decoded. A third one gains nothing, and
# makes all of them smaller.
BUFFERS = 2
BUFFER_BYTES = 2**25
# What may be wished for a picture, as bits.
EXACT, PHOTO = 1, 2
# The worker's exit status when it noticed that it takes more memory than it may.
TOO_MUCH_MEMORY = 77

Message = dict[str, Any]


class NoSense(Exception):
    """What came over the pipe is no frame: the other end is out of its mind, or not ours."""


def pack(message: Message, data: bytes = b"") -> bytes:
    """A frame, to be written in one go."""
    text = json.dumps(message, separators=(",", ":")).encode()
    return b"".join((_HEAD.pack(len(text), len(data)), text, data))


def read(stream: IO[bytes]) -> tuple[Message, bytes] | None:
    """The next message and the bytes behind it, or None when the other end is gone. Raises NoSense."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, more = _HEAD.unpack(head)
    if length > _MOST_TEXT or more > _MOST_BYTES:
        raise NoSense("the frame is longer than any can be")
    text, data = stream.read(length), stream.read(more) if more else b""
    if len(text) < length or len(data) < more:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoSense("the message is not JSON") from error
    if not isinstance(message, dict):
        raise NoSense("the message is not an object")
    return message, data


class SharedMemory:
    """The buffers, as the bot sees them. `address` tells the worker how to find them."""

    def __init__(self) -> None:
        size = BUFFERS * BUFFER_BYTES
        self._descriptor: int | None = None
        if sys.platform == "win32":
            name = f"cohort-{secrets.token_hex(16)}"
            self._map = mmap.mmap(-1, size, tagname=name)
            self.address = name
        else:
            if sys.platform == "linux":
                self._descriptor = os.memfd_create("cohort-images")
            else:
                with tempfile.TemporaryFile(prefix="cohort-images-") as file:
                    self._descriptor = os.dup(file.fileno())
            # Takes no room before something is written: pages of zeros are not kept.
            os.ftruncate(self._descriptor, size)
            self._map = mmap.mmap(self._descriptor, size)
            self.address = str(self._descriptor)

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors that the worker must be started with."""
        return () if self._descriptor is None else (self._descriptor,)

    def put(self, buffer: int, place: int, image: bytes) -> None:
        """Copy an image `place` bytes behind the beginning of a buffer. It must fit."""
        start = buffer * BUFFER_BYTES + place
        self._map[start : start + len(image)] = image

    def close(self) -> None:
        self._map.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def attach(address: str) -> mmap.mmap:
    """The buffers, as the worker sees them: to be read only."""
    size = BUFFERS * BUFFER_BYTES
    if sys.platform == "win32":
        return mmap.mmap(-1, size, tagname=address, access=mmap.ACCESS_READ)
    else:
        return mmap.mmap(int(address), size, access=mmap.ACCESS_READ)
