"""Courses by date: one meetup per lesson, each at the same local time as the first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.packs import Lesson, Pack
from bot.db.models import CourseMeetup, CourseRun, Group, Occurrence, OccurrenceState
from bot.delivery.ledger import Ledger
from bot.errors import CourseUnderWay
from bot.scheduling.when import resolve_wall_clock
from bot.services.courses.finding import follow
from bot.services.meetups import NewMeetup, planning
from bot.services.meetups.announcing import post_row
from bot.services.meetups.finding import Found, rows


@dataclass(frozen=True, kw_only=True)
class LessonDate:
    """A lesson of a run and the meetup that treats it: its next date, else its last one."""

    lesson_id: str
    found: Found


async def start(
    session: AsyncSession,
    *,
    group: Group,
    pack: Pack,
    first: datetime,
    every_weeks: int,
    started_by: int,
    where_channel_id: int | None,
    minutes: int | None,
    ledger: Ledger,
    now: datetime,
) -> list[LessonDate]:
    """Let the group take the course from this instant on, a lesson every so many weeks.

    The first meetup's post is due now, and each later one's when the meetup before it ends. Raises
    CourseUnderWay, BadNumber.
    """
    await _refuse_second(session, group, now)
    follow(group, pack)
    run = CourseRun(
        group_id=group.id,
        pack=pack.id,
        version=pack.version,
        every_weeks=every_weeks,
        started_by=started_by,
        started_at=now,
    )
    session.add(run)
    await session.flush()
    post_due, zone = now, ZoneInfo(group.timezone)
    for index, lesson in enumerate(pack.lessons):
        title = lesson_title(lesson)
        local = first.astimezone(zone).replace(tzinfo=None) + timedelta(weeks=index * every_weeks)
        # The first instant itself: in a repeated hour its wall clock would have two readings.
        starts_at = resolve_wall_clock(local, zone) if index else first
        new = NewMeetup(
            starts_at=starts_at,
            host_id=started_by,
            title=title,
            lesson=title,
            local=local,
            minutes=planning.DEFAULT_MINUTES if minutes is None else minutes,
            where_channel_id=where_channel_id,
        )
        occurrence = await planning.schedule(
            session, group=group, new=new, created_by=started_by, ledger=ledger, now=now
        )
        session.add(CourseMeetup(run_id=run.id, lesson=lesson.id, meetup_id=occurrence.meetup_id))
        await ledger.plan(session, post_row(group, occurrence, now=post_due))
        post_due = occurrence.ends_at
    await session.flush()
    return await lesson_dates(session, run=run, pack=pack, now=now)


async def newest_run(session: AsyncSession, group_id: int, *, lock: bool = False) -> CourseRun | None:
    query = select(CourseRun).where(CourseRun.group_id == group_id).order_by(CourseRun.id.desc()).limit(1)
    return await session.scalar(query.with_for_update() if lock else query)


async def lesson_dates(
    session: AsyncSession, *, run: CourseRun, pack: Pack, now: datetime
) -> list[LessonDate]:
    """When a run treats which lesson, in the pack's order; lessons that the pack lacks are left out."""
    query = (
        rows()
        .add_columns(CourseMeetup.lesson)
        .join(CourseMeetup, CourseMeetup.meetup_id == Occurrence.meetup_id)
        .where(CourseMeetup.run_id == run.id)
        .order_by(Occurrence.starts_at.desc(), Occurrence.id.desc())
    )
    dates: dict[str, LessonDate] = {}
    for occurrence, meetup, group, lesson_id in await session.execute(query):
        found = Found(group=group, meetup=meetup, occurrence=occurrence)
        # From the last one back: of those that are to come the first one stays.
        if lesson_id not in dates or found.is_coming(now):
            dates[lesson_id] = LessonDate(lesson_id=lesson_id, found=found)
    return [dates[lesson.id] for lesson in pack.lessons if lesson.id in dates]


def weeks_later(found: Found, weeks: int) -> tuple[datetime, datetime]:
    """The same local time so many weeks later or earlier, whatever the clocks do in between: as the naive
    wall clock, and as the instant that it means.
    """
    zone = ZoneInfo(found.meetup.timezone)
    starts_at = found.occurrence.starts_at
    # Where a clock change skips the wall clock, the instant has another one.
    local = datetime.combine(found.occurrence.slot, found.meetup.starts_local.time())
    if resolve_wall_clock(local, zone) != starts_at:
        local = starts_at.astimezone(zone).replace(tzinfo=None)
    local += timedelta(weeks=weeks)
    return local, resolve_wall_clock(local, zone)


def lesson_title(lesson: Lesson) -> str:
    return f"Lesson {lesson.number}: {lesson.title}"


async def _refuse_second(session: AsyncSession, group: Group, now: datetime) -> None:
    # Locks the group: two starts at once would each find none.
    await session.execute(select(Group.id).where(Group.id == group.id).with_for_update())
    next_starts_at = await session.scalar(
        select(Occurrence.starts_at)
        .join(CourseMeetup, CourseMeetup.meetup_id == Occurrence.meetup_id)
        .join(CourseRun, CourseRun.id == CourseMeetup.run_id)
        .where(
            CourseRun.group_id == group.id,
            Occurrence.state == OccurrenceState.PLANNED,
            Occurrence.ends_at > now,
        )
        .order_by(Occurrence.starts_at)
        .limit(1)
    )
    if next_starts_at is not None:
        raise CourseUnderWay(group=group.name, next_starts_at=next_starts_at)
