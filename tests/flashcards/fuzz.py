"""Mutated packages and tables, by the thousand: each is read or refused, in time, and nothing else happens.

    python -m tests.flashcards.fuzz FOLDER [--seed 1] [--count 1000]

FOLDER holds the decks and tables to mutate. A mutation is its seed, its number and its original, so that it
can be made again; one that breaks the reader is also left in FOLDER/broken.
"""

import argparse
import faulthandler
import io
import random
import sqlite3
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path

from backports import zstd

from bot.errors.decks import DeckRefused
from bot.flashcards.anki import limits, transfer
from bot.flashcards.anki.package import Package
from bot.flashcards.anki.reader import read_package
from bot.flashcards.sheets import Sheet, read_sheet

#: A small file that takes longer hangs, for whoever waits for the answer.
SECONDS = 10
STRANGE: tuple[object, ...] = (
    None, 0, -1, 2**63 - 1, 1.5, b"", b"\xff\xfe", "", "\0", "x" * 8_000, "\x1f", "\x1f" * 50, "{{c1::a::b}}",
    "{{c1::", "<a " * 500, "<b>" * 300, "<![if x]>", "<!--", "&#xD800;&#0;", "[latex]", "\\(", "[sound:x]",
    "<img src=../x>", "{}", "[]", "null", '{"1": {}}', "[" * 5_000, "\u202e\u200b\ue000",
    "<@1> @everyone [a](http://b)", "{{#A}}", "}}",
)  # fmt: skip
SIGNS = (
    b'"', b",", b";", b"\t", b"\n", b"\r", b"\0", b"'", b"=", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe4",
    b"\xc3", b'""',
)  # fmt: skip
CHANGES = (
    "UPDATE OR IGNORE {table} SET {column} = ?1",
    "UPDATE OR IGNORE {table} SET {column} = {column} || ?1",
    "UPDATE OR IGNORE {table} SET {column} = replace({column}, 'a', ?1)",
    "DELETE FROM {table} WHERE rowid % 2 OR {column} = ?1",
)


