"""The database inside a package: opened so that it can be read and nothing else, and its tables as values.

Nobody can be trusted to have made it with Anki: a file of SQLite may hold views, triggers, virtual tables and
broken pages. So it is opened read-only and immutable, nothing but reading plain tables is allowed, and a
deadline stops what takes too long.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors.decks import Damage, DeckDamaged, DeckTooLarge, DeckTooSlow, Measure
from bot.flashcards.anki import limits, protobuf
from bot.flashcards.anki.archive import broken
from bot.flashcards.anki.package import Model, Template

# NotetypeConfig: 1 = kind, 3 = css; TemplateConfig: 1 = q_format, 2 = a_format.
_KIND, _CSS = 1, 3
_FRONT, _BACK = 1, 2
_CLOZE = 1
_TABLES = frozenset({b"cards", b"col", b"decks", b"fields", b"notes", b"notetypes", b"templates"})
_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
_LIMITS = (
    (sqlite3.SQLITE_LIMIT_LENGTH, limits.CELL_BYTES),
    (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (sqlite3.SQLITE_LIMIT_COLUMN, 100),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 50),
    (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 2),
    (sqlite3.SQLITE_LIMIT_VDBE_OP, 25_000),
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
)
_HEADER = b"SQLite format 3\0"
_STEPS_BETWEEN_LOOKS = 10_000
_DEFAULT_DECK = "Default"
#: Anki joins the fields of a note, and since schema 15 the levels of a deck's name, with this.
BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A note as it is stored; None for what is not UTF-8 text."""

    id: int
    guid: str | None
    model_id: int
    tags: str | None
    fields: str | None


@dataclass(frozen=True, slots=True)
class CardRow:
    ordinal: int
    deck: str


class Deadline:
    """When reading has to be over; raises DeckTooSlow from then on."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._end = time.perf_counter() + seconds

    @property
    def passed(self) -> bool:
        return time.perf_counter() > self._end

    def check(self) -> None:
        if self.passed:
            raise DeckTooSlow(seconds=self._seconds)


@contextmanager
def opened(path: Path, deadline: Deadline) -> Iterator["Collection"]:
    """The collection, for reading only. Raises DeckDamaged, DeckTooLarge and DeckTooSlow, then and later."""
    _leave_wal(path)
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    try:
        with _reading(deadline):
            _harden(connection, deadline)
            yield Collection(connection)
    finally:
        connection.close()


def _leave_wal(path: Path) -> None:
    """Anki's newest format marks the database as having a write-ahead log, which it does not come with."""
    with path.open("r+b") as file:
        if file.read(len(_HEADER)) != _HEADER:
            raise DeckDamaged(part=Damage.COLLECTION)
        file.seek(18)
        file.write(b"\1\1")


def _harden(connection: sqlite3.Connection, deadline: Deadline) -> None:
    for category, limit in _LIMITS:
        connection.setlimit(category, limit)
    connection.set_progress_handler(lambda: deadline.passed, _STEPS_BETWEEN_LOOKS)
    connection.text_factory = bytes  # or one wrong byte would end the reading of all
    # Anki's own order for names, which its indexes need; nothing here is sorted by it.
    connection.create_collation(
        "unicase", lambda a, b: (a.casefold() > b.casefold()) - (a.casefold() < b.casefold())
    )
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")
    connection.set_authorizer(_authorized)


def _authorized(action: int, what: str | None, *_: object) -> int:
    allowed = action in _ALLOWED or (action == sqlite3.SQLITE_PRAGMA and what == "table_xinfo")
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


