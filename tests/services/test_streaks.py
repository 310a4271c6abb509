"""Streaks against a naive model, and at the edges of days, weeks and zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.streaks import days_of, streak

DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 3, 2)
# Weeks around a year's end and both of Berlin's clock changes.
DATES = st.one_of(
    *(
        st.dates(first, first + 40 * DAY)
        for first in (date(2025, 12, 15), date(2026, 3, 9), date(2026, 10, 5))
    )
)


def week(text: str, *, monday: date = MONDAY) -> set[date]:
    """The days marked with an x, a letter per day from this Monday on; spaces only help the eye."""
    return {monday + number * DAY for number, mark in enumerate(text.replace(" ", "")) if mark == "x"}


def naive(days: set[date], today: date) -> int:
    """Every run of days that ends today, tried one by one."""
    best = 0
    for start in days:
        run = [start + number * DAY for number in range((today - start).days + 1)]
        missed = [day for day in run if day not in days and day != today]
        weeks = [day.isocalendar()[:2] for day in missed]
        if len(weeks) == len(set(weeks)):
            best = max(best, sum(day in days for day in run))
    return best


@given(days=st.sets(DATES, max_size=60), today=DATES)
def test_a_streak_is_the_longest_run_with_one_free_day_a_week(days: set[date], today: date) -> None:
    assert streak(days, today=today) == naive(days, today)


@given(days=st.sets(DATES, max_size=60), today=DATES, more=DATES)
def test_doing_more_never_shortens_it_and_resting_today_costs_nothing(
    days: set[date], today: date, more: date
) -> None:
    assert streak(days | {more}, today=today) >= streak(days, today=today)
    assert streak(days | {today}, today=today) == streak(days - {today}, today=today) + 1


@pytest.mark.parametrize(
    ("done", "today", "length"),
    [
        ("", 0, 0),
        ("x", 0, 1),
        ("xxx", 3, 3),  # today nothing yet
        ("xx.x", 3, 3),  # Wednesday was free
        ("xx.x.", 5, 1),  # Friday was the second
        ("x..", 3, 0),
        ("xxxxxx. xxxxxx.", 14, 12),  # Sundays free, for two weeks
        ("xxxxxx. .xxxxxx", 14, 12),  # Sunday and Monday lie in two weeks
        (".....x. .", 8, 1),
        (".....x. ..", 9, 0),
    ],
)
def test_examples(done: str, today: int, length: int) -> None:
    assert streak(week(done), today=MONDAY + today * DAY) == length


def test_a_day_that_has_not_come_yet_does_not_count() -> None:
    assert streak({MONDAY, MONDAY + DAY}, today=MONDAY) == 1


def test_a_day_is_the_members_own() -> None:
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    assert days_of([late], BERLIN) == {date(2026, 3, 3)}
    assert days_of([late], ZoneInfo("America/New_York")) == {date(2026, 3, 2)}
    assert days_of([late], ZoneInfo("Pacific/Kiritimati")) == {date(2026, 3, 3)}


@pytest.mark.parametrize(
    ("first", "last"),
    [
        # Midnight to midnight: 23 hours in March, 25 in October.
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 3, 29, 21, 59, tzinfo=UTC)),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), datetime(2026, 10, 25, 22, 59, tzinfo=UTC)),
    ],
)
def test_the_day_of_a_clock_change_is_one_day(first: datetime, last: datetime) -> None:
    [day] = days_of([first, last], BERLIN)
    minute = timedelta(minutes=1)
    assert days_of([first - minute, last + minute], BERLIN) == {day - DAY, day + DAY}
    assert streak(days_of([first - minute, first, last + minute], BERLIN), today=day + DAY) == 3