class Mutation:
    def __init__(self, seed: str, originals: list[Path]) -> None:
        self.random = random.Random(seed)
        self.original = self.random.choice(originals)
        data = self.original.read_bytes()
        self.data = self.package(data) if self.original.suffix == ".apkg" else self.table(data)

    def package(self, data: bytes) -> bytes:
        kind = self.random.randrange(4)
        if kind == 0:
            return self.spoilt(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        newest = "collection.anki21b" in entries
        database = max(name for name in entries if name.startswith("collection"))
        name = database if kind < 3 else self.random.choice(list(entries))
        content = entries[name]
        packed = newest and content.startswith(b"\x28\xb5\x2f\xfd")
        if packed and self.random.random() < 0.9:
            content = zstd.decompress(content)
        else:
            packed = False
        if kind == 1 and content.startswith(b"SQLite"):
            content = self.rows(content)
        elif kind == 2 and content.startswith(b"SQLite"):
            content = self.pages(content)
        else:
            content = self.spoilt(content)
        entries[name] = zstd.compress(content) if packed else content
        if self.random.random() < 0.1:
            entries[self.random.choice(list(entries))] = entries.pop(self.random.choice(list(entries)))
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
        return file.getvalue()

    def spoilt(self, data: bytes) -> bytes:
        """Some bytes changed, lost, doubled or added."""
        spoilt = bytearray(data)
        for _ in range(self.random.choice((1, 1, 2, 5, 30))):
            place, length = self.random.randrange(len(spoilt) + 1), self.random.choice((1, 1, 4, 100, 5_000))
            piece = spoilt[place : place + length]
            spoilt[place : place + length] = self.random.choice((
                self.random.randbytes(len(piece)), b"", piece * 2, bytes(len(piece)), b"\xff" * len(piece),
                self.random.choice(SIGNS),
            ))  # fmt: skip
        return bytes(
            spoilt[: self.random.randrange(len(spoilt) + 1)] if self.random.random() < 0.1 else spoilt
        )

    def pages(self, data: bytes) -> bytes:
        """A database whose headers, pointers and records are wrong, but that is still taken for one."""
        size = int.from_bytes(data[16:18], "big") or 4096
        spoilt = bytearray(data)
        for _ in range(self.random.choice((1, 2, 8))):
            page = self.random.randrange(len(data) // size) * size
            place = page + self.random.choice((self.random.randrange(12), self.random.randrange(size)))
            place += 16 if place < 16 else 0  # the name of the format stays
            spoilt[place % len(spoilt)] = self.random.choice(
                (0, 1, 0x7F, 0x80, 0xFF, self.random.randrange(256))
            )
        return bytes(spoilt)

    def rows(self, data: bytes) -> bytes:
        """A whole database in which values are of the wrong kind, or strange."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            connection.create_collation("unicase", lambda a, b: (a > b) - (a < b))
            connection.deserialize(data[:18] + b"\1\1" + data[20:])
            tables = [
                name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            for _ in range(self.random.choice((1, 2, 6))):
                table = self.random.choice([name for name in tables if not name.startswith("sqlite")])
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                column, value = self.random.choice(columns), self.random.choice(STRANGE)
                if isinstance(value, str) and self.random.random() < 0.5:
                    value += "".join(str(self.random.choice(STRANGE)) for _ in range(3))
                change = self.random.choice(CHANGES).format(table=table, column=column)
                try:
                    connection.execute(change, (value,))
                except (sqlite3.DatabaseError, UnicodeDecodeError):
                    continue  # not with this value, without row ids, or after what was done before
            return connection.serialize()
        finally:
            connection.close()

    def table(self, data: bytes) -> bytes:
        if self.random.random() < 0.3:
            encoding = self.random.choice(
                ("utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-8-sig", "cp1251")
            )
            data = data.decode().encode(encoding, "replace")
        spoilt = self.spoilt(data) if self.random.random() < 0.7 else data
        for _ in range(self.random.randrange(6)):
            place = self.random.randrange(len(spoilt) + 1)
            spoilt = spoilt[:place] + self.random.choice(SIGNS) + spoilt[place:]
        return spoilt


def read(mutation: Mutation, path: Path) -> Package | Sheet:
    if mutation.original.suffix != ".apkg":
        return read_sheet(mutation.data)
    path.write_bytes(mutation.data)
    return read_package(path)


def check(result: Package | Sheet) -> None:
    """What is read is whole, and arrives as it was read."""
    if isinstance(result, Package):
        assert result.notes
        assert len({note.guid for note in result.notes}) == len(result.notes)
        for note in result.notes:
            assert note.cards
            assert len(note.fields) == len(note.values)
            for card in note.cards:
                assert card.front
                assert {*card.front.images, *card.back.images} <= result.media.keys()
                assert "\0" not in card.front.markdown + card.back.markdown + "".join(note.values)
    else:
        assert all(row.front and "\0" not in f"{row}" for row in result.rows)
    stream = io.BytesIO()
    transfer.send(result, stream)
    stream.seek(0)
    assert transfer.receive(stream) == result


def memory() -> str:
    """The most that this process ever held, the interpreter and its libraries among it."""
    if sys.platform == "win32":
        return ""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f", most memory {peak / (2**20 if sys.platform == 'darwin' else 2**10):.0f} MiB"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--count", type=int, default=1000)
    asked = parser.parse_args()
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limits.MEMORY_BYTES, limits.MEMORY_BYTES))
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "mutated.apkg"
    originals = sorted(path for path in asked.folder.iterdir() if path.suffix in (".apkg", ".csv", ".tsv"))
    results: Counter[str] = Counter()
    slowest = 0.0
    for number in range(asked.count):
        seed = f"{asked.seed}:{number}"
        mutation = Mutation(seed, originals)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        begun = time.perf_counter()
        try:
            result = read(mutation, path)
            check(result)
            results[type(result).__name__] += 1
        except DeckRefused as refusal:
            results[type(refusal).__name__] += 1
        except Exception:
            traceback.print_exc()
            results["broken"] += 1
            broken = asked.folder / "broken" / f"{seed.replace(':', '-')}{mutation.original.suffix}"
            broken.parent.mkdir(exist_ok=True)
            broken.write_bytes(mutation.data)
            sys.stderr.write(f"seed {seed} of {mutation.original.name}: {broken}\n")
        faulthandler.cancel_dump_traceback_later()
        slowest = max(slowest, time.perf_counter() - begun)
    sys.stdout.write(
        f"seed {asked.seed}, {asked.count} mutations, slowest {slowest:.2f} s{memory()}: {dict(results)}\n"
    )
    return 1 if results["broken"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
