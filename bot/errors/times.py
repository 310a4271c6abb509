"""Times that cannot be read or do not exist."""

from dataclasses import dataclass
from datetime import datetime

from bot.errors.base import StudyError


@dataclass
class UnreadableTime(StudyError):
    typed: str


@dataclass
class PastTime(StudyError):
    typed: str
    instant: datetime


@dataclass
class TooFarTime(StudyError):
    typed: str
    instant: datetime


@dataclass
class SkippedTime(StudyError):
    """A clock change jumps over this local time; the nearest instants that exist."""

    typed: str
    before: datetime
    after: datetime
    zone: str


@dataclass
class AmbiguousTime(StudyError):
    """A clock change repeats this local time; both instants."""

    typed: str
    first: datetime
    second: datetime
    zone: str


@dataclass
class VagueTime(StudyError):
    """The text has more than one plausible reading, such as a day and month in either order."""

    typed: str
    readings: tuple[datetime, ...]
    zone: str


@dataclass
class UnknownZone(StudyError):
    name: str
