"""A review session as it stands: the card in front, what is left, what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.models import Card, CardMemory, Deck, Group, Note, NoteState, Review, ReviewSession
from bot.flashcards.memory import Grade
from bot.services.boards.titles import lesson_titles
from bot.services.days import day_of
from bot.services.reviews import queue
from bot.services.reviews.grading import intervals
from bot.services.reviews.images import Images, images_of
from bot.services.reviews.queue import Desk

#: How many days a summary looks ahead, today included.
SUMMARY_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class Question:
    """The card in front of the member; `intervals` is after what time each grade brings it back."""

    card: Card
    images: Images
    intervals: Mapping[Grade, timedelta]
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What comes after a session. `next_due` is when the next card does, None when none is known to come;
    `today` is the member's date.

    `waiting` counts unseen cards by the title of the lesson that unlocks them, `held_back` those beyond the
    day's number of new ones. `forecast` counts the cards that fall due from today on, day by day.
    """

    today: date
    next_due: datetime | None
    waiting: Sequence[tuple[str, int]]
    held_back: int
    new_per_day: int
    forecast: Sequence[int]
    has_cards: bool


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """A review session as it stands now; `session` is None when there was nothing to begin with.

    `question` is there until the session is over, and `rest` then. `left` counts the cards still to come
    today, with the one in front, `new` those of them that the member never saw. `grades` counts this
    session's by kind, `thought` is how long they took. `leech` is the card that the last grade set aside.
    `quiet` is as `note_activity` says.
    """

    session: ReviewSession | None
    group: Group
    deck: Deck | None
    question: Question | None
    rest: Rest | None
    left: int = 0
    new: int = 0
    grades: Mapping[Grade, int] = field(default_factory=dict)
    thought: timedelta = timedelta(0)
    leech: Card | None = None
    can_undo: bool = False
    quiet: timedelta | None = None

    @property
    def done(self) -> int:
        return sum(self.grades.values())


async def sitting_of(
    session: AsyncSession,
    library: CourseLibrary,
    own: ReviewSession,
    desk: Desk,
    group: Group,
    *,
    quiet: timedelta | None = None,
) -> Sitting:
    question = await _question(session, own, desk)
    left = await queue.load(session, desk)
    counted = (
        await session.execute(
            select(Review.grade, func.count(), func.sum(Review.took_ms))
            .where(Review.session_id == own.id)
            .group_by(Review.grade)
        )
    ).all()
    last = await last_review(session, own)
    return Sitting(
        session=own,
        group=group,
        deck=await session.get(Deck, own.deck_id) if own.deck_id is not None else None,
        question=question,
        rest=await rest_of(session, library, desk, group) if question is None else None,
        # A card that an undo brought back may have come from beyond what is due.
        left=max(left.known + left.new, 1 if question is not None else 0),
        new=left.new,
        grades={Grade(given): number for given, number, _ in counted},
        thought=timedelta(milliseconds=sum(int(took or 0) for _, _, took in counted)),
        leech=await _leech(session, last) if last is not None else None,
        can_undo=last is not None,
        quiet=quiet,
    )


async def rest_of(session: AsyncSession, library: CourseLibrary, desk: Desk, group: Group) -> Rest:
    unseen = (await session.execute(queue.unseen(desk))).all()
    locked = {(pack, lesson): number for is_open, pack, lesson, number in unseen if not is_open}
    held_back = sum(number for is_open, *_, number in unseen if is_open)
    upcoming = (await session.scalars(queue.upcoming(desk))).all()
    # Locked are cards of the group's own course alone.
    version = group.pack_version or ""
    titles = await lesson_titles(
        session,
        library,
        guild_id=group.guild_id,
        keys=[(pack, version, lesson) for pack, lesson in locked if pack and lesson],
    )
    return Rest(
        today=desk.day.date,
        next_due=_next_due(desk, upcoming, more_new=held_back > 0),
        waiting=tuple((titles[pack, version, lesson], locked[pack, lesson]) for pack, _, lesson in titles),
        held_back=held_back,
        new_per_day=desk.new_per_day,
        forecast=forecast(desk, upcoming, days=SUMMARY_DAYS),
        has_cards=await session.scalar(queue.everything(desk).limit(1)) is not None,
    )


def forecast(desk: Desk, upcoming: Sequence[datetime], *, days: int) -> list[int]:
    """How many of these cards fall due on each of the member's next days; the overdue count as today's."""
    counts = [0] * days
    for due in upcoming:
        ahead = (due.astimezone(desk.zone).date() - desk.day.date).days
        if ahead < days:
            counts[max(ahead, 0)] += 1
    return counts


async def last_review(session: AsyncSession, own: ReviewSession) -> Review | None:
    """The session's newest grade, unless the card was graded elsewhere since: then it stays."""
    last: Review | None = await session.scalar(
        select(Review).where(Review.session_id == own.id).order_by(Review.turn.desc()).limit(1)
    )
    if last is None:
        return None
    newest = await session.scalar(
        select(func.max(Review.id)).where(Review.user_id == own.user_id, Review.card_id == last.card_id)
    )
    return last if newest == last.id else None


async def at_table(session: AsyncSession, own: ReviewSession) -> Card | None:
    """The card in front, as long as it is in the deck."""
    if own.card_id is None or own.ended_at is not None:
        return None
    found: Card | None = await session.scalar(
        select(Card)
        .join(Note, Note.id == Card.note_id)
        .where(Card.id == own.card_id, Note.state == NoteState.ACTIVE)
    )
    return found


async def _question(session: AsyncSession, own: ReviewSession, desk: Desk) -> Question | None:
    card = await at_table(session, own)
    if card is None:
        return None
    known = await session.get(CardMemory, (own.user_id, card.id))
    after = await intervals(session, user_id=own.user_id, card_id=card.id, now=desk.now)
    return Question(card=card, images=await images_of(session, card), intervals=after, is_new=known is None)


async def _leech(session: AsyncSession, last: Review) -> Card | None:
    memory = await session.get(CardMemory, (last.user_id, last.card_id))
    set_aside = memory is not None and memory.leech_at == last.reviewed_at
    return await session.get(Card, last.card_id) if set_aside else None


def _next_due(desk: Desk, upcoming: Sequence[datetime], *, more_new: bool) -> datetime | None:
    """What is due on a later day is due from its beginning; tomorrow also brings new cards, if there are."""
    candidates = [desk.day.ends] if more_new else []
    if upcoming:
        begins = day_of(upcoming[0], desk.zone).begins
        candidates.append(upcoming[0] if begins <= desk.now else begins)
    return min(candidates, default=None)
