"""Writing cards: added, looked at by a second member, changed, taken out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Card, Deck, Group, Note, NoteState
from bot.db.types import name_key
from bot.delivery.ledger import Claimed, Ledger
from bot.errors import (
    AlreadyApproved,
    BadText,
    CardChanged,
    CardGone,
    GroupArchived,
    ImportedCard,
    NothingToChange,
    NotYourCard,
    OwnCard,
    StudyError,
)
from bot.flashcards.linter import Problem, Rule, lint
from bot.services.access import Caller, find_group, is_organizer, require_member
from bot.services.activity import note_activity
from bot.services.cards import approval
from bot.services.cards.approval import Place
from bot.services.cards.finding import (
    Found,
    deck_called,
    decks_of,
    find_deck,
    find_lesson,
    find_note,
    note_here,
    require_reader,
)
from bot.services.cards.listing import Entry, Page, entries_with, page_of
from bot.services.cards.sides import SIDE_LIMIT, clean_sides, fit, front_key, retire, sides_of

#: What `/cards edit lesson:` takes to let a card go free.
NO_LESSON = "none"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A card as it was just written or changed.

    `problems` are hints of the linter, none of which kept it from being saved. `asks`: a post asks a second
    member to look, here or in the group's channel; `delivery` is that post, claimed, when the command's own
    answer is to be it. `outdated` is where a post with older words still asks. `quiet` as `note_activity`
    returns it.
    """

    found: Found
    problems: Sequence[Problem]
    asks: bool = False
    delivery: Claimed | None = None
    outdated: tuple[Place, ...] = ()
    quiet: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Approved:
    found: Found
    quiet: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """What was taken out, and where posts about it stand."""

    found: Found
    posts: tuple[Place, ...]


