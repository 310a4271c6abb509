"""Moving the rest of a course by whole weeks, once, and taking that back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.courses.packs import Pack
from bot.db.models import CourseRun, CourseShift, Group, Occurrence
from bot.delivery.ledger import Ledger, Outgoing
from bot.errors import (
    BadNumber,
    NoCourse,
    NoCourseDates,
    NothingMovesBack,
    ShiftIntoPast,
    ShiftOutOfOrder,
    ShiftUndone,
    TooFarTime,
    UnknownLesson,
    UnknownShift,
)
from bot.scheduling.when import FURTHEST_AHEAD
from bot.services.access import Caller, require_organizer
from bot.services.courses.finding import load_pack
from bot.services.courses.runs import LessonDate, lesson_dates, newest_run, weeks_later
from bot.services.meetups import planning
from bot.services.meetups.facts import load_facts
from bot.services.meetups.finding import Found, lock_series, require_open, rows

SHIFT = "course_shift"
MOST_WEEKS = 26


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A meetup that a shift moved, and who is going to it by now."""

    occurrence_id: int
    title: str
    before: datetime
    after: datetime
    going: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Shift:
    """What a shift moved, in the order of the lessons."""

    row: CourseShift
    group: Group
    moved: tuple[Moved, ...]


@dataclass(frozen=True, kw_only=True)
class Undone:
    """A shift taken back: what stands again where it stood before, and what stayed."""

    shift: Shift
    back: tuple[Moved, ...]
    stayed: tuple[Moved, ...]


async def run_of(
    session: AsyncSession, library: CourseLibrary, group: Group, *, lock: bool = False
) -> tuple[CourseRun, Pack]:
    """The course that a group takes by date, and its pack; raises NoCourseDates, NoCourse."""
    run = await newest_run(session, group.id, lock=lock)
    if run is None:
        raise NoCourseDates(group=group.name)
    pack = await load_pack(session, library, guild_id=group.guild_id, pack_id=run.pack, version=run.version)
    if pack is None:
        raise NoCourse(group=group.name)
    return run, pack


async def shift(
    session: AsyncSession,
    library: CourseLibrary,
    *,
    group: Group,
    from_lesson: str,
    weeks: int,
    shifted_by: int,
    interaction_id: int,
    ledger: Ledger,
    now: datetime,
) -> tuple[Shift, bool]:
    """Move the meetup of that lesson and of every later one; also returns whether it was this call that did.

    Meetups that are over or cancelled stay. Raises BadNumber, NoCourseDates, NoCourse, UnknownLesson,
    MeetupOver, MeetupCancelled, ShiftIntoPast, ShiftOutOfOrder, TooFarTime, DateTaken.
    """
    if weeks == 0 or abs(weeks) > MOST_WEEKS:
        raise BadNumber(field="weeks", value=weeks, least=-MOST_WEEKS, most=MOST_WEEKS)
    run, pack = await run_of(session, library, group, lock=True)
    known = await session.scalar(select(CourseShift).where(CourseShift.interaction_id == interaction_id))
    if known is not None:
        return await load_shift(session, known, now=now), False
    dates = await lesson_dates(session, run=run, pack=pack, now=now)
    lesson = pack.find(from_lesson)
    first = next((at for at, date in enumerate(dates) if lesson and date.lesson_id == lesson.id), None)
    if lesson is None or first is None:
        raise UnknownLesson(typed=from_lesson[:100], course=pack.title)
    await _lock(session, [date.found for date in dates[first:]])
    require_open(dates[first].found, now)
    moving = [date.found for date in dates[first:] if date.found.is_coming(now)]
    clocks = [weeks_later(found, weeks) for found in moving]
    targets = [starts_at for _, starts_at in clocks]
    _refuse_targets(moving, targets, before=dates[:first], now=now)
    steps = [
        {
            "occurrence": found.occurrence.id,
            "before": found.occurrence.starts_at.isoformat(),
            "after": target.isoformat(),
        }
        for found, target in zip(moving, targets, strict=True)
    ]
    for found, (local, target) in zip(moving, clocks, strict=True):
        await planning.move_following(
            session, found=found, starts_at=target, ledger=ledger, now=now, local=local
        )
    row = CourseShift(
        run_id=run.id,
        from_lesson=lesson.id,
        weeks=weeks,
        moved=steps,
        interaction_id=interaction_id,
        shifted_by=shifted_by,
        shifted_at=now,
    )
    session.add(row)
    await session.flush()
    return await load_shift(session, row, now=now), True


