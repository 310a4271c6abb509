"""What boards count: each measure as events of (member, amount, instant)."""

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, func, literal, select

from bot.db.models import (
    Attendance,
    Card,
    Kudos,
    LessonMark,
    Meetup,
    Occurrence,
    Project,
    ProjectState,
    Review,
)
from bot.services.boards.periods import Span


class Measure(StrEnum):
    """A new one needs its member here, its `events`, its `DETAILS`, and its words in `bot.ui.boards`."""

    LESSONS = "lessons"
    POINTS = "points"
    REVIEWS = "reviews"
    MEETUPS = "meetups"
    PROJECTS = "projects"
    KUDOS = "kudos"


#: What `/leaderboard why` tells of an event, under the names of `Reason`.
DETAILS: dict[Measure, tuple[ColumnElement[Any], ...]] = {
    Measure.LESSONS: (
        LessonMark.lesson.label("what"),
        LessonMark.pack.label("pack"),
        func.max(LessonMark.version).label("version"),
        func.max(LessonMark.evidence).label("link"),  # of any of its stages
    ),
    Measure.POINTS: (
        LessonMark.lesson.label("what"),
        LessonMark.pack.label("pack"),
        LessonMark.version.label("version"),
        LessonMark.evidence.label("link"),
        LessonMark.stage.label("stage"),
    ),
    Measure.REVIEWS: (Card.front.label("what"),),
    Measure.MEETUPS: (
        func.coalesce(Occurrence.title, Meetup.title).label("what"),
        Occurrence.post_channel_id.label("channel_id"),
        Occurrence.post_message_id.label("message_id"),
    ),
    Measure.PROJECTS: (Project.title.label("what"), func.coalesce(Project.link, Project.repo).label("link")),
    Measure.KUDOS: (Kudos.reason.label("what"), Kudos.giver_id.label("giver_id")),
}


def events(measure: Measure, *, group_id: int, span: Span, details: bool = False) -> Select[Any]:
    """Everything that counts for this measure in one group and span: `user_id`, `amount`, `at`, and with
    `details` those above. Whether a member is shown is not asked here.
    """
    more = DETAILS[measure] if details else ()
    match measure:
        case Measure.LESSONS:
            # A lesson counts once, from the first of its stages that counts, and in no later period again.
            first = func.min(LessonMark.counts_at)
            return (
                select(LessonMark.user_id, literal(1).label("amount"), first.label("at"), *more)
                .where(LessonMark.group_id == group_id, LessonMark.counts_at.is_not(None))
                .group_by(LessonMark.user_id, LessonMark.pack, LessonMark.lesson)
                .having(*_within(first, span))
            )
        case Measure.POINTS:
            at = LessonMark.counts_at
            return select(LessonMark.user_id, LessonMark.points.label("amount"), at.label("at"), *more).where(
                LessonMark.group_id == group_id, at.is_not(None), *_within(at, span)
            )
        case Measure.REVIEWS:
            at = Review.reviewed_at
            query = select(Review.user_id, literal(1).label("amount"), at.label("at"), *more).where(
                Review.group_id == group_id, *_within(at, span)
            )
            return query.join(Card, Card.id == Review.card_id) if details else query
        case Measure.MEETUPS:
            at = Attendance.came_at
            return (
                select(Attendance.user_id, literal(1).label("amount"), at.label("at"), *more)
                .join(Occurrence, Occurrence.id == Attendance.occurrence_id)
                .join(Meetup, Meetup.id == Occurrence.meetup_id)
                .where(Meetup.group_id == group_id, *_within(at, span))
            )
        case Measure.PROJECTS:
            at = Project.finished_at
            return select(Project.user_id, literal(1).label("amount"), at.label("at"), *more).where(
                Project.group_id == group_id, Project.state == ProjectState.SHIPPED, *_within(at, span)
            )
        case Measure.KUDOS:
            at = Kudos.given_at
            return select(
                Kudos.receiver_id.label("user_id"), literal(1).label("amount"), at.label("at"), *more
            ).where(Kudos.group_id == group_id, *_within(at, span))


def _within(at: SQLColumnExpression[Any], span: Span) -> list[ColumnElement[bool]]:
    bounds = []
    if span.starts_at is not None:
        bounds.append(at >= span.starts_at)
    if span.ends_at is not None:
        bounds.append(at < span.ends_at)
    return bounds
