"""The zip around a deck: what is in it is counted while it is unpacked, and never extracted by name.

An archive may claim any size and any names. Only sizes that were counted are believed, both between the two
layers of compression and behind the last, and names only choose what is read.
"""

import errno
import json
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from bot.errors.decks import Damage, DeckDamaged, DeckTooLarge, DeckTooNew, Measure
from bot.flashcards.anki import limits, protobuf

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# PackageMetadata: 1 = version.
_VERSION = 1
_OLDEST, _OLD, _NEWEST = 1, 2, 3
_COLLECTIONS = {_OLDEST: "collection.anki2", _OLD: "collection.anki21", _NEWEST: "collection.anki21b"}
# MediaEntries: 1 = entries; MediaEntry: 1 = name, 255 = legacy_zip_filename.
_ENTRIES, _NAME, _ZIP_NAME = 1, 1, 255
_CHUNK = 2**16
# What a zstd frame may have us allocate, as a power of two; Anki's ask for an eighth of it.
_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 26}
# What the readers of zip, deflate, zstd, JSON and protobuf raise for bytes that are not theirs.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, zstd.ZstdError, struct.error, EOFError, NotImplementedError, RuntimeError,
    ValueError, OverflowError, IndexError,
)  # fmt: skip


@contextmanager
def broken(part: Damage) -> Iterator[None]:
    """What broken bytes make their readers raise, as the one refusal."""
    try:
        yield
    except _BROKEN as error:
        raise DeckDamaged(part=part) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # of seeking to before the beginning, where a broken archive points
            raise
        raise DeckDamaged(part=part) from error


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Counted:
    """A stream that ends in DeckTooLarge once more than `limit` bytes came out of it."""

    def __init__(self, stream: _Readable, limit: int, measure: Measure) -> None:
        self._stream = stream
        self._left = limit
        self._refusal = DeckTooLarge(measure=measure, limit=limit)

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise self._refusal
        return data


class _Frame:
    """The one frame of zstd that Anki writes; more of them, even empty ones by the million, are refused."""

    def __init__(self, stream: _Counted) -> None:
        self._stream = stream
        self._frame = zstd.ZstdDecompressor(options=_WINDOW)

    def read(self, size: int) -> bytes:
        while not self._frame.eof:
            packed = self._stream.read(size) if self._frame.needs_input else b""
            if not packed and self._frame.needs_input:
                raise EOFError
            if data := self._frame.decompress(packed, size):
                return data
        if self._frame.unused_data or self._stream.read(1):
            raise ValueError("more than one frame")
        return b""


@contextmanager
def opened(path: Path) -> Iterator["Archive"]:
    """The package. Raises DeckDamaged, DeckTooLarge and DeckTooNew, now and while it is read."""
    if path.stat().st_size > limits.FILE_BYTES:
        raise DeckTooLarge(measure=Measure.FILE, limit=limits.FILE_BYTES)
    with broken(Damage.ARCHIVE):
        archive = zipfile.ZipFile(path)
    with archive:
        if len(archive.infolist()) > limits.ENTRIES:
            raise DeckTooLarge(measure=Measure.ENTRIES, limit=limits.ENTRIES)
        yield Archive(archive)


class Archive:
    """What is in a package, by what it is for."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._zip = archive
        self._entries = {info.filename: info for info in archive.infolist()}
        self._version = self._read_version()

    def _read_version(self) -> int:
        """As Anki finds it: the meta file says, and where there is none, the newer of the two old ones."""
        if "meta" not in self._entries:
            return _OLD if _COLLECTIONS[_OLD] in self._entries else _OLDEST
        meta = self._read("meta", limits.MEDIA_LIST_BYTES, Measure.MEDIA_LIST)
        with broken(Damage.ARCHIVE):
            version = protobuf.last(meta).get(_VERSION)
        if isinstance(version, int) and version > _NEWEST:
            raise DeckTooNew(version=version, newest=_NEWEST)
        if not isinstance(version, int) or version not in _COLLECTIONS:
            raise DeckDamaged(part=Damage.ARCHIVE)
        return version

    def unpack_collection(self, target: Path) -> None:
        """Write the database to `target`, which no name in the archive has a part in."""
        zstandard = self._version == _NEWEST
        name = _COLLECTIONS[self._version]
        with target.open("wb") as file:
            for chunk in self._chunks(name, limits.COLLECTION_BYTES, Measure.COLLECTION, zstandard=zstandard):
                file.write(chunk)

    def media(self) -> dict[str, str]:
        """The entries that hold media, by the names that notes use."""
        if "media" not in self._entries:
            return {}
        newest = self._version == _NEWEST
        raw = self._read("media", limits.MEDIA_LIST_BYTES, Measure.MEDIA_LIST, zstandard=newest)
        with broken(Damage.MEDIA_LIST):
            named = _listed(raw) if newest else _listed_as_json(raw)
        return {name: entry for name, entry in named.items() if entry in self._entries}

    def read_medium(self, entry: str, limit: int) -> bytes:
        """The bytes; DeckTooLarge for more than `limit`."""
        return self._read(entry, limit, Measure.MEDIA, zstandard=self._version == _NEWEST)

    def _read(self, name: str, limit: int, measure: Measure, *, zstandard: bool = False) -> bytes:
        return b"".join(self._chunks(name, limit, measure, zstandard=zstandard))

    def _chunks(self, name: str, limit: int, measure: Measure, *, zstandard: bool) -> Iterator[bytes]:
        info = self._entries.get(name)
        # The two methods in use; others take as much memory as the archive asks for.
        if info is None or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DeckDamaged(part=Damage.ARCHIVE)
        with broken(Damage.ARCHIVE):
            entry = self._zip.open(info)
        with entry:
            stream = _Counted(entry, limit, measure)
            if zstandard:
                # What is packed does not shrink again: an entry that does is made to keep us busy.
                packed = _Counted(entry, limits.FILE_BYTES, measure)
                stream = _Counted(_Frame(packed), limit, measure)
            while True:
                with broken(Damage.ARCHIVE):
                    chunk = stream.read(_CHUNK)
                if not chunk:
                    return
                yield chunk


def _listed(raw: bytes) -> dict[str, str]:
    """An entry's name in the archive is its place in the list, unless it has a number of its own."""
    named = {}
    for number, (field, entry) in enumerate(protobuf.read(raw)):
        if field == _ENTRIES and isinstance(entry, bytes):
            fields = protobuf.last(entry)
            named[protobuf.text(fields.get(_NAME))] = str(fields.get(_ZIP_NAME, number))
    return named


def _listed_as_json(raw: bytes) -> dict[str, str]:
    listed = json.loads(raw)
    if not isinstance(listed, dict):
        raise ValueError("the list of media is no object")
    return {name: entry for entry, name in listed.items() if isinstance(name, str)}
