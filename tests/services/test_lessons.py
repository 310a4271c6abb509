"""The evidence ladder without Discord: undo is exact, and verifying follows its few rules."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Group, LessonMark, Membership, Stage
from bot.delivery.ledger import Ledger
from bot.errors import (
    AlreadyMarked,
    AlreadyVerified,
    NeverMarked,
    NotAMember,
    NothingToVerify,
    OwnMark,
    SamePairAgain,
    StudyError,
)
from bot.services.access import Caller
from bot.services.lessons import NEED_VERIFYING, POINTS, LessonService

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GUILD, CHANNEL, OTHER_GUILD = 10, 20, 11
MEMBERS, STRANGER = (1, 2, 3), 4
PACK = "fastai-2019"
LINK = "https://example.com/notebook"

# Few enough, and the first one busy enough, that histories come back to the same things again and again.
members = st.sampled_from((1, 1, 1, *MEMBERS))
lessons = st.sampled_from(("1", "2"))
stages = st.sampled_from((*Stage, Stage.REPRODUCED, Stage.OWN_DATA, Stage.EXPLAINED))
SETTINGS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass(frozen=True)
class Done:
    by: int
    lesson: str
    stage: Stage


@dataclass(frozen=True)
class Undo:
    by: int
    lesson: str
    stage: Stage | None


@dataclass(frozen=True)
class Verify:
    """`mark` picks one of those that there ever were, taken back or not."""

    by: int
    mark: int
    guild: int = GUILD


dones = st.builds(Done, members, lessons, stages)
undos = st.builds(Undo, members, lessons, st.none() | stages)
verifies = st.builds(
    Verify,
    st.sampled_from((2, 2, 2, *MEMBERS, STRANGER)),
    st.integers(0, 5),
    st.sampled_from((*[GUILD] * 5, OTHER_GUILD)),
)
histories = st.lists(dones | undos | verifies | verifies | verifies, min_size=10, max_size=30)


class Ladder:
    """A group of three, its service, and a clock that moves with each act."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.database = database
        ledger = Ledger(database, clock=lambda: self.now, owner="test")
        self.lessons = LessonService(database, ledger=ledger, library=CourseLibrary(), clock=lambda: self.now)
        self.group_id = 0

    async def make_group(self) -> None:
        async with self.database.write() as session:
            # Each history has a group of its own: all share one database.
            number = len((await session.scalars(select(Group.id))).all())
            group = Group(
                guild_id=GUILD,
                name=f"Group {number}",
                name_key=f"group {number}",
                timezone="Europe/Berlin",
                channel_id=CHANNEL,
                pack=PACK,
                pack_version="1",
                created_by=1,
                created_at=NOW,
            )
            session.add(group)
            await session.flush()
            session.add_all(
                Membership(group_id=group.id, user_id=user_id, joined_at=NOW) for user_id in MEMBERS
            )
            self.group_id = group.id

    async def act(self, act: Done | Undo | Verify, ids: list[int]) -> StudyError | None:
        """Do it, a minute after the last; the refusal, if it is one. `ids` has all marks ever made."""
        self.now += timedelta(minutes=1)
        try:
            match act:
                case Done():
                    made = await self.lessons.done(
                        caller=self.caller(act.by),
                        typed=str(self.group_id),
                        lesson=act.lesson,
                        stage=act.stage,
                        evidence=LINK,
                        channel_id=CHANNEL,
                    )
                    ids.append(made.mark.id)
                case Undo():
                    await self.lessons.undo(
                        caller=self.caller(act.by),
                        typed=str(self.group_id),
                        lesson=act.lesson,
                        stage=act.stage,
                    )
                case Verify():
                    mark_id = ids[act.mark % len(ids)] if ids else 10**15
                    await self.lessons.verify(caller=self.caller(act.by, act.guild), mark_id=mark_id)
        except StudyError as refusal:
            return refusal
        return None

    def caller(self, user_id: int, guild_id: int = GUILD) -> Caller:
        return Caller(user_id=user_id, guild_id=guild_id)

    async def rows(self) -> list[dict[str, Any]]:
        """Every column of every mark of this group."""
        columns = LessonMark.__table__.c
        async with self.database.read() as session:
            found = await session.execute(
                select(*columns).where(columns.group_id == self.group_id).order_by(columns.id)
            )
            return [dict(row) for row in found.mappings()]


@pytest.fixture
async def ladder(database_url: str) -> AsyncIterator[Ladder]:
    database = Database(database_url)
    yield Ladder(database)
    await database.close()


@SETTINGS
@given(history=histories, act=dones)
async def test_undo_restores_the_exact_state_before(
    ladder: Ladder, history: list[Done | Undo | Verify], act: Done
) -> None:
    await ladder.make_group()
    ids: list[int] = []
    for earlier in history:
        await ladder.act(earlier, ids)
    before = await ladder.rows()
    if await ladder.act(act, ids) is not None:
        assert await ladder.rows() == before
        return
    assert len(await ladder.rows()) == len(before) + 1
    # Verified or not, it goes without a trace.
    await ladder.act(Verify(by=act.by % 3 + 1, mark=len(ids) - 1), ids)
    assert await ladder.act(Undo(act.by, act.lesson, act.stage), ids) is None
    assert await ladder.rows() == before
    refused = await ladder.act(Undo(act.by, act.lesson, act.stage), ids)
    assert isinstance(refused, NeverMarked)


