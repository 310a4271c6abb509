"""Who comes: answers, the waitlist, and the places that become free."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Answer, Group, Meetup, Occurrence, OccurrenceState, Rsvp
from bot.delivery.ledger import Ledger
from bot.errors import MeetupCancelled, MeetupOver, UnknownMeetup
from bot.services.access import NOBODY
from bot.services.meetups.announcing import promoted_row


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a member stands after answering; `place` is theirs on the waitlist, counted from 1."""

    occurrence_id: int
    title: str
    answer: Answer
    place: int | None


@dataclass(frozen=True, kw_only=True)
class _Date:
    """A date whose row is locked until the transaction ends."""

    id: int
    title: str
    capacity: int | None
    ends_at: datetime
    version: int
    state: OccurrenceState
    group: Group


async def answer(
    session: AsyncSession,
    *,
    occurrence_id: int,
    guild_id: int | None,
    user_id: int,
    wanted: Answer,
    ledger: Ledger,
    now: datetime,
) -> Standing:
    """Note an answer; Going past the capacity waits. The same answer twice changes nothing.

    Without a server, in a direct message, only who has answered before can change their answer.
    Raises UnknownMeetup, MeetupCancelled, MeetupOver. Core statements: this is the hot path.
    """
    date = await _locked(session, occurrence_id)
    if date is None or guild_id not in (None, date.group.guild_id):
        raise UnknownMeetup(typed=str(occurrence_id))
    mine = (Rsvp.occurrence_id == date.id) & (Rsvp.user_id == user_id)
    before = await session.scalar(select(Rsvp.answer).where(mine))
    if guild_id is None and before is None:
        raise UnknownMeetup(typed=str(occurrence_id))
    if date.state is not OccurrenceState.PLANNED:
        raise MeetupCancelled(title=date.title)
    if date.ends_at <= now:
        raise MeetupOver(title=date.title, ended_at=date.ends_at)
    given = wanted
    if wanted is Answer.GOING and before in (Answer.GOING, Answer.WAITLISTED):
        given = before
    elif wanted is Answer.GOING and date.capacity is not None:
        given = Answer.GOING if await _going(session, date.id) < date.capacity else Answer.WAITLISTED
    if given is not before:
        values = {"answer": given, "answered_at": await _next_instant(session, date.id, now)}
        if before is None:
            await session.execute(insert(Rsvp).values(occurrence_id=date.id, user_id=user_id, **values))
        else:
            await session.execute(update(Rsvp).where(mine).values(**values))
        if before is Answer.GOING:
            await _fill_places(session, date, ledger=ledger, now=now)
        await mark_post_stale(session, date.id)
    place = await _place(session, date.id, user_id) if given is Answer.WAITLISTED else None
    return Standing(occurrence_id=date.id, title=date.title, answer=given, place=place)


async def withdraw(
    session: AsyncSession, *, group_id: int | None, user_id: int, ledger: Ledger, now: datetime
) -> None:
    """Take somebody out of everything that the group, or with None any group, has planned; freed places go to
    who waits first.
    """
    wanted = (
        select(Occurrence.id)
        .join(Meetup, Meetup.id == Occurrence.meetup_id)
        .join(Rsvp, Rsvp.occurrence_id == Occurrence.id)
        .where(Rsvp.user_id == user_id, Occurrence.ends_at > now)
    )
    if group_id is not None:
        wanted = wanted.where(Meetup.group_id == group_id)
    coming = await session.scalars(wanted.order_by(Occurrence.id))
    for occurrence_id in coming.all():
        await remove(session, occurrence_id=occurrence_id, user_ids=(user_id,), ledger=ledger, now=now)


async def stop_hosting(session: AsyncSession, *, group_id: int | None, user_id: int) -> int:
    """Name somebody no more as host in the group's meetups, or with None in any; returns in how many.

    Their posts and events are shown anew.
    """
    hosted = Meetup.host_id == user_id
    if group_id is not None:
        hosted &= Meetup.group_id == group_id
    # The meetups first, their dates second: the order in which every change takes its locks.
    unnamed = update(Meetup).where(hosted).values(host_id=NOBODY).returning(Meetup.id)
    meetup_ids = (await session.scalars(unnamed)).all()
    await session.execute(
        update(Occurrence)
        .where(Occurrence.meetup_id.in_(meetup_ids))
        # The event's last known words name its host; without them it is compared anew.
        .values(version=Occurrence.version + 1, event_shows=None)
        .execution_options(synchronize_session=False)
    )
    return len(meetup_ids)


