"""Which cards a group sees in its daily post."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from statistics import fmean

from sqlalchemy import case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.models import Card, CardMemory, Group, LessonMark, Membership, Note, NoteState, Stage
from bot.errors import NoCourse
from bot.flashcards.memory import Phase, retrievability
from bot.services.access import active
from bot.services.courses import pack_of
from bot.services.courses.runs import lesson_dates, newest_run
from bot.services.reviews.grading import state_of
from bot.services.reviews.queue import at_hand

# The most wanted cards, by how many members they are due for, among which recall decides.
COMPARED = 200


async def choose(
    session: AsyncSession,
    library: CourseLibrary,
    group: Group,
    *,
    deck_id: int | None,
    count: int,
    day_ends: datetime,
    now: datetime,
    lately: Collection[int] = (),
) -> list[int]:
    """The ids of at most `count` cards: those due for the most members first, of these the least recalled,
    then new ones of the group's current lesson and of no lesson. Those of `lately` (ids) come after all
    others: a card that nobody answers must not fill every post.
    """
    due = await _due(session, group, deck_id=deck_id, day_ends=day_ends, now=now)
    new = await _new(session, library, group, deck_id=deck_id, count=count + len(lately), now=now)
    ranked = [*due, *new]
    return sorted(ranked, key=lambda card_id: card_id in lately)[:count]


async def _due(
    session: AsyncSession, group: Group, *, deck_id: int | None, day_ends: datetime, now: datetime
) -> list[int]:
    """Cards that are due for somebody, the most wanted first."""
    is_due = (CardMemory.due < day_ends) & ((CardMemory.phase == Phase.REVIEW) | (CardMemory.due <= now))
    wanted_by = func.sum(case((is_due, 1), else_=0))
    remembered = (
        select(CardMemory)
        .join(Card, Card.id == CardMemory.card_id)
        .join(Note, Note.id == Card.note_id)
        .join(
            Membership,
            (Membership.group_id == CardMemory.group_id) & (Membership.user_id == CardMemory.user_id),
        )
        .where(
            active(CardMemory.group_id == group.id),
            Note.state == NoteState.ACTIVE,
            Note.deck_id == deck_id if deck_id is not None else Note.group_id == group.id,
            at_hand(),
        )
    )
    found = await session.execute(
        remembered.with_only_columns(CardMemory.card_id, wanted_by)
        .group_by(CardMemory.card_id)
        .having(wanted_by > 0)
        .order_by(wanted_by.desc(), func.min(CardMemory.due), CardMemory.card_id)
        .limit(COMPARED)
    )
    wanted: dict[int, int] = {card_id: number for card_id, number in found}
    recall: dict[int, list[float]] = defaultdict(list)
    for memory in await session.scalars(remembered.where(CardMemory.card_id.in_(wanted))):
        state = state_of(memory)
        assert state is not None  # noqa: S101 (None only for no memory)
        recall[memory.card_id].append(retrievability(state, now))
    return sorted(wanted, key=lambda card_id: (-wanted[card_id], fmean(recall[card_id]), card_id))


async def _new(
    session: AsyncSession,
    library: CourseLibrary,
    group: Group,
    *,
    deck_id: int | None,
    count: int,
    now: datetime,
) -> list[int]:
    """Cards that no member has seen, of the current lesson first, in the order in which they were written."""
    seen = (
        exists()
        .where(
            CardMemory.card_id == Card.id,
            Membership.group_id == CardMemory.group_id,
            Membership.user_id == CardMemory.user_id,
            Membership.left_at.is_(None),
        )
        .correlate(Card)
    )
    lesson = await current_lesson(session, library, group, now=now)
    of_lesson = (Note.pack == group.pack) & (Note.lesson == lesson)
    found = await session.scalars(
        select(Card.id)
        .join(Note, Note.id == Card.note_id)
        .where(
            Card.group_id == group.id,
            Note.state == NoteState.ACTIVE,
            Note.deck_id == deck_id if deck_id is not None else Note.group_id == group.id,
            or_(of_lesson, Note.lesson.is_(None), Note.pack.is_distinct_from(group.pack)),
            ~seen,
        )
        .order_by(case((of_lesson, 0), else_=1), Card.id)
        .limit(count)
    )
    return list(found)


async def current_lesson(
    session: AsyncSession, library: CourseLibrary, group: Group, *, now: datetime
) -> str | None:
    """The id of the lesson that the group is at: the last whose meetup has begun, or without dates the
    furthest that a member has run; else the first. None without a course.
    """
    try:
        pack = await pack_of(session, library, group)
    except NoCourse:
        return None
    reached: set[str] = set()
    run = await newest_run(session, group.id)
    if run is not None and run.pack == pack.id:
        dates = await lesson_dates(session, run=run, pack=pack, now=now)
        reached = {date.lesson_id for date in dates if date.found.occurrence.starts_at <= now}
    else:
        ran = (
            select(LessonMark.lesson)
            .join(
                Membership,
                (Membership.group_id == LessonMark.group_id) & (Membership.user_id == LessonMark.user_id),
            )
            .where(
                active(LessonMark.group_id == group.id),
                LessonMark.pack == pack.id,
                LessonMark.stage != Stage.WATCHED,
            )
        )
        reached = set(await session.scalars(ran.distinct()))
    so_far = [lesson.id for lesson in pack.lessons if lesson.id in reached]
    return so_far[-1] if so_far else pack.lessons[0].id
