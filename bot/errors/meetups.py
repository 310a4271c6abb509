"""Meetups, answers and check-in."""

from dataclasses import dataclass
from datetime import datetime

from bot.errors.base import StudyError


@dataclass
class UnknownMeetup(StudyError):
    typed: str


@dataclass
class MeetupOver(StudyError):
    title: str
    ended_at: datetime


@dataclass
class MeetupCancelled(StudyError):
    title: str


@dataclass
class NotRecurring(StudyError):
    title: str


@dataclass
class DateTaken(StudyError):
    """Two occurrences of one series cannot start at the same moment."""

    starts_at: datetime


@dataclass
class NotHost(StudyError):
    title: str


@dataclass
class BotHost(StudyError):
    """A bot account cannot lead a meetup."""

    user_id: int


@dataclass
class CheckinClosed(StudyError):
    title: str
    opens_at: datetime
    closes_at: datetime


@dataclass
class CodeNeeded(StudyError):
    """Only the host and organizers are shown the code; everybody else types it."""

    title: str


@dataclass
class WrongCode(StudyError):
    title: str


@dataclass
class TooManyAttempts(StudyError):
    retry_at: datetime


@dataclass
class NoMeetupNow(StudyError):
    """Nothing to check in to at this moment; when the next one starts, if any."""

    group: str
    next_starts_at: datetime | None


@dataclass
class NoMeetups(StudyError):
    """Nothing is planned that could go into a calendar."""
