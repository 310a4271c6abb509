"""Meetups as an iCalendar file (RFC 5545) that any calendar program can take in, again and again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import Database
from bot.db.models import Group, Meetup, Membership, Occurrence, OccurrenceState
from bot.errors import NoMeetups
from bot.locales import _
from bot.scheduling.recurrence import Recurrence, Repeat
from bot.services.access import Caller, active
from bot.services.meetups.facts import title_of
from bot.services.meetups.finding import find
from bot.services.meetups.horizon import recurrence_of

if TYPE_CHECKING:
    from icalendar import Event

#: What ended longer ago is left out of a calendar of all meetups.
KEPT_AFTER = timedelta(days=30)
# The time zone's clock changes are listed for this long after the last known date.
CLOCK_CHANGES_FOR = timedelta(days=3660)


@dataclass(frozen=True, kw_only=True)
class Series:
    """A meetup with its dates so far, in order: those that differ from its rule are among them."""

    meetup: Meetup
    group: Group
    occurrences: Sequence[Occurrence]


class CalendarService:
    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def series(self, *, caller: Caller, typed: str | None = None) -> list[Series]:
        """The meetup of that occurrence; without one, all meetups of the groups that the caller is in or
        asks from, else of every group in the server.

        Raises UnknownMeetup, NoMeetups.
        """
        async with self._database.read() as session:
            if typed is not None:
                found = await find(session, caller=caller, typed=typed, now=self._clock())
                return await _load(session, Meetup.id == found.meetup.id)
            every = await self._of_groups(session, caller)
        if not every:
            raise NoMeetups
        return every

    async def _of_groups(self, session: AsyncSession, caller: Caller) -> list[Series]:
        here = (Group.guild_id == caller.guild_id) & Group.archived_at.is_(None)
        joined = exists().where(active(Membership.group_id == Group.id), Membership.user_id == caller.user_id)
        mine = joined | Group.channel_id.in_(caller.channel_ids)
        recent = exists().where(
            Occurrence.meetup_id == Meetup.id, Occurrence.ends_at > self._clock() - KEPT_AFTER
        )
        return await _load(session, here & recent & mine) or await _load(session, here & recent)


async def _load(session: AsyncSession, condition: ColumnElement[bool]) -> list[Series]:
    query = select(Meetup, Group).join(Group, Group.id == Meetup.group_id).where(condition)
    pairs = (await session.execute(query.order_by(Meetup.starts_local, Meetup.id))).all()
    occurrences: dict[int, list[Occurrence]] = {meetup.id: [] for meetup, _ in pairs}
    dates = select(Occurrence).where(Occurrence.meetup_id.in_(occurrences)).order_by(Occurrence.slot)
    for occurrence in await session.scalars(dates):
        occurrences[occurrence.meetup_id].append(occurrence)
    return [Series(meetup=meetup, group=group, occurrences=occurrences[meetup.id]) for meetup, group in pairs]


def calendar_file(series: Sequence[Series], *, places: Mapping[int, str], now: datetime) -> bytes:
    """The .ics file of these meetups, described in the spoken language. `places` names channels by id; `now`
    is its DTSTAMP.

    A repeating meetup is one VEVENT with its rule, EXDATE for dates that were called off, and one VEVENT
    with RECURRENCE-ID for each date that was moved, retitled or put elsewhere.
    """
    from icalendar import Calendar  # here: 70 ms that a start need not wait for

    calendar = Calendar()
    calendar.add("prodid", "-//Cohort//Study group meetups//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for each in series:
        for event in _Writer(each, places=places, now=now).events():
            calendar.add_component(event)
    starts = [each.meetup.starts_local.date() for each in series]
    dates = [occurrence.starts_at.date() for each in series for occurrence in each.occurrences]
    first = min([now.date(), *starts, *dates]) - timedelta(days=366)
    last = max([now.date(), *starts, *dates]) + CLOCK_CHANGES_FOR
    calendar.add_missing_timezones(first_date=first, last_date=last)
    return bytes(calendar.to_ical())


class _Writer:
    """The VEVENTs of one meetup."""

    def __init__(self, series: Series, *, places: Mapping[int, str], now: datetime) -> None:
        self.meetup, self.group, self.occurrences = series.meetup, series.group, series.occurrences
        self.places, self.now = places, now
        self.zone = ZoneInfo(self.meetup.timezone)
        self.length = timedelta(minutes=self.meetup.minutes)
        # One number for all parts, which no change leaves as it was.
        self.sequence = self.meetup.sequence + sum(each.sequence for each in self.occurrences)
        # Across servers and bots no two meetups share it, however often a file is made.
        self.uid = f"meetup-{self.meetup.id}.{self.group.guild_id}@cohort"

    def events(self) -> list["Event"]:
        if Repeat(self.meetup.repeat) is Repeat.NONE:
            return self._once()
        return self._repeating(recurrence_of(self.meetup))

    def _once(self) -> list["Event"]:
        """The meetup's one date; dates of a series that it was before stand on their own."""
        slot = self.meetup.starts_local.date()
        events = [self._single(each) for each in self.occurrences if each.slot == slot]
        others = (each for each in self.occurrences if each.slot != slot)
        return events + [self._stray(each) for each in others if each.state is OccurrenceState.PLANNED]

    def _stray(self, occurrence: Occurrence) -> "Event":
        """A date that the meetup's rule does not give any more: no RECURRENCE-ID could name it."""
        uid = f"meetup-{self.meetup.id}-{occurrence.id}.{self.group.guild_id}@cohort"
        return self._single(occurrence, uid=uid)

    def _single(self, occurrence: Occurrence, *, uid: str | None = None) -> "Event":
        event = self._event(uid)
        event.add("dtstart", self._local(occurrence.starts_at))
        event.add("dtend", self._local(occurrence.ends_at))
        self._describe(
            event,
            title=title_of(self.meetup, occurrence),
            place=self._place(occurrence),
            post=occurrence,
        )
        event.add("status", status(occurrence.state is OccurrenceState.PLANNED))
        return event

    def _repeating(self, rule: Recurrence) -> list["Event"]:
        """The rule's VEVENT first, then those of the dates that differ from it."""
        called_off: list[datetime] = []
        differing: list[Event] = []
        for occurrence in self.occurrences:
            planned = occurrence.state is OccurrenceState.PLANNED
            if not gives(rule, occurrence):
                if planned:
                    differing.append(self._stray(occurrence))
                continue
            slot = datetime.combine(occurrence.slot, rule.start.time(), self.zone)
            if not planned:
                called_off.append(slot)
            elif self._differs(occurrence, rule.instant(occurrence.slot)):
                event = self._single(occurrence)
                event.add("recurrence-id", slot)
                differing.append(event)
        whole = self._event()
        whole.add("dtstart", rule.start.replace(tzinfo=self.zone))
        whole.add("duration", self.length)
        held = self.meetup.cancelled_at is None and (rule.until is None or rule.until >= rule.start.date())
        if held:
            whole.add("rrule", rule.rrule())
            if called_off:
                whole.add("exdate", called_off)
        whole.add("status", status(held))
        self._describe(whole, title=self.meetup.title, place=self._place(None), post=self._next())
        return [whole, *(differing if held else [])]

    def _local(self, instant: datetime) -> datetime:
        """In the meetup's zone; but a repeated hour's second pass can only be told in UTC (3.3.5)."""
        local = instant.astimezone(self.zone)
        return instant.astimezone(UTC) if local.fold else local

    def _next(self) -> Occurrence | None:
        planned = (each for each in self.occurrences if each.state is OccurrenceState.PLANNED)
        return next((each for each in planned if each.ends_at > self.now), None)

    def _differs(self, occurrence: Occurrence, starts_at: datetime) -> bool:
        return (
            occurrence.starts_at != starts_at
            or occurrence.ends_at != starts_at + self.length
            or occurrence.title is not None
            or occurrence.where_channel_id is not None
            or occurrence.where_text is not None
        )

    def _event(self, uid: str | None = None) -> "Event":
        """What all parts of the meetup share."""
        from icalendar import Event

        event = Event()
        event.add("uid", uid or self.uid)
        event.add("dtstamp", self.now)
        event.add("sequence", self.sequence)
        return event

    def _describe(self, event: "Event", *, title: str, place: str | None, post: Occurrence | None) -> None:
        link = link_of(self.group, post) if post is not None else None
        about = [_("Study group: {group}", group=self.group.name)]
        if self.meetup.lesson:
            about.append(_("Lesson: {lesson}", lesson=self.meetup.lesson))
        if link:
            about.append(link)
            event.add("url", link)
        event.add("summary", title)
        event.add("description", "\n".join(about))
        if place:
            event.add("location", place)

    def _place(self, occurrence: Occurrence | None) -> str | None:
        if occurrence is not None and occurrence.where_text is not None:
            return occurrence.where_text
        own = occurrence.where_channel_id if occurrence is not None else None
        channel_id = own or self.meetup.where_channel_id
        return self.places.get(channel_id) if channel_id is not None else None


def gives(rule: Recurrence, occurrence: Occurrence) -> bool:
    """Whether the rule, as it is today, has this occurrence's slot."""
    if rule.until is not None and occurrence.slot > rule.until:
        return False
    if occurrence.slot < rule.start.date():
        return False
    try:
        rule.index_of(occurrence.slot)
    except ValueError:
        return False
    return True


def link_of(group: Group, occurrence: Occurrence) -> str | None:
    """Where the post of this date stands; None before there is one."""
    if occurrence.post_channel_id is None or occurrence.post_message_id is None:
        return None
    place = f"{group.guild_id}/{occurrence.post_channel_id}/{occurrence.post_message_id}"
    return f"https://discord.com/channels/{place}"


def status(takes_place: bool) -> str:
    return "CONFIRMED" if takes_place else "CANCELLED"
