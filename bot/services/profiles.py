"""Profiles: what one member has done in a group, and the streak that they may have counted."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import CompoundSelect, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import (
    Attendance,
    Group,
    Kudos,
    LessonMark,
    Meetup,
    Member,
    Membership,
    Occurrence,
    Project,
    ProjectEntry,
    ProjectState,
    Review,
)
from bot.errors import NoCourse, NoProfile, NotAMember
from bot.services.access import Caller, find_group, open_group
from bot.services.boards import Measure, Span
from bot.services.boards.measures import events
from bot.services.courses import pack_of
from bot.services.lessons import CourseState, load_course
from bot.services.members import zone_of
from bot.services.streaks import days_of, streak

COUNTED = (Measure.POINTS, Measure.REVIEWS, Measure.MEETUPS, Measure.KUDOS, Measure.PROJECTS)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One member in one group. `totals` are what the boards count; `streak` is in days, None unless its
    member wants it counted; `course` is None where the group follows none.
    """

    group: Group
    user_id: int
    joined_at: datetime
    course: CourseState | None
    totals: dict[Measure, int]
    streak: int | None
    project: Project | None


class ProfileService:
    def __init__(self, database: Database, *, library: CourseLibrary, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._library = library
        self._clock = clock

    async def show(self, *, caller: Caller, typed: str | None, user_id: int) -> Profile:
        """The caller's own, or that of another member who lets themselves be seen.

        Raises NotAMember, NoProfile, UnknownGroup, NoGroupHere.
        """
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            return await self._load(session, group, user_id=user_id, caller=caller)

    async def count_streak(self, *, caller: Caller, group_id: int, wanted: bool) -> Profile:
        """Switch the caller's own streak on or off, in every group alike.

        Raises NotAMember, UnknownGroup, GroupArchived.
        """
        async with self._database.write() as session:
            group = await open_group(session, caller=caller, group_id=group_id)
            member = await session.get(Member, caller.user_id)
            if member is None:
                member = Member(user_id=caller.user_id)
                session.add(member)
            member.streak = wanted
            await session.flush()
            return await self._load(session, group, user_id=caller.user_id, caller=caller)

    async def _load(self, session: AsyncSession, group: Group, *, user_id: int, caller: Caller) -> Profile:
        membership = await session.get(Membership, (group.id, user_id))
        if membership is None or membership.left_at is not None:
            if user_id == caller.user_id:
                raise NotAMember(group=group.name)
            raise NoProfile(user_id=user_id, group=group.name)
        if membership.hidden and user_id != caller.user_id:
            raise NoProfile(user_id=user_id, group=group.name)
        member = await session.get(Member, user_id)
        wants_streak = member is not None and member.streak
        return Profile(
            group=group,
            user_id=user_id,
            joined_at=membership.joined_at,
            course=await self._course(session, group, user_id),
            totals={measure: await _total(session, measure, group, user_id) for measure in COUNTED},
            streak=await self._streak(session, group, user_id) if wants_streak else None,
            project=await session.scalar(
                select(Project).where(
                    Project.group_id == group.id,
                    Project.user_id == user_id,
                    Project.state == ProjectState.ACTIVE,
                )
            ),
        )

    async def _course(self, session: AsyncSession, group: Group, user_id: int) -> CourseState | None:
        with suppress(NoCourse):
            pack = await pack_of(session, self._library, group)
            return await load_course(session, group=group, pack=pack, user_id=user_id, now=self._clock())
        return None

    async def _streak(self, session: AsyncSession, group: Group, user_id: int) -> int:
        zone: ZoneInfo = await zone_of(session, user_id=user_id, default=group.timezone)
        acts = await session.scalars(_acts(group.id, user_id))
        return streak(days_of(acts, zone), today=self._clock().astimezone(zone).date())


async def _total(session: AsyncSession, measure: Measure, group: Group, user_id: int) -> int:
    done = events(measure, group_id=group.id, span=Span()).subquery()
    return int(await session.scalar(select(func.sum(done.c.amount)).where(done.c.user_id == user_id)) or 0)


def _acts(group_id: int, user_id: int) -> CompoundSelect[datetime]:
    """When a member did something in this group that a streak is made of."""
    return union_all(
        select(LessonMark.marked_at).where(LessonMark.group_id == group_id, LessonMark.user_id == user_id),
        select(LessonMark.verified_at).where(
            LessonMark.group_id == group_id, LessonMark.verified_by == user_id
        ),
        select(ProjectEntry.at).join(Project).where(Project.group_id == group_id, Project.user_id == user_id),
        select(Attendance.came_at)
        .join(Occurrence, Occurrence.id == Attendance.occurrence_id)
        .join(Meetup, Meetup.id == Occurrence.meetup_id)
        .where(Meetup.group_id == group_id, Attendance.user_id == user_id),
        select(Review.reviewed_at).where(Review.group_id == group_id, Review.user_id == user_id),
        select(Kudos.given_at).where(Kudos.group_id == group_id, Kudos.giver_id == user_id),
    )
