"""One grade for one card: the memory after it, and the log entry that tells how it came about."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import CardMemory, CardSettings, Review
from bot.flashcards.memory import (
    DEFAULT_RETENTION,
    CardState,
    Grade,
    Phase,
    fuzz_seed,
    grade,
    previews,
    turns_leech,
)

DEFAULT_NEW_PER_DAY = 10
# Whoever is interrupted for longer has not thought about the card all that time.
LONGEST_THOUGHT = timedelta(minutes=10)


async def settings_of(session: AsyncSession, user_id: int) -> CardSettings:
    """The member's own, or the ones that everybody starts with (not stored)."""
    known = await session.get(CardSettings, user_id)
    return known or CardSettings(
        user_id=user_id, retention=DEFAULT_RETENTION, new_per_day=DEFAULT_NEW_PER_DAY
    )


async def memory_of(session: AsyncSession, *, user_id: int, card_id: int) -> CardMemory | None:
    """As of now, and locked where the database locks rows: two grades of one card take turns."""
    found: CardMemory | None = await session.scalar(
        select(CardMemory)
        .where(CardMemory.user_id == user_id, CardMemory.card_id == card_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


def state_of(memory: CardMemory | None) -> CardState | None:
    if memory is None:
        return None
    return CardState(
        due=memory.due,
        stability=memory.stability,
        difficulty=memory.difficulty,
        step=memory.step,
        phase=Phase(memory.phase),
        reps=memory.reps,
        lapses=memory.lapses,
        last_review=memory.last_review,
    )


async def intervals(
    session: AsyncSession, *, user_id: int, card_id: int, now: datetime
) -> dict[Grade, timedelta]:
    """After what time each grade, given now, brings the card back."""
    memory = await session.get(CardMemory, (user_id, card_id))
    settings = await settings_of(session, user_id)
    seed = fuzz_seed(user_id=user_id, card_id=card_id)
    return previews(state_of(memory), now, retention=settings.retention, seed=seed)


async def record(
    session: AsyncSession,
    *,
    user_id: int,
    group_id: int,
    card_id: int,
    given: Grade,
    now: datetime,
    shown_at: datetime | None = None,
    session_id: int | None = None,
    turn: int | None = None,
    daily_post_id: int | None = None,
) -> Review:
    """Grade a card in the caller's transaction; the caller made sure that it counts only once."""
    memory = await memory_of(session, user_id=user_id, card_id=card_id)
    settings = await settings_of(session, user_id)
    before = state_of(memory)
    after = grade(
        before,
        given,
        now,
        retention=settings.retention,
        seed=fuzz_seed(user_id=user_id, card_id=card_id),
    )
    # A clock that went back counts as standing still: the log's times never decrease for a card.
    now = after.last_review
    leech_at = now if turns_leech(before, after) else (memory.leech_at if memory is not None else None)
    review = Review(
        user_id=user_id,
        group_id=group_id,
        card_id=card_id,
        session_id=session_id,
        turn=turn,
        daily_post_id=daily_post_id,
        grade=given,
        reviewed_at=now,
        took_ms=_milliseconds(now - shown_at) if shown_at is not None else None,
        before=_stored(before, memory.leech_at) if before is not None and memory is not None else None,
    )
    session.add(review)
    if memory is None:
        memory = CardMemory(user_id=user_id, card_id=card_id, group_id=group_id)
        session.add(memory)
    _write(memory, after, leech_at=leech_at)
    await session.flush()
    return review


async def take_back(session: AsyncSession, review: Review) -> None:
    """Undo the newest grade of a card: its memory is again what the grade met."""
    memory = await memory_of(session, user_id=review.user_id, card_id=review.card_id)
    if memory is not None and review.before is None:
        await session.delete(memory)
    elif memory is not None and review.before is not None:
        state, leech_at = _read(review.before)
        _write(memory, state, leech_at=leech_at)
    await session.delete(review)
    await session.flush()


def _write(memory: CardMemory, state: CardState, *, leech_at: datetime | None) -> None:
    for name, value in asdict(state).items():
        setattr(memory, name, value)
    memory.leech_at = leech_at


def _stored(state: CardState, leech_at: datetime | None) -> dict[str, Any]:
    """The state as JSON: instants in ISO 8601."""
    whole = asdict(state) | {"leech_at": leech_at}
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in whole.items()}


def _read(stored: dict[str, Any]) -> tuple[CardState, datetime | None]:
    values = dict(stored)
    leech_at = values.pop("leech_at")
    for name in ("due", "last_review"):
        values[name] = datetime.fromisoformat(values[name])
    state = CardState(**(values | {"phase": Phase(values["phase"])}))
    return state, datetime.fromisoformat(leech_at) if leech_at is not None else None


def _milliseconds(thought: timedelta) -> int:
    return int(min(max(thought, timedelta(0)), LONGEST_THOUGHT) / timedelta(milliseconds=1))
