"""Thousands of mutated decks and tables, in a process that may crash without taking the tests with it."""

import subprocess
import sys
from pathlib import Path

from bot.flashcards.sheets import Row, write_sheet
from tests.flashcards.anki.hostile import good, newest
from tests.flashcards.anki.official import PICTURE, Anki, Format
from tests.flashcards.anki.test_reader import fill

# Kept: a seed that ever broke the reader is added here.
SEEDS = ("1", "2", "3")
MUTATIONS_EACH = 1_000


def originals(folder: Path, anki: Anki) -> None:
    """Small decks of every format, theirs and ours, and tables."""
    anki.add_medium("p.png", PICTURE)
    anki.add("Basic", 'A <img src="p.png"> and <a href="https://a.b">link</a>', r"\(x\) [latex]$y$[/latex]")
    fill(anki)
    for format in Format:
        anki.export(format).rename(folder / f"{format}.apkg")
    good(folder / "ours.apkg")
    newest(folder / "ours under zstd.apkg")
    rows = [
        Row("What is *loss*?", "=1", ("a", "b"), "3", "D::E", "g"),
        Row("{{c1::Größe}}", 'a "b"\nc'),
        Row("x", "y"),
    ]
    (folder / "ours.csv").write_bytes(write_sheet(rows))
    (folder / "theirs.tsv").write_bytes('Back\tFront\tOther\nä\tb\tc\n\n"d\ne"\tf\t\n'.encode())


def test_thousands_of_mutations_are_read_or_refused(tmp_path: Path) -> None:
    folder, home = tmp_path / "fuzz", tmp_path / "anki"
    folder.mkdir()
    home.mkdir()
    anki = Anki(home)
    originals(folder, anki)
    anki.close()
    for seed in SEEDS:
        fuzz = [sys.executable, "-m", "tests.flashcards.fuzz", str(folder), "--seed", seed]
        done = subprocess.run(
            [*fuzz, "--count", str(MUTATIONS_EACH)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"seed {seed}, {MUTATIONS_EACH} mutations" in done.stdout
        assert "'Package'" in done.stdout
        assert "'DeckDamaged'" in done.stdout
        assert "'Sheet'" in done.stdout
        print(done.stdout)  # noqa: T201
