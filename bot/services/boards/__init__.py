"""Boards of what a group has done, and the goal it has set itself."""

from bot.services.boards.goals import Goal, GoalProgress, goal_progress, parse_goal, set_goal
from bot.services.boards.measures import Measure
from bot.services.boards.periods import Period, Span, period_bounds
from bot.services.boards.service import Absence, BoardFacts, BoardService, Place, Reason, Why

__all__ = [
    "Absence",
    "BoardFacts",
    "BoardService",
    "Goal",
    "GoalProgress",
    "Measure",
    "Period",
    "Place",
    "Reason",
    "Span",
    "Why",
    "goal_progress",
    "parse_goal",
    "period_bounds",
    "set_goal",
]
