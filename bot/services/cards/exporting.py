"""A deck as a file: an Anki package with its pictures, or a table."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Card, CardMedia, Deck, Note, NoteState, NoteType
from bot.errors import FileTooLarge
from bot.flashcards import sheets
from bot.flashcards.anki import native
from bot.flashcards.anki.package import Card as Sides
from bot.flashcards.anki.package import Model, Package
from bot.flashcards.anki.package import Note as AnkiNote
from bot.flashcards.anki.writer import write_package
from bot.flashcards.markdown import Text
from bot.services.cards.incoming import BETWEEN
from bot.services.cards.merging import batches

#: Between the levels of a deck's name.
LEVEL = "::"


class Format(StrEnum):
    APKG = "apkg"
    CSV = "csv"
    TSV = "tsv"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Everything of a deck that a file can hold, read in one transaction."""

    notes: Sequence[tuple[Note, str]]
    cards: Mapping[int, Sequence[Card]]
    models: Mapping[int, Model]
    pictures: Mapping[str, bytes] = field(default_factory=dict)


async def load_deck(session: AsyncSession, deck: Deck, *, pictures: bool, limit: int) -> Loaded:
    """The notes of the deck and of those below it, with the name of each one's deck, oldest first.

    Raises FileTooLarge when the pictures alone are more than `limit` bytes.
    """
    below = Deck.name.startswith(deck.name + LEVEL, autoescape=True)
    rows = await session.execute(
        select(Note, Deck.name)
        .join(Deck, Deck.id == Note.deck_id)
        .where(Note.group_id == deck.group_id, Note.state == NoteState.ACTIVE, (Deck.id == deck.id) | below)
        .order_by(Note.id)
    )
    notes = [(note, name) for note, name in rows]
    cards: dict[int, list[Card]] = {note.id: [] for note, _ in notes}
    for some in batches(list(cards)):
        found = select(Card).where(Card.note_id.in_(some)).order_by(Card.note_id, Card.ordinal)
        for card in await session.scalars(found):
            cards[card.note_id].append(card)
    types = await session.scalars(select(NoteType).where(NoteType.group_id == deck.group_id))
    loaded = Loaded(notes=notes, cards=cards, models=_models(types.all()))
    return replace(loaded, pictures=await _pictures(session, loaded, limit)) if pictures else loaded


def write(loaded: Loaded, format: Format, *, now: datetime) -> bytes:
    """The file; takes a second for some thousands of notes."""
    if format is Format.APKG:
        notes = [_anki_note(loaded, note, deck) for note, deck in loaded.notes]
        return write_package(Package(tuple(notes), loaded.pictures), now=now)
    rows = [row for note, deck in loaded.notes for row in _rows(loaded, note, deck)]
    return sheets.write_sheet(rows, tabs=format is Format.TSV)


def _models(types: Sequence[NoteType]) -> dict[int, Model]:
    """Anki tells note types apart by their ids, so that a second definition of one id gets an id of its own,
    the same in every export.
    """
    found: dict[int, Model] = {}
    taken: set[int] = set()
    for one in sorted(types, key=lambda one: one.id):
        model = Model.defined(one.definition)
        if model.id in taken:
            model = replace(model, id=int.from_bytes(hashlib.sha256(one.key.encode()).digest()[:6], "big"))
        taken.add(model.id)
        found[one.id] = model
    return found


async def _pictures(session: AsyncSession, loaded: Loaded, limit: int) -> dict[str, bytes]:
    if not loaded.notes:
        return {}
    names = dict.fromkeys(
        name
        for cards in loaded.cards.values()
        for card in cards
        for name in (*card.front_media, *card.back_media)
    )
    group_id = loaded.notes[0][0].group_id
    size = 0
    for some in batches(list(names)):
        there = (CardMedia.group_id == group_id) & CardMedia.name.in_(some)
        size += await session.scalar(select(func.sum(func.length(CardMedia.data))).where(there)) or 0
        if size > limit:
            raise FileTooLarge(limit=limit, pictures=True)
    found: dict[str, bytes] = {}
    for some in batches(list(names)):
        there = (CardMedia.group_id == group_id) & CardMedia.name.in_(some)
        rows = await session.execute(select(CardMedia.name, CardMedia.data).where(there))
        found |= {name: data for name, data in rows}
    return found


def _anki_note(loaded: Loaded, note: Note, deck: str) -> AnkiNote:
    cards, tags = loaded.cards[note.id], tuple(note.tags)
    if note.type_id is None:
        front, back = note.fields
        return native.note_of(
            note.guid,
            Text(front, tuple(cards[0].front_media)),
            Text(back, tuple(cards[0].back_media)),
            tags=tags,
            deck=deck,
            changed_at=note.updated_at,
        )
    sides = tuple(Sides(card.ordinal, deck, Text(card.front), Text(card.back)) for card in cards)
    model = loaded.models[note.type_id]
    return AnkiNote(note.guid, model, tuple(note.fields), tags, sides, note.updated_at)


def _rows(loaded: Loaded, note: Note, deck: str) -> list[sheets.Row]:
    """A row for a note that was written here; for one from Anki a row for each of its cards."""
    lesson = f"{note.pack}{BETWEEN}{note.lesson}" if note.lesson is not None else ""
    tags = tuple(note.tags)
    if note.type_id is None:
        front, back = note.fields
        return [sheets.Row(front=front, back=back, tags=tags, lesson=lesson, deck=deck, guid=note.guid)]
    return [
        sheets.Row(
            front=card.front,
            back=card.back,
            tags=tags,
            lesson=lesson,
            deck=deck,
            guid=f"{note.guid}{BETWEEN}{card.ordinal}",
        )
        for card in loaded.cards[note.id]
    ]
