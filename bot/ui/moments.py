"""Instants as every reader's own clock shows them, and days by their names."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.locales import _
from bot.locales.writing import month, weekday


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


def day_words(day: date) -> str:
    """A day that belongs to no zone, such as a deadline: "Tuesday 30 June 2026"."""
    return _(
        "{weekday} {day} {month} {year}",
        weekday=weekday(day),
        day=day.day,
        month=month(day),
        year=day.year,
    )
