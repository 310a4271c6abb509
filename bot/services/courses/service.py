"""The use cases of courses: each method is one transaction, and takes and gives ids and packs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.courses.checking import read_pack
from bot.courses.library import CourseLibrary
from bot.courses.packs import Lesson, Pack
from bot.db.engine import Database
from bot.db.models import CourseShift, Group
from bot.db.types import name_key
from bot.delivery.ledger import Claimed, Ledger
from bot.errors import PackReaderBusy, StudyError
from bot.scheduling.when import parse_when
from bot.services.access import Caller, find_group, require_organizer
from bot.services.courses import importing, runs, shifts
from bot.services.courses.finding import find_pack, load_pack, pack_names
from bot.services.courses.importing import Imported
from bot.services.courses.runs import LessonDate
from bot.services.courses.shifts import Shift, Undone
from bot.services.members import zone_of


@dataclass(frozen=True, kw_only=True)
class Started:
    """A course that a group now takes by date, lesson by lesson."""

    group: Group
    pack: Pack
    dates: tuple[LessonDate, ...]


class CourseService:
    def __init__(
        self, database: Database, *, library: CourseLibrary, ledger: Ledger, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._library = library
        self._ledger = ledger
        self._clock = clock
        self._reading = asyncio.Lock()

    async def newest(self, *, guild_id: int) -> list[Pack]:
        """Every pack of the server in its newest version, by id."""
        async with self._database.read() as session:
            names = await pack_names(session, self._library, guild_id=guild_id)
            packs = [
                await load_pack(
                    session, self._library, guild_id=guild_id, pack_id=name.id, version=name.version
                )
                for name in {name.id: name for name in names}.values()
            ]
        return [pack for pack in packs if pack is not None]

    async def show(self, *, guild_id: int, typed: str) -> Pack:
        """Raises UnknownCourse."""
        async with self._database.read() as session:
            return await find_pack(session, self._library, guild_id=guild_id, typed=typed)

    async def suggestions(self, *, guild_id: int, typed: str, limit: int) -> list[tuple[str, str]]:
        """The (title, id) of the server's packs in which what was typed stands, by id."""
        async with self._database.read() as session:
            names = await pack_names(session, self._library, guild_id=guild_id)
        wanted = name_key(typed)
        found = {name.id: name.title for name in names}
        return [(title, id) for id, title in found.items() if wanted in name_key(title) or wanted in id][
            :limit
        ]

    async def import_pack(self, *, caller: Caller, data: bytes) -> Imported:
        """Check a file and keep its pack for the server, or nothing of it.

        Raises NotAnOrganizer, PackReaderBusy, PackTooLarge, BadPack, ShippedPack, PackTaken, TooManyPacks.
        """
        async with self._database.read() as session:
            await importing.require_any_organizer(session, caller)
        # One at a time: a hostile file may cost a thread seconds, and there is no queue of them to fill.
        if self._reading.locked():
            raise PackReaderBusy
        async with self._reading:
            document = await asyncio.to_thread(read_pack, data)
        async with self._database.write() as session:
            return await importing.keep(
                session, self._library, caller=caller, document=document, now=self._clock()
            )

    async def start(
        self,
        *,
        caller: Caller,
        typed_group: str | None,
        course: str,
        first: str,
        every_weeks: int,
        where_channel_id: int | None = None,
        minutes: int | None = None,
    ) -> Started:
        """Plan one meetup per lesson, and let the group follow the pack.

        `first` is read in the caller's zone, else the group's. Raises UnknownGroup, NoGroupHere,
        NotOrganizer, UnknownCourse, CourseUnderWay, BadNumber and what `parse_when` raises.
        """
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed_group)
            require_organizer(group, caller)
            zone = await zone_of(session, user_id=caller.user_id, default=group.timezone)
        starts_at = await asyncio.to_thread(parse_when, first, zone=zone, now=self._clock())
        async with self._database.write() as session:
            group = await find_group(session, caller=caller, typed=str(group.id))
            require_organizer(group, caller)
            pack = await find_pack(session, self._library, guild_id=group.guild_id, typed=course)
            dates = await runs.start(
                session,
                group=group,
                pack=pack,
                first=starts_at,
                every_weeks=every_weeks,
                started_by=caller.user_id,
                where_channel_id=where_channel_id,
                minutes=minutes,
                ledger=self._ledger,
                now=self._clock(),
            )
            return Started(group=group, pack=pack, dates=tuple(dates))

    async def shift(
        self,
        *,
        caller: Caller,
        typed_group: str | None,
        from_lesson: str,
        weeks: int,
        interaction_id: int,
        channel_id: int | None,
    ) -> tuple[Shift, Claimed | None]:
        """Move a lesson's meetup and all later ones by whole weeks, once for each interaction.

        The notice comes back claimed when `channel_id` is the group's own channel: the answer is to be it,
        and the ledger posts it should we die first. Raises UnknownGroup, NoGroupHere, NotOrganizer,
        BadNumber, NoCourseDates, NoCourse, UnknownLesson, MeetupOver, MeetupCancelled, ShiftIntoPast,
        ShiftOutOfOrder, TooFarTime, DateTaken.
        """
        async with self._database.write() as session:
            now = self._clock()
            group = await find_group(session, caller=caller, typed=typed_group)
            require_organizer(group, caller)
            shift, is_new = await shifts.shift(
                session,
                self._library,
                group=group,
                from_lesson=from_lesson,
                weeks=weeks,
                shifted_by=caller.user_id,
                interaction_id=interaction_id,
                ledger=self._ledger,
                now=now,
            )
            notice = shifts.notice_row(shift, now=now)
            if is_new and group.channel_id == channel_id:
                return shift, await self._ledger.plan_claimed(session, notice)
            await self._ledger.plan(session, notice)
            return shift, None

    async def undo_shift(self, *, caller: Caller, shift_id: int) -> Undone:
        """Raises UnknownShift, NotOrganizer, ShiftUndone, NothingMovesBack, DateTaken."""
        async with self._database.write() as session:
            return await shifts.undo(
                session,
                caller=caller,
                shift_id=shift_id,
                ledger=self._ledger,
                now=self._clock(),
            )

    async def get_shift(self, shift_id: int) -> Shift | None:
        async with self._database.read() as session:
            row = await session.get(CourseShift, shift_id)
            return await shifts.load_shift(session, row, now=self._clock()) if row is not None else None

    async def coming_lessons(self, *, caller: Caller, typed_group: str | None) -> list[tuple[str, Lesson]]:
        """The lessons that a group still meets for, with their pack's id; none where there is no group."""
        try:
            async with self._database.read() as session:
                group = await find_group(session, caller=caller, typed=typed_group)
                run, pack = await shifts.run_of(session, self._library, group)
                now = self._clock()
                dates = await runs.lesson_dates(session, run=run, pack=pack, now=now)
        except StudyError:
            return []
        coming = {date.lesson_id for date in dates if date.found.is_coming(now)}
        return [(pack.id, lesson) for lesson in pack.lessons if lesson.id in coming]