class CardService:
    def __init__(
        self,
        database: Database,
        *,
        ledger: Ledger,
        library: CourseLibrary,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._library = library
        self._clock = clock

    async def check(self, *, caller: Caller, typed: str | None, lesson: str | None) -> None:
        """Whether the caller may write a card there, before they do. Raises as `add` does."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            await require_member(session, group, caller.user_id)
            if lesson is not None:
                await find_lesson(session, self._library, group=group, typed=lesson)

    async def add(
        self,
        *,
        caller: Caller,
        typed: str | None,
        front: str,
        back: str,
        deck: str | None = None,
        lesson: str | None = None,
        answer_in: int | None = None,
    ) -> Written:
        """Write a card. Where the group wants it, it waits for a second member before it joins the deck.

        `answer_in` is the channel in which the command is answered. Raises UnknownGroup, NoGroupHere,
        NotAMember, BadText, and UnknownLesson or NoCourse for a lesson.
        """
        front, back = clean_sides(front, back)
        async with self._database.write() as session:
            now = self._clock()
            group = await find_group(session, caller=caller, typed=typed)
            await require_member(session, group, caller.user_id)
            quiet = await note_activity(session, group_id=group.id, caller=caller, now=now)
            pack, chosen = None, None
            if lesson is not None:
                pack, chosen = await find_lesson(session, self._library, group=group, typed=lesson)
            home = await deck_called(session, group=group, typed=deck, created_by=caller.user_id, now=now)
            note = Note(
                group_id=group.id,
                deck_id=home.id,
                guid=uuid4().hex,
                fields=[front, back],
                tags=[],
                front_key=front_key(front),
                pack=pack.id if pack is not None else None,
                lesson=chosen.id if chosen is not None else None,
                state=NoteState.PENDING if group.cards_need_approval else NoteState.ACTIVE,
                revision=0,
                created_by=caller.user_id,
                created_at=now,
                updated_at=now,
            )
            session.add(note)
            await session.flush()
            cards = fit(note, (), sides_of(front, back)).added
            session.add_all(cards)
            await session.flush()
            delivery = None
            if note.state is NoteState.PENDING:
                delivery = await self._ask(session, group, note, caller, answer_in)
            return Written(
                found=Found(note=note, cards=cards, deck=home, group=group),
                problems=await self._problems(session, group, note),
                asks=note.state is NoteState.PENDING,
                delivery=delivery,
                quiet=quiet,
            )

    async def approve(self, *, caller: Caller, note_id: int, revision: int) -> Approved:
        """Let a card into the deck as it was looked at: any other member of its group may, once.

        Raises CardGone, GroupArchived, NotAMember, OwnCard, AlreadyApproved, CardChanged.
        """
        async with self._database.write() as session:
            found = await note_here(session, note_id, guild_id=caller.guild_id, lock=True, archived=True)
            if found is None:
                raise CardGone
            if found.group.archived_at is not None:
                raise GroupArchived(name=found.group.name)
            note = found.note
            await require_member(session, found.group, caller.user_id)
            if note.created_by == caller.user_id:
                raise OwnCard
            if note.state is not NoteState.PENDING:
                raise AlreadyApproved(approved_by=note.approved_by)
            if note.revision != revision:
                raise CardChanged(author_id=note.created_by)
            note.state, note.approved_by = NoteState.ACTIVE, caller.user_id
            quiet = await note_activity(session, group_id=note.group_id, caller=caller, now=self._clock())
            return Approved(found=found, quiet=quiet)

    async def edit(
        self,
        *,
        caller: Caller,
        typed: str,
        front: str | None = None,
        back: str | None = None,
        deck: str | None = None,
        lesson: str | None = None,
        answer_in: int | None = None,
    ) -> Written:
        """Change a card; what members remember of it stays. For its author and organizers.

        Where the group wants approval, new words wait for it again, unless they are an organizer's. Raises
        UnknownCard, NotYourCard, NotAMember, NothingToChange, BadText, UnknownLesson, NoCourse, and
        ImportedCard for other words on a card that a note type from Anki makes.
        """
        if front is None and back is None and deck is None and lesson is None:
            raise NothingToChange(what="card")
        async with self._database.write() as session:
            now = self._clock()
            found = await self._editable(session, caller, typed)
            note, home = found.note, found.deck
            if deck is not None:
                home = await deck_called(
                    session, group=found.group, typed=deck, created_by=caller.user_id, now=now
                )
                note.deck_id = home.id
            if lesson == NO_LESSON:
                note.pack = note.lesson = None
            elif lesson is not None:
                pack, chosen = await find_lesson(session, self._library, group=found.group, typed=lesson)
                note.pack, note.lesson = pack.id, chosen.id
            written = Written(found=replace(found, deck=home), problems=())
            if await self._reword(session, found, front, back, now=now):
                written = await self._look_again(session, written, caller, answer_in)
            await session.flush()
            return written

    async def editable(self, *, caller: Caller, typed: str) -> Found:
        """A card whose words the caller may change by hand. Raises as `edit` does."""
        async with self._database.read() as session:
            found = await self._editable(session, caller, typed, lock=False)
            _require_written_here(found.note)
            for name, words in zip(("front", "back"), found.note.fields, strict=True):
                if len(words) > SIDE_LIMIT:
                    raise BadText(field=name, limit=SIDE_LIMIT, length=len(words))
            return found

    async def delete(self, *, caller: Caller, typed: str) -> Deleted:
        """Take a card out of the deck; reviews that were made stay counted. For its author and organizers.

        Raises UnknownCard, NotYourCard, NotAMember.
        """
        async with self._database.write() as session:
            found = await self._editable(session, caller, typed)
            found.note.state = NoteState.REMOVED
            posts = await approval.withdraw(session, self._ledger, found.note, reason="card deleted")
            return Deleted(found=found, posts=posts)

    async def facts(self, note_id: int, *, guild_id: int | None) -> Found | None:
        """None when it was taken out, or is another server's."""
        async with self._database.read() as session:
            return await note_here(session, note_id, guild_id=guild_id) if guild_id is not None else None

    async def page(self, *, caller: Caller, typed: str | None, deck: str | None, number: int = 1) -> Page:
        """Raises UnknownGroup, NoGroupHere, NotAMember, UnknownDeck."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            await require_reader(session, group, caller)
            chosen = await find_deck(session, group=group, typed=deck) if deck is not None else None
            return await page_of(session, group, chosen, number)

    async def deck_suggestions(
        self, *, caller: Caller, group: str | None, typed: str, limit: int
    ) -> list[Deck]:
        """Decks in whose name this stands, by name; none where no group can be told."""
        async with self._database.read() as session:
            try:
                found = await find_group(session, caller=caller, typed=group)
                await require_reader(session, found, caller)
            except StudyError:
                return []
            wanted = name_key(typed)
            return [deck for deck in await decks_of(session, found.id) if wanted in deck.name_key][:limit]

    async def card_suggestions(self, *, caller: Caller, typed: str, limit: int) -> list[Entry]:
        """Cards of the group here that the caller may change, newest first."""
        async with self._database.read() as session:
            try:
                group = await find_group(session, caller=caller, typed=None)
            except StudyError:
                return []
            author = None if is_organizer(group, caller) else caller.user_id
            return await entries_with(session, group, typed, author=author, limit=limit)

    async def _problems(self, session: AsyncSession, group: Group, note: Note) -> Sequence[Problem]:
        """What the linter finds; a group without a course has no lesson to name."""
        known = await session.scalars(
            select(Note.front_key).where(
                Note.group_id == group.id,
                Note.front_key == note.front_key,
                Note.id != note.id,
                Note.state != NoteState.REMOVED,
            )
        )
        front, back = note.fields
        found = lint(front, back, lesson=note.lesson, known_fronts=set(known))
        return [one for one in found if one.rule is not Rule.NO_LESSON or group.pack is not None]

    async def _ask(
        self, session: AsyncSession, group: Group, note: Note, caller: Caller, answer_in: int | None
    ) -> Claimed | None:
        return await approval.ask(
            session,
            self._ledger,
            group=group,
            note=note,
            caller=caller,
            answer_in=answer_in,
            now=self._clock(),
        )

    async def _look_again(
        self, session: AsyncSession, written: Written, caller: Caller, answer_in: int | None
    ) -> Written:
        """After new words: the cards as they are now, and a new post when somebody has to look at them."""
        group, note = written.found.group, written.found.note
        cards = await session.scalars(select(Card).where(Card.note_id == note.id).order_by(Card.ordinal))
        written = replace(
            written,
            found=replace(written.found, cards=cards.all()),
            problems=await self._problems(session, group, note),
        )
        was_waiting = note.state is NoteState.PENDING
        if group.cards_need_approval and not is_organizer(group, caller):
            note.state, note.approved_by = NoteState.PENDING, None
        if note.state is not NoteState.PENDING:
            return written
        posts = await approval.withdraw(session, self._ledger, note, reason="changed")
        # Under older posts stand words that somebody approved.
        outdated = posts[-1:] if was_waiting else ()
        delivery = await self._ask(session, group, note, caller, answer_in)
        return replace(written, asks=True, outdated=outdated, delivery=delivery)

    async def _reword(
        self, session: AsyncSession, found: Found, front: str | None, back: str | None, *, now: datetime
    ) -> bool:
        """Give a note other words; whether they are other words."""
        if front is None and back is None:
            return False
        note = found.note
        _require_written_here(note)
        before = note.fields
        words = clean_sides(before[0] if front is None else front, before[1] if back is None else back)
        if list(words) == before:
            return False
        note.fields, note.front_key = list(words), front_key(words[0])
        note.revision, note.updated_at = note.revision + 1, now
        fitted = fit(note, found.cards, sides_of(*words))
        session.add_all(fitted.added)
        await retire(session, note, fitted.surplus, now=now)
        await session.flush()
        return True

    async def _editable(
        self, session: AsyncSession, caller: Caller, typed: str, *, lock: bool = True
    ) -> Found:
        found = await find_note(session, caller=caller, typed=typed, lock=lock)
        if not is_organizer(found.group, caller):
            if found.note.created_by != caller.user_id:
                raise NotYourCard
            await require_member(session, found.group, caller.user_id)
        return found


def _require_written_here(note: Note) -> None:
    if note.type_id is not None:
        raise ImportedCard
