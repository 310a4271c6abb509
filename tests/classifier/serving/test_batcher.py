"""Who goes to the worker together, who is told to come back, and who is tried again."""

import asyncio

import pytest

from bot.classifier.protocol import ModelRef
from bot.classifier.serving.batcher import (
    BATCH_PICTURES,
    FIRST_BATCH,
    QUEUED_BYTES,
    Batcher,
    Question,
)
from bot.errors import ClassifierBusy

ROOM = 100


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def batcher(clock: Clock) -> Batcher:
    return Batcher(limit=200, room=ROOM, flights=2, clock=clock)


def question(model: str = "m", *, image: bytes = b"x", explain: bool = False) -> Question:
    future = asyncio.get_running_loop().create_future()
    return Question(image=image, model=ModelRef(name=model, digest=model), answer=future, explain=explain)


def ask(batcher: Batcher, count: int, model: str = "m", **facts: object) -> list[Question]:
    questions = [question(model, **facts) for _ in range(count)]  # type: ignore[arg-type]
    for one in questions:
        batcher.add(one)
    return questions


def taken(batcher: Batcher) -> tuple[int, list[Question]]:
    found = batcher.take()
    assert found is not None
    return found


def at_pace(batcher: Batcher, clock: Clock, seconds: float, model: str = "m") -> None:
    """Let it learn that a picture takes so many seconds."""
    ask(batcher, 1, model)
    number, _ = taken(batcher)
    clock.now += seconds
    batcher.answered(number)


async def test_a_lone_picture_goes_at_once(batcher: Batcher) -> None:
    [one] = ask(batcher, 1)
    assert taken(batcher)[1] == [one]
    assert batcher.take() is None


async def test_what_came_meanwhile_is_the_next_batch(batcher: Batcher) -> None:
    ask(batcher, 1)
    first, _ = taken(batcher)
    later = ask(batcher, 3)
    _, second = taken(batcher)
    assert second == later
    ask(batcher, 1)
    assert batcher.take() is None, "the worker has room for two batches"
    batcher.answered(first)
    assert len(taken(batcher)[1]) == 1


async def test_batches_shrink_for_a_slow_model_and_grow_for_a_fast_one(
    batcher: Batcher, clock: Clock
) -> None:
    ask(batcher, 40)
    number, batch = taken(batcher)
    assert len(batch) == FIRST_BATCH
    clock.now += 0.1 * len(batch)
    batcher.answered(number)
    assert len(taken(batcher)[1]) == 10, "a second's worth"

    fast = Batcher(limit=200, room=1000, flights=2, clock=clock)
    at_pace(fast, clock, 0.0001)
    ask(fast, 100)
    assert len(taken(fast)[1]) == BATCH_PICTURES


async def test_time_spent_on_reading_a_model_is_not_its_pace(batcher: Batcher, clock: Clock) -> None:
    ask(batcher, 1)
    number, _ = taken(batcher)
    clock.now += 5.09
    batcher.answered(number, besides=5.0)
    ask(batcher, 20)
    assert len(taken(batcher)[1]) == 11


async def test_a_batch_holds_no_more_bytes_than_its_buffer(batcher: Batcher, clock: Clock) -> None:
    at_pace(batcher, clock, 0.0001)
    ask(batcher, 3, image=b"x" * 40)
    assert len(taken(batcher)[1]) == 2
    assert len(taken(batcher)[1]) == 1


async def test_models_do_not_share_a_batch_and_the_oldest_picture_leads(
    batcher: Batcher, clock: Clock
) -> None:
    mine = ask(batcher, 1, "mine")
    clock.now += 1
    yours = ask(batcher, 2, "yours")
    clock.now += 1
    mine += ask(batcher, 1, "mine")
    first, second = taken(batcher), taken(batcher)
    assert (first[1], second[1]) == (mine, yours)


async def test_explanations_go_one_by_one(batcher: Batcher) -> None:
    ask(batcher, 2, explain=True)
    assert len(taken(batcher)[1]) == 1
    assert len(taken(batcher)[1]) == 1


async def test_a_full_queue_says_how_long_it_will_take(batcher: Batcher, clock: Clock) -> None:
    at_pace(batcher, clock, 0.05)
    ask(batcher, 200)
    with pytest.raises(ClassifierBusy) as busy:
        batcher.add(question())
    assert busy.value.seconds == 10


async def test_nobody_is_let_in_for_a_wait_of_minutes(batcher: Batcher, clock: Clock) -> None:
    at_pace(batcher, clock, 5)
    ask(batcher, 5)
    with pytest.raises(ClassifierBusy) as busy:
        batcher.add(question())
    assert busy.value.seconds == 25


async def test_waiting_pictures_take_bounded_memory(batcher: Batcher) -> None:
    half = b"x" * (QUEUED_BYTES // 2)
    ask(batcher, 2, image=half)
    with pytest.raises(ClassifierBusy):
        batcher.add(question(image=b"x"))
    taken(batcher)
    batcher.add(question(image=b"x"))


async def test_who_gave_up_takes_no_room(batcher: Batcher) -> None:
    gone, stays = ask(batcher, 2)
    gone.answer.cancel()
    assert taken(batcher)[1] == [stays]
    assert batcher.queued == 0


async def test_after_a_death_everybody_is_tried_alone_and_before_others(batcher: Batcher) -> None:
    victims = ask(batcher, 2)
    taken(batcher)
    others = ask(batcher, 2)
    taken(batcher)
    later = ask(batcher, 1)

    assert batcher.lost() == []
    for suspect in victims + others:
        number, batch = taken(batcher)
        assert batch == [suspect]
        assert batcher.take() is None, "nobody flies beside somebody who may be poisonous"
        batcher.answered(number)
    assert taken(batcher)[1] == later


async def test_who_is_lost_twice_is_given_up_and_nobody_else(batcher: Batcher) -> None:
    poison, neighbour = ask(batcher, 2)
    taken(batcher)
    batcher.lost()
    assert taken(batcher)[1] == [poison]
    assert batcher.lost() == [poison]
    assert taken(batcher)[1] == [neighbour]


async def test_who_waits_too_long_leaves_from_wherever_they_are(batcher: Batcher, clock: Clock) -> None:
    flying = ask(batcher, 1)
    taken(batcher)
    suspects = [question()]
    waiting = ask(batcher, 2, "other")
    clock.now += 61
    new = ask(batcher, 1, "other")
    late = batcher.expire(60)
    assert set(map(id, late)) == set(map(id, flying + waiting))
    assert not set(map(id, suspects)) & set(map(id, late))
    assert taken(batcher)[1] == new
    assert batcher.waiting == 2


async def test_clearing_leaves_nothing(batcher: Batcher) -> None:
    everybody = ask(batcher, 3)
    taken(batcher)
    everybody += ask(batcher, 2, "other")
    assert len(batcher.clear()) == len(everybody)
    assert batcher.take() is None
    assert batcher.waiting == 0
