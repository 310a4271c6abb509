"""How a daily post went, told so that nobody is shown up."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Card, DailyPost, Review
from bot.flashcards.memory import Grade

# From so many people on, how a post went is told: one person's result would be theirs.
TELLING = 2


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a post went: so many answers by so many people, of which `recalled` were not Again. `recalled` and
    `hardest` are None where they would tell who failed.
    """

    day: date
    answers: int
    people: int
    recalled: int | None
    hardest: Card | None


async def outcome_before(session: AsyncSession, post: DailyPost) -> Outcome | None:
    """How the last post went that had cards; None when there was none, or nobody answered it."""
    answers: dict[int, list[bool]] = defaultdict(list)
    people: set[int] = set()
    earlier = select(DailyPost).where(DailyPost.group_id == post.group_id, DailyPost.day < post.day)
    found = (await session.scalars(earlier.order_by(DailyPost.day.desc()).limit(7))).all()
    before = next((one for one in found if one.card_ids), None)
    if before is None:
        return None
    rows = await session.execute(
        select(Review.card_id, Review.user_id, Review.grade).where(Review.daily_post_id == before.id)
    )
    for card_id, user_id, grade in rows:
        answers[card_id].append(grade != Grade.AGAIN)
        people.add(user_id)
    if not people:
        return None
    telling = len(people) >= TELLING
    recalled = {card_id: sum(one) / len(one) for card_id, one in answers.items() if not all(one)}
    hardest = min(recalled, key=lambda card_id: (recalled[card_id], card_id), default=None)
    return Outcome(
        day=before.day,
        answers=sum(map(len, answers.values())),
        people=len(people),
        recalled=sum(map(sum, answers.values())) if telling else None,
        hardest=await session.get(Card, hardest) if hardest is not None and telling else None,
    )
