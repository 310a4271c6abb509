"""Intervals are the library's own, to the day; buttons promise what happens; time never goes backwards."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from fsrs import Card, Rating, Scheduler, State
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flashcards.memory import (
    DEFAULT_RETENTION,
    HIGHEST_RETENTION,
    LEECH_LAPSES,
    LOWEST_RETENTION,
    CardState,
    Grade,
    Phase,
    fuzz_seed,
    grade,
    previews,
    retrievability,
    turns_leech,
)

START = datetime(2026, 10, 22, 17, tzinfo=UTC)
SEED = fuzz_seed(user_id=1, card_id=2)
grades = st.sampled_from(Grade)
waits = st.integers(0, 400 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
retentions = st.floats(LOWEST_RETENTION, HIGHEST_RETENTION)


def reviewed(*given: Grade, at: datetime = START) -> CardState:
    """A card with these grades, each given on the day it falls due."""
    state = None
    for each in given:
        state = grade(state, each, state.due if state else at, retention=DEFAULT_RETENTION, seed=None)
    assert state is not None
    return state


@pytest.mark.parametrize("fuzz", [False, True])
def test_a_thousand_random_histories_get_the_intervals_of_the_library(fuzz):
    chance = random.Random(20261022)
    for history in range(1000):
        retention = chance.uniform(LOWEST_RETENTION, HIGHEST_RETENTION)
        seed = fuzz_seed(user_id=history, card_id=7) if fuzz else None
        library = Scheduler(desired_retention=retention, enable_fuzzing=fuzz)
        at, theirs, ours = START, Card(card_id=1, due=START), None
        for reps in range(chance.randint(1, 12)):
            rating = chance.choice(list(Rating))
            random.seed(f"{seed}:{reps}")
            theirs, _ = library.review_card(theirs, rating, at)
            ours = grade(ours, Grade(rating.name.lower()), at, retention=retention, seed=seed)
            assert (ours.due, ours.last_review) == (theirs.due, at)
            assert (ours.stability, ours.difficulty) == (theirs.stability, theirs.difficulty)
            assert (ours.step, ours.phase) == (theirs.step, theirs.state.name.lower())
            assert ours.reps == reps + 1
            # Mostly when due, often the same day, sometimes months late.
            at = chance.choice([ours.due, at + timedelta(hours=3), ours.due + timedelta(days=90)])
            assert retrievability(ours, at) == library.get_card_retrievability(theirs, at)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(grades, waits), max_size=8), waits, retentions, st.sampled_from([None, SEED]))
def test_the_buttons_promise_what_happens(history, wait, retention, seed):
    state, at = None, START
    for past, pause in history:
        state = grade(state, past, at, retention=retention, seed=seed)
        at += pause
    promised = previews(state, at, retention=retention, seed=seed)
    assert list(promised) == list(Grade)
    for choice, interval in promised.items():
        after = grade(state, choice, at, retention=retention, seed=seed)
        assert after == grade(state, choice, at, retention=retention, seed=seed)
        assert after.due == at + interval > at
    # A better grade never brings a card back sooner, fuzz or not.
    assert all(sooner <= later for sooner, later in pairwise(promised.values()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(grades, st.integers(-(10**7), 10**7)), min_size=1, max_size=12))
def test_time_never_goes_backwards(history):
    """Two processes with different clocks, or a late retry, may hand over an older moment."""
    state, at, before = None, START, START
    for choice, seconds in history:
        state = grade(state, choice, at, retention=DEFAULT_RETENTION, seed=SEED)
        assert state.last_review == max(at, before)
        assert state.due > state.last_review
        before, at = state.last_review, at + timedelta(seconds=seconds)


def test_an_older_press_counts_at_the_moment_of_the_last_review():
    known = reviewed(Grade.EASY)
    late = grade(known, Grade.GOOD, START - timedelta(days=3), retention=DEFAULT_RETENTION, seed=SEED)
    assert late == grade(known, Grade.GOOD, START, retention=DEFAULT_RETENTION, seed=SEED)
    assert retrievability(known, START - timedelta(days=3)) == 1.0


def test_a_card_goes_from_minutes_to_days_and_back():
    first = reviewed(Grade.GOOD)
    assert (first.phase, first.step, first.interval) == (Phase.LEARNING, 1, timedelta(minutes=10))
    learnt = reviewed(Grade.GOOD, Grade.GOOD)
    assert (learnt.phase, learnt.step, learnt.interval) == (Phase.REVIEW, None, timedelta(days=2))
    lapsed = reviewed(Grade.GOOD, Grade.GOOD, Grade.AGAIN)
    assert (lapsed.phase, lapsed.lapses, lapsed.interval) == (Phase.RELEARNING, 1, timedelta(minutes=10))
    # Forgetting a card again while it is being relearnt is the same lapse.
    assert reviewed(Grade.GOOD, Grade.GOOD, Grade.AGAIN, Grade.AGAIN).lapses == 1
    # So is failing one that was never known.
    assert reviewed(Grade.AGAIN, Grade.AGAIN).lapses == 0


def test_recall_fades_from_certain_to_the_wanted_retention_when_due():
    known = reviewed(Grade.EASY)
    assert retrievability(known, known.last_review) == 1.0
    assert retrievability(known, known.due) == pytest.approx(DEFAULT_RETENTION, abs=0.01)
    assert retrievability(known, known.due + timedelta(days=365)) < 0.75


def test_who_wants_to_recall_more_reviews_sooner():
    eager, relaxed = (
        previews(reviewed(Grade.EASY), START + timedelta(days=8), retention=share, seed=None)
        for share in (HIGHEST_RETENTION, LOWEST_RETENTION)
    )
    assert eager[Grade.GOOD] < relaxed[Grade.GOOD]


def test_fuzz_spreads_cards_learnt_together_and_members_who_learn_them_together():
    known = reviewed(Grade.EASY, Grade.EASY)

    def days(**who: int) -> int:
        seed = fuzz_seed(**who)
        return grade(known, Grade.GOOD, known.due, retention=DEFAULT_RETENTION, seed=seed).interval.days

    assert len({days(user_id=1, card_id=card) for card in range(50)}) > 5
    assert len({days(user_id=user, card_id=1) for user in range(50)}) > 5
    # Not the same luck at every review of a card either.
    states = [replace(known, reps=reps) for reps in range(50)]
    assert len({grade(s, Grade.GOOD, known.due, retention=0.9, seed=SEED).interval for s in states}) > 5


def test_the_global_random_generator_is_left_alone():
    random.seed(1)
    expected = random.Random(1).random()
    grade(reviewed(Grade.EASY), Grade.EASY, START, retention=DEFAULT_RETENTION, seed=SEED)
    assert random.random() == expected


def test_an_eighth_lapse_makes_a_leech_and_so_does_every_fourth_after_it():
    state, leeches = reviewed(Grade.EASY), []
    for _ in range(17):
        lapsed = grade(state, Grade.AGAIN, state.due, retention=DEFAULT_RETENTION, seed=SEED)
        if turns_leech(state, lapsed):
            leeches.append(lapsed.lapses)
        state = grade(lapsed, Grade.EASY, lapsed.due, retention=DEFAULT_RETENTION, seed=SEED)
        assert not turns_leech(lapsed, state)
    assert leeches == [LEECH_LAPSES, 12, 16]
    assert not turns_leech(None, reviewed(Grade.AGAIN))


def test_other_zones_are_read_as_the_same_instant_and_naive_times_are_refused():
    berlin = START.astimezone(timezone(timedelta(hours=2)))
    state = grade(None, Grade.EASY, berlin, retention=DEFAULT_RETENTION, seed=SEED)
    assert state == grade(None, Grade.EASY, START, retention=DEFAULT_RETENTION, seed=SEED)
    assert state.due.tzinfo is UTC
    there = replace(state, due=state.due.astimezone(berlin.tzinfo), last_review=berlin)
    later = berlin + timedelta(days=9)
    assert grade(there, Grade.GOOD, later, retention=0.9, seed=SEED) == grade(
        state, Grade.GOOD, later, retention=0.9, seed=SEED
    )
    with pytest.raises(ValueError, match="naive"):
        grade(None, Grade.EASY, datetime(2026, 1, 1), retention=DEFAULT_RETENTION, seed=None)  # noqa: DTZ001
    with pytest.raises(ValueError, match="naive"):
        retrievability(replace(state, last_review=datetime(2026, 1, 1)), START)  # noqa: DTZ001


@pytest.mark.parametrize("retention", [0.0, 0.69, 0.98, 1.0, float("nan")])
def test_a_retention_that_would_ruin_the_schedule_is_refused(retention):
    with pytest.raises(ValueError, match="retention"):
        grade(None, Grade.GOOD, START, retention=retention, seed=None)


def test_the_library_still_has_the_states_and_ratings_that_are_stored():
    assert {state.name.lower() for state in State} == set(Phase)
    assert [rating.name.lower() for rating in Rating] == list(Grade)
