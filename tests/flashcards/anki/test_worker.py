"""Reading in a process of its own, however that process behaves."""

import asyncio
import io
import json
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from bot.errors.decks import (
    BrokenTable,
    Damage,
    DeckDamaged,
    DeckRefused,
    DeckTooLarge,
    DeckTooSlow,
    Measure,
    NoHeader,
    ReadersBusy,
    UnknownDeckFile,
    WholeCollection,
)
from bot.flashcards.anki import limits
from bot.flashcards.anki.reader import read_package
from bot.flashcards.anki.transfer import _REFUSALS, receive, send
from bot.flashcards.anki.worker import DeckReader
from bot.flashcards.sheets import Row, read_sheet
from tests.flashcards.anki.hostile import deflated_zeros, good, newest, raw_zip
from tests.flashcards.anki.official import Anki, Format
from tests.flashcards.anki.test_reader import fill

SLEEP = "import time; time.sleep(600)"
READING = DeckDamaged(part=Damage.READING)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


Readers = Callable[..., DeckReader]


@pytest.fixture
async def readers(temporary: Path) -> AsyncIterator[Readers]:
    """Makes readers, whose program may be a few lines of Python instead of the worker."""
    made: list[DeckReader] = []

    def make(program: str | None = None, **options: int) -> DeckReader:
        given = {} if program is None else {"program": (sys.executable, "-c", program)}
        made.append(DeckReader(**given, **options))
        return made[-1]

    yield make
    for reader in made:
        reader.close()
    assert os.listdir(temporary) == []


async def refusal(reader: DeckReader, data: bytes = b"x", name: str = "deck.apkg") -> DeckRefused:
    with pytest.raises(DeckRefused) as refused:
        await reader.read_deck(data, name)
    return refused.value


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (another process's doing)
            await asyncio.sleep(0.01)


async def test_what_comes_back_is_what_was_read(readers: Readers, anki: Anki, tmp_path: Path) -> None:
    fill(anki)
    reader = readers()
    for path in (anki.export(Format.NEWEST), newest(tmp_path / "deck.apkg")):
        assert await reader.read_deck(path.read_bytes(), "Sent by a Member.APKG") == read_package(path)
    table = "front,back,tags,new\n=1,'=2,a b,\n,x\n".encode("utf-16")
    assert await reader.read_sheet(table, "cards.csv") == read_sheet(table)
    table = "front\tback\n\xe4\tb\n".encode("cp1252")
    sheet = await reader.read_sheet(table, "cards.tsv")
    assert sheet.guessed
    assert sheet.rows == (Row("ä", "b", line=2),)


async def test_refusals_come_back_with_their_facts(readers: Readers, tmp_path: Path) -> None:
    reader = readers()
    assert await refusal(reader, name="mine.colpkg") == WholeCollection(name="mine.colpkg")
    assert await refusal(reader, name="a.zip") == UnknownDeckFile(name="a.zip", endings=(".apkg",))
    assert await refusal(reader, b"no zip") == DeckDamaged(part=Damage.ARCHIVE)
    too_large = DeckTooLarge(measure=Measure.FILE, limit=limits.FILE_BYTES)
    assert await refusal(reader, bytes(limits.FILE_BYTES + 1)) == too_large
    bomb = raw_zip(
        tmp_path / "bomb.apkg", Format.OLDEST, deflated_zeros(10 * 1024), size=10 * 1024 * limits.MEBI
    )
    too_large = DeckTooLarge(measure=Measure.COLLECTION, limit=limits.COLLECTION_BYTES)
    assert await refusal(reader, bomb.read_bytes()) == too_large
    for table, expected in (
        (b"front,x\n", NoHeader(missing=("back",), found=("front", "x"))),
        (b'front,back\n"', BrokenTable(line=2)),
    ):
        with pytest.raises(DeckRefused) as refused:
            await reader.read_sheet(table, "x.csv")
        assert refused.value == expected
    with pytest.raises(UnknownDeckFile):
        await reader.read_sheet(b"front,back\na,b", "x.xlsx")


async def test_a_process_that_hangs_is_ended(readers: Readers) -> None:
    assert await refusal(readers(SLEEP, seconds=1)) == DeckTooSlow(seconds=1)
    half = 'print(\'["skipped", "a", "missing"]\', flush=True);' + SLEEP
    assert await refusal(readers(half, seconds=1)) == DeckTooSlow(seconds=1)


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.abort()",
        "raise SystemExit(3)",
        "pass",
        "print('[\"package\"')",
        "print('[\"package\"]', end='')",
        "print('[]')",
        "print('{}')",
        "print('null')",
        "print('[' * 100000)",
        "print('9' * 10000)",
        "print('[\"sheet\"]')",
        "print('[\"sheet\", [1], true]')",
        'print(\'["note", "g", 0, [], []]\')',
        "print('[\"sheet\", [], true]')",
        'print(\'["card", -1, "d", "f", [], "b", []]\')',
        'print(\'["card", 0, "d", 5, [], "b", []]\')',
        'print(\'["skipped", "x", "no reason"]\')',
        'print(\'["row", {"front": "f"}]\')',
        'print(\'["model", {"name": 1}]\')',
        'print(\'["medium", "x.png", 10]\')',
        'print(\'["medium", "x.png", 100000000000]\')',
        'print(\'["refused", "SystemExit", {}]\')',
        'print(\'["refused", "DeckTooSlow", {"minutes": 1}]\')',
        "import sys\nwhile True: sys.stdout.write('x' * 100000)",
    ],
)
async def test_a_process_that_dies_or_lies_is_a_damaged_file(readers: Readers, program: str) -> None:
    assert await refusal(readers(program)) == READING


