"""Courses: the packs a server has, and the ones its groups take by date."""

from bot.services.courses.finding import choose_course, find_pack, pack_of
from bot.services.courses.importing import Imported
from bot.services.courses.service import CourseService, Started
from bot.services.courses.shifts import MOST_WEEKS, SHIFT, Moved, Shift, Undone

__all__ = [
    "MOST_WEEKS",
    "SHIFT",
    "CourseService",
    "Imported",
    "Moved",
    "Shift",
    "Started",
    "Undone",
    "choose_course",
    "find_pack",
    "pack_of",
]
