"""Course packs and courses by date."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors.base import StudyError


@dataclass
class NoCourse(StudyError):
    """The group follows no course pack."""

    group: str


@dataclass
class UnknownCourse(StudyError):
    """No pack of that id, title or version; `names` are the ids of those there are."""

    typed: str
    names: tuple[str, ...]


class PackFlaw(StrEnum):
    """What can be wrong with one place of a course pack."""

    # The file as a whole, or its YAML: then nothing else is looked at.
    NOT_UTF8 = "not_utf8"
    NOT_YAML = "not_yaml"
    EMPTY = "empty"
    SEVERAL_DOCUMENTS = "several_documents"
    TOO_DEEP = "too_deep"
    TOO_MANY_VALUES = "too_many_values"
    # What YAML knows and a pack does not.
    ALIAS = "alias"
    TAG = "tag"
    KEY_NOT_TEXT = "key_not_text"
    REPEATED_KEY = "repeated_key"
    # One value.
    WRONG_KIND = "wrong_kind"
    MISSING = "missing"
    UNKNOWN_KEY = "unknown_key"
    NO_EFFORT = "no_effort"
    TWO_EFFORTS = "two_efforts"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_FEW = "too_few"
    TOO_MANY = "too_many"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    BAD_ID = "bad_id"
    BAD_VERSION = "bad_version"
    BAD_LINK = "bad_link"
    HIDDEN_CHARACTER = "hidden_character"
    REPEATED = "repeated"


@dataclass(frozen=True, kw_only=True)
class PackProblem:
    """One mistake in a pack's file; lines and columns count from 1.

    `where` is the way to it: keys, and numbers from 1 in lists. `found` is what stands there or is missing,
    `wanted` the kind, limit, choice or earlier line that it is measured by.
    """

    line: int
    column: int
    flaw: PackFlaw
    where: tuple[str | int, ...] = ()
    found: str = ""
    wanted: str = ""


@dataclass
class BadPack(StudyError):
    """Every problem of a course pack, by line."""

    problems: tuple[PackProblem, ...]


@dataclass
class PackTooLarge(StudyError):
    """In bytes."""

    size: int
    limit: int


@dataclass
class UnreachableFile(StudyError):
    """Discord did not hand out the file that was attached."""

    name: str


@dataclass
class PackReaderBusy(StudyError):
    """Another pack is being read."""


@dataclass
class NotAnOrganizer(StudyError):
    """Neither Manage Server nor any group of this server to organize."""


@dataclass
class ShippedPack(StudyError):
    """An import with the id of a pack that comes with the bot."""

    pack: str


@dataclass
class PackTaken(StudyError):
    """The server has this version already, and it says something else."""

    pack: str
    version: str


@dataclass
class TooManyPacks(StudyError):
    limit: int


@dataclass
class CourseUnderWay(StudyError):
    """A course that the group started still has meetups to come; when the next one starts."""

    group: str
    next_starts_at: datetime


@dataclass
class NoCourseDates(StudyError):
    """The group takes no course by date."""

    group: str


@dataclass
class ShiftIntoPast(StudyError):
    title: str
    starts_at: datetime


@dataclass
class ShiftOutOfOrder(StudyError):
    """The meetup would begin before the one of the lesson before it is over."""

    title: str
    starts_at: datetime
    previous: str
    previous_ends_at: datetime


@dataclass
class UnknownShift(StudyError):
    """No shift of a course in this server."""


@dataclass
class ShiftUndone(StudyError):
    undone_at: datetime


@dataclass
class NothingMovesBack(StudyError):
    """None of the meetups stands where the shift put it, or could go back to where it was."""
