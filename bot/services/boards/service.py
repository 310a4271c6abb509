"""Boards: who did how much, why that much, and who wants to be shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Group, Membership, Stage
from bot.errors import NotAMember
from bot.services.access import Caller, find_group, open_group
from bot.services.boards.goals import GoalProgress, goal_progress
from bot.services.boards.measures import Measure
from bot.services.boards.periods import Period, Span, period_bounds
from bot.services.boards.queries import board, own_events
from bot.services.boards.titles import LessonKey, lesson_titles

MOST_REASONS = 20


class Absence(StrEnum):
    """Why somebody does not stand on a board."""

    NOT_A_MEMBER = "not_a_member"
    HIDDEN = "hidden"
    NOTHING_YET = "nothing_yet"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One line of a board. `apart` says that places were left out before it; `name` is for pictures, and
    None for whoever never did anything under one.
    """

    user_id: int
    name: str | None
    score: int
    rank: int
    is_caller: bool
    apart: bool


@dataclass(frozen=True, kw_only=True)
class BoardFacts:
    """A board: its first ten places and the caller's surroundings, of `size` in all.

    `absence` says why the caller is not among them; None also when nobody asks for themselves.
    """

    group: Group
    measure: Measure
    period: Period
    span: Span
    goal: GoalProgress | None
    places: tuple[Place, ...]
    size: int
    absence: Absence | None


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that counts. `what` is a title, or why somebody gave thanks; the other facts are there where
    the measure has them. `channel_id` and `message_id` name a post about it.
    """

    at: datetime
    amount: int
    what: str
    stage: Stage | None = None
    link: str | None = None
    giver_id: int | None = None
    channel_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Why:
    """What makes up one member's `score`: the newest reasons, of `count`; `hidden` when no board shows it."""

    group: Group
    measure: Measure
    period: Period
    span: Span
    score: int
    count: int
    reasons: tuple[Reason, ...]
    hidden: bool


class BoardService:
    def __init__(self, database: Database, *, library: CourseLibrary, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._library = library
        self._clock = clock

    async def show(
        self, *, caller: Caller, typed: str | None, measure: Measure, period: Period
    ) -> BoardFacts:
        """Raises UnknownGroup, NoGroupHere."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            return await self._facts(session, group, measure, period, caller.user_id)

    async def switch(
        self, *, caller: Caller, group_id: int, measure: Measure, period: Period, is_theirs: bool
    ) -> BoardFacts:
        """The board behind a button; the caller's own place only where the message is theirs.

        Raises UnknownGroup, also for a group of another server, and GroupArchived.
        """
        async with self._database.read() as session:
            group = await open_group(session, caller=caller, group_id=group_id)
            return await self._facts(session, group, measure, period, caller.user_id if is_theirs else None)

    async def why(self, *, caller: Caller, typed: str | None, measure: Measure, period: Period) -> Why:
        """The caller's own rows behind their number. Raises UnknownGroup, NoGroupHere, NotAMember."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            membership = await _membership(session, group, caller.user_id)
            span = period_bounds(period, self._clock(), ZoneInfo(group.timezone))
            mine = own_events(
                measure, group_id=group.id, span=span, user_id=caller.user_id, limit=MOST_REASONS
            )
            rows = (await session.execute(mine)).all()
            keys = [(row.pack, row.version, row.what) for row in rows if "pack" in row._fields]
            titles = await lesson_titles(session, self._library, guild_id=group.guild_id, keys=keys)
        return Why(
            group=group,
            measure=measure,
            period=period,
            span=span,
            score=rows[0].total if rows else 0,
            count=rows[0].found if rows else 0,
            reasons=tuple(_reason(row, titles) for row in rows),
            hidden=membership.hidden,
        )

    async def set_visibility(self, *, caller: Caller, typed: str | None, shown: bool) -> Group:
        """Whether boards show the caller from now on. Raises UnknownGroup, NoGroupHere, NotAMember."""
        async with self._database.write() as session:
            group = await find_group(session, caller=caller, typed=typed)
            (await _membership(session, group, caller.user_id)).hidden = not shown
            return group

    async def _facts(
        self, session: AsyncSession, group: Group, measure: Measure, period: Period, caller_id: int | None
    ) -> BoardFacts:
        now = self._clock()
        span = period_bounds(period, now, ZoneInfo(group.timezone))
        rows = (
            await session.execute(board(measure, group_id=group.id, span=span, caller_id=caller_id))
        ).all()
        absence = None
        if caller_id is not None and all(row.user_id != caller_id for row in rows):
            absence = await _absence(session, group, caller_id)
        return BoardFacts(
            group=group,
            measure=measure,
            period=period,
            span=span,
            goal=await goal_progress(session, group, now=now),
            places=tuple(
                Place(
                    user_id=row.user_id,
                    name=row.name,
                    score=row.score,
                    rank=row.rank,
                    is_caller=row.user_id == caller_id,
                    apart=row.place != (rows[number - 1].place if number else 0) + 1,
                )
                for number, row in enumerate(rows)
            ),
            size=rows[0].places if rows else 0,
            absence=absence,
        )


def _reason(row: Row[Any], titles: Mapping[LessonKey, str]) -> Reason:
    facts = row._mapping
    return Reason(
        at=row.at,
        amount=row.amount,
        what=titles[row.pack, row.version, row.what] if "pack" in facts else row.what,
        stage=facts.get("stage"),
        link=facts.get("link"),
        giver_id=facts.get("giver_id"),
        channel_id=facts.get("channel_id"),
        message_id=facts.get("message_id"),
    )


async def _membership(session: AsyncSession, group: Group, user_id: int) -> Membership:
    membership = await session.get(Membership, (group.id, user_id))
    if membership is None or membership.left_at is not None:
        raise NotAMember(group=group.name)
    return membership


async def _absence(session: AsyncSession, group: Group, user_id: int) -> Absence:
    try:
        membership = await _membership(session, group, user_id)
    except NotAMember:
        return Absence.NOT_A_MEMBER
    return Absence.HIDDEN if membership.hidden else Absence.NOTHING_YET
