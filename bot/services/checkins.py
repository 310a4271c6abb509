"""Check-in: the host's rotating code, who sat in the voice channel, and who came in the end."""

import hashlib
import hmac
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import Database
from bot.db.models import Attendance, Group, Meetup, Membership, Occurrence, OccurrenceState
from bot.db.types import name_key
from bot.errors import (
    CheckinClosed,
    CodeNeeded,
    NoMeetupNow,
    NotHost,
    TooManyAttempts,
    WrongCode,
)
from bot.services.access import Caller, active, find_group, is_organizer, require_member
from bot.services.meetups.finding import OPENS_BEFORE, Found, rows
from bot.services.meetups.finding import find as find_meetup

CLOSES_AFTER = timedelta(hours=2)
#: How long a code is shown; the one before it is still accepted, for people type slowly.
CODE_LASTS = timedelta(minutes=5)
CODE_LENGTH = 6
# Without 0 and O, 1, I and L, which look alike when read off a projector.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
WRONG_TRIES = 5
WRONG_TRIES_WITHIN = timedelta(minutes=10)
# So many members' wrong tries are kept in memory; a restart forgets them, which gives five more.
REMEMBERED_MEMBERS = 10_000
STAY = timedelta(minutes=5)
# A tick that comes a little late still counts who stayed to the end.
LATE_TICK = timedelta(minutes=3)


@dataclass(frozen=True, kw_only=True)
class Gathering(Found):
    """One date of a meetup with what it belongs to, and when people can check in."""

    @property
    def opens_at(self) -> datetime:
        return self.occurrence.starts_at - OPENS_BEFORE

    @property
    def closes_at(self) -> datetime:
        return self.occurrence.ends_at + CLOSES_AFTER

    @property
    def where_channel_id(self) -> int | None:
        """The channel of this date; None when it has none, or somebody put words in its place."""
        if self.occurrence.where_text is not None:
            return None
        return self.occurrence.where_channel_id or self.meetup.where_channel_id


@dataclass(frozen=True, kw_only=True)
class ShownCode:
    """What the host reads out, and until when."""

    gathering: Gathering
    code: str
    changes_at: datetime


@dataclass(frozen=True, kw_only=True)
class CheckedIn:
    gathering: Gathering
    already: bool


@dataclass(frozen=True, kw_only=True)
class AttendanceList:
    """Who came, in the order in which they did."""

    gathering: Gathering
    rows: Sequence[Attendance]


def code_at(secret: str, instant: datetime, *, steps_back: int = 0) -> str:
    """The code of a time step: HMAC-SHA-256 of its number, reduced to six letters (as HOTP, RFC 4226)."""
    step = int(instant.timestamp()) // int(CODE_LASTS.total_seconds()) - steps_back
    digest = hmac.new(secret.encode(), str(step).encode(), hashlib.sha256).digest()
    number = int.from_bytes(digest)
    letters = []
    for _ in range(CODE_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)


