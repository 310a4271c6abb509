"""Days written out in the spoken language, where Discord shows no timestamp: choices, footers, pictures."""

from datetime import date

from bot.locales import _
from bot.locales.writing import month, short_month, short_weekday, weekday


def short_day(day: date) -> str:
    """Such as "Thu 22 Oct"."""
    return _("{weekday} {day} {month}", weekday=short_weekday(day), day=day.day, month=short_month(day))


def short_date(day: date) -> str:
    """Such as "22 Oct 2026"."""
    return _("{day} {month} {year}", day=day.day, month=short_month(day), year=day.year)


def short_date_with_weekday(day: date) -> str:
    """Such as "Thu 22 Oct 2026"."""
    return _(
        "{weekday} {day} {month} {year}",
        weekday=short_weekday(day),
        day=day.day,
        month=short_month(day),
        year=day.year,
    )


def long_date(day: date) -> str:
    """Such as "Tuesday 30 June 2026"."""
    return _(
        "{weekday} {day} {month} {year}",
        weekday=weekday(day),
        day=day.day,
        month=month(day),
        year=day.year,
    )
