"""A group's notes as a list: some at a time, or those that a member is typing the name of."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Card, Deck, Group, Note, NoteState
from bot.flashcards.linter import normalised

PAGE = 10


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A note in a list: its first card, how many it makes, and its deck."""

    note: Note
    card: Card
    cards: int
    deck: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of a group's notes, newest first; `number` counts from 1 to `pages`, `size` all of them."""

    group: Group
    deck: Deck | None
    entries: Sequence[Entry]
    number: int
    pages: int
    size: int
    pending: int


async def page_of(session: AsyncSession, group: Group, deck: Deck | None, number: int) -> Page:
    """The page of that number, or the nearest that there is."""
    there = _there(group)
    if deck is not None:
        there.append(Note.deck_id == deck.id)
    counted = select(func.count()).select_from(Note).where(*there)
    size = await session.scalar(counted) or 0
    pages = max(1, -(-size // PAGE))
    number = min(max(number, 1), pages)
    return Page(
        group=group,
        deck=deck,
        entries=await _load(session, _entries(*there).limit(PAGE).offset((number - 1) * PAGE)),
        number=number,
        pages=pages,
        size=size,
        pending=await session.scalar(counted.where(Note.state == NoteState.PENDING)) or 0,
    )


async def entries_with(
    session: AsyncSession, group: Group, typed: str, *, author: int | None, limit: int
) -> list[Entry]:
    """Notes on whose front this stands, newest first; of one author if given."""
    there = [*_there(group), Note.front_key.contains(normalised(typed), autoescape=True)]
    if author is not None:
        there.append(Note.created_by == author)
    return await _load(session, _entries(*there).limit(limit))


def _there(group: Group) -> list[ColumnElement[bool]]:
    return [Note.group_id == group.id, Note.state != NoteState.REMOVED]


def _entries(*conditions: ColumnElement[bool]) -> Select[Note, Card, int, str]:
    made = select(func.min(Card.ordinal)).where(Card.note_id == Note.id).correlate(Note)
    return (
        select(Note, Card, made.with_only_columns(func.count()).scalar_subquery(), Deck.name)
        .join(Card, (Card.note_id == Note.id) & (Card.ordinal == made.scalar_subquery()))
        .join(Deck, Deck.id == Note.deck_id)
        .where(*conditions)
        .order_by(Note.id.desc())
    )


async def _load(session: AsyncSession, query: Select[Note, Card, int, str]) -> list[Entry]:
    rows = await session.execute(query)
    return [Entry(note=note, card=card, cards=cards, deck=deck) for note, card, cards, deck in rows]
