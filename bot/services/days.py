"""Days of a person's or a group's own calendar, as the instants between which they lie."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.scheduling.when import resolve_wall_clock


@dataclass(frozen=True)
class Day:
    """A local date: the instants from `begins` on and before `ends`, in UTC. Some have 23 or 25 hours."""

    date: date
    begins: datetime
    ends: datetime


def day_of(instant: datetime, zone: ZoneInfo) -> Day:
    """The day around an aware instant."""
    today = instant.astimezone(zone).date()
    return Day(today, day_begins(today, zone), day_begins(today + timedelta(days=1), zone))


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local date, in UTC, also where a clock change skips or repeats midnight."""
    return resolve_wall_clock(datetime.combine(day, time()), zone)
