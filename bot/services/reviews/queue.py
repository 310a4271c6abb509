"""Which card a member sees next, and how many are left for today."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Card, CardMemory, Group, LessonMark, Note, NoteState, Review, Stage
from bot.flashcards.memory import Phase
from bot.services.days import Day, day_of
from bot.services.members import zone_of
from bot.services.reviews.grading import settings_of

#: When nothing else is left, a card in its learning steps comes back so much before its time, as in Anki.
LEARN_AHEAD = timedelta(minutes=20)
# Named one by one: so the index leads to each phase's own due times.
STEPS = (Phase.LEARNING, Phase.RELEARNING)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One member's queue in one group, or in one deck of it, at an instant.

    `day` is the member's, in their `zone`: what is due on a day is due from its start. `new_left` is how many
    cards they may still meet for the first time today.
    """

    user_id: int
    group_id: int
    deck_id: int | None
    now: datetime
    day: Day
    zone: ZoneInfo
    new_per_day: int
    new_left: int


@dataclass(frozen=True, kw_only=True)
class Load:
    """How many cards are still to come today, and how many of them the member never saw."""

    known: int
    new: int


async def desk_of(
    session: AsyncSession, *, user_id: int, group: Group, deck_id: int | None, now: datetime
) -> Desk:
    zone = await zone_of(session, user_id=user_id, default=group.timezone)
    day = day_of(now, zone)
    settings = await settings_of(session, user_id)
    met = await session.scalar(
        select(func.count()).where(
            Review.user_id == user_id, Review.reviewed_at >= day.begins, Review.before.is_(None)
        )
    )
    return Desk(
        user_id=user_id,
        group_id=group.id,
        deck_id=deck_id,
        now=now,
        day=day,
        zone=zone,
        new_per_day=settings.new_per_day,
        new_left=max(0, settings.new_per_day - (met or 0)),
    )


async def next_card(session: AsyncSession, desk: Desk) -> int | None:
    """The id of the card to ask now: what is being learnt, what is due, what is new, what comes back soon."""
    new_one = new(desk).limit(min(1, desk.new_left))
    for cards in (learning(desk).limit(1), reviews(desk).limit(1), new_one, ahead(desk).limit(1)):
        found: int | None = await session.scalar(cards)
        if found is not None:
            return found
    return None


async def load(session: AsyncSession, desk: Desk) -> Load:
    """Everything that `next_card` would still deal today if time went on for some minutes."""
    known = [await session.scalar(size(cards)) or 0 for cards in (learning(desk), reviews(desk), ahead(desk))]
    return Load(known=sum(known), new=await session.scalar(size(new(desk))) or 0)


def learning(desk: Desk) -> Select[int]:
    """The ids of cards in their learning steps whose time has come, the longest due first."""
    return (
        _remembered(desk)
        .where(CardMemory.phase.in_(STEPS), CardMemory.due <= desk.now)
        .order_by(CardMemory.due, CardMemory.card_id)
    )


def reviews(desk: Desk) -> Select[int]:
    """The ids of cards to review today, the longest due first."""
    return (
        _remembered(desk)
        .where(CardMemory.phase == Phase.REVIEW, CardMemory.due < desk.day.ends)
        .order_by(CardMemory.due, CardMemory.card_id)
    )


def ahead(desk: Desk) -> Select[int]:
    """The ids of cards in their learning steps that come back within minutes."""
    return (
        _remembered(desk)
        .where(
            CardMemory.phase.in_(STEPS),
            CardMemory.due > desk.now,
            CardMemory.due <= desk.now + LEARN_AHEAD,
        )
        .order_by(CardMemory.due, CardMemory.card_id)
    )


def new(desk: Desk) -> Select[int]:
    """The ids of cards that the member may meet today, in the order in which they were written."""
    return _unseen(desk).where(unlocked(desk.user_id)).order_by(Card.id).limit(desk.new_left)


def unseen(desk: Desk) -> Select[bool, str | None, str | None, int]:
    """How many cards the member never saw: by whether they are unlocked, and by pack and lesson, in the order
    in which the first of them were written.
    """
    is_open = unlocked(desk.user_id).label("is_open")
    cards = _unseen(desk).with_only_columns(is_open, Note.pack, Note.lesson, Card.id).subquery().c
    by = (cards.is_open, cards.pack, cards.lesson)
    return select(*by, func.count()).group_by(*by).order_by(func.min(cards.id))


def upcoming(desk: Desk) -> Select[datetime]:
    """When the cards that the member knows fall due, the first first."""
    return _remembered(desk).with_only_columns(CardMemory.due).order_by(CardMemory.due, CardMemory.card_id)


def unlocked(user_id: int) -> ColumnElement[bool]:
    """Whether a note asks for no lesson of the group's course, or for one that the member has at least run.

    Nobody can run a lesson of another course here, so that its cards would wait for ever.
    """
    ran = exists().where(
        LessonMark.group_id == Note.group_id,
        LessonMark.user_id == user_id,
        LessonMark.pack == Note.pack,
        LessonMark.lesson == Note.lesson,
        LessonMark.stage != Stage.WATCHED,
    )
    followed = select(Group.pack).where(Group.id == Note.group_id).scalar_subquery()
    return or_(Note.lesson.is_(None), Note.pack.is_distinct_from(followed), ran)


def at_hand() -> ColumnElement[bool]:
    """Whether a card is not set aside as a leech: never was, or was reworded since."""
    return or_(CardMemory.leech_at.is_(None), CardMemory.leech_at < Note.updated_at)


def size(cards: Select[Any]) -> Select[int]:
    return select(func.count()).select_from(cards.order_by(None).subquery())


def everything(desk: Desk) -> Select[int]:
    """The ids of all cards that the member may meet one day, or has met, whatever became of them."""
    return (
        select(Card.id)
        .join(Note, Note.id == Card.note_id)
        .where(Card.group_id == desk.group_id, *_in_deck(desk))
    )


def _unseen(desk: Desk) -> Select[int]:
    seen = exists().where(CardMemory.user_id == desk.user_id, CardMemory.card_id == Card.id)
    return everything(desk).where(~seen)


def _remembered(desk: Desk) -> Select[int]:
    return (
        select(CardMemory.card_id)
        .join(Card, Card.id == CardMemory.card_id)
        .join(Note, Note.id == Card.note_id)
        .where(
            CardMemory.user_id == desk.user_id,
            CardMemory.group_id == desk.group_id,
            at_hand(),
            *_in_deck(desk),
        )
    )


def _in_deck(desk: Desk) -> list[ColumnElement[Any]]:
    conditions: list[ColumnElement[Any]] = [Note.state == NoteState.ACTIVE]
    if desk.deck_id is not None:
        conditions.append(Note.deck_id == desk.deck_id)
    return conditions
