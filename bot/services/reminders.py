"""Personal reminders: asked for, listed, said again later, done with, taken back."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, ScalarSelect, String, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState, Group, Member, Membership, Reminder
from bot.db.types import name_key
from bot.delivery.ledger import Ledger, Outgoing
from bot.errors import NoGroupHere, NotYourReminder, TooManyReminders, UnknownReminder
from bot.scheduling.recurrence import Recurrence, Repeat
from bot.scheduling.when import parse_when
from bot.services.access import Caller, active, find_group
from bot.services.text import clean_text

REMINDER = "reminder"
#: The same reminder said again because its member asked for that; another kind, so that "done" can
#: take it back and leave the next regular one.
SNOOZED = "reminder_snoozed"
WHAT_LIMIT = 1000
OPEN_LIMIT = 100
# How long after its time a reminder still helps; later it is dropped, not sent.
USEFUL_FOR = timedelta(days=7)
BATCH = 200


class ZoneSource(StrEnum):
    """Whose zone a typed time was read in."""

    MEMBER = "member"
    GROUP = "group"
    NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Created:
    reminder: Reminder
    zone: str
    zone_source: ZoneSource


@dataclass(frozen=True, kw_only=True)
class OpenReminder:
    """A reminder that is still to come, and when it comes next."""

    reminder: Reminder
    next_at: datetime


class ReminderService:
    def __init__(self, database: Database, *, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def create(
        self,
        *,
        user_id: int,
        caller: Caller | None,
        channel_id: int | None,
        when: str,
        what: str,
        repeat: Repeat = Repeat.NONE,
    ) -> Created:
        """Plan a direct message to the member, with `channel_id` as fallback when their messages are closed.

        `caller` is None outside a server; then there is no fallback. `when` is read in the member's zone,
        else in the zone of the one group that is meant here, else in UTC. Raises BadText, TooManyReminders
        and what `parse_when` raises.
        """
        what = clean_text("text", what, limit=WHAT_LIMIT)
        places = caller.channel_ids if caller is not None else ()
        async with self._database.read() as session:
            zone, source = await _zone(session, user_id=user_id, caller=caller)
        due_at = await asyncio.to_thread(parse_when, when, zone=zone, now=self._clock())
        async with self._database.write() as session:
            opened = await session.scalar(select(func.count()).select_from(Reminder).where(*_open(user_id)))
            if (opened or 0) >= OPEN_LIMIT:
                raise TooManyReminders(limit=OPEN_LIMIT)
            reminder = Reminder(
                user_id=user_id,
                guild_id=caller.guild_id if caller is not None else None,
                channel_id=channel_id if caller is not None else None,
                parent_channel_id=next((place for place in places if place != channel_id), None),
                what=what,
                due_at=due_at,
                starts_local=due_at.astimezone(zone).replace(tzinfo=None),
                timezone=zone.key,
                repeat=repeat,
                created_at=self._clock(),
                round=0,
            )
            session.add(reminder)
            await session.flush()
            await self._ledger.plan(session, _regular(reminder))
        return Created(reminder=reminder, zone=zone.key, zone_source=source)

    async def opened(self, *, user_id: int) -> list[OpenReminder]:
        """The member's reminders that are still to come, soonest first."""
        async with self._database.read() as session:
            rows = await session.execute(select(Reminder, _next_planned()).where(*_open(user_id)))
            now = self._clock()
            found = [
                OpenReminder(reminder=reminder, next_at=planned or following(reminder, after=now))
                for reminder, planned in rows
            ]
        return sorted(found, key=lambda one: (one.next_at, one.reminder.id))

    async def cancel(self, *, user_id: int, typed: str) -> Reminder:
        """Take back an open reminder of this member: by id, or by its text when that names just one.

        Raises UnknownReminder, for others' ids no differently than for ids that never were.
        """
        async with self._database.write() as session:
            mine = (await session.scalars(select(Reminder).where(*_open(user_id)))).all()
            reminder = _named(mine, typed)
            reminder.cancelled_at = self._clock()
            await self._ledger.skip(session, subject=subject_of(reminder.id), reason="cancelled")
            return reminder

    async def get(self, reminder_id: int) -> Reminder | None:
        async with self._database.read() as session:
            return await session.get(Reminder, reminder_id)

    async def snooze(
        self, *, user_id: int, reminder_id: int, delivery_id: int | None, by: timedelta
    ) -> tuple[Reminder, datetime]:
        """Say it again `by` later; returns the reminder and when that is.

        One message can be snoozed once: a second press returns what the first decided.
        Raises UnknownReminder, NotYourReminder.
        """
        async with self._database.write() as session:
            reminder = await self._pressed(session, user_id, reminder_id)
            said = await session.get(Delivery, delivery_id) if delivery_id is not None else None
            if said is None or said.subject != subject_of(reminder.id):
                raise UnknownReminder(typed=reminder.what)
            again = _snoozed(reminder, said.id, due_at=self._clock() + by)
            planned = await session.scalar(select(Delivery).where(Delivery.dedupe_key == again.key))
            if planned is not None:
                if planned.state is DeliveryState.SKIPPED:
                    raise UnknownReminder(typed=reminder.what)
                return reminder, planned.due_at
            await self._ledger.plan(session, again)
            return reminder, again.due_at

    async def finish(self, *, user_id: int, reminder_id: int) -> tuple[Reminder, datetime | None]:
        """The member is done with it: nothing more is said, but for the next one if it repeats.

        Returns the reminder and when that next one comes. Doing it twice is the same as once.
        Raises UnknownReminder, NotYourReminder.
        """
        async with self._database.write() as session:
            reminder = await self._pressed(session, user_id, reminder_id, cancelled=True)
            subject = subject_of(reminder.id)
            if reminder.repeat != Repeat.NONE and reminder.cancelled_at is None:
                await self._ledger.skip(session, subject=subject, kinds=(SNOOZED,), reason="done")
                now = self._clock()
                coming = reminder.due_at if reminder.due_at > now else following(reminder, after=now)
                return reminder, coming
            reminder.cancelled_at = reminder.cancelled_at or self._clock()
            await self._ledger.skip(session, subject=subject, reason="done")
            return reminder, None

    async def plan_next(self) -> datetime | None:
        """Plan the next one of every repeating reminder whose time has come; when to be called again.

        Idempotent, and safe in several processes at once. Those missed while no process ran are not made up
        for one by one: the late one tells of them, and the next that is planned lies ahead.
        """
        while True:
            async with self._database.write() as session:
                now = self._clock()
                due = await session.scalars(
                    select(Reminder)
                    .where(*_repeating(), Reminder.due_at <= now)
                    .order_by(Reminder.due_at, Reminder.id)
                    .limit(BATCH)
                    .with_for_update(skip_locked=True)
                )
                reminders = due.all()
                for reminder in reminders:
                    reminder.due_at = following(reminder, after=now)
                    reminder.round += 1
                    await self._ledger.plan(session, _regular(reminder))
                if len(reminders) < BATCH:
                    coming = select(func.min(Reminder.due_at)).where(*_repeating(), Reminder.due_at > now)
                    return await session.scalar(coming)

    async def _pressed(
        self, session: AsyncSession, user_id: int, reminder_id: int, *, cancelled: bool = False
    ) -> Reminder:
        """The reminder behind a button, locked; a cancelled one only when that is fine."""
        reminder = await session.get(Reminder, reminder_id, with_for_update=True)
        if reminder is None:
            raise UnknownReminder(typed=str(reminder_id))
        if reminder.user_id != user_id:
            raise NotYourReminder
        if reminder.cancelled_at is not None and not cancelled:
            raise UnknownReminder(typed=reminder.what)
        return reminder


