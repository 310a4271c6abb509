"""Flashcards and reviews."""

from dataclasses import dataclass

from bot.errors.base import StudyError


@dataclass
class UnknownReview(StudyError):
    """No such review session, or somebody else's, or the caller left its group."""


@dataclass
class NothingToUndo(StudyError):
    """The session has no grade yet, or its last card was graded elsewhere since."""


@dataclass
class UnknownDailyCard(StudyError):
    """No such daily post here, or the card is not in it, or was taken out of the deck."""


@dataclass
class NotSetAside(StudyError):
    """The card is no leech of this member, or not any more."""


@dataclass
class UnknownDeck(StudyError):
    """No deck of that id or name; `names` are those of the group."""

    typed: str
    names: tuple[str, ...]


@dataclass
class UnknownCard(StudyError):
    typed: str


@dataclass
class CardGone(StudyError):
    """What stood behind a button was taken out, or is not this server's."""


@dataclass
class CardChanged(StudyError):
    """Its author changed the words since they were looked at."""

    author_id: int


@dataclass
class NotYourCard(StudyError):
    """Only its author and organizers change a card."""


@dataclass
class OwnCard(StudyError):
    """Nobody approves their own card."""


@dataclass
class AlreadyApproved(StudyError):
    """By whom; None when the card needed no approval."""

    approved_by: int | None


@dataclass
class ImportedCard(StudyError):
    """Its sides are made by a note type from Anki, so they are changed there."""


@dataclass
class NoTextToUse(StudyError):
    """A message without words cannot become a card."""


@dataclass
class ImportForOrganizers(StudyError):
    """Where every card needs approval, only organizers bring in many at once."""

    group: str


@dataclass
class TooManyNotes(StudyError):
    """More than a group may have: how many are there, and how many more were to come."""

    there: int
    wanted: int
    limit: int


@dataclass
class TooManyPictures(StudyError):
    """In bytes, as `TooManyNotes`."""

    there: int
    wanted: int
    limit: int


@dataclass
class NoStarterDeck(StudyError):
    """No deck comes with the course that the group follows; `course` is None when it follows none."""

    group_id: int
    group: str
    course: str | None


@dataclass
class EmptyDeck(StudyError):
    name: str


@dataclass
class FileTooLarge(StudyError):
    """What would be sent is larger than Discord takes, in bytes; `pictures`: it has some."""

    limit: int
    pictures: bool


@dataclass
class DeckWriterBusy(StudyError):
    """Another deck is being written."""
