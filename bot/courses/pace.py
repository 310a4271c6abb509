"""How much of a course is left for one member, and when it will be done: plain arithmetic."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bot.courses.packs import HOURS_PER_POINT, Pack

WEEK = timedelta(weeks=1)
#: A finish further away than this is no forecast any more.
FARTHEST = timedelta(days=3653)


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Hours of one member, and US dollars."""

    hours: float
    cost: float

    @property
    def points(self) -> float:
        return self.hours / HOURS_PER_POINT


def effort_left(pack: Pack, *, completed: Collection[str], capstone_done: bool) -> Effort:
    """What the lessons that are not among `completed` (ids) and the capstone still ask."""
    left = [lesson for lesson in pack.lessons if lesson.id not in completed]
    capstone = pack.capstone.hours if pack.capstone is not None and not capstone_done else 0.0
    return Effort(
        hours=math.fsum([*(lesson.hours for lesson in left), capstone]),
        cost=math.fsum(lesson.cost for lesson in left),
    )


def capstone_opens_at(pack: Pack) -> int:
    """So many lessons have to be completed before the capstone opens: half of them, rounded up."""
    return math.ceil(len(pack.lessons) / 2)


def real_pace(pack: Pack, completed_at: Mapping[str, datetime], *, now: datetime) -> float | None:
    """Hours a week, from when the member completed which lessons (ids); None before there are two.

    The first lesson starts the clock, so its own hours don't count; what came within a week of it counts as
    that week's. None also when the lessons after the first ask no hours: nothing can be foretold from them.
    """
    done = sorted(
        (completed_at[lesson.id], lesson.number, lesson.hours)
        for lesson in pack.lessons
        if lesson.id in completed_at
    )
    if len(done) < 2:
        return None
    hours = math.fsum(hours for _, _, hours in done[1:])
    return hours / (max(WEEK, now - done[0][0]) / WEEK) or None


def finish_day(hours: float, per_week: float, *, today: date) -> date | None:
    """The day on which so many hours are done at this pace; None when that is more than ten years away."""
    days = hours / per_week * 7
    # A hair above a whole day is a rounding error, and no further day.
    return today + timedelta(days=math.ceil(round(days, 6))) if days <= FARTHEST.days else None


def weeks_until(deadline: date, *, today: date) -> float:
    return (deadline - today) / WEEK


def load(hours: float, *, per_week: float, weeks: float) -> float:
    """The share of the time there is that so many hours take: above 1 it is too much. `weeks` is above 0."""
    return hours / (per_week * weeks)
