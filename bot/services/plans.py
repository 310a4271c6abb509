"""Study plans: the hours that members want to give, and whether the course fits into them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.courses.pace import Effort, effort_left, finish_day, load, real_pace, weeks_until
from bot.db.engine import Database
from bot.db.models import Group, Membership, Project, ProjectState, StudyPlan
from bot.db.types import name_key
from bot.errors import (
    BadNumber,
    NoCourse,
    PastDeadline,
    PastTime,
    UnreadableDay,
    UnreadableTime,
)
from bot.scheduling.when import parse_when
from bot.services.access import Caller, find_group, open_group, require_member
from bot.services.activity import QUIET
from bot.services.courses import pack_of
from bot.services.lessons import CourseState, load_course
from bot.services.members import zone_of

MOST_HOURS = 80
NO_DEADLINE = ("none", "no", "-")
# Days are compared, so any time of day will do; no clock change skips or repeats this one.
SOME_TIME = "12:00"


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is left for one member, and when it will be done.

    `hours_per_week` is what they planned, `real_pace` what they really do, in hours a week and known from the
    second lesson on; `finishes` follows the latter where there is one, and is None without either or beyond
    ten years. A deadline that is not their own is the group's last meetup of the course. `load` is the share
    of the planned time until the deadline that the rest takes: above 1 it does not fit. `needed` is what
    would, in hours a week. Both are None unless the deadline lies ahead.
    """

    course: CourseState
    left: Effort
    hours_per_week: int | None
    real_pace: float | None
    finishes: date | None
    deadline: date | None
    deadline_is_own: bool
    today: date
    load: float | None
    needed: float | None
    paused_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """Weekly hours and deadline before and after; hours are None where none were planned.

    A deadline that stood before and is None now would have had to move more than ten years away.
    """

    hours_before: int | None
    hours: int | None
    deadline_before: date | None
    deadline: date | None


