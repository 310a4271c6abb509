"""What a group wants to reach together: typed as text, counted like a board."""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Group
from bot.db.types import name_key
from bot.errors import GoalUnreadable
from bot.services.boards.measures import Measure
from bot.services.boards.periods import Period, Span, period_bounds
from bot.services.boards.queries import group_total

LARGEST_GOAL = 1_000_000
NO_GOAL = frozenset({"none", "no goal", "off"})

MEASURES = {measure.removesuffix("s"): measure for measure in Measure}
PERIODS = {"week": Period.WEEK, "weekly": Period.WEEK, "month": Period.MONTH, "monthly": Period.MONTH}
# "20", "20 lessons", "20 lessons a week", "20 lessons/week", "20 lessons this week", "20 lessons in all".
GOAL = re.compile(
    rf"(?P<count>\d{{1,7}})(?: (?P<measure>{'|'.join(MEASURES)})s?)?"
    rf"(?:[ /](?:(?:an?|per|each|every|this) )?(?P<period>{'|'.join(PERIODS)})| in (?:all|total))?"
)


@dataclass(frozen=True, kw_only=True)
class Goal:
    """So much of what a board counts, in a board's period."""

    count: int
    measure: Measure
    period: Period


@dataclass(frozen=True, kw_only=True)
class GoalProgress:
    goal: Goal
    reached: int

    @property
    def is_reached(self) -> bool:
        return self.reached >= self.goal.count


def parse_goal(typed: str) -> Goal | None:
    """Read "40 lessons", "40 lessons a month", "100 points this week" or "20", which is lessons in all;
    None for "none". Raises GoalUnreadable.
    """
    words = name_key(typed)
    if words in NO_GOAL:
        return None
    found = GOAL.fullmatch(words)
    if found is None or not 1 <= int(found["count"]) <= LARGEST_GOAL:
        raise GoalUnreadable(typed=typed[:100])
    return Goal(
        count=int(found["count"]),
        measure=MEASURES[found["measure"]] if found["measure"] else Measure.LESSONS,
        period=PERIODS[found["period"]] if found["period"] else Period.ALL,
    )


def goal_of(group: Group) -> Goal | None:
    if group.goal_count is None or group.goal_by is None or group.goal_period is None:
        return None
    return Goal(count=group.goal_count, measure=Measure(group.goal_by), period=Period(group.goal_period))


def set_goal(group: Group, goal: Goal | None) -> None:
    group.goal_count = goal.count if goal else None
    group.goal_by = goal.measure if goal else None
    group.goal_period = goal.period if goal else None


async def goal_progress(session: AsyncSession, group: Group, *, now: datetime) -> GoalProgress | None:
    """How far the group is in the goal's own period around `now`; None without a goal."""
    goal = goal_of(group)
    if goal is None:
        return None
    return await progress_within(
        session, group, goal, period_bounds(goal.period, now, ZoneInfo(group.timezone))
    )


async def progress_within(session: AsyncSession, group: Group, goal: Goal, span: Span) -> GoalProgress:
    reached = await session.scalar(group_total(goal.measure, group_id=group.id, span=span))
    return GoalProgress(goal=goal, reached=reached or 0)
