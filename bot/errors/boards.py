"""Boards and goals."""

from dataclasses import dataclass

from bot.errors.base import StudyError


@dataclass
class GoalUnreadable(StudyError):
    typed: str