async def remove(
    session: AsyncSession, *, occurrence_id: int, user_ids: tuple[int, ...], ledger: Ledger, now: datetime
) -> None:
    """Take back these members' answers to one date; freed places go to who waits first."""
    date = await _locked(session, occurrence_id)
    if date is None:
        return
    theirs = (Rsvp.occurrence_id == date.id) & Rsvp.user_id.in_(user_ids)
    await session.execute(delete(Rsvp).where(theirs))
    if date.state is OccurrenceState.PLANNED and date.ends_at > now:
        await _fill_places(session, date, ledger=ledger, now=now)
    await mark_post_stale(session, date.id)


async def fill_places(session: AsyncSession, *, occurrence_id: int, ledger: Ledger, now: datetime) -> None:
    """Promote whoever now has a place, for example because the capacity grew. The caller flushes first."""
    date = await _locked(session, occurrence_id)
    if date is not None:
        await _fill_places(session, date, ledger=ledger, now=now)


async def mark_post_stale(session: AsyncSession, occurrence_id: int) -> None:
    """The post must be shown anew. The Scheduled Event shows no answers, so it stays as current as it was."""
    current = Occurrence.event_version == Occurrence.version
    await session.execute(
        update(Occurrence)
        .where(Occurrence.id == occurrence_id)
        .values(
            version=Occurrence.version + 1,
            event_version=case((current, Occurrence.version + 1), else_=Occurrence.event_version),
        )
        .execution_options(synchronize_session=False)
    )


async def _fill_places(session: AsyncSession, date: _Date, *, ledger: Ledger, now: datetime) -> None:
    waiting = (
        select(Rsvp.user_id)
        .where(Rsvp.occurrence_id == date.id, Rsvp.answer == Answer.WAITLISTED)
        .order_by(Rsvp.answered_at, Rsvp.user_id)
    )
    if date.capacity is not None:
        free = date.capacity - await _going(session, date.id)
        if free <= 0:
            return
        waiting = waiting.limit(free)
    promoted = (await session.scalars(waiting)).all()
    if not promoted:
        return
    await session.execute(
        update(Rsvp)
        .where(Rsvp.occurrence_id == date.id, Rsvp.user_id.in_(promoted))
        .values(answer=Answer.GOING)
        .execution_options(synchronize_session=False)
    )
    await ledger.plan(
        session,
        *(
            promoted_row(
                date.group, date.id, ends_at=date.ends_at, version=date.version, user_id=user_id, now=now
            )
            for user_id in promoted
        ),
    )


async def _locked(session: AsyncSession, occurrence_id: int) -> _Date | None:
    """Lock the date, then read: a joined row would be read as it was before the lock was granted."""
    columns = (
        Occurrence.meetup_id,
        Occurrence.title,
        Occurrence.ends_at,
        Occurrence.version,
        Occurrence.state,
    )
    row = (
        await session.execute(select(*columns).where(Occurrence.id == occurrence_id).with_for_update())
    ).one_or_none()
    if row is None:
        return None
    title, capacity, group = (
        await session.execute(
            select(Meetup.title, Meetup.capacity, Group)
            .join(Group, Group.id == Meetup.group_id)
            .where(Meetup.id == row.meetup_id)
        )
    ).one()
    return _Date(
        id=occurrence_id,
        title=row.title or title,
        capacity=capacity,
        ends_at=row.ends_at,
        version=row.version,
        state=row.state,
        group=group,
    )


async def _going(session: AsyncSession, occurrence_id: int) -> int:
    counted = select(func.count()).where(Rsvp.occurrence_id == occurrence_id, Rsvp.answer == Answer.GOING)
    return await session.scalar(counted) or 0


async def _next_instant(session: AsyncSession, occurrence_id: int, now: datetime) -> datetime:
    """`now`, or a little later: no two answers share an instant, so their order is never a guess."""
    latest = select(func.max(Rsvp.answered_at, type_=Rsvp.answered_at.type))
    last = await session.scalar(latest.where(Rsvp.occurrence_id == occurrence_id))
    return now if last is None or last < now else last + timedelta(microseconds=1)


async def _place(session: AsyncSession, occurrence_id: int, user_id: int) -> int:
    waiting = await session.scalars(
        select(Rsvp.user_id)
        .where(Rsvp.occurrence_id == occurrence_id, Rsvp.answer == Answer.WAITLISTED)
        .order_by(Rsvp.answered_at, Rsvp.user_id)
    )
    return list(waiting).index(user_id) + 1
