"""Whole decks: the starter decks, and files that come in and go out."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Group
from bot.errors import (
    DeckWriterBusy,
    EmptyDeck,
    FileTooLarge,
    ImportForOrganizers,
    NoCourse,
    NoStarterDeck,
    UnknownDeck,
    UnknownLesson,
)
from bot.errors.decks import DeckTooLarge, Measure, ReadersBusy, UnknownDeckFile
from bot.flashcards import sheets
from bot.flashcards.anki import limits, reader
from bot.flashcards.anki.worker import DeckReader
from bot.flashcards.starter import StarterDeck, starter_decks
from bot.services.access import Caller, find_group, is_organizer, require_member, require_organizer
from bot.services.activity import note_activity
from bot.services.cards import exporting
from bot.services.cards.exporting import Format
from bot.services.cards.finding import DECK_LIMIT, find_deck, find_lesson, require_reader
from bot.services.cards.incoming import (
    Incoming,
    LessonId,
    from_package,
    from_sheet,
    from_starter,
)
from bot.services.cards.merging import Merged, Merger
from bot.services.text import clean_text

#: The pack whose deck every group may want, whatever course it follows.
PREREQUISITES = "math-prerequisites"
#: Each holds its file, and what was read from it, in memory.
IMPORTS_AT_ONCE = 3
# More words for lessons than any course has lessons are none; each of them is looked up.
MOST_LESSONS = 200

Media = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of a file. `lessons` are words for lessons that the group's course does not have, `ignored`
    columns that mean nothing; `guessed`: its encoding was.
    """

    group: Group
    merged: Merged
    lessons: Sequence[str] = ()
    ignored: Sequence[str] = ()
    guessed: bool = False


@dataclass(frozen=True, kw_only=True)
class Started:
    """The starter decks that a group now has, each with its number of cards."""

    group: Group
    decks: Sequence[StarterDeck]
    merged: Merged


@dataclass(frozen=True, kw_only=True)
class Exported:
    deck: str
    notes: int
    data: bytes


