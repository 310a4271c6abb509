"""The arithmetic of study plans."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.courses.pace import (
    Effort,
    capstone_opens_at,
    effort_left,
    finish_day,
    load,
    real_pace,
    weeks_until,
)
from bot.courses.packs import Capstone, Lesson, Pack

START = datetime(2026, 1, 1, tzinfo=UTC)
TODAY = START.date()
WEEK = timedelta(weeks=1)


def pack(*hours: float, cost: float = 0, capstone: float | None = None) -> Pack:
    """A course whose lessons "1", "2" and so on take these hours."""
    lessons = tuple(
        Lesson(
            id=str(number), number=number, title=f"Lesson {number}", summary="", topics=(), links=(),
            hours=each, cost=cost,
        )
        for number, each in enumerate(hours, start=1)
    )  # fmt: skip
    finish = Capstone(title="Capstone", summary="", hours=capstone) if capstone is not None else None
    return Pack(
        id="course", version="1", title="Course", summary="", lessons=lessons, capstone=finish, links=()
    )


def test_four_points_fit_into_twelve_weeks_of_full_time_study() -> None:
    """The plan of the course facts: 7.4 points against the four that someone can carry."""
    left = Effort(hours=7.4 * 120, cost=367)
    assert left.points == pytest.approx(7.4)
    assert load(left.hours, per_week=40, weeks=12) == pytest.approx(1.85)
    assert load(4 * 120, per_week=40, weeks=12) == 1


def test_what_is_completed_is_left_no_more_and_the_capstone_until_it_is_shipped() -> None:
    course = pack(10, 20, 30, cost=5, capstone=40)
    assert effort_left(course, completed=(), capstone_done=False) == Effort(hours=100, cost=15)
    assert effort_left(course, completed={"2"}, capstone_done=False) == Effort(hours=80, cost=10)
    assert effort_left(course, completed={"1", "2", "3"}, capstone_done=True) == Effort(hours=0, cost=0)
    assert effort_left(pack(10), completed={"unknown"}, capstone_done=False) == Effort(hours=10, cost=0)


@pytest.mark.parametrize(("lessons", "opens_at"), [(1, 1), (2, 1), (6, 3), (7, 4), (8, 4)])
def test_the_capstone_opens_at_half_of_the_lessons(lessons: int, opens_at: int) -> None:
    assert capstone_opens_at(pack(*[1] * lessons)) == opens_at


def test_the_real_pace_begins_with_the_second_lesson_and_counts_a_week_at_least() -> None:
    course = pack(10, 20, 30)
    first = {"2": START}
    assert real_pace(course, {}, now=START + WEEK) is None
    assert real_pace(course, first, now=START + 4 * WEEK) is None
    # The second came two weeks later, and only its hours count, for as long as nothing else comes.
    two = {**first, "1": START + 2 * WEEK}
    assert real_pace(course, two, now=START + 2 * WEEK) == 5
    assert real_pace(course, two, now=START + 4 * WEEK) == 2.5
    assert real_pace(course, {**two, "3": START + 4 * WEEK}, now=START + 4 * WEEK) == 10
    # All on one day: as if it had taken a week.
    assert real_pace(course, {"1": START, "2": START, "3": START}, now=START) == 50
    # What is no lesson of the course says nothing, and neither does what takes no time.
    assert real_pace(course, {**first, "unknown": START}, now=START + WEEK) is None
    assert real_pace(pack(10, 0), {"1": START, "2": START + WEEK}, now=START + WEEK) is None


def test_the_finish_day_is_the_day_on_which_the_last_hour_is_done() -> None:
    assert finish_day(0, 5, today=TODAY) == TODAY
    assert finish_day(70, 10, today=TODAY) == date(2026, 2, 19)
    assert finish_day(70.1, 10, today=TODAY) == date(2026, 2, 20)
    # A rounding error is no day: 0.7 hours at 0.1 a week are seven weeks.
    assert finish_day(0.1 * 7, 0.1, today=TODAY) == date(2026, 2, 19)
    assert finish_day(520, 1, today=TODAY) == date(2035, 12, 20)
    assert finish_day(10_000, 1, today=TODAY) is None
    assert finish_day(1e300, 1e-300, today=TODAY) is None


@given(
    hours=st.floats(0.5, 5000),
    per_week=st.integers(1, 80),
    days=st.integers(1, 2000),
)
def test_a_plan_fits_exactly_when_its_finish_does(hours: float, per_week: int, days: int) -> None:
    deadline = TODAY + timedelta(days=days)
    share = load(hours, per_week=per_week, weeks=weeks_until(deadline, today=TODAY))
    finish = finish_day(hours, per_week, today=TODAY)
    if share <= 1:
        assert finish is not None
        assert finish <= deadline
    elif finish is not None and share > 1 + 1e-6:
        assert finish > deadline
