"""What the tests of reviewing share: a group with a deck, what its members do, the rows that come of it."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import (
    Card,
    Deck,
    Group,
    LessonMark,
    Membership,
    Note,
    NoteState,
    ReviewSession,
    Stage,
)
from bot.delivery.ledger import Ledger
from bot.errors import NothingToUndo
from bot.flashcards.memory import Grade
from bot.services.access import Caller
from bot.services.reviews import ReviewService, Sitting

NOW = datetime(2026, 3, 27, 9, tzinfo=UTC)
GUILD, CHANNEL = 10, 20
ZONE = ZoneInfo("Europe/Berlin")
CARDS = 14
# What unlocks the cards in turn; nobody can run a lesson of a course that the group does not follow.
LESSONS = ((None, None), (None, None), ("p", "first"), ("p", "second"), ("other", "first"))

pauses = st.sampled_from(
    [timedelta(seconds=5), timedelta(minutes=9), timedelta(hours=7), timedelta(days=1), timedelta(days=20)]
)
members = st.sampled_from((0, 0, 0, 1))


@dataclass(frozen=True)
class Give:
    """The member grades what is in front of them, after this pause."""

    member: int
    given: Grade
    pause: timedelta


@dataclass(frozen=True)
class Undo:
    member: int


@dataclass(frozen=True)
class Change:
    """A note is taken out, or reworded."""

    note: int
    state: NoteState


@dataclass(frozen=True)
class Ran:
    """The member has run a lesson."""

    member: int
    lesson: str
    stage: Stage


Act = Give | Undo | Change | Ran
gives = st.builds(Give, members, st.sampled_from([Grade.AGAIN, *Grade]), pauses)
acts = st.one_of(
    gives,
    gives,
    gives,
    gives,
    gives,
    st.builds(Undo, members),
    st.builds(Change, st.integers(0, CARDS - 1), st.sampled_from((NoteState.ACTIVE, NoteState.REMOVED))),
    st.builds(Ran, members, st.sampled_from(("first", "second")), st.sampled_from(Stage)),
)
histories = st.lists(acts, min_size=8, max_size=25)


class Room:
    """A group of two with a deck, the service, and a clock that the test moves."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.database = database
        ledger = Ledger(database, clock=lambda: self.now, owner="test")
        self.reviews = ReviewService(database, ledger=ledger, library=CourseLibrary(), clock=lambda: self.now)
        self._numbers = count(1)
        self.group_id = 0
        self.users: Sequence[int] = ()
        self.notes: Sequence[int] = ()

    async def fill(self) -> None:
        """A new group with new people: all histories share one database."""
        number = next(self._numbers)
        self.now = NOW
        self.users = (100 * number, 100 * number + 1)
        async with self.database.write() as session:
            group = Group(
                guild_id=GUILD,
                name=f"Group {number}",
                name_key=f"group {number}",
                timezone=ZONE.key,
                channel_id=CHANNEL,
                pack="p",
                created_by=1,
                created_at=NOW,
            )
            session.add(group)
            await session.flush()
            self.group_id = group.id
            session.add_all(Membership(group_id=group.id, user_id=user, joined_at=NOW) for user in self.users)
            deck = Deck(group_id=group.id, name="D", name_key="d", created_by=1, created_at=NOW)
            session.add(deck)
            await session.flush()
            notes = [self._note(deck, i) for i in range(CARDS)]
            session.add_all(notes)
            await session.flush()
            self.notes = [note.id for note in notes]
            session.add_all(
                Card(
                    group_id=group.id,
                    note_id=note.id,
                    ordinal=0,
                    front="f",
                    back="b",
                    front_media=[],
                    back_media=[],
                )
                for note in notes
            )

    def _note(self, deck: Deck, i: int) -> Note:
        pack, lesson = LESSONS[i % len(LESSONS)]
        return Note(
            group_id=deck.group_id,
            deck_id=deck.id,
            guid=f"{deck.id}-{i}",
            fields=["f", "b"],
            tags=[],
            front_key=f"f{i}",
            pack=pack,
            lesson=lesson,
            state=NoteState.ACTIVE,
            created_by=1,
            created_at=NOW,
            updated_at=NOW,
        )

    def caller(self, member: int) -> Caller:
        return Caller(user_id=self.users[member], guild_id=GUILD)

    async def open(self, member: int) -> Sitting:
        return await self.reviews.open(caller=self.caller(member), typed=str(self.group_id), deck=None)

    async def press(self, member: int, given: Grade, *, id_: int, turn: int) -> Sitting:
        return await self.reviews.grade(caller=self.caller(member), session_id=id_, turn=turn, given=given)

    async def act(self, act: Act) -> None:
        match act:
            case Give():
                self.now += act.pause
                standing = await self.open(act.member)
                if standing.session is not None and standing.question is not None:
                    shown = standing.session
                    await self.press(act.member, act.given, id_=shown.id, turn=shown.turn)
            case Undo():
                newest = await self.newest_session(act.member)
                if newest is not None:
                    with contextlib.suppress(NothingToUndo):
                        await self.reviews.undo(
                            caller=self.caller(act.member), session_id=newest.id, turn=newest.turn
                        )
            case Change():
                async with self.database.write() as session:
                    await session.execute(
                        update(Note)
                        .where(Note.id == self.notes[act.note])
                        .values(state=act.state, updated_at=self.now)
                    )
            case Ran():
                await self.mark(act)

    async def newest_session(self, member: int) -> ReviewSession | None:
        async with self.database.read() as session:
            found: ReviewSession | None = await session.scalar(
                select(ReviewSession)
                .where(ReviewSession.user_id == self.users[member])
                .order_by(ReviewSession.id.desc())
                .limit(1)
            )
            return found

    async def mark(self, act: Ran) -> None:
        values = {
            "group_id": self.group_id,
            "user_id": self.users[act.member],
            "pack": "p",
            "version": "1",
            "lesson": act.lesson,
            "stage": act.stage,
            "points": 0,
            "marked_at": self.now,
        }
        keys = ("group_id", "user_id", "lesson", "stage")
        async with self.database.write() as session:
            known = await session.scalar(
                select(LessonMark.id).filter_by(**{key: values[key] for key in keys})
            )
            if known is None:
                await session.execute(insert(LessonMark).values(**values))

    async def table(self, model: Any, member: int) -> list[dict[str, Any]]:
        """Every column of this member's rows."""
        columns = model.__table__.c
        async with self.database.read() as session:
            rows = await session.execute(
                select(*columns)
                .where(columns.user_id == self.users[member])
                .order_by(*model.__table__.primary_key.columns)
            )
            return [dict(row) for row in rows.mappings()]
