"""Lessons by their titles, where rows know ids alone."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.services.courses.finding import load_pack

#: A lesson's pack, the pack's version, and its own id.
LessonKey = tuple[str, str, str]


async def lesson_titles(
    session: AsyncSession, library: CourseLibrary, *, guild_id: int, keys: Collection[LessonKey]
) -> dict[LessonKey, str]:
    """The title of each; the id where the pack is gone or has no such lesson any more."""
    titles = {key: key[2] for key in keys}
    for pack_id, version in {key[:2] for key in keys}:
        pack = await load_pack(session, library, guild_id=guild_id, pack_id=pack_id, version=version)
        for key in keys:
            lesson = pack.lesson(key[2]) if pack is not None and key[:2] == (pack_id, version) else None
            if lesson is not None:
                titles[key] = lesson.title
    return titles
