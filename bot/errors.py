"""What can go wrong in the domain: facts without wording (`bot.ui.errors` finds the words)."""

from dataclasses import dataclass
from datetime import datetime


class StudyError(Exception):
    """Base of every refusal that a member should understand and can act on."""


# Time


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


# Groups and members


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


# Meetups


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


# Reminders


@dataclass
class UnknownReminder(StudyError):
    typed: str


@dataclass
class NotYourReminder(StudyError):
    """A button under somebody else's reminder."""


@dataclass
class TooManyReminders(StudyError):
    limit: int


# Discord


@dataclass
class MissingPermission(StudyError):
    """The bot lacks these permissions there; names as Discord's settings show them."""

    permissions: tuple[str, ...]
    channel_id: int | None = None


@dataclass
class UnusableChannel(StudyError):
    channel_id: int
    reason: str


@dataclass
class UnusableRole(StudyError):
    role_id: int
    reason: str
