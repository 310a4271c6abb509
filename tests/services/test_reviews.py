"""Reviewing without Discord: the queue is what the log says, undo is exact, a press counts once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from bot.db.engine import Database
from bot.db.models import Card, CardMemory, Group, LessonMark, Note, NoteState, Review, Stage
from bot.flashcards.memory import DEFAULT_RETENTION, CardState, Grade, Phase, fuzz_seed, grade, turns_leech
from bot.services.days import day_of
from bot.services.reviews import queue
from bot.services.reviews.grading import DEFAULT_NEW_PER_DAY
from tests.services.reviewing import ZONE, Act, Give, Room, gives, histories, pauses

SETTINGS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def room(database_url: str) -> AsyncIterator[Room]:
    database = Database(database_url)
    yield Room(database)
    await database.close()


@dataclass(frozen=True)
class Expected:
    learning: list[int]
    reviews: list[int]
    new: list[int]
    ahead: list[int]


async def by_the_log(room: Room, member: int) -> Expected:
    """The queue, read the slow way: every grade of the log replayed, every rule in plain words."""
    user = room.users[member]
    async with room.database.read() as session:
        log = (await session.scalars(select(Review).where(Review.user_id == user).order_by(Review.id))).all()
        cards = (
            await session.execute(
                select(Card, Note).join(Note, Note.id == Card.note_id).where(Card.group_id == room.group_id)
            )
        ).all()
        ran = set(
            await session.scalars(
                select(LessonMark.lesson).where(LessonMark.user_id == user, LessonMark.stage != Stage.WATCHED)
            )
        )
    states: dict[int, CardState] = {}
    leeches: dict[int, datetime] = {}
    for entry in log:
        before = states.get(entry.card_id)
        states[entry.card_id] = after = grade(
            before,
            Grade(entry.grade),
            entry.reviewed_at,
            retention=DEFAULT_RETENTION,
            seed=fuzz_seed(user_id=user, card_id=entry.card_id),
        )
        if turns_leech(before, after):
            leeches[entry.card_id] = entry.reviewed_at
    day = day_of(room.now, ZONE)
    met = {entry.card_id for entry in log if entry.before is None and entry.reviewed_at >= day.begins}
    learning: list[tuple[datetime, int]] = []
    reviews: list[tuple[datetime, int]] = []
    ahead: list[tuple[datetime, int]] = []
    new: list[int] = []
    for card, note in sorted(cards, key=lambda row: row[0].id):
        if note.state is not NoteState.ACTIVE:
            continue
        if card.id not in states:
            if note.lesson is None or note.pack != "p" or note.lesson in ran:
                new.append(card.id)
            continue
        if card.id in leeches and not leeches[card.id] < note.updated_at:
            continue
        state = states[card.id]
        if state.phase is Phase.REVIEW:
            if state.due.astimezone(ZONE).date() <= room.now.astimezone(ZONE).date():
                reviews.append((state.due, card.id))
        elif state.due <= room.now:
            learning.append((state.due, card.id))
        elif state.due <= room.now + timedelta(minutes=20):
            ahead.append((state.due, card.id))
    return Expected(
        learning=[card for _, card in sorted(learning)],
        reviews=[card for _, card in sorted(reviews)],
        new=new[: max(0, DEFAULT_NEW_PER_DAY - len(met))],
        ahead=[card for _, card in sorted(ahead)],
    )


@SETTINGS
@given(history=histories, later=pauses)
async def test_the_queue_is_what_the_log_says(room: Room, history: list[Act], later: timedelta) -> None:
    await room.fill()
    for act in history:
        await room.act(act)
    room.now += later
    for member in (0, 1):
        expected = await by_the_log(room, member)
        async with room.database.read() as session:
            group = await session.get_one(Group, room.group_id)
            desk = await queue.desk_of(
                session, user_id=room.users[member], group=group, deck_id=None, now=room.now
            )
            queries = (queue.learning, queue.reviews, queue.new, queue.ahead)
            found = Expected(*[list(await session.scalars(query(desk))) for query in queries])
            first = await queue.next_card(session, desk)
            load = await queue.load(session, desk)
        assert found == expected
        order = [*expected.learning, *expected.reviews, *expected.new, *expected.ahead]
        assert first == (order[0] if order else None)
        assert load.known + load.new == len(order)
        assert load.new == len(expected.new)


@SETTINGS
@given(history=histories, last=gives, leech=st.booleans())
async def test_undo_restores_the_exact_state(room: Room, history: list[Act], last: Give, leech: bool) -> None:
    await room.fill()
    for act in history:
        await room.act(act)
    room.now += last.pause
    standing = await room.open(last.member)
    if standing.session is None or standing.question is None:
        return
    if leech:  # one lapse before it is set aside
        async with room.database.write() as session:
            await session.execute(
                update(CardMemory)
                .where(
                    CardMemory.user_id == room.users[last.member],
                    CardMemory.card_id == standing.question.card.id,
                )
                .values(lapses=7)
            )
    before = [await room.table(model, last.member) for model in (CardMemory, Review)]
    standing = await room.open(last.member)
    assert standing.session is not None
    id_, turn = standing.session.id, standing.session.turn
    after = await room.press(last.member, last.given, id_=id_, turn=turn)
    assert [await room.table(model, last.member) for model in (CardMemory, Review)] != before
    assert after.session is not None
    back = await room.reviews.undo(caller=room.caller(last.member), session_id=id_, turn=after.session.turn)
    assert [await room.table(model, last.member) for model in (CardMemory, Review)] == before
    assert back.question is not None
    assert standing.question is not None
    assert back.question.card.id == standing.question.card.id
    assert back.question.intervals == standing.question.intervals
    assert back.left == standing.left


@SETTINGS
@given(
    presses=st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from(Grade), st.integers(1, 3)), min_size=1, max_size=12
    )
)
async def test_each_turn_is_graded_once_in_whatever_order_its_presses_come(
    room: Room, presses: list[tuple[int, Grade, int]]
) -> None:
    """Duplicates, late ones and ones that nobody can have seen yet, several at the same moment."""
    await room.fill()
    opened = await room.open(0)
    assert opened.session is not None
    id_ = opened.session.id
    expected: list[Grade] = []
    for turn, given_, times in presses:
        room.now += timedelta(seconds=1)
        standings = await asyncio.gather(*(room.press(0, given_, id_=id_, turn=turn) for _ in range(times)))
        if turn == len(expected):
            expected.append(given_)
        assert {standing.session.turn for standing in standings if standing.session} == {len(expected)}
        assert {standing.done for standing in standings} == {len(expected)}
    rows = await room.table(Review, 0)
    assert [row["grade"] for row in rows] == expected
    assert [row["turn"] for row in rows] == list(range(len(expected)))
    assert sum(row["reps"] for row in await room.table(CardMemory, 0)) == len(expected)


async def test_different_grades_for_one_turn_at_the_same_moment_count_one(room: Room) -> None:
    for _ in range(10):
        await room.fill()
        opened = await room.open(0)
        assert opened.session is not None
        await asyncio.gather(*(room.press(0, one, id_=opened.session.id, turn=0) for one in Grade))
        assert len(await room.table(Review, 0)) == 1
        assert [row["reps"] for row in await room.table(CardMemory, 0)] == [1]
