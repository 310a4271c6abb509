"""Weekly digests: planned for each group's own Monday morning, and what they tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Executable, Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import (
    EntryKind,
    Group,
    LessonMark,
    Membership,
    Project,
    ProjectEntry,
    ProjectState,
    Stage,
)
from bot.delivery.ledger import Ledger, Outgoing
from bot.scheduling.when import resolve_wall_clock
from bot.services.access import active
from bot.services.boards import GoalProgress, Span, period_bounds
from bot.services.boards.goals import goal_of, progress_within
from bot.services.boards.periods import WEEK, monday_of, week_of
from bot.services.boards.queries import movers
from bot.services.boards.titles import lesson_titles
from bot.services.groups import next_meetup
from bot.services.meetups import MeetupFacts
from bot.services.meetups.facts import load_facts

DIGEST = "digest"
POSTED_AT = time(9)
#: How long after its time a digest is still posted.
USEFUL_FOR = timedelta(days=2)
MOST_MOVERS = 10
MOST_QUESTIONS = 5
QUESTIONS_KEPT = timedelta(days=14)


@dataclass(frozen=True, kw_only=True)
class Mover:
    user_id: int
    points: int
    lessons: int


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A stage of a lesson, by its title, that waits for somebody to verify it; the ids name its post."""

    user_id: int
    lesson: str
    stage: Stage
    channel_id: int
    message_id: int


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a member asked the group about their project; the ids name the post where it stands."""

    user_id: int
    project: str
    text: str
    channel_id: int | None
    message_id: int | None


@dataclass(frozen=True, kw_only=True)
class Digest:
    """A group's past week, `span`. `movers` are the first of `moved`, and likewise `claims` and `questions`.

    `goal` stands as at the week's end; `goal_just_reached` says that the week reached it, be it for the month
    that ended within the week.
    """

    group: Group
    span: Span
    movers: tuple[Mover, ...]
    moved: int
    goal: GoalProgress | None
    goal_just_reached: bool
    next_meetup: MeetupFacts | None
    claims: tuple[Claim, ...]
    waiting: int
    questions: tuple[Question, ...]
    asked: int


class DigestService:
    def __init__(
        self, database: Database, *, library: CourseLibrary, ledger: Ledger, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._library = library
        self._ledger = ledger
        self._clock = clock
        # What this process need not plan again; another one may have planned it too.
        self._planned: set[str] = set()

    async def plan_next(self) -> datetime | None:
        """Plan this week's digest of every group that wants one and whose Monday morning has come; when to be
        called again.

        Idempotent, and safe in several processes at once: the ledger takes each group and week once.
        """
        now = self._clock()
        async with self._database.read() as session:
            wanted = select(Group).where(Group.digest_since.is_not(None), Group.archived_at.is_(None))
            groups = (await session.scalars(wanted)).all()
        due = [_outgoing(group, _this_monday(group, now)) for group in groups if _is_due(group, now)]
        new = [outgoing for outgoing in due if outgoing.key not in self._planned]
        if new:
            async with self._database.write() as session:
                await self._ledger.plan(session, *new)
        self._planned = {outgoing.key for outgoing in due}
        return min((_next_due(group, now) for group in groups), default=None)

    async def digest(self, *, group_id: int, monday: date) -> Digest | None:
        """What happened in the week before that Monday; None when the group wants no digest any more."""
        now = self._clock()
        async with self._database.read() as session:
            group = await session.get(Group, group_id)
            if group is None or group.archived_at is not None or group.digest_since is None:
                return None
            span = week_of(monday - WEEK, ZoneInfo(group.timezone))
            moved = (await session.execute(movers(group_id=group.id, span=span, limit=MOST_MOVERS))).all()
            goal, just_reached = await _goal(session, group, span)
            coming = await next_meetup(session, group.id, now=now)
            coming_facts = await load_facts(session, [coming.id] if coming else [], now=now)
            waiting = (await session.execute(_waiting(group.id))).all()
            asked = (await session.execute(_asked(group.id, since=now - QUESTIONS_KEPT))).all()
            return Digest(
                group=group,
                span=span,
                movers=tuple(
                    Mover(user_id=row.user_id, points=row.points, lessons=row.lessons) for row in moved
                ),
                moved=moved[0].found if moved else 0,
                goal=goal,
                goal_just_reached=just_reached,
                next_meetup=next(iter(coming_facts), None),
                claims=await self._claims(session, group, waiting),
                waiting=waiting[0].found if waiting else 0,
                questions=tuple(
                    Question(
                        user_id=row.user_id,
                        project=row.title,
                        text=row.text,
                        channel_id=row.channel_id,
                        message_id=row.message_id,
                    )
                    for row in asked
                ),
                asked=asked[0].found if asked else 0,
            )

    async def _claims(
        self, session: AsyncSession, group: Group, rows: Sequence[Row[Any]]
    ) -> tuple[Claim, ...]:
        keys = [(row.pack, row.version, row.lesson) for row in rows]
        titles = await lesson_titles(session, self._library, guild_id=group.guild_id, keys=keys)
        return tuple(
            Claim(
                user_id=row.user_id,
                lesson=titles[key],
                stage=row.stage,
                channel_id=row.post_channel_id,
                message_id=row.post_message_id,
            )
            for row, key in zip(rows, keys, strict=True)
        )


def due_at(monday: date, zone: ZoneInfo) -> datetime:
    """Monday morning there, also where a clock change skips or repeats that hour."""
    return resolve_wall_clock(datetime.combine(monday, POSTED_AT), zone)


def _this_monday(group: Group, now: datetime) -> date:
    return monday_of(now.astimezone(ZoneInfo(group.timezone)).date())


def _is_due(group: Group, now: datetime) -> bool:
    """Whether this Monday's time has come, is not long over, and found the digest switched on."""
    due = due_at(_this_monday(group, now), ZoneInfo(group.timezone))
    return group.digest_since is not None and group.digest_since <= due <= now < due + USEFUL_FOR


