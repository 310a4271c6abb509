"""Reads an Anki package of any format in use into plain values.

Runs in a process of its own (`bot.flashcards.anki.worker`), for it takes its time and its file comes from
anybody. Nothing is half read: the result is the whole package, or a refusal.
"""

import re
import tempfile
import unicodedata
from dataclasses import replace
from functools import lru_cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote

from bot.errors.decks import (
    DeckDamaged,
    DeckTooLarge,
    Measure,
    NoCards,
    UnknownDeckFile,
    WholeCollection,
)
from bot.flashcards.anki import archive, collection, limits
from bot.flashcards.anki.collection import BETWEEN, CardRow, Deadline, NoteRow
from bot.flashcards.anki.package import Card, Note, Package, Reason, Skipped
from bot.flashcards.anki.templates import BrokenTemplate, Renderer, SideTooLong
from bot.flashcards.html import to_markdown
from bot.flashcards.markdown import Text, visible

ENDING = ".apkg"
_BACKUP = ".colpkg"
_SOUND = re.compile(r"\[sound:([^\[\]]{1,255})\]")
#: The line that Anki scrolls to when it shows the back: above it stands the front once more.
_ANSWER_LINE = re.compile(r"<hr\b[^<>]*\bid=[\"']?answer\b[^<>]*>", re.IGNORECASE)
# The two cards of a reversed note have the same sides.
_converted = lru_cache(maxsize=8)(to_markdown)
_TAG = re.compile(r"<[^<>]*>?")
_OCCLUSION = "::image-occlusion:"
# JPEG, PNG, GIF and WebP: what Discord shows.
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL)
# How much of a left out note is looked at, and how much of it is told.
_LOOKED_AT, _SHOWN = 500, 80


def read_package(path: Path) -> Package:
    """The package, its name deciding what it claims to be. Raises DeckRefused."""
    check_name(path.name)
    deadline = Deadline(limits.SECONDS)
    with tempfile.TemporaryDirectory(prefix="cohort-deck-") as folder, archive.opened(path) as package:
        database = Path(folder) / "collection.db"
        package.unpack_collection(database)
        reading = _Reading(_Pictures(package), deadline)
        with collection.opened(database, deadline) as tables:
            models = {key: Renderer(model) for key, model in tables.models().items()}
            cards = tables.cards()
            for row in tables.notes():
                deadline.check()
                reading.take(row, models.get(row.model_id), cards.get(row.id, []))
        return reading.package()


def check_name(name: str) -> None:
    """Refuse what is not named like a package. Raises UnknownDeckFile and WholeCollection."""
    ending = Path(name).suffix.lower()
    if ending == _BACKUP:
        raise WholeCollection(name=name)
    if ending != ENDING:
        raise UnknownDeckFile(name=name, endings=(ENDING,))


