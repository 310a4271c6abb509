"""Streaks: how many days somebody has kept at it, by their own calendar. Pure."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def days_of(instants: Iterable[datetime], zone: ZoneInfo) -> frozenset[date]:
    """The local dates in that zone on which these aware instants lie."""
    return frozenset(instant.astimezone(zone).date() for instant in instants)


def streak(days: Collection[date], *, today: date) -> int:
    """How many of `days`, on which something was done, belong to the streak that reaches to `today`.

    A streak is the longest run of days up to today in which no calendar week, Monday to Sunday, has more than
    one day without anything done. That free day does not count, and neither does today before something is
    done on it: then it is neither a day of the streak nor a missed one. Days after today are ignored.
    """
    first = min(days, default=today)
    length = 1 if today in days else 0
    rested_in: date | None = None
    day = today - DAY
    while day >= first:
        if day in days:
            length += 1
        elif (monday := day - day.weekday() * DAY) == rested_in:
            break
        else:
            rested_in = monday
        day -= DAY
    return length
