"""What changes a meetup: each function does it to the series, its dates and the ledger at once."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Attendance, Group, Meetup, Occurrence, OccurrenceState
from bot.delivery.ledger import Ledger
from bot.errors import BadNumber, DateTaken, NothingToChange, NotRecurring
from bot.scheduling.recurrence import Repeat
from bot.services.meetups.announcing import plan_reminders, silence
from bot.services.meetups.finding import OPENS_BEFORE, Found
from bot.services.meetups.horizon import ensure_post, extend, new_occurrence, recurrence_of
from bot.services.meetups.rsvps import fill_places
from bot.services.text import clean_text

TITLE_LIMIT = 100
LESSON_LIMIT = 80
DEFAULT_TITLE = "Study meetup"
DEFAULT_MINUTES = 90
MINUTES = (5, 1440)
CAPACITY = (1, 1000)
ASIDE_UNTIL = date(100, 1, 1)


@dataclass(frozen=True, kw_only=True)
class NewMeetup:
    """What `/meetup schedule` asks for; the title is the lesson's, or a plain one, when left out.

    `local` is the wall clock that is meant where a clock change skips it; the start's own when left out.
    """

    starts_at: datetime
    host_id: int
    title: str | None = None
    lesson: str | None = None
    minutes: int = DEFAULT_MINUTES
    where_channel_id: int | None = None
    repeat: Repeat = Repeat.NONE
    capacity: int | None = None
    local: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class MeetupChanges:
    """New values for a whole series; None keeps what is there."""

    title: str | None = None
    lesson: str | None = None
    minutes: int | None = None
    where_channel_id: int | None = None
    repeat: Repeat | None = None
    capacity: int | None = None
    host_id: int | None = None


def checked(changes: MeetupChanges | NewMeetup) -> tuple[str | None, str | None]:
    """The cleaned title and lesson; raises BadText, BadNumber."""
    for field, value, (least, most) in (
        ("minutes", changes.minutes, MINUTES),
        ("capacity", changes.capacity, CAPACITY),
    ):
        if value is not None and not least <= value <= most:
            raise BadNumber(field=field, value=value, least=least, most=most)
    title = clean_text("title", changes.title, limit=TITLE_LIMIT) if changes.title is not None else None
    lesson = clean_text("lesson", changes.lesson, limit=LESSON_LIMIT) if changes.lesson is not None else None
    return title, lesson


async def schedule(
    session: AsyncSession, *, group: Group, new: NewMeetup, created_by: int, ledger: Ledger, now: datetime
) -> Occurrence:
    """Plan a meetup and its next dates with their reminders; returns the first date.

    Its post is the caller's to plan. Raises BadText, BadNumber.
    """
    title, lesson = checked(new)
    local = new.local or new.starts_at.astimezone(ZoneInfo(group.timezone)).replace(tzinfo=None)
    meetup = Meetup(
        group_id=group.id,
        title=title or lesson or DEFAULT_TITLE,
        lesson=lesson,
        starts_local=local,
        timezone=group.timezone,
        minutes=new.minutes,
        repeat=new.repeat.value,
        where_channel_id=new.where_channel_id,
        capacity=new.capacity,
        host_id=new.host_id,
        created_by=created_by,
        created_at=now,
        sequence=0,
    )
    session.add(meetup)
    await session.flush()
    # The instant itself, not the wall clock read again: in a repeated hour that would be a guess.
    first = new_occurrence(meetup, slot=local.date(), starts_at=new.starts_at)
    session.add(first)
    await session.flush()
    await plan_reminders(session, ledger, group=group, occurrence=first, now=now)
    await extend(session, group=group, meetup=meetup, ledger=ledger, now=now)
    return first


async def edit(
    session: AsyncSession, *, found: Found, changes: MeetupChanges, ledger: Ledger, now: datetime
) -> list[Occurrence]:
    """Change the series; its coming dates follow. Returns those that do not take place any more.

    Raises NothingToChange, BadText, BadNumber.
    """
    if changes == MeetupChanges():
        raise NothingToChange(what="meetup")
    title, lesson = checked(changes)
    meetup = found.meetup
    if title is None and lesson is not None and meetup.title in (meetup.lesson, DEFAULT_TITLE):
        title = lesson
    meetup.title = title or meetup.title
    meetup.lesson = lesson or meetup.lesson
    meetup.minutes = changes.minutes or meetup.minutes
    meetup.where_channel_id = changes.where_channel_id or meetup.where_channel_id
    meetup.capacity = changes.capacity or meetup.capacity
    meetup.host_id = changes.host_id or meetup.host_id
    meetup.sequence += 1
    dates = await coming_dates(session, meetup, now=now)
    for occurrence in dates:
        if title is not None:
            occurrence.title = None
        if changes.where_channel_id is not None:
            occurrence.where_channel_id = occurrence.where_text = None
        if changes.minutes is not None:
            occurrence.ends_at = occurrence.starts_at + timedelta(minutes=meetup.minutes)
        _note_change(occurrence)
    dropped: list[Occurrence] = []
    if changes.repeat is not None and changes.repeat.value != meetup.repeat:
        dropped = await _change_rule(session, found, changes.repeat, dates, ledger=ledger, now=now)
    await session.flush()
    if changes.capacity is not None:
        for occurrence in dates:
            if occurrence.state is OccurrenceState.PLANNED:
                await fill_places(session, occurrence_id=occurrence.id, ledger=ledger, now=now)
    return dropped


async def skip(session: AsyncSession, *, found: Found, ledger: Ledger, now: datetime) -> None:
    """Leave out this one date; the next one gets its post at once. Raises NotRecurring."""
    if found.meetup.repeat == Repeat.NONE:
        raise NotRecurring(title=found.title)
    found.occurrence.state = OccurrenceState.SKIPPED
    found.meetup.sequence += 1
    found.occurrence.sequence += 1
    await silence(session, ledger, occurrence_id=found.occurrence.id, reason="date skipped")
    await _carry_on(session, found, changed={found.occurrence.id}, ledger=ledger, now=now)


async def move(
    session: AsyncSession,
    *,
    found: Found,
    starts_at: datetime,
    ledger: Ledger,
    now: datetime,
    local: datetime | None = None,
) -> None:
    """Move this one date, which keeps its slot and its length; `local` as for a new meetup.

    Raises DateTaken when the meetup has a date at that instant already, be it this one itself.
    """
    meetup, occurrence = found.meetup, found.occurrence
    await _refuse_taken(session, found, starts_at)
    if meetup.repeat == Repeat.NONE:
        local = local or _local(meetup, starts_at)
        await _make_room(session, meetup, {local.date()} - {occurrence.slot}, starts_at=starts_at)
        meetup.starts_local, occurrence.slot = local, local.date()
    else:
        occurrence.moved = True
    occurrence.ends_at = starts_at + (occurrence.ends_at - occurrence.starts_at)
    occurrence.starts_at = starts_at
    meetup.sequence += 1
    occurrence.sequence += 1
    await session.flush()
    await _take_back_checkins(session, occurrence, now=now)
    await plan_reminders(session, ledger, group=found.group, occurrence=occurrence, now=now)
    await _carry_on(session, found, changed={occurrence.id}, ledger=ledger, now=now)


async def move_following(
    session: AsyncSession,
    *,
    found: Found,
    starts_at: datetime,
    ledger: Ledger,
    now: datetime,
    local: datetime | None = None,
) -> None:
    """Move this date and every later one: the series has its wall clock from here on.

    Later dates follow in their order and keep their answers; those moved by themselves follow too,
    skipped ones stay skipped. `local` as for a new meetup. Raises DateTaken.
    """
    meetup, start = found.meetup, found.occurrence.slot
    if meetup.repeat == Repeat.NONE:
        await move(session, found=found, starts_at=starts_at, ledger=ledger, now=now, local=local)
        return
    before = recurrence_of(meetup)
    dates = await session.scalars(
        select(Occurrence)
        .where(Occurrence.meetup_id == meetup.id, Occurrence.slot >= start)
        .where(Occurrence.state != OccurrenceState.CANCELLED)
        .order_by(Occurrence.slot)
    )
    # Dates skipped under an earlier rule are none of this one's.
    steps = {
        row: before.index_of(row.slot) - before.index_of(start)
        for row in dates
        if next(before.dates_from(row.slot), None) == row.slot
    }
    meetup.starts_local = local or _local(meetup, starts_at)
    if meetup.until is not None:
        meetup.until += meetup.starts_local.date() - start
    meetup.sequence += 1
    after = replace(recurrence_of(meetup), until=None)  # as many dates as there were
    slots = list(islice(after.dates_from(meetup.starts_local.date()), max(steps.values()) + 1))
    # Each slot is unique: all of them step aside before any takes its new one.
    await _step_aside(session, meetup, list(steps))
    await _make_room(session, meetup, set(slots), starts_at=starts_at)
    for row, step in steps.items():
        row.slot = slots[step]
        if row.ends_at <= now:  # moved to an earlier day by itself, and it took place there
            continue
        row.starts_at = after.instant(row.slot) if step else starts_at
        row.ends_at = row.starts_at + timedelta(minutes=meetup.minutes)
        row.moved = False
        row.sequence += 1
        await session.flush()
        await _take_back_checkins(session, row, now=now)
        if row.state is OccurrenceState.PLANNED:
            await plan_reminders(session, ledger, group=found.group, occurrence=row, now=now)
    await _carry_on(session, found, changed={row.id for row in steps}, ledger=ledger, now=now)


async def cancel(session: AsyncSession, *, meetup: Meetup, ledger: Ledger, now: datetime) -> list[Occurrence]:
    """Call the whole meetup off: none of its coming dates takes place. Returns those that were to."""
    called_off = []
    meetup.cancelled_at = now
    meetup.sequence += 1
    for occurrence in await coming_dates(session, meetup, now=now):
        if occurrence.state is OccurrenceState.PLANNED:
            occurrence.state = OccurrenceState.CANCELLED
            called_off.append(occurrence)
        _note_change(occurrence)
        await silence(session, ledger, occurrence_id=occurrence.id, reason="meetup cancelled")
    await session.flush()
    return called_off


async def coming_dates(session: AsyncSession, meetup: Meetup, *, now: datetime) -> list[Occurrence]:
    """The dates of a meetup that are not over, whatever their state, in their order."""
    found = await session.scalars(
        select(Occurrence)
        .where(Occurrence.meetup_id == meetup.id, Occurrence.ends_at > now)
        .order_by(Occurrence.starts_at, Occurrence.id)
    )
    return list(found)


async def _change_rule(
    session: AsyncSession,
    found: Found,
    repeat: Repeat,
    dates: list[Occurrence],
    *,
    ledger: Ledger,
    now: datetime,
) -> list[Occurrence]:
    """Repeat otherwise from the first coming date on; returns the dates that the new rule lacks, which
    do not take place.
    """
    meetup = found.meetup
    planned = [occurrence for occurrence in dates if occurrence.state is OccurrenceState.PLANNED]
    clock = meetup.starts_local.time()
    first = min(occurrence.slot for occurrence in planned)
    meetup.starts_local = datetime.combine(first, clock)
    meetup.repeat = repeat.value
    recurrence = recurrence_of(meetup)
    dropped = []
    for occurrence in planned:
        if next(recurrence.dates_from(occurrence.slot), None) == occurrence.slot:
            continue
        occurrence.state = OccurrenceState.CANCELLED
        dropped.append(occurrence)
        await silence(session, ledger, occurrence_id=occurrence.id, reason="repeats otherwise")
    await session.flush()
    await extend(session, group=found.group, meetup=meetup, ledger=ledger, now=now)
    await ensure_post(session, group=found.group, meetup=meetup, ledger=ledger, now=now)
    return dropped


async def _carry_on(
    session: AsyncSession, found: Found, *, changed: set[int], ledger: Ledger, now: datetime
) -> None:
    """After dates changed: fill the horizon, post what comes next, and show the change on every post."""
    await session.flush()
    await extend(session, group=found.group, meetup=found.meetup, ledger=ledger, now=now)
    await ensure_post(session, group=found.group, meetup=found.meetup, ledger=ledger, now=now)
    for occurrence in await coming_dates(session, found.meetup, now=now):
        if occurrence.id not in changed and occurrence.event_version == occurrence.version:
            # Its post lists the dates that follow; its Scheduled Event does not.
            occurrence.event_version += 1
        occurrence.version += 1
    await session.flush()


async def _make_room(session: AsyncSession, meetup: Meetup, slots: set[date], *, starts_at: datetime) -> None:
    """Free these slots of dates that do not take place; raises DateTaken when one of them does, or did."""
    there = await session.scalars(
        select(Occurrence).where(Occurrence.meetup_id == meetup.id, Occurrence.slot.in_(slots))
    )
    rows = list(there)
    if any(occurrence.state is OccurrenceState.PLANNED for occurrence in rows):
        raise DateTaken(starts_at=starts_at)
    await _step_aside(session, meetup, rows)


async def _step_aside(session: AsyncSession, meetup: Meetup, rows: list[Occurrence]) -> None:
    """Give dates slots that no rule can reach: days of the year 1, each once."""
    # The last of them, not how many there are: those that came back from there have left gaps.
    last = await session.scalar(
        select(func.max(Occurrence.slot)).where(
            Occurrence.meetup_id == meetup.id, Occurrence.slot < ASIDE_UNTIL
        )
    )
    free = date.min if last is None else last + timedelta(days=1)
    for index, occurrence in enumerate(rows):
        occurrence.slot = free + timedelta(days=index)
    await session.flush()


async def _refuse_taken(session: AsyncSession, found: Found, starts_at: datetime) -> None:
    taken = await session.scalar(
        select(Occurrence.id).where(
            Occurrence.meetup_id == found.meetup.id,
            Occurrence.state == OccurrenceState.PLANNED,
            Occurrence.starts_at == starts_at,
        )
    )
    if taken is not None:
        raise DateTaken(starts_at=starts_at)


async def _take_back_checkins(session: AsyncSession, occurrence: Occurrence, *, now: datetime) -> None:
    """Nobody has come yet to a date whose check-in is still to open, whoever was there before it moved."""
    if occurrence.starts_at - OPENS_BEFORE > now:
        await session.execute(delete(Attendance).where(Attendance.occurrence_id == occurrence.id))


def _note_change(occurrence: Occurrence) -> None:
    occurrence.sequence += 1
    occurrence.version += 1


def _local(meetup: Meetup, instant: datetime) -> datetime:
    return instant.astimezone(ZoneInfo(meetup.timezone)).replace(tzinfo=None)
