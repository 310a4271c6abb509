"""Which instants a week or a month of a group's own calendar holds."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.services.days import day_begins

WEEK = timedelta(weeks=1)
LONGEST_MONTH = timedelta(days=31)


class Period(StrEnum):
    WEEK = "week"
    MONTH = "month"
    ALL = "all"


@dataclass(frozen=True)
class Span:
    """The instants from `starts_at` on and before `ends_at`, aware; None is open."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def until(self, end: datetime) -> "Span":
        """The part of it that lies before `end`."""
        return Span(self.starts_at, end if self.ends_at is None else min(end, self.ends_at))


def period_bounds(period: Period, now: datetime, zone: ZoneInfo) -> Span:
    """The week from Monday, the month from the 1st, or all time around the aware `now`, by the calendar of
    `zone`: from the first instant of its first day to the first instant after its last.
    """
    today = now.astimezone(zone).date()
    match period:
        case Period.WEEK:
            return week_of(today, zone)
        case Period.MONTH:
            first = today.replace(day=1)
            return Span(day_begins(first, zone), day_begins((first + LONGEST_MONTH).replace(day=1), zone))
        case Period.ALL:
            return Span()


def week_of(day: date, zone: ZoneInfo) -> Span:
    monday = monday_of(day)
    return Span(day_begins(monday, zone), day_begins(monday + WEEK, zone))


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())
