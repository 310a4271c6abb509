"""When a member should see a card again: FSRS, with its traps taken out.

The scheduler is the `fsrs` package. It accepts only `datetime.UTC`, takes reviews that go back in time, draws
its fuzz from the global random generator and sleeps when a card has no id; callers of this see none of that.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import cast

from fsrs import Card, Rating, Scheduler, State

#: The share of cards that a member wants to recall when they fall due. Below the first, reviews come too late
#: to build on; above the last, a day's work multiplies for a few cards more.
LOWEST_RETENTION, DEFAULT_RETENTION, HIGHEST_RETENTION = 0.70, 0.90, 0.97

#: A card forgotten this often costs more time than it is worth: it needs better words, not more reviews.
#: Brought back, it gets half as many further chances.
LEECH_LAPSES = 8

_DAY = timedelta(days=1)
# Up to which length, in days, what share of the days beyond the previous length an interval may move by. The
# library has the same numbers, but no way to hand it a random generator.
_FUZZ = ((2.5, 0.0), (7.0, 0.15), (20.0, 0.10), (float("inf"), 0.05))


class Grade(StrEnum):
    """How well the member remembered."""

    AGAIN = "again"
    HARD = "hard"
    GOOD = "good"
    EASY = "easy"


class Phase(StrEnum):
    """Minutes apart at first, then days, and minutes again after a lapse. A new card has no state at all."""

    LEARNING = "learning"
    REVIEW = "review"
    RELEARNING = "relearning"


@dataclass(frozen=True, kw_only=True)
class CardState:
    """What one member's memory of one card is thought to be.

    `stability` is the days until recall falls to 90 %, `difficulty` runs from 1 to 10, `step` is the place in
    the (re)learning steps and None in review. `lapses` counts how often a card in review was forgotten.
    """

    due: datetime
    stability: float
    difficulty: float
    step: int | None
    phase: Phase
    reps: int
    lapses: int
    last_review: datetime

    @property
    def interval(self) -> timedelta:
        return self.due - self.last_review


_RATINGS = {
    Grade.AGAIN: Rating.Again,
    Grade.HARD: Rating.Hard,
    Grade.GOOD: Rating.Good,
    Grade.EASY: Rating.Easy,
}
_STATES = {Phase.LEARNING: State.Learning, Phase.REVIEW: State.Review, Phase.RELEARNING: State.Relearning}
_PHASES = {state: phase for phase, state in _STATES.items()}


def fuzz_seed(*, user_id: int, card_id: int) -> str:
    """What `seed` should be, so that cards learnt together drift apart, differently for each member."""
    return f"{user_id}:{card_id}"


def grade(
    state: CardState | None, given: Grade, at: datetime, *, retention: float, seed: str | None
) -> CardState:
    """The memory after a review; `state` is None for a card that this member has never seen.

    The same arguments always give the same result. `seed` and the number of reviews decide the fuzz; None
    means no fuzz. A review older than the last one counts as made at that one's moment, so what belongs into
    the log is the result's `last_review`. Raises ValueError for a naive `at` and a retention out of range.
    """
    if not LOWEST_RETENTION <= retention <= HIGHEST_RETENTION:
        raise ValueError(f"retention {retention} is not in {LOWEST_RETENTION}..{HIGHEST_RETENTION}")
    at = _utc(at)
    if state is None:
        reps, lapses, card = 0, 0, Card(card_id=0, due=at)
    else:
        reps, lapses, card = state.reps, state.lapses, _card(state)
        at = max(at, _utc(state.last_review))
        lapses += state.phase is Phase.REVIEW and given is Grade.AGAIN
    scheduler = Scheduler(desired_retention=retention, enable_fuzzing=False)
    card, _ = scheduler.review_card(card, _RATINGS[given], at)
    interval = card.due - at
    if seed is not None and card.state is State.Review:
        # One draw for all four grades keeps the shorter interval of the worse grade the shorter one.
        interval = _fuzzed(interval, Random(f"{seed}:{reps}").random(), scheduler.maximum_interval)  # noqa: S311
    return CardState(
        due=at + interval,
        stability=cast(float, card.stability),  # None for an unseen card only
        difficulty=cast(float, card.difficulty),
        step=card.step,
        phase=_PHASES[card.state],
        reps=reps + 1,
        lapses=lapses,
        last_review=at,
    )


def previews(
    state: CardState | None, at: datetime, *, retention: float, seed: str | None
) -> dict[Grade, timedelta]:
    """After what time each grade, given at this moment, would bring the card back: what `grade` then does."""
    return {given: grade(state, given, at, retention=retention, seed=seed).interval for given in Grade}


def retrievability(state: CardState, at: datetime) -> float:
    """The probability, from 0 to 1, that the member recalls the card now. Changes once per full day."""
    return Scheduler().get_card_retrievability(_card(state), _utc(at))


def turns_leech(before: CardState | None, after: CardState) -> bool:
    """Whether this review's lapse is the one at which the card should be set aside."""
    lapsed = after.lapses > (before.lapses if before else 0)
    return lapsed and after.lapses >= LEECH_LAPSES and after.lapses % (LEECH_LAPSES // 2) == 0


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("a naive datetime is no instant")
    return instant.astimezone(UTC)


def _card(state: CardState) -> Card:
    return Card(
        card_id=0,
        state=_STATES[state.phase],
        step=state.step,
        stability=state.stability,
        difficulty=state.difficulty,
        due=_utc(state.due),
        last_review=_utc(state.last_review),
    )


def _fuzzed(interval: timedelta, draw: float, longest: int) -> timedelta:
    """The interval of whole days moved by a few of them; `draw` is from 0 to below 1."""
    days = interval // _DAY
    if days < _FUZZ[0][0]:
        return interval
    reach, start = 1.0, 0.0
    for end, share in _FUZZ:
        reach += share * max(min(days, end) - start, 0.0)
        start = end
    latest = min(round(days + reach), longest)
    earliest = min(max(2, round(days - reach)), latest)
    return min(round(draw * (latest - earliest + 1) + earliest), longest) * _DAY
