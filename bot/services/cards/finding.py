"""Which deck, card and lesson a member means, and whether they may."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.courses.packs import Lesson, Pack
from bot.db.models import Card, Deck, Group, Note, NoteState
from bot.db.types import name_key
from bot.errors import NoCourse, NotAMember, UnknownCard, UnknownCourse, UnknownDeck, UnknownLesson
from bot.services.access import Caller, is_member, is_organizer
from bot.services.courses import find_pack, pack_of
from bot.services.text import clean_text

DECK_LIMIT = 100
DEFAULT_DECK = "Shared deck"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A note, its cards in their order, and where it belongs."""

    note: Note
    cards: Sequence[Card]
    deck: Deck
    group: Group


async def require_reader(session: AsyncSession, group: Group, caller: Caller) -> None:
    """A group's cards are for its members, and for organizers to look after. Raises NotAMember."""
    if not is_organizer(group, caller) and not await is_member(
        session, group_id=group.id, user_id=caller.user_id
    ):
        raise NotAMember(group=group.name)


async def decks_of(session: AsyncSession, group_id: int) -> Sequence[Deck]:
    """By name."""
    return (
        await session.scalars(select(Deck).where(Deck.group_id == group_id).order_by(Deck.name_key))
    ).all()


async def find_deck(session: AsyncSession, *, group: Group, typed: str) -> Deck:
    """By id, which autocomplete sends, or by name. Raises UnknownDeck."""
    decks = await decks_of(session, group.id)
    found = _meant(decks, typed)
    if found is None:
        raise UnknownDeck(typed=typed[:100], names=tuple(deck.name for deck in decks))
    return found


async def deck_called(
    session: AsyncSession, *, group: Group, typed: str | None, created_by: int, now: datetime
) -> Deck:
    """The deck that a new card goes to, made when there is none of that name; without a name the group's
    first, which everybody shares. Raises BadText.
    """
    name = clean_text("deck’s name", typed, limit=DECK_LIMIT) if typed is not None else None
    for is_locked in (False, True):
        decks = await decks_of(session, group.id)
        found = _meant(decks, name) if name else min(decks, key=lambda deck: deck.id, default=None)
        if found is not None:
            return found
        if not is_locked:
            await lock_decks(session, group.id)
    name = name or DEFAULT_DECK
    deck = Deck(group_id=group.id, name=name, name_key=name_key(name), created_by=created_by, created_at=now)
    session.add(deck)
    await session.flush()
    return deck


async def lock_decks(session: AsyncSession, group_id: int) -> None:
    """Whoever makes decks, or many cards, of a group waits here for the one before."""
    await session.execute(select(Group.id).where(Group.id == group_id).with_for_update(key_share=True))


async def load_note(session: AsyncSession, note_id: int, *, lock: bool = False) -> Found | None:
    """The note with all that belongs to it; None when there is none. With `lock`, other writers wait."""
    query = select(Note).where(Note.id == note_id).execution_options(populate_existing=True)
    note = await session.scalar(query.with_for_update() if lock else query)
    if note is None:
        return None
    cards = await session.scalars(select(Card).where(Card.note_id == note.id).order_by(Card.ordinal))
    return Found(
        note=note,
        cards=cards.all(),
        deck=await session.get_one(Deck, note.deck_id),
        group=await session.get_one(Group, note.group_id),
    )


async def note_here(
    session: AsyncSession, note_id: int, *, guild_id: int, lock: bool = False, archived: bool = False
) -> Found | None:
    """The same, unless it was taken out, is another server's, or its group is not open (see `archived`)."""
    found = await load_note(session, note_id, lock=lock)
    if found is None or found.note.state is NoteState.REMOVED:
        return None
    is_open = archived or found.group.archived_at is None
    return found if found.group.guild_id == guild_id and is_open else None


async def find_note(session: AsyncSession, *, caller: Caller, typed: str, lock: bool = False) -> Found:
    """A card of the caller's server, by the id that autocomplete sends. Raises UnknownCard."""
    wanted = typed.strip().lstrip("#")
    found = None
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 19:
        found = await note_here(session, int(wanted), guild_id=caller.guild_id, lock=lock)
    if found is None:
        raise UnknownCard(typed=typed[:100])
    return found


async def find_lesson(
    session: AsyncSession, library: CourseLibrary, *, group: Group, typed: str
) -> tuple[Pack, Lesson]:
    """A lesson of the group's course; or, as `pack:lesson`, of any course that the server has.

    Raises UnknownLesson, NoCourse.
    """
    try:
        followed = await pack_of(session, library, group)
    except NoCourse:
        followed = None
    if followed is not None and (lesson := followed.find(typed)) is not None:
        return followed, lesson
    pack_id, colon, _ = typed.partition(":")
    if colon:
        try:
            pack = await find_pack(session, library, guild_id=group.guild_id, typed=pack_id)
        except UnknownCourse:
            pack = None
        if pack is not None and (lesson := pack.find(typed)) is not None:
            return pack, lesson
    if followed is None:
        raise NoCourse(group=group.name)
    raise UnknownLesson(typed=typed[:100], course=followed.title)


def _meant(decks: Sequence[Deck], typed: str) -> Deck | None:
    """The id first, which autocomplete sends."""
    by_id = next((deck for deck in decks if str(deck.id) == typed.strip()), None)
    return by_id or next((deck for deck in decks if deck.name_key == name_key(typed)), None)
