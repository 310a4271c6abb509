"""Lessons: what members did with them, on a ladder of evidence that others confirm."""

from bot.services.lessons.course import CourseState, LessonState, load_course
from bot.services.lessons.ladder import NEED_VERIFYING, POINTS
from bot.services.lessons.service import POST, LessonService, Marked, PostFacts, Undone, Verified

__all__ = [
    "NEED_VERIFYING",
    "POINTS",
    "POST",
    "CourseState",
    "LessonService",
    "LessonState",
    "Marked",
    "PostFacts",
    "Undone",
    "Verified",
    "load_course",
]
