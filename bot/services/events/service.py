"""The use cases of Scheduled Events. Nothing here talks to Discord: a cog does, with an attempt noted
before each call that makes something and its outcome after it.
"""

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.db.engine import Database
from bot.db.models import CourseMeetup, Group, Meetup, Occurrence, OccurrenceState
from bot.delivery.ledger import Ledger, Outgoing
from bot.errors import DateTaken
from bot.scheduling.recurrence import Repeat
from bot.services.events.changes import Change, base_of, is_newer
from bot.services.events.shown import Shown, Work
from bot.services.meetups import planning
from bot.services.meetups.finding import Found, lock_series, rows
from bot.services.meetups.horizon import AHEAD

#: The ledger's kind for telling whoever planned a meetup that its event can't be made.
TROUBLE = "event_trouble"
#: After this long an attempt to make an event has failed or its process is gone.
CREATION_TAKES = timedelta(minutes=2)
# A member who plans a meetup without the permission in place is told in the answer itself.
TOLD_WITHIN = timedelta(minutes=2)
ERROR_LIMIT = 200


class EventService:
    def __init__(self, database: Database, *, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def lagging(self, guild_ids: Collection[int], *, limit: int = 200) -> list[Work]:
        """What has to be done now in these servers of Discord, the soonest date first."""
        now = self._clock()
        planned = Occurrence.state == OccurrenceState.PLANNED
        to_make = and_(planned, Occurrence.event_id.is_(None), Occurrence.starts_at > now, _is_near(now))
        other_post = Occurrence.post_message_id.is_distinct_from(Occurrence.event_post_id)
        to_change = and_(
            planned,
            Occurrence.event_id.is_not(None),
            Occurrence.ends_at > now,
            or_(Occurrence.version > Occurrence.event_version, other_post),
        )
        to_remove = and_(
            Occurrence.state != OccurrenceState.PLANNED,
            Occurrence.event_id.is_not(None),
            Occurrence.ends_at > now,
        )
        ripe = or_(Occurrence.event_retry_at.is_(None), Occurrence.event_retry_at <= now)
        query = rows().where(Group.guild_id.in_(guild_ids), ripe, or_(to_make, to_change, to_remove))
        async with self._database.read() as session:
            found = await session.execute(query.order_by(Occurrence.starts_at, Occurrence.id).limit(limit))
            return [_work(*row) for row in found]

    async def by_event(self, event_id: int) -> Work | None:
        """The date that this event stands for, if it is one of ours."""
        async with self._database.read() as session:
            row = (await session.execute(rows().where(Occurrence.event_id == event_id))).one_or_none()
        return _work(*row) if row is not None else None

    async def by_occurrence(self, occurrence_id: int) -> Work | None:
        async with self._database.read() as session:
            row = (await session.execute(rows().where(Occurrence.id == occurrence_id))).one_or_none()
        return _work(*row) if row is not None else None

    async def shown_in(self, guild_id: int) -> list[Work]:
        """The dates of this server that are planned, not over, and have an event."""
        query = rows().where(
            Group.guild_id == guild_id,
            Occurrence.event_id.is_not(None),
            Occurrence.state == OccurrenceState.PLANNED,
            Occurrence.ends_at > self._clock(),
        )
        async with self._database.read() as session:
            return [_work(*row) for row in await session.execute(query)]

    async def servers(self) -> set[int]:
        """The servers in which `shown_in` has something."""
        query = (
            select(Group.guild_id)
            .join(Meetup, Meetup.group_id == Group.id)
            .join(Occurrence, Occurrence.meetup_id == Meetup.id)
            .where(
                Occurrence.event_id.is_not(None),
                Occurrence.state == OccurrenceState.PLANNED,
                Occurrence.ends_at > self._clock(),
            )
        )
        async with self._database.read() as session:
            return set(await session.scalars(query))

    async def problem(self, occurrence_id: int) -> str | None:
        """Why the event of this date could not be brought up to date, when that was tried last."""
        async with self._database.read() as session:
            query = select(Occurrence.event_error).where(Occurrence.id == occurrence_id)
            return await session.scalar(query)

    async def next_retry(self) -> datetime | None:
        """When the next of what failed is to be tried again."""
        earliest = func.min(Occurrence.event_retry_at, type_=Occurrence.event_retry_at.type)
        query = select(earliest).where(
            Occurrence.ends_at > self._clock(), Occurrence.event_retry_at.is_not(None)
        )
        async with self._database.read() as session:
            return await session.scalar(query)

    async def begin_making(self, occurrence_id: int) -> bool | None:
        """Note that an event is about to be made, before asking Discord.

        True when an earlier attempt may have made it, so that it must be looked for first; None when
        there is nothing to make (any more), or another process is at it.
        """
        now = self._clock()
        async with self._database.write() as session:
            query = select(Occurrence).where(Occurrence.id == occurrence_id).with_for_update()
            occurrence = (await session.scalars(query)).one_or_none()
            if (
                occurrence is None
                or occurrence.event_id is not None
                or occurrence.state is not OccurrenceState.PLANNED
                or occurrence.starts_at <= now
            ):
                return None
            before = occurrence.event_tried_at
            if before is not None and before + CREATION_TAKES > now:
                return None
            occurrence.event_tried_at = now
            return before is not None

    async def settled(self, work: Work, *, event_id: int | None, shows: Shown | None) -> None:
        """Discord shows `shows` now as that event, or none: what was to be done has been."""
        async with self._database.write() as session:
            await session.execute(
                update(Occurrence)
                .where(Occurrence.id == work.occurrence.id)
                .values(
                    event_id=event_id,
                    event_version=work.version,
                    event_post_id=work.occurrence.post_message_id,
                    event_shows=base_of(work, shows) if shows is not None else None,
                    event_error=None,
                    event_tried_at=None,
                    event_retry_at=None,
                )
            )

    async def failed(
        self,
        work: Work,
        *,
        reason: str,
        retry_in: timedelta,
        unknown: bool = False,
        tell: bool = True,
        told_at_first: bool = False,
    ) -> None:
        """Note why Discord does not show it, and when to try again.

        `unknown` outcomes keep the note of the attempt. With `tell`, whoever planned the meetup is told,
        once for each reason; `told_at_first` says that the answer to planning it has told them already.
        """
        now = self._clock()
        told = told_at_first and (
            work.meetup.created_at + TOLD_WITHIN > now or work.occurrence.event_error == reason[:ERROR_LIMIT]
        )
        async with self._database.write() as session:
            values: dict[str, Any] = {"event_error": reason[:ERROR_LIMIT], "event_retry_at": now + retry_in}
            if not unknown:
                values["event_tried_at"] = None
            await session.execute(
                update(Occurrence).where(Occurrence.id == work.occurrence.id).values(**values)
            )
            if tell and not told:
                await self._ledger.plan(session, self._trouble(work, reason, now))

    async def retry_now(self, guild_id: int) -> None:
        """Permissions changed there: what failed for want of one is tried again at once."""
        here = (
            select(Occurrence.id)
            .join(Meetup, Meetup.id == Occurrence.meetup_id)
            .join(Group, Group.id == Meetup.group_id)
            .where(Group.guild_id == guild_id, Occurrence.event_retry_at.is_not(None))
        )
        async with self._database.write() as session:
            await session.execute(
                update(Occurrence)
                .where(Occurrence.id.in_(here.scalar_subquery()))
                .values(event_retry_at=None)
                .execution_options(synchronize_session=False)
            )

    async def take_over(self, *, event_id: int, seen: Shown) -> bool:
        """Follow what a person changed in Discord's own dialog; returns whether there was anything.

        Field by field against what we last made the event show: name, times, place. Where we have a
        change of our own that Discord does not show yet, ours wins. What can't be taken over (a name of
        invisible characters, the time of another date of the series) is put right by the next tick.
        """
        now = self._clock()
        async with self._database.write() as session:
            found = await _locked(session, event_id)
            if found is None or found.occurrence.event_shows is None or found.occurrence.ends_at <= now:
                return False
            if found.occurrence.state is not OccurrenceState.PLANNED:
                return False
            change = Change(found, seen)
            if not change.is_any:
                return False
            occurrence = found.occurrence
            version = occurrence.version
            taken = change.take_name() | change.take_place()
            taken |= await self._take_times(session, change, now=now)
            if taken:
                occurrence.sequence += 1
                found.meetup.sequence += 1
            # Even what was refused has to be shown: Discord's event then follows us again.
            occurrence.version = max(occurrence.version, version + 1)
            occurrence.event_shows = change.base_after()
            return True

    async def _take_times(self, session: AsyncSession, change: Change, *, now: datetime) -> bool:
        if not change.has_new_times:
            return False
        found, occurrence = change.found, change.found.occurrence
        starts_at = change.seen.starts_at
        ends_at = change.seen.ends_at or starts_at + (occurrence.ends_at - occurrence.starts_at)
        if ends_at <= starts_at or ends_at <= now:
            return False
        if starts_at != occurrence.starts_at:
            try:
                await planning.move(session, found=found, starts_at=starts_at, ledger=self._ledger, now=now)
            except DateTaken:
                return False
        if found.meetup.repeat == Repeat.NONE:
            found.meetup.minutes = max(1, int((ends_at - starts_at).total_seconds()) // 60)
        else:
            occurrence.moved = True
        occurrence.ends_at = ends_at
        return True

    async def taken_away(self, *, event_id: int) -> bool:
        """A person deleted or cancelled the event: its date is skipped, a single meetup cancelled.

        Returns whether that was so. A meetup that has begun goes on. When our own change of time, place
        or title was still to be shown, the event is made anew instead.
        """
        now = self._clock()
        async with self._database.write() as session:
            found = await _locked(session, event_id)
            if found is None:
                return False
            occurrence = found.occurrence
            planned = occurrence.state is OccurrenceState.PLANNED
            ours_is_newer = planned and is_newer(found)
            _forget(occurrence)
            if not planned or ours_is_newer or occurrence.starts_at <= now:
                return False
            if found.meetup.repeat == Repeat.NONE:
                await planning.cancel(session, meetup=found.meetup, ledger=self._ledger, now=now)
            else:
                await planning.skip(session, found=found, ledger=self._ledger, now=now)
            return True

    async def lost(self, *, event_id: int) -> None:
        """The event is gone, but nobody called the meetup off (its voice channel was deleted)."""
        async with self._database.write() as session:
            found = await _locked(session, event_id)
            if found is not None:
                _forget(found.occurrence)

    def _trouble(self, work: Work, reason: str, now: datetime) -> Outgoing:
        return Outgoing(
            key=f"{TROUBLE}:{work.meetup.id}:{hashlib.sha256(reason.encode()).hexdigest()[:16]}",
            kind=TROUBLE,
            subject=f"meetup:{work.meetup.id}",
            due_at=now,
            expires_at=max(work.occurrence.starts_at, now + timedelta(hours=1)),
            guild_id=work.group.guild_id,
            # Who planned it may have had themselves forgotten.
            user_id=work.meetup.created_by or None,
            channel_id=None if work.meetup.created_by else work.group.channel_id,
            refs={"occurrence": work.occurrence.id},
        )


def _forget(occurrence: Occurrence) -> None:
    occurrence.event_id = None
    occurrence.event_shows = None
    occurrence.event_version = 0
    occurrence.event_tried_at = None
    occurrence.event_retry_at = None


async def _locked(session: AsyncSession, event_id: int) -> Found | None:
    """The date of that event, locked with its series as every change of a series is."""
    query = rows().where(Occurrence.event_id == event_id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    occurrence, meetup, group = row
    await lock_series(session, meetup.id)
    # Another process may have dealt with it while we waited for the lock.
    return (
        Found(occurrence=occurrence, meetup=meetup, group=group) if occurrence.event_id == event_id else None
    )


def _work(occurrence: Occurrence, meetup: Meetup, group: Group) -> Work:
    stored = occurrence.event_shows
    return Work(
        occurrence=occurrence,
        meetup=meetup,
        group=group,
        version=occurrence.version,
        event_id=occurrence.event_id,
        base=Shown.from_json(stored) if stored is not None else None,
    )


def _is_near(now: datetime) -> ColumnElement[bool]:
    """False for a course's date that has a whole horizon of the same course before it.

    A course is planned to its end at once, and a server takes 100 events in all.
    """
    mine, other, before = aliased(CourseMeetup), aliased(CourseMeetup), aliased(Occurrence)
    coming = (
        select(func.count())
        .select_from(mine)
        .join(other, other.run_id == mine.run_id)
        .join(before, before.meetup_id == other.meetup_id)
        .where(
            mine.meetup_id == Occurrence.meetup_id,
            before.state == OccurrenceState.PLANNED,
            before.ends_at > now,
            before.starts_at < Occurrence.starts_at,
        )
        .correlate(Occurrence)
    )
    return coming.scalar_subquery() < AHEAD