@contextmanager
def _reading(deadline: Deadline) -> Iterator[None]:
    """SQLite's complaints as refusals; one that quotes broken UTF-8 comes as UnicodeDecodeError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        deadline.check()  # which interrupts
        raise DeckDamaged(part=Damage.COLLECTION) from error
    except sqlite3.DataError as error:
        raise DeckTooLarge(measure=Measure.CELL, limit=limits.CELL_BYTES) from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise DeckDamaged(part=Damage.COLLECTION) from error


class Collection:
    """The tables of Anki's schemas 11 (JSON in one row) and 18 (tables, their details in protobuf)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        rows = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'")
        # Views and virtual tables have no page of their own.
        self._tables = {name.decode() for name, page in rows if name in _TABLES and page}
        # A generated column computes whenever it is read, and may for minutes.
        computed = any(
            column[-1] > 1
            for name in self._tables
            for column in connection.execute(f"PRAGMA table_xinfo({name})")
        )
        if computed or not {"notes", "cards", "col"} <= self._tables:
            raise DeckDamaged(part=Damage.COLLECTION)

    def _rows(self, query: str, measure: Measure, limit: int) -> Iterator[tuple[Any, ...]]:
        for number, row in enumerate(self._connection.execute(query)):
            if number >= limit:
                raise DeckTooLarge(measure=measure, limit=limit)
            yield row

    def notes(self) -> Iterator[NoteRow]:
        """In the order in which they were made."""
        query = "SELECT id, guid, mid, tags, flds FROM notes ORDER BY id"
        for note_id, guid, model_id, tags, fields in self._rows(query, Measure.NOTES, limits.NOTES):
            yield NoteRow(note_id, _text(guid), _number(model_id), _text(tags), _text(fields))

    def cards(self) -> dict[int, list[CardRow]]:
        """The cards of each note, by its id."""
        decks = self._decks()
        query = "SELECT nid, ord, did, odid FROM cards"
        cards: dict[int, dict[int, CardRow]] = {}
        for note_id, ordinal, deck_id, home_id in self._rows(query, Measure.CARDS, limits.CARDS):
            # A card that sits in a filtered deck has its own deck as its home.
            deck = decks.get(_number(home_id)) or decks.get(_number(deck_id)) or _DEFAULT_DECK
            cards.setdefault(_number(note_id), {})[_number(ordinal)] = CardRow(_number(ordinal), deck)
        return {
            note_id: [of_note[ordinal] for ordinal in sorted(of_note)] for note_id, of_note in cards.items()
        }

    def models(self) -> dict[int, Model]:
        with broken(Damage.NOTE_TYPES), _shape(Damage.NOTE_TYPES):
            models = self._model_tables() if "notetypes" in self._tables else self._model_json()
        if len(models) > limits.NOTE_TYPES:
            raise DeckTooLarge(measure=Measure.NOTE_TYPES, limit=limits.NOTE_TYPES)
        return models

    def _model_json(self) -> dict[int, Model]:
        return {
            _id(key): Model(
                id=_id(key),
                name=_clean(model["name"]),
                fields=tuple(_clean(field["name"]) for field in _in_order(model["flds"])),
                templates=tuple(
                    Template(_clean(template["name"]), _clean(template["qfmt"]), _clean(template["afmt"]))
                    for template in _in_order(model["tmpls"])
                ),
                cloze=model.get("type") == _CLOZE,
                css=_clean(model.get("css", "")),
            )
            for key, model in self._json("models").items()
        }

    def _model_tables(self) -> dict[int, Model]:
        fields: dict[int, list[str]] = {}
        for model_id, name in self._rows(
            "SELECT ntid, name FROM fields ORDER BY ntid, ord", Measure.NOTE_TYPES, limits.NOTE_TYPES * 100
        ):
            fields.setdefault(_number(model_id), []).append(_required(name))
        templates: dict[int, list[Template]] = {}
        for model_id, name, config in self._rows(
            "SELECT ntid, name, config FROM templates ORDER BY ntid, ord",
            Measure.NOTE_TYPES,
            limits.NOTE_TYPES * 10,
        ):
            sides = protobuf.last(config)
            template = Template(
                _required(name), protobuf.text(sides.get(_FRONT)), protobuf.text(sides.get(_BACK))
            )
            templates.setdefault(_number(model_id), []).append(template)
        models = {}
        for model_id, name, config in self._rows(
            "SELECT id, name, config FROM notetypes", Measure.NOTE_TYPES, limits.NOTE_TYPES
        ):
            details = protobuf.last(config)
            models[model_id] = Model(
                id=_number(model_id),
                name=_required(name),
                fields=tuple(fields.get(model_id, ())),
                templates=tuple(templates.get(model_id, ())),
                cloze=details.get(_KIND) == _CLOZE,
                css=protobuf.text(details.get(_CSS)),
            )
        return models

    def _decks(self) -> dict[int, str]:
        with broken(Damage.DECKS), _shape(Damage.DECKS):
            if "decks" in self._tables:
                rows = self._rows("SELECT id, name FROM decks", Measure.DECKS, limits.DECKS)
                return {_number(deck_id): _required(name).replace(BETWEEN, "::") for deck_id, name in rows}
            decks = {_id(key): _clean(deck["name"]) for key, deck in self._json("decks").items()}
        if len(decks) > limits.DECKS:
            raise DeckTooLarge(measure=Measure.DECKS, limit=limits.DECKS)
        return decks

    def _json(self, column: str) -> dict[str, Any]:
        row = self._connection.execute(f"SELECT {column} FROM col").fetchone()  # noqa: S608
        value = json.loads(row[0])
        if not isinstance(value, dict):
            raise ValueError(f"{column} is no object")
        return value


@contextmanager
def _shape(part: Damage) -> Iterator[None]:
    """Values of other kinds than Anki's, where one is looked into."""
    try:
        yield
    except (TypeError, KeyError, AttributeError) as error:
        raise DeckDamaged(part=part) from error


def _in_order(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: item.get("ord") or 0)


def _clean(text: str) -> str:
    """Without NUL, which PostgreSQL refuses, and without halves of characters, which JSON can spell."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _text(value: object) -> str | None:
    if not isinstance(value, bytes):
        return None
    try:
        return value.decode().replace("\0", "")
    except UnicodeDecodeError:
        return None


def _required(value: object) -> str:
    text = _text(value)
    if text is None:
        raise ValueError("a name that is no text")
    return text


def _id(key: str) -> int:
    """JSON's keys are text, and may spell numbers that no database holds."""
    number = int(key)
    if abs(number) >= 2**63:
        raise ValueError("an id beyond 64 bits")
    return number


def _number(value: object) -> int:
    """The integer; -1, which is no id, for anything else."""
    return value if isinstance(value, int) else -1
