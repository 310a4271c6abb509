"""Notes from outside, in one form wherever they come from: an Anki package, a table, a starter deck."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.db.models import Note
from bot.errors.decks import DeckTooLarge, Measure
from bot.flashcards.anki import cloze, limits, native
from bot.flashcards.anki.markup import to_html
from bot.flashcards.anki.package import Card as Sides
from bot.flashcards.anki.package import Model, Package, Reason
from bot.flashcards.anki.package import Note as AnkiNote
from bot.flashcards.html import to_markdown
from bot.flashcards.markdown import Text, neutral, visible
from bot.flashcards.sheets import Row, RowReason, Sheet
from bot.flashcards.starter import StarterDeck
from bot.services.cards.finding import DECK_LIMIT
from bot.services.cards.sides import front_key, sides_of

#: A course's pack and its lesson.
LessonId = tuple[str, str]
# Between the guid of a note from Anki and the ordinal of one of its cards, in a table.
BETWEEN = ":"
# How much of a note that is left out is told.
LOOKED_AT = 80


class Left(StrEnum):
    """Why a note that could be read was left out all the same."""

    DUPLICATE = "duplicate"  # a row without a guid that asks what another card asks
    FROM_ANKI = "from_anki"  # a row for a note whose words come from Anki


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """`what` is how the note begins, or a picture's name; "" when only its line in a table is known."""

    what: str = ""
    line: int = 0
    reason: Reason | RowReason | Left


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A note as it should be; `fields` and `model` as `Note` keeps them.

    `form` is how words that were written here look in such a file, and `original` is what the file has.
    None for `tags` or `lesson` keeps what is there. `is_guid_made`: the file gave none, so it is made from
    the front.
    """

    guid: str
    fields: tuple[str, ...]
    cards: Sequence[Sides]
    deck: str
    model: Model | None = None
    tags: tuple[str, ...] | None = None
    lesson: LessonId | None = None
    form: Callable[[str], str] = str
    original: tuple[str, ...] = ()
    is_guid_made: bool = False
    line: int = 0

    @property
    def front_key(self) -> str:
        return front_key(self.cards[0].front.markdown if self.model else self.fields[0])

    def was_exported_from(self, note: Note) -> bool:
        """Whether the file says nothing but what a note that was written here says."""
        return note.type_id is None and tuple(map(self.form, note.fields)) == self.original


def from_package(package: Package) -> tuple[list[Incoming], list[LeftOut]]:
    """The notes, and what was left out of the package. Raises DeckTooLarge."""
    left_out = [LeftOut(what=one.what, reason=one.reason) for one in package.skipped]
    making = _Making()
    incoming = []
    for note in package.notes:
        one = _written_here(note, package.media, making) if _is_ours(note.model) else _from_anki(note)
        if one is None:
            left_out.append(LeftOut(what=note.values[0][:LOOKED_AT], reason=Reason.TOO_MANY_CARDS))
        else:
            incoming.append(one)
    return incoming, left_out


def from_sheet(sheet: Sheet, lessons: Mapping[str, LessonId]) -> tuple[list[Incoming], list[LeftOut]]:
    """The notes, and what was left out of the table. `lessons` are those that its words for them mean; words
    for none of them count for nothing. Raises DeckTooLarge.
    """
    left_out = [LeftOut(line=one.line, reason=one.reason) for one in sheet.skipped]
    making = _Making()
    incoming = []
    for row in sheet.rows:
        made = making.cards(Text(row.front), Text(row.back))
        if made is None:
            left_out.append(LeftOut(line=row.line, reason=Reason.TOO_MANY_CARDS))
        else:
            incoming.append(_from_row(row, made, lessons.get(row.lesson)))
    return incoming, left_out


def from_starter(deck: StarterDeck) -> list[Incoming]:
    return [
        Incoming(
            guid=card.guid,
            fields=(card.front, card.back),
            cards=sides_of(card.front, card.back),
            deck=deck.title,
            tags=card.tags,
            lesson=(deck.pack, card.lesson),
        )
        for card in deck.cards
    ]


def deck_name(typed: str) -> str:
    """A deck's name from a file: on one line, and cut where it is too long to be kept. "" for none."""
    return " ".join(visible(typed).split())[:DECK_LIMIT].strip()


def guid_of_text(front: str) -> str:
    """For a row that has none: the same for the same question, so that the same table changes nothing."""
    digest = hashlib.blake2b((front_key(front) or front).encode(), digest_size=16).hexdigest()
    return f"text-{digest}"


def rename_pictures(incoming: Iterable[Incoming], names: Mapping[str, str]) -> list[Incoming]:
    """The same notes, their pictures under other names."""
    return [_renamed(one, names) for one in incoming] if names else list(incoming)


class _Making:
    """Cards out of words from outside: every gap is a card with the whole text, so their number and all their
    text together are bounded as in a package.
    """

    def __init__(self) -> None:
        self._left = limits.TEXT_CHARACTERS

    def cards(self, front: Text, back: Text) -> Sequence[Sides] | None:
        """None for too many. Raises DeckTooLarge."""
        number = max(1, len(cloze.numbers(front.markdown)))
        if number > limits.NOTE_CARDS:
            return None
        self._left -= number * (len(front.markdown) + len(back.markdown))
        if self._left < 0:
            raise DeckTooLarge(measure=Measure.TEXT, limit=limits.TEXT_CHARACTERS)
        return native.cards_of(front, back, deck="")


def _from_anki(note: AnkiNote) -> Incoming:
    return Incoming(
        guid=visible(note.guid),
        fields=note.values,
        cards=note.cards,
        deck=note.deck,
        model=note.model,
        tags=note.tags,
    )


def _written_here(note: AnkiNote, media: Mapping[str, bytes], making: _Making) -> Incoming | None:
    """A note of the types that our exports have becomes one that can be edited here."""
    front, back = (to_markdown(value) for value in note.values)
    sides = [
        Text(side.markdown, tuple(name for name in side.images if name in media)) for side in (front, back)
    ]
    made = making.cards(*sides)
    if made is None:
        return None
    return Incoming(
        guid=visible(note.guid),
        fields=(front.markdown, back.markdown),
        cards=made,
        deck=note.deck,
        tags=note.tags,
        form=lambda words: to_html(Text(words)),
        original=note.values,
    )


def _is_ours(model: Model) -> bool:
    """Whether this is one of the note types that our own exports have, as they have it."""
    return any(
        (model.id, len(model.fields), len(model.templates)) == (own.id, len(own.fields), len(own.templates))
        for own in (native.BASIC, native.CLOZE)
    )


def _from_row(row: Row, made: Sequence[Sides], lesson: LessonId | None) -> Incoming:
    return Incoming(
        guid=row.guid or guid_of_text(row.front),
        fields=(row.front, row.back),
        cards=made,
        deck=row.deck,
        tags=row.tags or None,
        lesson=lesson,
        form=neutral,
        original=(row.front, row.back),
        is_guid_made=not row.guid,
        line=row.line,
    )


def _renamed(one: Incoming, names: Mapping[str, str]) -> Incoming:
    def text(side: Text) -> Text:
        return Text(side.markdown, tuple(names.get(name, name) for name in side.images))

    fields = one.fields
    for old, new in names.items():
        # In HTML a name stands between quotes, or behind `src=` without any.
        for before, after in (('"', '"'), ("'", "'"), ("=", " "), ("=", ">")):
            fields = tuple(
                field.replace(f"{before}{old}{after}", f"{before}{new}{after}") for field in fields
            )
    cards = [replace(card, front=text(card.front), back=text(card.back)) for card in one.cards]
    return replace(one, fields=fields, cards=cards)