def _next_due(group: Group, now: datetime) -> datetime:
    zone, monday = ZoneInfo(group.timezone), _this_monday(group, now)
    due = due_at(monday, zone)
    return due if due > now else due_at(monday + WEEK, zone)


def _outgoing(group: Group, monday: date) -> Outgoing:
    year, week, _ = monday.isocalendar()
    due = due_at(monday, ZoneInfo(group.timezone))
    return Outgoing(
        key=f"digest:{group.id}:{year}-W{week:02}",
        kind=DIGEST,
        subject=f"group:{group.id}",
        due_at=due,
        expires_at=due + USEFUL_FOR,
        guild_id=group.guild_id,
        channel_id=group.channel_id,
        refs={"group": group.id, "monday": monday.isoformat()},
    )


async def _goal(session: AsyncSession, group: Group, week: Span) -> tuple[GoalProgress | None, bool]:
    """The goal as at the week's end, and whether the week reached it. A month may end within the week: then
    it is asked of that month too.
    """
    goal = goal_of(group)
    if goal is None or week.starts_at is None or week.ends_at is None:
        return None, False
    zone = ZoneInfo(group.timezone)
    first_and_last = (week.starts_at, week.ends_at - timedelta(microseconds=1))
    just_reached = False
    for span in dict.fromkeys(period_bounds(goal.period, instant, zone) for instant in first_and_last):
        before = await progress_within(session, group, goal, span.until(week.starts_at))
        after = await progress_within(session, group, goal, span.until(week.ends_at))
        just_reached |= after.is_reached and not before.is_reached
    return after, just_reached


def _waiting(group_id: int) -> Executable:
    """Posts whose Verify button nobody has pressed yet, the newest first; `found` is how many there are."""
    return (
        select(
            LessonMark.user_id,
            LessonMark.pack,
            LessonMark.version,
            LessonMark.lesson,
            LessonMark.stage,
            LessonMark.post_channel_id,
            LessonMark.post_message_id,
            func.count().over().label("found"),
        )
        .join(Membership, Membership.user_id == LessonMark.user_id)
        .where(
            active(Membership.group_id == group_id),
            LessonMark.group_id == group_id,
            LessonMark.counts_at.is_(None),
            LessonMark.post_message_id.is_not(None),
        )
        .order_by(LessonMark.marked_at.desc(), LessonMark.id.desc())
        .limit(MOST_QUESTIONS)
    )


def _asked(group_id: int, *, since: datetime) -> Executable:
    """What projects that still go on asked the group, the newest first; `found` is how many there are."""
    return (
        select(
            Project.user_id,
            Project.title,
            ProjectEntry.text,
            ProjectEntry.channel_id,
            ProjectEntry.message_id,
            func.count().over().label("found"),
        )
        .join(ProjectEntry, ProjectEntry.project_id == Project.id)
        .join(Membership, Membership.user_id == Project.user_id)
        .where(
            active(Membership.group_id == group_id),
            Project.group_id == group_id,
            Project.state.in_((ProjectState.ACTIVE, ProjectState.PAUSED)),
            ProjectEntry.kind == EntryKind.QUESTION,
            ProjectEntry.at >= since,
        )
        .order_by(ProjectEntry.at.desc(), ProjectEntry.id.desc())
        .limit(MOST_QUESTIONS)
    )
