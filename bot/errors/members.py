"""Kudos, plans, profiles and privacy."""

from dataclasses import dataclass

from bot.errors.base import StudyError


@dataclass
class OwnKudos(StudyError):
    """Nobody thanks themselves."""


@dataclass
class BotKudos(StudyError):
    user_id: int


@dataclass
class NotThankable(StudyError):
    """Whoever is to be thanked is not in the group."""

    user_id: int
    group: str


@dataclass
class ThankedToday(StudyError):
    user_id: int


@dataclass
class NoProfile(StudyError):
    """Somebody else’s profile is shown only while they are in the group and want to be seen."""

    user_id: int
    group: str


@dataclass
class OnlyOwnProfile(StudyError):
    """A profile becomes public by its own member's wish alone."""


@dataclass
class UnreadableDay(StudyError):
    typed: str


@dataclass
class PastDeadline(StudyError):
    """Not a single day is left until then."""

    typed: str


@dataclass
class NotConfirmed(StudyError):
    """Erasing everything wants a clear yes."""
