"""What the bot knows about a person: told in full, or forgotten.

Every column that can hold a member's id stands in one of the lists below; a test compares.
"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from typing import cast as typing_cast

from sqlalchemy import CursorResult, String, Table, cast, delete, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.db.engine import Database
from bot.db.models import (
    Attendance,
    CardMemory,
    CardSettings,
    CoursePack,
    CourseRun,
    CourseShift,
    Deck,
    Delivery,
    Group,
    Kudos,
    LessonMark,
    Meetup,
    Member,
    Membership,
    Model,
    ModelVersion,
    Note,
    NoteState,
    Occurrence,
    Prediction,
    PredictionFeedback,
    Project,
    ProjectEntry,
    Reminder,
    Review,
    ReviewSession,
    Rsvp,
    StudyPlan,
    Training,
)
from bot.delivery.ledger import Ledger
from bot.services.access import NOBODY, active
from bot.services.cards import APPROVAL
from bot.services.meetups.rsvps import stop_hosting, withdraw

Column = InstrumentedAttribute[int] | InstrumentedAttribute[int | None]

#: Rows that are about this member alone; those that hang on others come first.
OWN: tuple[Column, ...] = (
    PredictionFeedback.user_id,
    Prediction.user_id,
    Review.user_id,
    ReviewSession.user_id,
    CardMemory.user_id,
    CardSettings.user_id,
    Kudos.giver_id,
    Kudos.receiver_id,
    Rsvp.user_id,
    StudyPlan.user_id,
    Project.user_id,
    Reminder.user_id,
    Delivery.user_id,
    Membership.user_id,
    Member.user_id,
)
#: Rows that the group's sums are made of: they stay, under a number that stands for nobody.
COUNTED: tuple[Column, ...] = (LessonMark.user_id, Attendance.user_id)
#: Rows that are the group's, and name who made or allowed them.
SIGNED: tuple[Column, ...] = (
    CoursePack.imported_by,
    CourseRun.started_by,
    CourseShift.shifted_by,
    Deck.created_by,
    Group.created_by,
    LessonMark.verified_by,
    Meetup.created_by,
    Meetup.host_id,
    Model.created_by,
    ModelVersion.created_by,
    ModelVersion.published_by,
    Note.approved_by,
    Note.created_by,
    Training.asked_by,
)


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """How many rows were deleted, and in how many the name was taken out.

    `posts` are the bot's messages that are about the member, as (channel, message): their evidence, their
    project, their cards, and what was said to or of them there. `roles` are those that membership of a group
    gave them, as (server, role).
    """

    deleted: int
    unnamed: int
    posts: tuple[tuple[int, int], ...]
    roles: tuple[tuple[int, int], ...]


class PrivacyService:
    def __init__(self, database: Database, *, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def export(self, *, user_id: int) -> bytes:
        """Every row about the member, in every server, as JSON: a list for each table. Instants in ISO 8601,
        images in base64.
        """
        found: dict[str, list[dict[str, Any]]] = {}
        async with self._database.read() as session:
            for column in (*OWN, *COUNTED, *SIGNED):
                table = column.class_.__table__
                assert isinstance(table, Table)  # noqa: S101 (of every model)
                rows = await session.execute(select(table).where(column == user_id))
                known = found.setdefault(table.name, [])
                known += [row for row in map(dict, rows.mappings()) if row not in known]
            about = await _about(session, user_id)
            others = await session.execute(select(Delivery.__table__).where(Delivery.id.in_(about)))
            found["deliveries"] += [row for row in map(dict, others.mappings())]
        tables = {table: rows for table, rows in sorted(found.items()) if rows}
        whole = {"user_id": user_id, "exported_at": self._clock(), "tables": tables}
        return json.dumps(whole, default=_as_json, ensure_ascii=False, indent=1).encode()

    async def forget(self, *, user_id: int) -> Forgotten:
        """Erase the member everywhere, in every server. Places that they held go to who waits; what the group
        wrote, counted and planned stays, without their name.
        """
        async with self._database.write() as session:
            now = self._clock()
            unnamed = await stop_hosting(session, group_id=None, user_id=user_id)
            # Everywhere: who answers a meetup need not be in its group.
            await withdraw(session, group_id=None, user_id=user_id, ledger=self._ledger, now=now)
            about = await _about(session, user_id)
            posts = await self._posts(session, user_id, about)
            roles = await self._roles(session, user_id)
            await self._renew_meetups(session, user_id)
            deleted = await _count(session, delete(Delivery).where(Delivery.id.in_(about)))
            for column in OWN:
                deleted += await _count(session, delete(column.class_).where(column == user_id))
            unnamed += await self._unname(session, user_id)
        return Forgotten(deleted=deleted, unnamed=unnamed, posts=posts, roles=roles)

    async def _posts(
        self, session: AsyncSession, user_id: int, about: Sequence[int]
    ) -> tuple[tuple[int, int], ...]:
        evidence = select(LessonMark.post_channel_id, LessonMark.post_message_id).where(
            LessonMark.user_id == user_id
        )
        projects = (
            select(ProjectEntry.channel_id, ProjectEntry.message_id)
            .join(Project, Project.id == ProjectEntry.project_id)
            .where(Project.user_id == user_id)
        )
        said = select(Delivery.message_channel_id, Delivery.message_id)
        cards = said.join(Note, Delivery.subject == literal("flashcard:") + cast(Note.id, String)).where(
            Delivery.kind == APPROVAL,
            Note.created_by == user_id,
            # Under the others, somebody can still let the card in.
            Note.state != NoteState.PENDING,
        )
        named = said.where(Delivery.id.in_(about), Delivery.channel_id.is_not(None))
        found: dict[tuple[int, int], None] = {}
        for query in (evidence, projects, cards, named):
            rows = await session.execute(query)
            found |= {(channel, message): None for channel, message in rows if channel and message}
        return tuple(found)

    async def _roles(self, session: AsyncSession, user_id: int) -> tuple[tuple[int, int], ...]:
        """Of archived groups too: these let nobody go by themselves."""
        held = (
            select(Group.guild_id, Group.role_id)
            .join(Membership, Membership.group_id == Group.id)
            .where(active(Membership.user_id == user_id), Group.role_id.is_not(None))
            .distinct()
        )
        return tuple((guild, role) for guild, role in await session.execute(held) if role)

    async def _renew_meetups(self, session: AsyncSession, user_id: int) -> None:
        """Posts and events that show the member among those who came are shown anew."""
        answered = select(Rsvp.occurrence_id).where(Rsvp.user_id == user_id)
        await session.execute(
            update(Occurrence)
            .where(Occurrence.id.in_(answered))
            .values(version=Occurrence.version + 1, event_shows=None)
            .execution_options(synchronize_session=False)
        )

    async def _unname(self, session: AsyncSession, user_id: int) -> int:
        # Negative, and from nowhere: it cannot be led back to the member, nor met by Discord's ids.
        stranger = -secrets.randbelow(2**62) - 1
        marks = update(LessonMark).where(LessonMark.user_id == user_id)
        await session.execute(marks.values(evidence=None, post_channel_id=None, post_message_id=None))
        unnamed = 0
        for columns, value in ((COUNTED, stranger), (SIGNED, NOBODY)):
            for column in columns:
                change = update(column.class_).where(column == user_id).values({column: value})
                unnamed += await _count(session, change.execution_options(synchronize_session=False))
        return unnamed


async def _about(session: AsyncSession, user_id: int) -> list[int]:
    """Deliveries to others that name the member, in their key or in what they are about."""
    number = re.compile(rf"(?<!\d){user_id}(?!\d)")
    places = (Delivery.dedupe_key, Delivery.subject, cast(Delivery.refs, String))
    # A longer number may hold this one: the database finds candidates.
    query = select(Delivery.id, *places).where(or_(*(place.contains(str(user_id)) for place in places)))
    rows = await session.execute(query.where(Delivery.user_id.is_distinct_from(user_id)))
    return [id_ for id_, *texts in rows if any(number.search(str(text)) for text in texts)]


async def _count(session: AsyncSession, statement: Any) -> int:
    result = await session.execute(statement.execution_options(synchronize_session=False))
    return typing_cast("CursorResult[Any]", result).rowcount


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