class PlanService:
    def __init__(self, database: Database, *, library: CourseLibrary, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._library = library
        self._clock = clock

    async def forecast(self, *, caller: Caller, typed: str | None) -> Forecast:
        """What the plan on record comes to. Raises UnknownGroup, NoGroupHere, NotAMember, NoCourse."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            await require_member(session, group, caller.user_id)
            plan = await session.get(StudyPlan, (group.id, caller.user_id))
            return await self._forecast(session, group, caller.user_id, plan)

    async def change(
        self, *, caller: Caller, typed: str | None, hours_per_week: int | None, deadline: str | None
    ) -> Forecast:
        """Note the hours, the deadline or both, and what they come to; a paused plan goes on.

        "none" takes a deadline away. Raises BadNumber, PastDeadline, UnreadableDay, what else `parse_when`
        raises, and as `forecast` does.
        """
        if hours_per_week is not None:
            check_hours(hours_per_week)
        day = await self._day(caller, typed, deadline) if deadline is not None else None
        async with self._database.write() as session:
            group = await find_group(session, caller=caller, typed=typed)
            await require_member(session, group, caller.user_id)
            plan = await _own_plan(session, group, caller.user_id)
            if hours_per_week is not None:
                plan.hours_per_week = hours_per_week
            if deadline is not None:
                plan.deadline = day
            plan.paused_at = None
            return await self._forecast(session, group, caller.user_id, plan)

    async def hours(self, *, caller: Caller, group_id: int) -> int | None:
        """The hours a week that the caller planned in the group behind a button; None before they named any.

        Raises UnknownGroup, NotAMember.
        """
        async with self._database.read() as session:
            group = await _group(session, caller, group_id)
            plan = await session.get(StudyPlan, (group.id, caller.user_id))
            return plan.hours_per_week if plan is not None else None

    async def note_hours(self, *, caller: Caller, group_id: int, hours_per_week: int) -> Forecast | None:
        """Note the hours a week in the group behind a button, and what they come to: None as long as the
        group follows no course. A paused plan goes on. Raises BadNumber, UnknownGroup, NotAMember.
        """
        check_hours(hours_per_week)
        async with self._database.write() as session:
            group = await _group(session, caller, group_id)
            plan = await _own_plan(session, group, caller.user_id)
            plan.hours_per_week, plan.paused_at = hours_per_week, None
            with suppress(NoCourse):
                return await self._forecast(session, group, caller.user_id, plan)
            return None

    async def shrink(self, *, caller: Caller, group_id: int) -> Shrunk:
        """Halve the weekly hours, to one at least; a deadline moves to the day by which the rest fits then.

        One comeback shrinks once: pressing it again changes nothing. Raises UnknownGroup, NotAMember.
        """
        now = self._clock()
        async with self._database.write() as session:
            group = await _group(session, caller, group_id)
            plan = await _own_plan(session, group, caller.user_id)
            hours, before, after = plan.hours_per_week, plan.deadline, plan.deadline
            if hours is not None and (plan.shrunk_at is None or now - plan.shrunk_at >= QUIET):
                plan.hours_per_week = max(1, hours // 2)
                plan.shrunk_at, plan.paused_at = now, None
                with suppress(NoCourse):
                    found = await self._forecast(session, group, caller.user_id, plan)
                    before = after = found.deadline
                    if found.load is not None and found.load > 1:
                        after = finish_day(found.left.hours, plan.hours_per_week, today=found.today)
                        plan.deadline = after
            return Shrunk(
                hours_before=hours, hours=plan.hours_per_week, deadline_before=before, deadline=after
            )

    async def pause(self, *, caller: Caller, group_id: int) -> None:
        """Let the plan rest: it warns of nothing until it goes on. Raises UnknownGroup, NotAMember."""
        async with self._database.write() as session:
            plan = await _own_plan(session, await _group(session, caller, group_id), caller.user_id)
            plan.paused_at = plan.paused_at or self._clock()

    async def resume(self, *, caller: Caller, group_id: int) -> Forecast:
        """Let a paused plan go on as it was. Raises UnknownGroup, NotAMember, NoCourse."""
        async with self._database.write() as session:
            group = await _group(session, caller, group_id)
            plan = await _own_plan(session, group, caller.user_id)
            plan.paused_at = None
            return await self._forecast(session, group, caller.user_id, plan)

    async def _day(self, caller: Caller, typed: str | None, deadline: str) -> date | None:
        """The typed day in the member's zone, else the group's; None for "none"."""
        if name_key(deadline) in NO_DEADLINE:
            return None
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            zone = await zone_of(session, user_id=caller.user_id, default=group.timezone)
        return await asyncio.to_thread(read_day, deadline, zone=zone, now=self._clock())

    async def _forecast(
        self, session: AsyncSession, group: Group, user_id: int, plan: StudyPlan | None
    ) -> Forecast:
        now = self._clock()
        pack = await pack_of(session, self._library, group)
        course = await load_course(session, group=group, pack=pack, user_id=user_id, now=now)
        zone = await zone_of(session, user_id=user_id, default=group.timezone)
        today = now.astimezone(zone).date()
        completed_at = {
            state.lesson.id: state.completed_at for state in course.lessons if state.completed_at is not None
        }
        shipped = select(
            exists().where(
                Project.group_id == group.id,
                Project.user_id == user_id,
                Project.state == ProjectState.SHIPPED,
            )
        )
        left = effort_left(pack, completed=completed_at, capstone_done=bool(await session.scalar(shipped)))
        hours = plan.hours_per_week if plan is not None else None
        own = plan.deadline if plan is not None else None
        deadline = own if own is not None else last_meetup(course, zone)
        weeks = weeks_until(deadline, today=today) if deadline is not None and deadline > today else None
        pace = real_pace(pack, completed_at, now=now)
        per_week = pace or hours
        return Forecast(
            course=course,
            left=left,
            hours_per_week=hours,
            real_pace=pace,
            finishes=finish_day(left.hours, per_week, today=today) if per_week else None,
            deadline=deadline,
            deadline_is_own=own is not None,
            today=today,
            load=load(left.hours, per_week=hours, weeks=weeks) if hours and weeks else None,
            needed=left.hours / weeks if weeks else None,
            paused_at=plan.paused_at if plan is not None else None,
        )


def check_hours(hours_per_week: int) -> None:
    """Raises BadNumber."""
    if not 1 <= hours_per_week <= MOST_HOURS:
        raise BadNumber(field="hours a week", value=hours_per_week, least=1, most=MOST_HOURS)


def read_day(typed: str, *, zone: ZoneInfo, now: datetime) -> date:
    """The day after today that is typed as every `when` is, or without a time of day.

    Raises PastDeadline, UnreadableDay, and VagueTime, SkippedTime, AmbiguousTime, TooFarTime as `parse_when`.
    """
    try:
        try:
            instant = parse_when(typed, zone=zone, now=now)
        except UnreadableTime:
            instant = parse_when(f"{typed} {SOME_TIME}", zone=zone, now=now)
    except UnreadableTime:
        raise UnreadableDay(typed=typed[:100]) from None
    except PastTime:
        raise PastDeadline(typed=typed[:100]) from None
    day = instant.astimezone(zone).date()
    if day == now.astimezone(zone).date():
        raise PastDeadline(typed=typed[:100])
    return day


def last_meetup(course: CourseState, zone: ZoneInfo) -> date | None:
    """The day of the group's last date for a lesson of the course."""
    ends = [state.meets.ends_at for state in course.lessons if state.meets is not None]
    return max(ends).astimezone(zone).date() if ends else None


async def _group(session: AsyncSession, caller: Caller, group_id: int) -> Group:
    """The group behind a button, which the caller is in. Raises UnknownGroup, GroupArchived, NotAMember."""
    group = await open_group(session, caller=caller, group_id=group_id)
    await require_member(session, group, caller.user_id)
    return group


async def _own_plan(session: AsyncSession, group: Group, user_id: int) -> StudyPlan:
    """The member's plan, an empty one if need be; the lock makes one of several changes at once wait."""
    await session.get(Membership, (group.id, user_id), with_for_update=True)
    plan = await session.get(StudyPlan, (group.id, user_id))
    if plan is None:
        plan = StudyPlan(group_id=group.id, user_id=user_id)
        session.add(plan)
    return plan