async def test_why_it_died_is_logged_and_the_next_file_is_read(
    readers: Readers, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.WARNING)
    dies_of_x = """
import sys, runpy
if open(sys.argv[1], "rb").read() == b"x":
    raise RuntimeError("the reason")
runpy.run_module("bot.flashcards.anki.worker", run_name="__main__")
"""
    reader = readers(dies_of_x)
    assert await refusal(reader) == READING
    assert "the reason" in caplog.text
    path = good(tmp_path / "deck.apkg")
    assert await reader.read_deck(path.read_bytes(), "deck.apkg") == read_package(path)


async def test_it_knows_no_secret(readers: Readers, monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "secret")
    tells = """
import json, os
facts = {"name": json.dumps([dict(os.environ), os.getcwd()]), "endings": []}
print(json.dumps(["refused", "UnknownDeckFile", facts]))
"""
    told = await refusal(readers(tells))
    assert isinstance(told, UnknownDeckFile)
    environment, folder = json.loads(told.name)
    assert Path(folder).parent == temporary
    allowed = {"TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}
    assert set(environment) - allowed <= {"LC_CTYPE"}  # which Python sets for itself
    assert environment["TMPDIR"] == folder


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
async def test_its_memory_is_limited(readers: Readers) -> None:
    greedy = """
import sys
from pathlib import Path
from bot.flashcards.anki import reader, worker
reader.read_package = lambda path: bytearray(2**30)
worker.main(Path(sys.argv[1]))
"""
    expected = DeckTooLarge(measure=Measure.MEMORY, limit=limits.MEMORY_BYTES)
    assert await refusal(readers(greedy)) == expected


TELLS_ITS_ID = "import os, sys; open({path!r}, 'w').write(str(os.getpid()));" + SLEEP


def process_of(path: Path) -> psutil.Process | None:
    return psutil.Process(int(path.read_text())) if path.exists() and path.read_text() else None


async def test_cancelling_ends_the_process(readers: Readers, tmp_path: Path) -> None:
    path = tmp_path / "id"
    reader = readers(TELLS_ITS_ID.format(path=str(path)), waiting_at_most=0)
    reading = asyncio.create_task(reader.read_deck(b"x", "deck.apkg"))
    await until(lambda: process_of(path) is not None)
    process = process_of(path)
    assert process is not None
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await until(lambda: not process.is_running())
    # And the place is free again.
    again = asyncio.create_task(reader.read_deck(b"x", "deck.apkg"))
    await asyncio.sleep(0)
    again.cancel()
    with pytest.raises(asyncio.CancelledError):
        await again


async def test_only_so_many_wait(readers: Readers, tmp_path: Path) -> None:
    path = tmp_path / "id"
    reader = readers(TELLS_ITS_ID.format(path=str(path)), waiting_at_most=1)
    waiting = [asyncio.create_task(reader.read_deck(b"x", "deck.apkg")) for _ in range(2)]
    await until(lambda: process_of(path) is not None)
    with pytest.raises(ReadersBusy):
        await reader.read_deck(b"x", "deck.apkg")
    process = process_of(path)
    reader.close()  # ends the one that runs, and lets the other one not begin
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results[0] == READING
    assert isinstance(results[1], asyncio.CancelledError)
    assert process is not None
    assert not process.is_running()


def test_every_refusal_keeps_its_facts_on_the_way() -> None:
    """One that is added later must be, too."""
    facts = {
        "measure": Measure.CELL, "part": Damage.MEDIA_LIST, "limit": 5, "line": 5, "seconds": 5, "skipped": 5,
        "version": 5, "newest": 5, "name": "a", "endings": ("a",), "missing": ("b",), "found": ("c",),
    }  # fmt: skip
    assert len(_REFUSALS) > 10
    for kind in set(_REFUSALS.values()) - {DeckRefused}:
        refused = kind(**{name: facts[name] for name in kind.__dataclass_fields__})
        stream = io.BytesIO()
        send(refused, stream)
        stream.seek(0)
        with pytest.raises(kind) as received:
            receive(stream)
        assert asdict(received.value) == asdict(refused)
        assert os.linesep.encode() not in stream.getvalue()[:-1]