class DeckService:
    def __init__(self, database: Database, *, library: CourseLibrary, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._library = library
        self._clock = clock
        self._reader = DeckReader()
        self._importing = asyncio.Semaphore(IMPORTS_AT_ONCE)
        self._writing = asyncio.Lock()
        self._starter: dict[str, StarterDeck] | None = None

    def close(self) -> None:
        """End what is being read."""
        self._reader.close()

    async def starter(
        self, *, caller: Caller, typed: str | None, only_prerequisites: bool = False
    ) -> Started:
        """Give the group the starter decks of its course and of the prerequisites, or their newest wording;
        what members changed or deleted stays so.

        Raises UnknownGroup, NoGroupHere, NotOrganizer; NoStarterDeck when there is none for the course.
        """
        if self._starter is None:
            self._starter = await asyncio.to_thread(starter_decks)
        async with self._database.write() as session:
            group = await find_group(session, caller=caller, typed=typed)
            require_organizer(group, caller)
            wanted = [PREREQUISITES] if only_prerequisites else [group.pack, PREREQUISITES]
            decks = [self._starter[pack] for pack in dict.fromkeys(wanted) if pack in self._starter]
            if wanted[0] not in self._starter:
                raise NoStarterDeck(group_id=group.id, group=group.name, course=group.course)
            merger = Merger(
                session=session,
                group=group,
                by=caller.user_id,
                now=self._clock(),
                respects_members=True,
            )
            merged = await merger.merge([one for deck in decks for one in from_starter(deck)], {})
            return Started(group=group, decks=decks, merged=merged)

    async def import_file(
        self,
        *,
        caller: Caller,
        typed: str | None,
        name: str,
        size: int,
        fetch: Callable[[], Awaitable[bytes]],
        deck: str | None = None,
    ) -> Imported:
        """Add the notes of a file to the group's, and change those that it has by the same guid; all of it or
        nothing. With `deck`, new notes go there, whatever the file says.

        The file of so many bytes is fetched only when it may be read. Raises UnknownGroup, NoGroupHere,
        NotAMember, ImportForOrganizers, BadText, TooManyNotes, TooManyPictures, DeckRefused, ReadersBusy, and
        what `fetch` raises.
        """
        home = clean_text("deck’s name", deck, limit=DECK_LIMIT) if deck is not None else None
        async with self._database.read() as session:
            group = await self._importable(session, caller, typed)
            if home is not None:
                with suppress(UnknownDeck):  # then it is the name of a new one
                    home = (await find_deck(session, group=group, typed=home)).name
        _check_file(name, size)
        if self._importing.locked():
            raise ReadersBusy
        async with self._importing:
            incoming, report, pictures = await self._read(group, name, await fetch())
            if home is not None:
                incoming = [replace(one, deck=home) for one in incoming]
            async with self._database.write() as session:
                now = self._clock()
                # Reading took its time: the caller may have left since.
                group = await self._importable(session, caller, str(group.id))
                await note_activity(session, group_id=group.id, caller=caller, now=now)
                merger = Merger(
                    session=session, group=group, by=caller.user_id, now=now, merged=report.merged
                )
                await merger.merge(incoming, pictures)
            return report

    async def export(
        self,
        *,
        caller: Caller,
        typed: str | None,
        deck: str,
        format: Format,
        pictures: bool,
        limit: int,
    ) -> Exported:
        """A deck, with those below it, as a file of at most `limit` bytes. One is written at a time.

        Raises UnknownGroup, NoGroupHere, NotAMember, UnknownDeck, EmptyDeck, FileTooLarge, DeckWriterBusy.
        """
        if self._writing.locked():
            raise DeckWriterBusy
        async with self._writing:
            with_pictures = pictures and format is Format.APKG
            async with self._database.read() as session:
                group = await find_group(session, caller=caller, typed=typed)
                await require_reader(session, group, caller)
                found = await find_deck(session, group=group, typed=deck)
                loaded = await exporting.load_deck(session, found, pictures=with_pictures, limit=limit)
            if not loaded.notes:
                raise EmptyDeck(name=found.name)
            data = await asyncio.to_thread(exporting.write, loaded, format, now=self._clock())
        if len(data) > limit:
            raise FileTooLarge(limit=limit, pictures=bool(loaded.pictures))
        return Exported(deck=found.name, notes=len(loaded.notes), data=data)

    async def _read(self, group: Group, name: str, data: bytes) -> tuple[list[Incoming], Imported, Media]:
        """What is in a file, and the beginning of the report on it."""
        if not name.lower().endswith(sheets.ENDINGS):
            package = await self._reader.read_deck(data, name)
            incoming, left_out = await asyncio.to_thread(from_package, package)
            return incoming, Imported(group=group, merged=Merged(left_out=left_out)), package.media
        sheet = await self._reader.read_sheet(data, name)
        lessons, unknown = await self._lessons(group, {row.lesson for row in sheet.rows})
        incoming, left_out = await asyncio.to_thread(from_sheet, sheet, lessons)
        report = Imported(
            group=group,
            merged=Merged(left_out=left_out),
            lessons=unknown,
            ignored=sheet.ignored,
            guessed=sheet.guessed,
        )
        return incoming, report, {}

    async def _importable(self, session: AsyncSession, caller: Caller, typed: str | None) -> Group:
        """The group, when the caller may import into it: nobody looks at cards that come by the hundred, so
        where each one waits for approval that is for organizers.
        """
        group = await find_group(session, caller=caller, typed=typed)
        await require_member(session, group, caller.user_id)
        if group.cards_need_approval and not is_organizer(group, caller):
            raise ImportForOrganizers(group=group.name)
        return group

    async def _lessons(
        self, group: Group, words: Collection[str]
    ) -> tuple[dict[str, LessonId], Sequence[str]]:
        """The lessons that these words mean, and the words that mean none."""
        wanted = sorted(word for word in words if word)
        found: dict[str, LessonId] = {}
        async with self._database.read() as session:
            for typed in wanted[:MOST_LESSONS]:
                with suppress(NoCourse, UnknownLesson):
                    pack, lesson = await find_lesson(session, self._library, group=group, typed=typed)
                    found[typed] = (pack.id, lesson.id)
        return found, [typed for typed in wanted if typed not in found]


def _check_file(name: str, size: int) -> None:
    """By its name and size alone; raises DeckRefused."""
    is_table = name.lower().endswith(sheets.ENDINGS)
    if not is_table:
        try:
            reader.check_name(name)
        except UnknownDeckFile:
            raise UnknownDeckFile(name=name, endings=(reader.ENDING, *sheets.ENDINGS)) from None
    limit = sheets.SHEET_BYTES if is_table else limits.FILE_BYTES
    if size > limit:
        raise DeckTooLarge(measure=Measure.FILE, limit=limit)