def subject_of(reminder_id: int) -> str:
    return f"reminder:{reminder_id}"


def following(reminder: Reminder, *, after: datetime) -> datetime:
    """When a repeating reminder comes next: the same wall clock in its zone, whatever the clocks do."""
    series = Recurrence(reminder.starts_local, ZoneInfo(reminder.timezone), Repeat(reminder.repeat))
    return series.upcoming(after, 1)[0].starts_at


def _regular(reminder: Reminder) -> Outgoing:
    return _outgoing(
        reminder, key=f"reminder:{reminder.id}:{reminder.round}", kind=REMINDER, due_at=reminder.due_at
    )


def _snoozed(reminder: Reminder, delivery_id: int, *, due_at: datetime) -> Outgoing:
    return _outgoing(reminder, key=f"reminder:{reminder.id}:after:{delivery_id}", kind=SNOOZED, due_at=due_at)


def _outgoing(reminder: Reminder, *, key: str, kind: str, due_at: datetime) -> Outgoing:
    return Outgoing(
        key=key,
        kind=kind,
        subject=subject_of(reminder.id),
        due_at=due_at,
        expires_at=due_at + USEFUL_FOR,
        guild_id=reminder.guild_id,
        user_id=reminder.user_id,
        refs={"reminder": reminder.id, "due": due_at.isoformat()},
        fallback=tuple(
            place for place in (reminder.channel_id, reminder.parent_channel_id) if place is not None
        ),
    )


def _next_planned() -> ScalarSelect[datetime]:
    """When the ledger says it next."""
    return (
        select(func.min(Delivery.due_at))
        .where(
            Delivery.subject == literal("reminder:") + cast(Reminder.id, String),
            Delivery.state.in_((DeliveryState.PENDING, DeliveryState.CLAIMED)),
        )
        .correlate(Reminder)
        .scalar_subquery()
    )


def _repeating() -> tuple[ColumnElement[bool], ...]:
    return Reminder.repeat != Repeat.NONE.value, Reminder.cancelled_at.is_(None)


def _open(user_id: int) -> tuple[ColumnElement[bool], ...]:
    """What `/remind list` shows: still to be said, by the ledger or because it repeats."""
    return (
        Reminder.user_id == user_id,
        Reminder.cancelled_at.is_(None),
        or_(Reminder.repeat != Repeat.NONE.value, _next_planned().is_not(None)),
    )


def _named(reminders: Sequence[Reminder], typed: str) -> Reminder:
    for reminder in reminders:
        if typed.strip() == str(reminder.id):
            return reminder
    same = [reminder for reminder in reminders if name_key(reminder.what) == name_key(typed)]
    if len(same) != 1:
        raise UnknownReminder(typed=typed[:100])
    return same[0]


async def _zone(session: AsyncSession, *, user_id: int, caller: Caller | None) -> tuple[ZoneInfo, ZoneSource]:
    member = await session.get(Member, user_id)
    if member is not None and member.timezone:
        return ZoneInfo(member.timezone), ZoneSource.MEMBER
    try:
        if caller is not None:
            group = await find_group(session, caller=caller, typed=None)
            return ZoneInfo(group.timezone), ZoneSource.GROUP
    except NoGroupHere:
        pass
    mine = select(Group.timezone).join(Membership).where(active(Membership.user_id == user_id))
    zones = set((await session.scalars(mine.where(Group.archived_at.is_(None)))).all())
    if len(zones) == 1:
        return ZoneInfo(zones.pop()), ZoneSource.GROUP
    return ZoneInfo("UTC"), ZoneSource.NOBODY