async def undo(
    session: AsyncSession,
    *,
    caller: Caller,
    shift_id: int,
    ledger: Ledger,
    now: datetime,
) -> Undone:
    """Move back what still stands where the shift put it, if that is still to come.

    Raises UnknownShift, NotOrganizer, ShiftUndone, NothingMovesBack.
    """
    group = await _locked(session, caller, shift_id)
    require_organizer(group, caller)
    row = await session.get_one(CourseShift, shift_id)
    if row.undone_at is not None:
        raise ShiftUndone(undone_at=row.undone_at)
    taken = await load_shift(session, row, now=now)
    ids = [step.occurrence_id for step in taken.moved]
    found = {
        date.id: Found(occurrence=date, meetup=meetup, group=group)
        for date, meetup, group in await session.execute(rows().where(Occurrence.id.in_(ids)))
    }
    await _lock(session, list(found.values()))
    back = [
        step
        for step in taken.moved
        if step.before > now
        and found[step.occurrence_id].is_coming(now)
        and found[step.occurrence_id].occurrence.starts_at == step.after
    ]
    if not back:
        raise NothingMovesBack
    for step in back:
        date = found[step.occurrence_id]
        local, starts_at = weeks_later(date, -row.weeks)
        await planning.move_following(
            session,
            found=date,
            starts_at=step.before,
            ledger=ledger,
            now=now,
            local=local if starts_at == step.before else None,
        )
    row.undone_at = now
    return Undone(
        shift=taken, back=tuple(back), stayed=tuple(step for step in taken.moved if step not in back)
    )


async def load_shift(session: AsyncSession, row: CourseShift, *, now: datetime) -> Shift:
    run = await session.get_one(CourseRun, row.run_id)
    group = await session.get_one(Group, run.group_id)
    facts = await load_facts(session, [step["occurrence"] for step in row.moved], now=now)
    steps = {step["occurrence"]: step for step in row.moved}
    return Shift(
        row=row,
        group=group,
        moved=tuple(
            Moved(
                occurrence_id=one.occurrence.id,
                title=one.title,
                before=datetime.fromisoformat(steps[one.occurrence.id]["before"]),
                after=datetime.fromisoformat(steps[one.occurrence.id]["after"]),
                going=one.going,
            )
            for one in facts
        ),
    )


def notice_row(shift: Shift, *, now: datetime) -> Outgoing:
    """The notice of a shift in the group's channel, due now."""
    return Outgoing(
        key=f"{SHIFT}:{shift.row.id}",
        kind=SHIFT,
        subject=f"group:{shift.group.id}",
        due_at=now,
        guild_id=shift.group.guild_id,
        channel_id=shift.group.channel_id,
        refs={"shift": shift.row.id},
    )


def _refuse_targets(
    moving: Sequence[Found], targets: Sequence[datetime], *, before: Sequence[LessonDate], now: datetime
) -> None:
    """Raises ShiftIntoPast, TooFarTime, and ShiftOutOfOrder when the first would overtake a lesson before."""
    for found, target in zip(moving, targets, strict=True):
        if target <= now:
            raise ShiftIntoPast(title=found.title, starts_at=target)
        if target - now > FURTHEST_AHEAD:
            raise TooFarTime(typed="", instant=target)
    for date in before:
        if date.found.is_coming(now) and targets[0] < date.found.occurrence.ends_at:
            raise ShiftOutOfOrder(
                title=moving[0].title,
                starts_at=targets[0],
                previous=date.found.title,
                previous_ends_at=date.found.occurrence.ends_at,
            )


async def _lock(session: AsyncSession, dates: Sequence[Found]) -> None:
    """Lock these meetups in the order in which every change takes its locks."""
    for meetup_id in sorted({found.meetup.id for found in dates}):
        await lock_series(session, meetup_id)


async def _locked(session: AsyncSession, caller: Caller, shift_id: int) -> Group:
    """The group of a shift in the caller's server; the lock on the course's run lets one in at a time."""
    group = await session.scalar(
        select(Group)
        .join(CourseRun, CourseRun.group_id == Group.id)
        .join(CourseShift, CourseShift.run_id == CourseRun.id)
        .where(CourseShift.id == shift_id, Group.guild_id == caller.guild_id)
        .with_for_update(of=CourseRun)
    )
    if group is None:
        raise UnknownShift
    return group
