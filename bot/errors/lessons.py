"""Lessons, evidence and who confirms it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors.base import StudyError


class LinkProblem(StrEnum):
    """What keeps a text from being a link that can be shown to others."""

    SPACES = "spaces"
    SCHEME = "scheme"
    FORM = "form"
    HOST = "host"
    CREDENTIALS = "credentials"
    LENGTH = "length"


@dataclass
class BadLink(StudyError):
    field: str
    problem: LinkProblem


@dataclass
class UnknownLesson(StudyError):
    """No lesson of the course that the group follows."""

    typed: str
    course: str


@dataclass
class EvidenceNeeded(StudyError):
    stage: str


@dataclass
class AlreadyMarked(StudyError):
    lesson: str
    stage: str
    marked_at: datetime


@dataclass
class NeverMarked(StudyError):
    """Nothing to take back; `stage` is None when no stage of the lesson is marked."""

    lesson: str
    stage: str | None


@dataclass
class NothingToVerify(StudyError):
    """The mark was taken back, or never needed anybody to look at it."""


@dataclass
class OwnMark(StudyError):
    """Nobody verifies their own work."""


@dataclass
class SamePairAgain(StudyError):
    """Who verified this member's work last should not be the next to do so."""

    owner_id: int


@dataclass
class AlreadyVerified(StudyError):
    verified_by: int


@dataclass
class NotShown(StudyError):
    """A member whose progress is not to be seen: not in the group, or not shown by their own wish."""

    user_id: int
    group: str
