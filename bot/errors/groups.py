"""Groups, members, and what they may."""

from dataclasses import dataclass

from bot.errors.base import StudyError


@dataclass
class NoGroupHere(StudyError):
    """Neither option, channel nor membership tells the group; the names that would."""

    names: tuple[str, ...]


@dataclass
class UnknownGroup(StudyError):
    typed: str
    names: tuple[str, ...]


@dataclass
class GroupNameTaken(StudyError):
    name: str


@dataclass
class GroupArchived(StudyError):
    name: str


@dataclass
class NotOrganizer(StudyError):
    group: str


@dataclass
class NotAMember(StudyError):
    group: str


@dataclass
class AlreadyMember(StudyError):
    group: str


@dataclass
class NotInServer(StudyError):
    """The member has left the Discord server, or the command came from outside one."""


@dataclass
class BadText(StudyError):
    """A text option that is empty, too long, or only invisible characters."""

    field: str
    limit: int
    length: int


@dataclass
class BadNumber(StudyError):
    field: str
    value: int
    least: int
    most: int


@dataclass
class BadOption(StudyError):
    """An option whose value is none of the offered ones."""

    field: str
    value: str
    choices: tuple[str, ...]


@dataclass
class NothingToChange(StudyError):
    """An edit that names no new value."""

    what: str
