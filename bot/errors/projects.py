"""Projects and their images."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors.base import StudyError


@dataclass
class ActiveProject(StudyError):
    """One at a time: this one goes on."""

    title: str


@dataclass
class NoActiveProject(StudyError):
    """What the member could take up again instead."""

    resumable: tuple[str, ...]


@dataclass
class NothingToResume(StudyError):
    """No paused project, and none was named."""


@dataclass
class WhichProject(StudyError):
    titles: tuple[str, ...]


@dataclass
class UnknownProject(StudyError):
    typed: str


@dataclass
class ProjectGone(StudyError):
    """What stood behind a button cannot be seen any more, or never was this member's."""


@dataclass
class NoProjects(StudyError):
    """This member has no project that could be shown."""

    user_id: int


@dataclass
class WrongProjectState(StudyError):
    """What was asked for cannot be done with a project in this state."""

    title: str
    state: str


@dataclass
class AskedLately(StudyError):
    title: str
    asked_at: datetime


class ImageProblem(StrEnum):
    TOO_BIG = "too_big"
    NO_IMAGE = "no_image"
    UNREADABLE = "unreadable"


@dataclass
class BadImage(StudyError):
    problem: ImageProblem
