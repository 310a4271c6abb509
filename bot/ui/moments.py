"""Instants as every reader's own clock shows them, and days by their names."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.locales import N_, _

WEEKDAYS = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
MONTHS = (
    N_("January"),
    N_("February"),
    N_("March"),
    N_("April"),
    N_("May"),
    N_("June"),
    N_("July"),
    N_("August"),
    N_("September"),
    N_("October"),
    N_("November"),
    N_("December"),
)


def moment(instant: datetime) -> str:
    """An instant as every reader's own clock shows it, and how far away it is."""
    return f"{date_and_time(instant)} ({relative(instant)})"


def date_and_time(instant: datetime) -> str:
    return f"<t:{int(instant.timestamp())}:F>"


def relative(instant: datetime) -> str:
    return f"<t:{int(instant.timestamp())}:R>"


def iso(instant: datetime, zone: str) -> str:
    """Local ISO 8601 with the offset, which is what tells the two readings of a repeated hour apart."""
    return instant.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def weekday_name(day: date) -> str:
    return _(WEEKDAYS[day.weekday()])


def month_name(day: date) -> str:
    return _(MONTHS[day.month - 1])


def day_words(day: date) -> str:
    """A day that belongs to no zone, such as a deadline: "Tuesday 30 June 2026"."""
    return _(
        "{weekday} {day} {month} {year}",
        weekday=weekday_name(day),
        day=day.day,
        month=month_name(day),
        year=day.year,
    )
