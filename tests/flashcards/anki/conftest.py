import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flashcards.anki.hostile import good
from tests.flashcards.anki.official import Anki


@pytest.fixture
def anki(tmp_path: Path) -> Iterator[Anki]:
    """A fresh collection of the official package."""
    folder = tmp_path / "anki"
    folder.mkdir()
    anki = Anki(folder)
    yield anki
    anki.close()


@pytest.fixture
def deck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good package, to be spoilt; whatever reading it leaves behind would lie in the folder above it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return good(tmp_path / "deck.apkg")
