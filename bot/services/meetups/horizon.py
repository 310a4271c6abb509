"""The rolling horizon: a series always has its next dates as rows, and the next one its post."""

import secrets
from collections.abc import Collection
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import CourseMeetup, Group, Meetup, Occurrence, OccurrenceState
from bot.delivery.ledger import Ledger
from bot.scheduling.recurrence import Recurrence, Repeat
from bot.services.meetups.announcing import plan_reminders, post_row

#: Planned dates of a series that exist as rows, counted rather than timed: a monthly meetup can be
#: answered, skipped and moved as far ahead as a weekly one.
AHEAD = 4
BATCH = 50


def recurrence_of(meetup: Meetup) -> Recurrence:
    return Recurrence(meetup.starts_local, ZoneInfo(meetup.timezone), Repeat(meetup.repeat), meetup.until)


def new_occurrence(meetup: Meetup, *, slot: date, starts_at: datetime) -> Occurrence:
    return Occurrence(
        meetup_id=meetup.id,
        slot=slot,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=meetup.minutes),
        state=OccurrenceState.PLANNED,
        moved=False,
        sequence=0,
        version=1,
        post_version=0,
        event_version=0,
        checkin_secret=secrets.token_hex(20),
    )


async def extend(
    session: AsyncSession, *, group: Group, meetup: Meetup, ledger: Ledger, now: datetime
) -> list[Occurrence]:
    """Make the rows that the horizon lacks, with their reminders; returns them.

    Skipped and moved dates keep their slot, so they are not made again. A slot that a change of the
    rule had cancelled is planned anew when the rule asks for it again.
    """
    if meetup.repeat == Repeat.NONE:
        return []
    recurrence = recurrence_of(meetup)
    # Two days back: a date in the group's zone may still be ahead there when UTC has left it behind.
    first = now.date() - timedelta(days=2)
    rows = await session.scalars(
        select(Occurrence).where(Occurrence.meetup_id == meetup.id, Occurrence.slot >= first)
    )
    by_slot = {occurrence.slot: occurrence for occurrence in rows}
    made: list[Occurrence] = []
    coming = 0
    for slot in recurrence.dates_from(first):
        if coming >= AHEAD:
            break
        occurrence = by_slot.get(slot)
        if occurrence is not None and occurrence.state is OccurrenceState.PLANNED:
            coming += occurrence.ends_at > now
            continue
        starts_at = recurrence.instant(slot)
        if starts_at <= now or (occurrence is not None and occurrence.state is OccurrenceState.SKIPPED):
            continue
        if occurrence is None:
            occurrence = new_occurrence(meetup, slot=slot, starts_at=starts_at)
            session.add(occurrence)
            await session.flush()
        else:
            occurrence.state = OccurrenceState.PLANNED
            occurrence.starts_at = starts_at
            occurrence.ends_at = starts_at + timedelta(minutes=meetup.minutes)
            occurrence.moved = False
            occurrence.sequence += 1
            occurrence.version += 1
        await plan_reminders(session, ledger, group=group, occurrence=occurrence, now=now)
        made.append(occurrence)
        coming += 1
    return made


async def ensure_post(
    session: AsyncSession, *, group: Group, meetup: Meetup, ledger: Ledger, now: datetime
) -> None:
    """Post the first coming date now, be its post still to be planned or planned for later; a course's
    lesson when the one before it is over.
    """
    occurrence = await session.scalar(
        select(Occurrence)
        .where(
            Occurrence.meetup_id == meetup.id,
            Occurrence.state == OccurrenceState.PLANNED,
            Occurrence.ends_at > now,
        )
        .order_by(Occurrence.starts_at, Occurrence.id)
        .limit(1)
    )
    if occurrence is not None and occurrence.post_channel_id is None:
        post = post_row(group, occurrence, now=now)
        await ledger.plan(session, post)
        await ledger.reschedule(session, post)
    await _pace_course(session, group=group, meetup=meetup, ledger=ledger, now=now)


async def _pace_course(
    session: AsyncSession, *, group: Group, meetup: Meetup, ledger: Ledger, now: datetime
) -> None:
    """Let each post of this meetup's course that waits still follow the date before it."""
    run = select(CourseMeetup.run_id).where(CourseMeetup.meetup_id == meetup.id).scalar_subquery()
    dates = await session.scalars(
        select(Occurrence)
        .join(CourseMeetup, CourseMeetup.meetup_id == Occurrence.meetup_id)
        .where(
            CourseMeetup.run_id == run,
            Occurrence.state == OccurrenceState.PLANNED,
            Occurrence.ends_at > now,
        )
        .order_by(Occurrence.starts_at, Occurrence.id)
    )
    before = now
    for occurrence in dates.all():
        due = before if now < before < occurrence.starts_at else now
        await ledger.reschedule(session, post_row(group, occurrence, now=due))
        before = occurrence.ends_at


async def carry_on(
    session: AsyncSession, *, group_ids: Collection[int], ledger: Ledger, now: datetime
) -> None:
    """Give every series of these groups the dates and the post that it lacks after a time of no planning.

    Of a course each meetup is one date, whose post has its own time.
    """
    meetups = await session.execute(
        select(Meetup, Group)
        .join(Group, Group.id == Meetup.group_id)
        .where(Group.id.in_(group_ids), Meetup.cancelled_at.is_(None), Meetup.repeat != Repeat.NONE)
        .order_by(Meetup.id)
        .with_for_update(of=Meetup)
    )
    for meetup, group in meetups.all():
        await extend(session, group=group, meetup=meetup, ledger=ledger, now=now)
        await ensure_post(session, group=group, meetup=meetup, ledger=ledger, now=now)


async def close_over(session: AsyncSession, *, ledger: Ledger, now: datetime) -> int:
    """Close dates that are over and carry their series on, a batch of meetups at a time; returns how many."""
    is_over = Occurrence.closed_at.is_(None) & (Occurrence.ends_at <= now)
    due = select(Occurrence.meetup_id).where(is_over).order_by(Occurrence.ends_at).limit(BATCH)
    meetup_ids = set(await session.scalars(due))
    # The meetup first, its dates second: the order in which every change takes its locks.
    meetups = (
        await session.execute(
            select(Meetup, Group)
            .join(Group, Group.id == Meetup.group_id)
            .where(Meetup.id.in_(meetup_ids))
            .order_by(Meetup.id)
            .with_for_update(of=Meetup)
        )
    ).all()
    over = (
        await session.scalars(
            select(Occurrence)
            .where(is_over, Occurrence.meetup_id.in_(meetup_ids))
            .order_by(Occurrence.id)
            .with_for_update()
        )
    ).all()
    for occurrence in over:
        occurrence.closed_at = now
        if occurrence.state is OccurrenceState.PLANNED:
            occurrence.version += 1
    await session.flush()
    for meetup, group in meetups:
        if meetup.cancelled_at is None and group.archived_at is None:
            await extend(session, group=group, meetup=meetup, ledger=ledger, now=now)
            await ensure_post(session, group=group, meetup=meetup, ledger=ledger, now=now)
    return len(over)


async def next_close(session: AsyncSession) -> datetime | None:
    """When the next open date ends."""
    return await session.scalar(
        select(func.min(Occurrence.ends_at, type_=Occurrence.ends_at.type)).where(
            Occurrence.closed_at.is_(None)
        )
    )
