"""How the spoken language writes numbers, and what it calls days and months."""

from datetime import date

from bot.locales import COMMA_FOR_DECIMALS, N_, SWAPPED, _, spoken

WEEKDAYS = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
SHORT_WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
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
# "May" is as short as it gets in every language so far.
SHORT_MONTHS = (
    N_("Jan"),
    N_("Feb"),
    N_("Mar"),
    N_("Apr"),
    N_("May"),
    N_("Jun"),
    N_("Jul"),
    N_("Aug"),
    N_("Sep"),
    N_("Oct"),
    N_("Nov"),
    N_("Dec"),
)


def number(value: float, spec: str = ",") -> str:
    """As `format` writes it in English, for numbers that stand outside of any message."""
    text = format(value, spec)
    return text.translate(SWAPPED) if spoken() in COMMA_FOR_DECIMALS else text


def weekday(day: date) -> str:
    """Such as "Saturday"."""
    return _(WEEKDAYS[day.weekday()])


def short_weekday(day: date) -> str:
    """Such as "Sat"."""
    return _(SHORT_WEEKDAYS[day.weekday()])


def month(day: date) -> str:
    """Such as "November"."""
    return _(MONTHS[day.month - 1])


def short_month(day: date) -> str:
    """Such as "Nov"."""
    return _(SHORT_MONTHS[day.month - 1])