class _LeftOut(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class _Reading:
    """What was read so far."""

    def __init__(self, pictures: "_Pictures", deadline: Deadline) -> None:
        self._pictures = pictures
        self._deadline = deadline
        self._notes: dict[str, Note] = {}
        self._skipped: list[Skipped] = []
        self._characters = 0

    def package(self) -> Package:
        skipped = (*self._skipped, *self._pictures.skipped)
        if not self._notes:
            raise NoCards(skipped=len(skipped))
        return Package(tuple(self._notes.values()), self._pictures.kept, skipped)

    def take(self, row: NoteRow, renderer: Renderer | None, rows: list[CardRow]) -> None:
        try:
            note, renderer = self._note(row, renderer, rows)
        except _LeftOut as left_out:
            self._skip(row, left_out.reason)
            return
        cards = []
        reasons: dict[Reason, None] = {}
        for card in rows:
            self._deadline.check()
            try:
                cards.append(self._card(note, card, renderer))
            except _LeftOut as left_out:
                reasons[left_out.reason] = None
        for reason in reasons:
            self._skip(row, reason)
        if cards:
            self._notes[note.guid] = replace(note, cards=tuple(cards))

    def _skip(self, row: NoteRow, reason: Reason) -> None:
        first = (row.fields or "")[:_LOOKED_AT].partition(BETWEEN)[0]
        text = " ".join(visible(unescape(_TAG.sub(" ", first))).split())
        self._skipped.append(Skipped(text[:_SHOWN], reason))

    def _note(self, row: NoteRow, renderer: Renderer | None, rows: list[CardRow]) -> tuple[Note, Renderer]:
        if not row.guid or len(row.guid) > limits.GUID_CHARACTERS:
            raise _LeftOut(Reason.NO_GUID)
        if row.guid in self._notes:
            raise _LeftOut(Reason.SAME_GUID)
        if row.fields is None or row.tags is None:
            raise _LeftOut(Reason.UNREADABLE_TEXT)
        if renderer is None:
            raise _LeftOut(Reason.NO_MODEL)
        if not rows:
            raise _LeftOut(Reason.NO_CARDS)
        if len(row.fields) + len(row.tags) > limits.NOTE_CHARACTERS:
            raise _LeftOut(Reason.TOO_LONG)
        if len(rows) > limits.NOTE_CARDS:
            raise _LeftOut(Reason.TOO_MANY_CARDS)
        values = tuple(row.fields.split(BETWEEN))
        if len(values) != len(renderer.model.fields):
            raise _LeftOut(Reason.WRONG_FIELDS)
        if renderer.model.cloze and _OCCLUSION in row.fields:
            raise _LeftOut(Reason.IMAGE_OCCLUSION)
        self._count(len(row.fields))
        return Note(row.guid, renderer.model, values, tuple(row.tags.split()), ()), renderer

    def _card(self, note: Note, row: CardRow, renderer: Renderer) -> Card:
        tags = " ".join(note.tags)
        try:
            front, back = renderer.render(
                note.fields, row.ordinal, tags=tags, deck=row.deck, with_front=False
            )
        except BrokenTemplate:
            raise _LeftOut(Reason.BROKEN_TEMPLATE) from None
        except SideTooLong:
            raise _LeftOut(Reason.TOO_LONG) from None
        shown = self._text(front)
        if not shown:
            raise _LeftOut(Reason.EMPTY_FRONT)
        return Card(row.ordinal, row.deck, shown, self._text(_ANSWER_LINE.split(back, maxsplit=1)[-1]))

    def _text(self, html: str) -> Text:
        for sound in _SOUND.findall(html):
            self._pictures.no_picture(sound)
        text = _converted(_SOUND.sub("", html))
        self._count(len(text.markdown))
        return Text(text.markdown, tuple(name for name in text.images if self._pictures.has(name)))

    def _count(self, characters: int) -> None:
        self._characters += characters
        if self._characters > limits.TEXT_CHARACTERS:
            raise DeckTooLarge(measure=Measure.TEXT, limit=limits.TEXT_CHARACTERS)


class _Pictures:
    """The pictures that cards use, each read when the first card needs it."""

    def __init__(self, package: archive.Archive) -> None:
        self._package = package
        self._entries = package.media()
        self._left = limits.MEDIA_BYTES
        self._left_out: dict[str, Reason] = {}
        self.kept: dict[str, bytes] = {}

    @property
    def skipped(self) -> list[Skipped]:
        return [Skipped(name, reason) for name, reason in self._left_out.items()]

    def no_picture(self, name: str) -> None:
        self._left_out[name] = Reason.NOT_A_PICTURE

    def has(self, name: str) -> bool:
        if name not in self.kept and name not in self._left_out:
            try:
                self.kept[name] = self._read(name)
            except _LeftOut as left_out:
                self._left_out[name] = left_out.reason
        return name in self.kept

    def _read(self, name: str) -> bytes:
        spellings = (name, unquote(name), unicodedata.normalize("NFC", unquote(name)))
        entry = next((self._entries[spelt] for spelt in spellings if spelt in self._entries), None)
        if entry is None or len(name) > limits.MEDIUM_NAME_CHARACTERS:
            raise _LeftOut(Reason.MISSING)
        try:
            data = self._package.read_medium(entry, limits.MEDIUM_BYTES)
        except DeckTooLarge:
            self._spend(limits.MEDIUM_BYTES)
            raise _LeftOut(Reason.TOO_LARGE) from None
        except DeckDamaged:
            raise _LeftOut(Reason.DAMAGED) from None
        self._spend(len(data))
        if not _PICTURE.match(data):
            raise _LeftOut(Reason.NOT_A_PICTURE)
        return data

    def _spend(self, amount: int) -> None:
        """Whatever was unpacked counts, kept or not: unpacking is what a bomb is made for."""
        self._left -= amount
        if self._left < 0:
            raise DeckTooLarge(measure=Measure.MEDIA, limit=limits.MEDIA_BYTES)
