"""Which course pack is meant: the shipped ones, and those that a server imported."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.courses.packs import Pack, pack_from, version_order
from bot.db.models import CoursePack, Group
from bot.db.types import name_key
from bot.errors import NoCourse, UnknownCourse
from bot.services.text import clean_text

COURSE_LIMIT = 80


@dataclass(frozen=True, kw_only=True)
class PackName:
    """What a pack can be called by."""

    id: str
    version: str
    title: str

    @property
    def full(self) -> str:
        return f"{self.id}@{self.version}"


async def pack_of(session: AsyncSession, library: CourseLibrary, group: Group) -> Pack:
    """The pack that a group follows, in the version that it chose; raises NoCourse when it follows none."""
    if group.pack is None or group.pack_version is None:
        raise NoCourse(group=group.name)
    found = await load_pack(
        session, library, guild_id=group.guild_id, pack_id=group.pack, version=group.pack_version
    )
    if found is None:
        raise NoCourse(group=group.name)
    return found


async def load_pack(
    session: AsyncSession, library: CourseLibrary, *, guild_id: int, pack_id: str, version: str
) -> Pack | None:
    """A shipped pack whose version this release no longer has comes in the newest one that it has."""
    shipped = [pack for pack in library.shipped if pack.id == pack_id]
    for pack in shipped:
        if pack.version == version:
            return pack
    content = await session.scalar(
        select(CoursePack.content).where(
            CoursePack.guild_id == guild_id, CoursePack.pack == pack_id, CoursePack.version == version
        )
    )
    if content is not None:
        return pack_from(content)
    return shipped[-1] if shipped else None


async def pack_names(session: AsyncSession, library: CourseLibrary, *, guild_id: int) -> list[PackName]:
    """Every version of every pack that a server has, by id, the older versions first."""
    shipped = [PackName(id=pack.id, version=pack.version, title=pack.title) for pack in library.shipped]
    # The title alone, out of a document that may be long.
    rows = await session.execute(
        select(CoursePack.pack, CoursePack.version, CoursePack.content["title"].as_string()).where(
            CoursePack.guild_id == guild_id
        )
    )
    imported = [PackName(id=pack_id, version=version, title=title) for pack_id, version, title in rows]
    return sorted([*shipped, *imported], key=lambda name: (name.id, version_order(name.version)))


async def find_pack(session: AsyncSession, library: CourseLibrary, *, guild_id: int, typed: str) -> Pack:
    """The pack of that id or title, in its newest version, or of that `id@version`; raises UnknownCourse."""
    names = await pack_names(session, library, guild_id=guild_id)
    newest = {name.id: name for name in names}
    wanted = name_key(typed)
    exact = {name.full: name for name in names} | newest
    titled = {name_key(name.title): newest[name.id] for name in names}
    found = exact.get(wanted) or titled.get(wanted)
    if found is not None:
        pack = await load_pack(session, library, guild_id=guild_id, pack_id=found.id, version=found.version)
        if pack is not None:
            return pack
    raise UnknownCourse(typed=typed[:100], names=tuple(newest))


async def choose_course(session: AsyncSession, library: CourseLibrary, *, group: Group, typed: str) -> None:
    """Let the group follow the pack that this names; else the words are all that is known of its course.

    Raises BadText.
    """
    try:
        follow(group, await find_pack(session, library, guild_id=group.guild_id, typed=typed))
    except UnknownCourse:
        group.course = clean_text("course", typed, limit=COURSE_LIMIT)
        group.pack = group.pack_version = None


def follow(group: Group, pack: Pack) -> None:
    group.course, group.pack, group.pack_version = pack.title, pack.id, pack.version
