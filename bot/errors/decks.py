"""Why a file of cards is refused."""

from dataclasses import dataclass
from enum import StrEnum

from bot.errors.base import StudyError


class DeckRefused(StudyError):
    """Base of every reason for which nothing of a file is taken."""


class Measure(StrEnum):
    """What a file had too much of, and what the limit counts."""

    FILE = "file"  # bytes of the file as it came
    ENTRIES = "entries"  # files inside it
    COLLECTION = "collection"  # bytes of the unpacked collection
    MEDIA = "media"  # bytes of all unpacked pictures
    MEDIA_LIST = "media_list"  # bytes of the unpacked list of media
    NOTES = "notes"
    CARDS = "cards"
    NOTE_TYPES = "note_types"
    DECKS = "decks"
    TEXT = "text"  # characters of all fields and sides
    CELL = "cell"  # bytes of one value in the collection, characters of one cell of a table
    MEMORY = "memory"  # bytes the reading may take


class Damage(StrEnum):
    """The part of an Anki package that could not be read."""

    ARCHIVE = "archive"
    COLLECTION = "collection"
    NOTE_TYPES = "note_types"
    DECKS = "decks"
    MEDIA_LIST = "media_list"
    READING = "reading"  # the process that read it died


@dataclass
class UnknownDeckFile(DeckRefused):
    """Neither the name's ending nor the first bytes are those of a deck; the endings that are read."""

    name: str
    endings: tuple[str, ...]


@dataclass
class WholeCollection(DeckRefused):
    """A `.colpkg`: a backup of somebody's whole collection, with everything they study."""

    name: str


@dataclass
class DeckTooLarge(DeckRefused):
    measure: Measure
    limit: int


@dataclass
class DeckDamaged(DeckRefused):
    part: Damage


@dataclass
class DeckTooNew(DeckRefused):
    """Written by an Anki whose format did not exist yet; the newest version that is read."""

    version: int
    newest: int


@dataclass
class DeckTooSlow(DeckRefused):
    """Reading took longer than `seconds` and was stopped."""

    seconds: int


@dataclass
class NoCards(DeckRefused):
    """Readable, but without one card that could be shown."""

    skipped: int


@dataclass
class WrongEncoding(DeckRefused):
    """A table that is neither UTF-8 nor UTF-16, and not plausibly Western European; where it shows."""

    line: int


@dataclass
class NoHeader(DeckRefused):
    """The first row does not name the columns that every table of cards has."""

    missing: tuple[str, ...]
    found: tuple[str, ...]


@dataclass
class ColumnTwice(DeckRefused):
    name: str


@dataclass
class BrokenTable(DeckRefused):
    """From this line on, the quotes do not match."""

    line: int


@dataclass
class ReadersBusy(StudyError):
    """So many files wait to be read already that this one would come too late."""
