"""The boards as SQL: one statement each, the counting done by the database, alike on both databases."""

from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, Select, cast, func, select

from bot.db.models import Membership
from bot.services.boards.measures import Measure, events
from bot.services.boards.periods import Span

TOP = 10
#: How many places above and below their own the caller sees.
AROUND = 2


def board(measure: Measure, *, group_id: int, span: Span, caller_id: int | None) -> Select[Any]:
    """The top ten and, if they are on the board, the caller's own place with its neighbours, in order.

    Rows of `user_id`, `name`, `score`, `rank` (ties share one: 1, 1, 3), `place` (ties in the order in
    which they got there) and `places`, how many the whole board has.
    """
    scores = _scores(measure, group_id=group_id, span=span)
    ranked = select(
        scores,
        func.rank().over(order_by=scores.c.score.desc()).label("rank"),
        func.row_number().over(order_by=_order(scores)).label("place"),
        func.count().over().label("places"),
    ).cte("ranked")
    shown = ranked.c.place <= TOP
    if caller_id is not None:
        mine = ranked.alias("mine")
        place = select(mine.c.place).where(mine.c.user_id == caller_id).scalar_subquery()
        shown |= ranked.c.place.between(place - AROUND, place + AROUND)
    return select(ranked).where(shown).order_by(ranked.c.place)


def own_events(measure: Measure, *, group_id: int, span: Span, user_id: int, limit: int) -> Select[Any]:
    """One member's rows behind the board, newest first, each with how many were `found` and their `total`."""
    done = events(measure, group_id=group_id, span=span, details=True).subquery()
    return (
        select(
            done, func.count().over().label("found"), _integer(func.sum(done.c.amount).over()).label("total")
        )
        .where(done.c.user_id == user_id)
        .order_by(done.c.at.desc(), done.c.what, done.c.amount.desc())
        .limit(limit)
    )


def group_total(measure: Measure, *, group_id: int, span: Span) -> Select[int]:
    """What the whole group did together; what members did who are not shown, or have left, stays in it."""
    done = events(measure, group_id=group_id, span=span).subquery()
    return select(func.coalesce(_integer(func.sum(done.c.amount)), 0))


def movers(*, group_id: int, span: Span, limit: int) -> Select[Any]:
    """Who did something, the most points first: `user_id`, `points`, `lessons`, and how many there are,
    `found`.
    """
    points = _scores(Measure.POINTS, group_id=group_id, span=span, name="points")
    # A lesson that began to count has a stage that did, so nobody has lessons without points.
    lessons = _scores(Measure.LESSONS, group_id=group_id, span=span, name="lessons")
    return (
        select(
            points.c.user_id,
            points.c.score.label("points"),
            func.coalesce(lessons.c.score, 0).label("lessons"),
            func.count().over().label("found"),
        )
        .outerjoin(lessons, lessons.c.user_id == points.c.user_id)
        .order_by(*_order(points))
        .limit(limit)
    )


def _scores(measure: Measure, *, group_id: int, span: Span, name: str = "scores") -> CTE:
    """Per member who is shown: `user_id`, `name`, `score` and `reached_at`, when they had that many."""
    done = events(measure, group_id=group_id, span=span).cte(f"{name}_events")
    return (
        select(
            done.c.user_id,
            Membership.name,
            _integer(func.sum(done.c.amount)).label("score"),
            func.max(done.c.at).label("reached_at"),
        )
        .join(Membership, (Membership.group_id == group_id) & (Membership.user_id == done.c.user_id))
        .where(Membership.left_at.is_(None), Membership.hidden.is_(False))
        .group_by(done.c.user_id, Membership.name)
        .cte(name)
    )


def _order(scores: CTE) -> tuple[ColumnElement[Any], ...]:
    return scores.c.score.desc(), scores.c.reached_at, scores.c.user_id


def _integer(total: ColumnElement[Any]) -> ColumnElement[int]:
    """PostgreSQL adds up bigints to a numeric, which would come back as a Decimal."""
    return cast(total, BigInteger)