@dataclass
class Mark:
    owner: int
    lesson: str
    stage: Stage
    verified_by: int | None = None
    verified_turn: int = 0


@dataclass
class Model:
    """The rules as one would tell them, over marks by the order in which they were made."""

    marks: dict[int, Mark] = field(default_factory=dict)
    made: int = 0

    def act(self, act: Done | Undo | Verify, turn: int) -> type[StudyError] | None:
        match act:
            case Done():
                if self._theirs(act.by, act.lesson, act.stage):
                    return AlreadyMarked
                self.marks[self.made] = Mark(act.by, act.lesson, act.stage)
                self.made += 1
            case Undo():
                theirs = self._theirs(act.by, act.lesson, act.stage)
                if not theirs:
                    return NeverMarked
                del self.marks[max(theirs, key=lambda number: list(Stage).index(self.marks[number].stage))]
            case Verify():
                return self._verify(act, turn)
        return None

    def _verify(self, act: Verify, turn: int) -> type[StudyError] | None:
        mark = self.marks.get(act.mark % self.made) if self.made else None
        if mark is None or act.guild != GUILD or mark.stage not in NEED_VERIFYING:
            return NothingToVerify
        if act.by == mark.owner:
            return OwnMark
        if act.by == STRANGER:
            return NotAMember
        if mark.verified_by is not None:
            return AlreadyVerified
        seen = [one for one in self.marks.values() if one.owner == mark.owner and one.verified_by]
        if seen and max(seen, key=lambda one: one.verified_turn).verified_by == act.by:
            return SamePairAgain
        mark.verified_by, mark.verified_turn = act.by, turn
        return None

    def _theirs(self, owner: int, lesson: str, stage: Stage | None) -> list[int]:
        return [
            number
            for number, mark in self.marks.items()
            if (mark.owner, mark.lesson) == (owner, lesson) and stage in (None, mark.stage)
        ]


@SETTINGS
@given(history=histories)
async def test_marking_and_verifying_follow_the_rules(
    ladder: Ladder, history: list[Done | Undo | Verify]
) -> None:
    await ladder.make_group()
    model, ids = Model(), list[int]()
    for turn, act in enumerate(history):
        refusal = await ladder.act(act, ids)
        wanted = model.act(act, turn)
        assert (type(refusal) if refusal is not None else None) is wanted, act
    rows = {row["id"]: row for row in await ladder.rows()}
    assert list(rows) == [ids[number] for number in sorted(model.marks)]
    for number, mark in model.marks.items():
        row = rows[ids[number]]
        assert (row["user_id"], row["stage"], row["verified_by"]) == (
            mark.owner,
            mark.stage,
            mark.verified_by,
        )
        counts = {Stage.WATCHED: None, Stage.RAN: row["marked_at"]}.get(mark.stage, row["verified_at"])
        assert row["counts_at"] == counts
        assert row["points"] == POINTS[mark.stage]
        assert (row["verified_at"] is None) == (mark.verified_by is None)


async def test_of_many_presses_at_once_one_verifies_and_a_pair_never_twice(ladder: Ladder) -> None:
    await ladder.make_group()
    contested: list[int] = []
    await ladder.act(Done(3, "1", Stage.REPRODUCED), contested)
    outcomes = await asyncio.gather(
        *(ladder.act(Verify(by, 0), contested) for by in (1, 2) * 4), return_exceptions=True
    )
    assert [type(refusal) for refusal in outcomes if refusal is not None] == [AlreadyVerified] * 7
    ids: list[int] = []
    for lesson in ("1", "2", "3"):
        await ladder.act(Done(1, lesson, Stage.REPRODUCED), ids)
    outcomes = await asyncio.gather(
        *(ladder.lessons.verify(caller=ladder.caller(2), mark_id=mark_id) for mark_id in ids * 2),
        return_exceptions=True,
    )
    refusals = [type(outcome) for outcome in outcomes if isinstance(outcome, StudyError)]
    assert len(refusals) == 5
    assert set(refusals) == {AlreadyVerified, SamePairAgain}
    verifiers = [row["verified_by"] for row in await ladder.rows() if row["user_id"] == 1]
    assert sorted(verifiers, key=str) == [2, None, None]


async def test_marking_at_once_what_can_be_marked_once(ladder: Ladder) -> None:
    await ladder.make_group()
    act = Done(1, "1", Stage.RAN)
    outcomes = await asyncio.gather(*(ladder.act(act, []) for _ in range(4)))
    assert [type(refusal) for refusal in outcomes if refusal is not None] == [AlreadyMarked] * 3
    back = await asyncio.gather(*(ladder.act(Undo(1, "1", None), []) for _ in range(4)))
    assert [type(refusal) for refusal in back if refusal is not None] == [NeverMarked] * 3
    assert await ladder.rows() == []