def changes_after(instant: datetime) -> datetime:
    """When the code that is shown at `instant` gives way to the next."""
    seconds = int(CODE_LASTS.total_seconds())
    return datetime.fromtimestamp((int(instant.timestamp()) // seconds + 1) * seconds, UTC)


class CheckinService:
    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._wrong: OrderedDict[tuple[int, int], deque[datetime]] = OrderedDict()

    async def code(self, *, caller: Caller) -> ShownCode:
        """The current code of the meetup that the caller hosts or organizes, on now in this server.

        Raises CodeNeeded for everybody else while one is on; NoMeetupNow, NoGroupHere when none is.
        """
        async with self._database.read() as session:
            on_now = await self._on_now(session, caller)
            if not on_now:
                raise await self._no_meetup_now(session, caller)
            hosted = [gathering for gathering in on_now if hosts(gathering, caller)]
            if not hosted:
                raise CodeNeeded(title=on_now[0].title)
            return self._shown(hosted[0])

    async def code_of(self, *, caller: Caller, occurrence_id: int) -> ShownCode:
        """The current code of this meetup. Raises UnknownMeetup, NotHost, CheckinClosed."""
        async with self._database.read() as session:
            gathering = await self._named(session, caller, str(occurrence_id))
        if not hosts(gathering, caller):
            raise NotHost(title=gathering.title)
        if (
            gathering.occurrence.state is not OccurrenceState.PLANNED
            or not gathering.opens_at <= self._clock() <= gathering.closes_at
        ):
            raise CheckinClosed(
                title=gathering.title, opens_at=gathering.opens_at, closes_at=gathering.closes_at
            )
        return self._shown(gathering)

    async def check_in(self, *, caller: Caller, code: str) -> CheckedIn:
        """Note that the caller came. Twice is as good as once.

        Raises TooManyAttempts, WrongCode, NotAMember; NoMeetupNow, NoGroupHere when none is on.
        """
        now = self._clock()
        typed = "".join(character for character in code.upper() if character.isalnum())
        async with self._database.write() as session:
            on_now = await self._on_now(session, caller)
            if not on_now:
                raise await self._no_meetup_now(session, caller)
            self._refuse_guessing(caller, now)
            for gathering in on_now:
                secret = gathering.occurrence.checkin_secret
                valid = [code_at(secret, now, steps_back=back) for back in (0, 1)]
                if any(hmac.compare_digest(typed.encode(), each.encode()) for each in valid):
                    await require_member(session, gathering.group, caller.user_id)
                    new = await self._record(session, gathering, {caller.user_id}, source="code", at=now)
                    return CheckedIn(gathering=gathering, already=not new)
        self._wrong.setdefault((caller.guild_id, caller.user_id), deque()).append(now)
        self._wrong.move_to_end((caller.guild_id, caller.user_id))
        if len(self._wrong) > REMEMBERED_MEMBERS:
            self._wrong.popitem(last=False)
        raise WrongCode(title=on_now[0].title)

    async def with_a_place(self, *, guild_id: int | None = None) -> list[Gathering]:
        """The meetups that are on at this moment and have a channel, which may be a voice channel."""
        now = self._clock()
        query = _gatherings().where(
            Occurrence.state == OccurrenceState.PLANNED,
            Occurrence.starts_at <= now,
            Occurrence.ends_at > now - LATE_TICK,
        )
        if guild_id is not None:
            query = query.where(Group.guild_id == guild_id)
        async with self._database.read() as session:
            found = await _all(session, query)
        return [gathering for gathering in found if gathering.where_channel_id is not None]

    async def next_with_a_place(self) -> datetime | None:
        """When the next meetup with a channel begins."""
        placed = or_(Occurrence.where_channel_id.is_not(None), Meetup.where_channel_id.is_not(None))
        query = (
            select(func.min(Occurrence.starts_at, type_=Occurrence.starts_at.type))
            .join(Meetup, Meetup.id == Occurrence.meetup_id)
            .where(
                Occurrence.state == OccurrenceState.PLANNED,
                Occurrence.starts_at > self._clock(),
                Occurrence.where_text.is_(None),
                placed,
            )
        )
        async with self._database.read() as session:
            return await session.scalar(query)

    async def stayed(self, *, gathering: Gathering, since: dict[int, datetime]) -> set[int]:
        """Note who has sat in the voice channel long enough, given since when each sits there.

        Counts the time between the meetup's start and its end, and members of the group only.
        Returns those who were not known to have come.
        """
        now = self._clock()
        occurrence = gathering.occurrence
        until = min(now, occurrence.ends_at)
        long_enough = {
            user_id for user_id, at in since.items() if until - max(at, occurrence.starts_at) >= STAY
        }
        if not long_enough:
            return set()
        async with self._database.write() as session:
            members = set(
                await session.scalars(
                    select(Membership.user_id).where(
                        active(Membership.group_id == gathering.group.id),
                        Membership.user_id.in_(long_enough),
                    )
                )
            )
            return await self._record(session, gathering, members, source="voice", at=now)

    async def attendance(self, *, caller: Caller, typed: str) -> AttendanceList:
        """Who came to that occurrence; nobody before its check-in opens. Raises UnknownMeetup."""
        async with self._database.read() as session:
            gathering = await self._named(session, caller, typed)
            came = await session.scalars(
                select(Attendance)
                .where(Attendance.occurrence_id == gathering.occurrence.id)
                .order_by(Attendance.came_at, Attendance.user_id)
            )
            return AttendanceList(gathering=gathering, rows=came.all())

    async def suggestions(self, *, guild_id: int, typed: str, limit: int) -> list[Gathering]:
        """Meetups whose attendance can be asked for: begun or over, newest first."""
        query = (
            _gatherings()
            .where(
                Group.guild_id == guild_id,
                Occurrence.state == OccurrenceState.PLANNED,
                Occurrence.starts_at <= self._clock() + OPENS_BEFORE,
            )
            .order_by(None)
            .order_by(Occurrence.starts_at.desc(), Occurrence.id.desc())
            .limit(500)
        )
        async with self._database.read() as session:
            found = await _all(session, query)
        wanted = name_key(typed)
        return [gathering for gathering in found if wanted in name_key(gathering.title)][:limit]

    async def _named(self, session: AsyncSession, caller: Caller, typed: str) -> Gathering:
        found = await find_meetup(session, caller=caller, typed=typed, now=self._clock())
        return Gathering(occurrence=found.occurrence, meetup=found.meetup, group=found.group)

    async def _on_now(self, session: AsyncSession, caller: Caller) -> list[Gathering]:
        """Those with an open check-in in the caller's server, the one meant most likely first."""
        now = self._clock()
        found = await _all(
            session,
            _gatherings().where(
                Group.guild_id == caller.guild_id,
                Occurrence.state == OccurrenceState.PLANNED,
                Occurrence.starts_at <= now + OPENS_BEFORE,
                Occurrence.ends_at >= now - CLOSES_AFTER,
            ),
        )

        def distance(gathering: Gathering) -> tuple[bool, timedelta]:
            here = gathering.group.channel_id in caller.channel_ids
            occurrence = gathering.occurrence
            away = max(occurrence.starts_at - now, now - occurrence.ends_at, timedelta(0))
            return not here, away

        return sorted(found, key=distance)

    async def _no_meetup_now(self, session: AsyncSession, caller: Caller) -> NoMeetupNow:
        group = await find_group(session, caller=caller, typed=None)
        starts_at = await session.scalar(
            select(func.min(Occurrence.starts_at, type_=Occurrence.starts_at.type))
            .join(Meetup)
            .where(
                Meetup.group_id == group.id,
                Occurrence.state == OccurrenceState.PLANNED,
                Occurrence.starts_at > self._clock(),
            )
        )
        return NoMeetupNow(group=group.name, next_starts_at=starts_at)

    def _shown(self, gathering: Gathering) -> ShownCode:
        now = self._clock()
        code = code_at(gathering.occurrence.checkin_secret, now)
        return ShownCode(gathering=gathering, code=code, changes_at=changes_after(now))

    def _refuse_guessing(self, caller: Caller, now: datetime) -> None:
        tries = self._wrong.get((caller.guild_id, caller.user_id), deque())
        while tries and tries[0] <= now - WRONG_TRIES_WITHIN:
            tries.popleft()
        if len(tries) >= WRONG_TRIES:
            raise TooManyAttempts(retry_at=tries[0] + WRONG_TRIES_WITHIN)

    async def _record(
        self,
        session: AsyncSession,
        gathering: Gathering,
        user_ids: Collection[int],
        *,
        source: str,
        at: datetime,
    ) -> set[int]:
        """Add rows that are not there yet; returns whose they are."""
        if not user_ids:
            return set()
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        new = [
            {
                "occurrence_id": gathering.occurrence.id,
                "user_id": user_id,
                "came_at": at,
                "source": source,
            }
            for user_id in sorted(user_ids)
        ]
        statement = insert(Attendance).values(new).on_conflict_do_nothing()
        return set(await session.scalars(statement.returning(Attendance.user_id)))


def hosts(gathering: Gathering, caller: Caller) -> bool:
    return caller.user_id == gathering.meetup.host_id or is_organizer(gathering.group, caller)


def _gatherings() -> Select[Occurrence, Meetup, Group]:
    return rows().order_by(Occurrence.starts_at, Occurrence.id)


async def _all(session: AsyncSession, query: Select[Occurrence, Meetup, Group]) -> list[Gathering]:
    found = await session.execute(query)
    return [Gathering(occurrence=date, meetup=meetup, group=group) for date, meetup, group in found]
