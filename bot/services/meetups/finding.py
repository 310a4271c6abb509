"""Which meetup is meant, and who may change it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Group, Meetup, Occurrence, OccurrenceState
from bot.db.types import name_key
from bot.errors import MeetupCancelled, MeetupOver, NotHost, UnknownMeetup
from bot.services.access import Caller, is_organizer
from bot.services.meetups.facts import title_of

#: Check-in opens so long before the start.
OPENS_BEFORE = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class Found:
    group: Group
    meetup: Meetup
    occurrence: Occurrence

    @property
    def title(self) -> str:
        return title_of(self.meetup, self.occurrence)

    def is_coming(self, now: datetime) -> bool:
        """Takes place and is not over."""
        return self.occurrence.state is OccurrenceState.PLANNED and self.occurrence.ends_at > now


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A coming date as autocomplete offers it; `starts_local` is naive, in the asker's zone."""

    occurrence_id: int
    title: str
    group: str
    starts_local: datetime


def rows() -> Select[Occurrence, Meetup, Group]:
    """Dates with their meetup and group."""
    return (
        select(Occurrence, Meetup, Group)
        .join(Meetup, Meetup.id == Occurrence.meetup_id)
        .join(Group, Group.id == Meetup.group_id)
    )


async def coming(session: AsyncSession, *, guild_id: int, now: datetime) -> list[Found]:
    """Every planned date of the server's active groups that is not over, the soonest first."""
    found = await session.execute(
        rows()
        .where(
            Group.guild_id == guild_id,
            Group.archived_at.is_(None),
            Occurrence.state == OccurrenceState.PLANNED,
            Occurrence.ends_at > now,
        )
        .order_by(Occurrence.starts_at, Occurrence.id)
    )
    return [Found(group=group, meetup=meetup, occurrence=date) for date, meetup, group in found]


async def find(session: AsyncSession, *, caller: Caller, typed: str, now: datetime) -> Found:
    """The date with that id in the caller's server, or the one that a title or a date names.

    A title names the next date of its meetup. Raises UnknownMeetup, also when several meetups fit.
    """
    typed = typed.strip()
    if typed.isascii() and typed.isdigit() and len(typed) <= 18:
        query = rows().where(Occurrence.id == int(typed), Group.guild_id == caller.guild_id)
        row = (await session.execute(query)).one_or_none()
        if row is not None:
            return Found(occurrence=row[0], meetup=row[1], group=row[2])
    wanted = name_key(typed)
    candidates = [
        found
        for found in await coming(session, guild_id=caller.guild_id, now=now)
        if wanted and wanted in (name_key(found.title), _local(found).date().isoformat())
    ]
    if len({found.meetup.id for found in candidates}) != 1:
        raise UnknownMeetup(typed=typed[:100])
    return candidates[0]


async def find_changeable(session: AsyncSession, *, caller: Caller, typed: str, now: datetime) -> Found:
    """The date that the caller wants to change, locked with its series.

    Raises UnknownMeetup, NotHost, MeetupCancelled, MeetupOver.
    """
    found = await find(session, caller=caller, typed=typed, now=now)
    await lock_series(session, found.meetup.id)
    if caller.user_id not in (found.meetup.host_id, found.meetup.created_by) and not is_organizer(
        found.group, caller
    ):
        raise NotHost(title=found.title)
    require_open(found, now)
    return found


def require_open(found: Found, now: datetime) -> None:
    """Raises MeetupCancelled, MeetupOver."""
    if found.occurrence.state is not OccurrenceState.PLANNED:
        raise MeetupCancelled(title=found.title)
    if found.occurrence.ends_at <= now:
        raise MeetupOver(title=found.title, ended_at=found.occurrence.ends_at)


async def lock_series(session: AsyncSession, meetup_id: int) -> None:
    """Lock a meetup and its open dates, in that order, and read them afresh."""
    for query in (
        select(Meetup).where(Meetup.id == meetup_id),
        select(Occurrence)
        .where(Occurrence.meetup_id == meetup_id, Occurrence.closed_at.is_(None))
        .order_by(Occurrence.id),
    ):
        locked = query.with_for_update().execution_options(populate_existing=True)
        (await session.execute(locked)).all()


async def suggestions(
    session: AsyncSession, *, caller: Caller, typed: str, zone: str | None, limit: int, now: datetime
) -> list[Suggestion]:
    """Coming dates whose title or local date contains what was typed; this channel's groups first."""
    wanted = name_key(typed)
    offered = []
    for found in await coming(session, guild_id=caller.guild_id, now=now):
        local = _local(found, zone)
        if wanted in name_key(found.title) or wanted in f"{local:%Y-%m-%d %H:%M %A %d %B}".casefold():
            suggestion = Suggestion(
                occurrence_id=found.occurrence.id,
                title=found.title,
                group=found.group.name,
                starts_local=local,
            )
            offered.append((found.group.channel_id not in caller.channel_ids, suggestion))
    offered.sort(key=lambda pair: pair[0])
    return [suggestion for _, suggestion in offered[:limit]]


def _local(found: Found, zone: str | None = None) -> datetime:
    local = found.occurrence.starts_at.astimezone(ZoneInfo(zone or found.group.timezone))
    return local.replace(tzinfo=None)
