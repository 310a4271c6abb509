"""What an Anki package holds, in plain values: the same for reading and for writing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from bot.flashcards.markdown import Text


@dataclass(frozen=True, slots=True)
class Template:
    """How one card is made from a note's fields; both sides in Anki's template language."""

    name: str
    front: str
    back: str


@dataclass(frozen=True, slots=True)
class Model:
    """Anki's note type: its fields and templates. A cloze model has one template and a card per number."""

    id: int
    name: str
    fields: tuple[str, ...]
    templates: tuple[Template, ...]
    cloze: bool = False
    css: str = ""

    def definition(self) -> dict[str, Any]:
        """The model as JSON can hold it."""
        return asdict(self)

    @classmethod
    def defined(cls, definition: Mapping[str, Any]) -> Self:
        """The model of a `definition`."""
        templates = tuple(Template(**template) for template in definition["templates"])
        return cls(**{**definition, "fields": tuple(definition["fields"]), "templates": templates})


@dataclass(frozen=True, slots=True)
class Memory:
    """What Anki needs to go on with a card under FSRS; `stability` in days."""

    stability: float
    difficulty: float
    last_review: datetime
    due: datetime
    reps: int
    lapses: int


@dataclass(frozen=True, slots=True)
class Card:
    """One question and its answer in Discord's markdown.

    `ordinal` counts templates, or cloze numbers less one. `back` does not repeat the front. `deck` is the
    whole name, with `::` between the levels.
    """

    ordinal: int
    deck: str
    front: Text
    back: Text
    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """`values` are the HTML of the model's fields. `changed_at` decides whether Anki takes an update."""

    guid: str
    model: Model
    values: tuple[str, ...]
    tags: tuple[str, ...]
    cards: tuple[Card, ...]
    changed_at: datetime | None = None

    @property
    def fields(self) -> dict[str, str]:
        return dict(zip(self.model.fields, self.values, strict=True))

    @property
    def deck(self) -> str:
        return self.cards[0].deck


class Reason(StrEnum):
    """Why a note, a card or a medium was left out."""

    NO_GUID = "no_guid"  # none, or one too long to be Anki's
    SAME_GUID = "same_guid"  # as a note before it
    NO_MODEL = "no_model"
    NO_CARDS = "no_cards"
    WRONG_FIELDS = "wrong_fields"  # not as many as the model has
    UNREADABLE_TEXT = "unreadable_text"  # not UTF-8
    TOO_LONG = "too_long"
    TOO_MANY_CARDS = "too_many_cards"
    BROKEN_TEMPLATE = "broken_template"
    IMAGE_OCCLUSION = "image_occlusion"  # a picture with covered parts, which a script draws
    EMPTY_FRONT = "empty_front"
    MISSING = "missing"  # a picture that the package does not hold
    DAMAGED = "damaged"  # a picture that cannot be unpacked
    NOT_A_PICTURE = "not_a_picture"  # sound, or a kind of picture that Discord does not show
    TOO_LARGE = "too_large"  # a picture


@dataclass(frozen=True, slots=True)
class Skipped:
    """`what` is the beginning of the note's first field as text, or the name of the medium."""

    what: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Package:
    """Notes in the order they were made; the pictures they use; what was left out, and why."""

    notes: tuple[Note, ...]
    media: Mapping[str, bytes] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()

    @property
    def decks(self) -> tuple[str, ...]:
        return tuple(sorted({card.deck for note in self.notes for card in note.cards}))
