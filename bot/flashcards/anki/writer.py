"""Writes packages that every Anki opens, old and new: the format before zstd, through `genanki`.

What makes a friend's Anki update its notes instead of doubling them is the same in every export: the guids of
notes, the ids of note types, and those of decks, which come from their names.
"""

import hashlib
import io
import itertools
import json
import secrets
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import genanki  # type: ignore[import-untyped]

from bot.flashcards.anki.package import Card, Memory, Model, Note, Package

_COLLECTION = "collection.anki2"
#: The day that genanki's collections begin on, from which Anki counts the days of reviews.
_FIRST_DAY = datetime.fromtimestamp(1_411_124_400, UTC)
_REVIEW = 2
_EASE = 2_500
_DAY = timedelta(days=1)


def new_guid() -> str:
    """A name for a note that no other note in the world has; ten signs, as Anki makes them."""
    return str(genanki.guid_for(secrets.token_hex(16)))


def write_package(package: Package, *, now: datetime) -> bytes:
    """The notes, their cards, decks and media as an `.apkg`. Cards with a memory go on where they were."""
    decks = {name: genanki.Deck(_deck_id(name), name) for name in package.decks}
    models: dict[Model, Any] = {}
    # Anki's ids are milliseconds, and tell it the order in which notes were made.
    ids = itertools.count(int(now.timestamp() * 1000))
    for position, note in enumerate(package.notes):
        if note.model not in models:
            models[note.model] = _model(note.model)
        own = [next(ids) for _ in (note, *note.cards)]
        decks[note.deck].add_note(_Note(note, models[note.model], own, position))
    with closing(sqlite3.connect(":memory:")) as connection:
        cursor = connection.cursor()
        genanki.Package(list(decks.values())).write_to_db(cursor, now.timestamp(), ids)
        connection.commit()
        database = connection.serialize()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_COLLECTION, database)
        archive.writestr(
            "media", json.dumps({str(number): name for number, name in enumerate(package.media)})
        )
        for number, data in enumerate(package.media.values()):
            archive.writestr(str(number), data, zipfile.ZIP_STORED)
    return file.getvalue()


def _deck_id(name: str) -> int:
    """From the name, by which Anki knows decks as well; beyond the ids that it gives by the clock."""
    return 2**50 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")


def _model(model: Model) -> Any:
    written = genanki.Model(
        model.id,
        model.name,
        fields=[{"name": name} for name in model.fields],
        templates=[{"name": part.name, "qfmt": part.front, "afmt": part.back} for part in model.templates],
        css=model.css,
        model_type=genanki.Model.CLOZE if model.cloze else genanki.Model.FRONT_BACK,
    )
    # Which fields each card needs: genanki cannot tell for templates with filters. Anki finds out by itself.
    written._req = [[ordinal, "any", [0]] for ordinal in range(len(model.templates))]
    return written


class _Note(genanki.Note):  # type: ignore[misc]
    """With ids of its own, and the cards that it has instead of those that its templates may make."""

    def __init__(self, note: Note, model: Any, ids: list[int], position: int) -> None:
        tags = ["_".join(tag.split()) for tag in note.tags]
        super().__init__(model, list(note.values), tags=tags, guid=note.guid, due=position)
        self.cards = [_Card(card) for card in note.cards]
        self._ids = ids
        self._changed_at = note.changed_at

    def _check_invalid_html_tags_in_fields(self) -> None:
        """Anki takes any HTML; genanki would warn of every `<` in a formula."""

    def write_to_db(
        self, cursor: sqlite3.Cursor, timestamp: float, deck_id: int, id_gen: Iterator[int]
    ) -> None:
        # An Anki that imports a note twice keeps its own unless this one was changed later.
        changed = self._changed_at.timestamp() if self._changed_at else timestamp
        super().write_to_db(cursor, changed, deck_id, iter(self._ids))


class _Card:
    """A row of Anki's cards, in the deck of its own, new or under FSRS."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def write_to_db(
        self,
        cursor: sqlite3.Cursor,
        timestamp: float,
        deck_id: int,
        note_id: int,
        id_gen: Iterator[int],
        due: int,
    ) -> None:
        card = self._card
        row = {"id": next(id_gen), "nid": note_id, "did": _deck_id(card.deck), "ord": card.ordinal}
        row |= {"mod": int(timestamp), "usn": -1} | _NEW
        row |= _scheduled(card.memory) if card.memory else {"due": due}
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        cursor.execute(f"INSERT INTO cards ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608


_NEW: dict[str, Any] = {
    "type": 0, "queue": 0, "due": 0, "ivl": 0, "factor": 0, "reps": 0, "lapses": 0, "left": 0,
    "odue": 0, "odid": 0, "flags": 0, "data": "",
}  # fmt: skip


def _scheduled(memory: Memory) -> dict[str, Any]:
    """What Anki needs to go on: the day it is due, and under FSRS the state itself."""
    return {
        "type": _REVIEW,
        "queue": _REVIEW,
        "due": (memory.due - _FIRST_DAY) // _DAY,
        "ivl": max(1, (memory.due - memory.last_review) // _DAY),
        "factor": _EASE,
        "reps": memory.reps,
        "lapses": memory.lapses,
        "data": json.dumps({
            "s": round(memory.stability, 4),
            "d": round(memory.difficulty, 3),
            "lrt": int(memory.last_review.timestamp()),
        }),
    }  # fmt: skip
