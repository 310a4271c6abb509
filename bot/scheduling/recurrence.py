"""When a series meets: wall clock, zone and rule give one occurrence per local date, by arithmetic alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.scheduling.when import resolve_wall_clock


class Repeat(StrEnum):
    """How often. Monthly is the same weekday of the month as at first ("the third Thursday").

    A fifth one means the last of each month.
    """

    NONE = "none"
    DAILY = "daily"
    WEEKLY = "weekly"
    FORTNIGHTLY = "fortnightly"
    MONTHLY = "monthly"


@dataclass(frozen=True)
class Occurrence:
    """One meeting of a series: its local date, which names it, and its start in UTC."""

    date: date
    starts_at: datetime


@dataclass(frozen=True)
class Recurrence:
    """A rule for local dates, and the wall clock that each of them has.

    `start` is the naive local time of the first occurrence, `until` the last local date allowed (None: no
    end; before the start: no dates at all). Exceptions such as a skipped or moved date are the caller's.
    """

    start: datetime
    zone: ZoneInfo
    repeat: Repeat
    until: date | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is not None:
            raise ValueError("start is a local wall clock and must be naive")

    def dates_from(self, first: date) -> Iterator[date]:
        """The local dates of the series from `first` on, strictly increasing; endless if the rule is."""
        index = self._index_at_or_after(first)
        while True:
            try:
                day = self._date_at(index)
            except (OverflowError, IndexError):  # the calendar of Python ends with the year 9999
                return
            if self.until is not None and day > self.until:
                return
            yield day
            index += 1

    def instant(self, day: date) -> datetime:
        """The start on that date, in UTC.

        A wall clock that a clock change skips moves forward by the gap, of a repeated one the first is taken
        (RFC 5545, 3.3.5). Raises ValueError if the rule does not give that date, whatever `until` says.
        """
        self.index_of(day)
        return resolve_wall_clock(datetime.combine(day, self.start.time()), self.zone)

    def index_of(self, day: date) -> int:
        """How many dates of the rule lie before `day`, whatever `until` says; ValueError if it is not one."""
        index = self._index_at_or_after(day)
        try:
            found = self._date_at(index)
        except (OverflowError, IndexError):
            found = None
        if found != day:
            raise ValueError(f"{day} is not a date of this series")
        return index

    def upcoming(self, after: datetime, count: int) -> list[Occurrence]:
        """The first `count` occurrences that start later than the aware `after`."""
        if after.utcoffset() is None:
            raise ValueError("after must be aware")
        # Local dates differ from UTC's by one, and a gap moves a start by a day at most (Samoa left one out).
        earliest = max(after.astimezone(UTC).date(), date.min + timedelta(days=3)) - timedelta(days=3)
        found: list[Occurrence] = []
        for day in self.dates_from(earliest):
            if len(found) >= count:
                break
            starts_at = self.instant(day)
            if starts_at > after:
                found.append(Occurrence(day, starts_at))
        return found

    def rrule(self) -> dict[str, str | int | datetime]:
        """The RRULE (RFC 5545, 3.3.10) as `icalendar.vRecur` takes it, for a DTSTART at `start`; {} if none.

        Raises ValueError if `until` leaves no date, for DTSTART itself is always one.
        """
        if self.until is not None and self.until < self.start.date():
            raise ValueError("the series ends before it starts")
        if self.repeat is Repeat.NONE:
            return {}
        weekday = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[self.start.weekday()]
        rule: dict[str, str | int | datetime]
        if self.repeat is Repeat.MONTHLY:
            rule = {"FREQ": "MONTHLY", "BYDAY": f"{self._nth()}{weekday}"}
        elif self.repeat is Repeat.DAILY:
            rule = {"FREQ": "DAILY"}
        elif self.repeat is Repeat.FORTNIGHTLY:
            rule = {"FREQ": "WEEKLY", "INTERVAL": 2, "BYDAY": weekday}
        else:
            rule = {"FREQ": "WEEKLY", "BYDAY": weekday}
        if self.until is not None:  # in UTC, as it must be beside a DTSTART with TZID
            rule["UNTIL"] = resolve_wall_clock(datetime.combine(self.until, self.start.time()), self.zone)
        return rule

    def _nth(self) -> int:
        """Which of its weekday in the month the first date is: 1 to 4, or -1 for the last."""
        nth = (self.start.day - 1) // 7 + 1
        return nth if nth < 5 else -1

    def _index_at_or_after(self, day: date) -> int:
        start = self.start.date()
        if day <= start:
            return 0
        if self.repeat is Repeat.NONE:
            return 1
        if self.repeat is Repeat.MONTHLY:
            index = (day.year - start.year) * 12 + day.month - start.month
            return index if self._date_at(index) >= day else index + 1
        return -((start - day).days // self._step())

    def _date_at(self, index: int) -> date:
        """The date number `index`, the first being 0; IndexError or OverflowError if there is none."""
        start = self.start.date()
        if self.repeat is Repeat.NONE:
            if index:
                raise IndexError(index)
            return start
        if self.repeat is not Repeat.MONTHLY:
            return start + timedelta(days=index * self._step())
        year, month = divmod(start.year * 12 + start.month - 1 + index, 12)
        if year > date.max.year:
            raise OverflowError("year out of range")
        first = date(year, month + 1, 1)
        day = 1 + (start.weekday() - first.weekday()) % 7
        nth = self._nth()
        if nth > 0:
            return first.replace(day=day + 7 * (nth - 1))
        try:
            return first.replace(day=day + 28)
        except ValueError:  # four of that weekday in this month
            return first.replace(day=day + 21)

    def _step(self) -> int:
        """Days from one date to the next."""
        return {Repeat.DAILY: 1, Repeat.FORTNIGHTLY: 14}.get(self.repeat, 7)
