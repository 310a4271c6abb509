"""Packages that nobody means well with, built from a good one of ours."""

import struct
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from backports import zstd

from bot.errors.decks import Damage, DeckDamaged, DeckRefused, DeckTooLarge, Measure
from bot.flashcards.anki.native import note_of
from bot.flashcards.anki.package import Package, Reason
from bot.flashcards.anki.reader import read_package
from bot.flashcards.anki.writer import write_package
from bot.flashcards.markdown import Text
from tests.flashcards.anki.official import PICTURE, Format, database, entry, rewrite

NOW = datetime(2026, 11, 2, tzinfo=UTC)
MEBI = 2**20


def good(path: Path) -> Path:
    """Three notes with a picture, in the oldest format."""
    notes = (
        note_of(
            "guid-1", Text("What is a tensor?", ("p.png",)), Text("An array"), tags=("a",), deck="Course"
        ),
        note_of("guid-2", Text("{{c1::Loss}} falls by {{c2::descent}}"), Text(""), tags=(), deck="Course::2"),
        note_of("guid-3", Text("Another"), Text("One"), tags=(), deck="Course"),
    )
    path.write_bytes(write_package(Package(notes, {"p.png": PICTURE}), now=NOW))
    return path


def newest(path: Path) -> Path:
    """The same as if by today's Anki: under zstd, with the schema left as it is, which says nothing of it."""
    good(path)
    media = field(1, field(1, b"p.png"))
    rewrite(path, {
        "meta": b"\x08\x03",
        Format.NEWEST: zstd.compress(entry(path, Format.OLDEST)),
        Format.OLDEST: None,
        "media": zstd.compress(media),
        "0": zstd.compress(PICTURE),
    })  # fmt: skip
    return path


def field(number: int, data: bytes) -> bytes:
    """A field of bytes in protobuf's wire format; shorter than 128 of them."""
    return bytes([number << 3 | 2, len(data)]) + data


def deflated_zeros(size: int) -> bytes:
    """A deflate stream of `size` zeros (in MiB): one compressed MiB, repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = packer.compress(bytes(MEBI)) + packer.flush(zlib.Z_FULL_FLUSH)
    return once * size + packer.flush()


def zstd_zeros(size: int) -> bytes:
    """One zstd frame of `size` zeros (in MiB), of run-length blocks of 128 KiB."""
    header = struct.pack("<IBB", 0xFD2FB528, 0, 7 << 3)  # a window of 128 KiB, no size
    block = struct.pack("<I", (2**17 << 3) | 1 << 1)[:3] + b"\0"
    return header + block * (8 * size) + b"\1\0\0"


def raw_zip(
    path: Path, name: str, packed: bytes, *, size: int, method: int = zipfile.ZIP_DEFLATED, flags: int = 0
) -> Path:
    """A zip of one entry, whose compressed bytes and whose claim about its size are given."""
    encoded = name.encode()
    large = struct.pack("<HHQ", 1, 8, size)  # for sizes beyond 4 GB
    about = struct.pack("<HHHHHLLLHH", 45, flags, method, 0, 0, 0, len(packed), 2**32 - 1, len(encoded), 12)
    local = b"PK\x03\x04" + about + encoded + large + packed
    central = b"PK\x01\x02\x2d\0" + about + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + encoded + large
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


def spoil(deck: Path, statement: str, *values: object) -> None:
    """Run one statement on the collection inside."""
    with database(deck) as tables:
        tables.execute(statement, values)


def refusal(path: Path) -> DeckRefused:
    """Why it is refused; it leaves no file behind."""
    with pytest.raises(DeckRefused) as refused:
        read_package(path)
    assert list((path.parent / "temporary").iterdir()) == []
    return refused.value


def too_large(measure: Measure, limit: int) -> DeckTooLarge:
    return DeckTooLarge(measure=measure, limit=limit)


def damaged(part: Damage) -> DeckDamaged:
    return DeckDamaged(part=part)


def skipped(path: Path) -> dict[str, Reason]:
    """What is left out, and why."""
    return {found.what: found.reason for found in read_package(path).skipped}
