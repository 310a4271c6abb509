"""Reminders."""

from dataclasses import dataclass

from bot.errors.base import StudyError


@dataclass
class UnknownReminder(StudyError):
    typed: str


@dataclass
class NotYourReminder(StudyError):
    """A button under somebody else's reminder."""


@dataclass
class TooManyReminders(StudyError):
    limit: int
