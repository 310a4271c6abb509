"""Meetups: the plan (a series), its occurrences, who comes and who came."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import KEEP_IDS, Base
from bot.db.types import Key, choice

OPEN = text("closed_at IS NULL")


class OccurrenceState(StrEnum):
    PLANNED = "planned"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Answer(StrEnum):
    """An RSVP. Waitlisted means: would be going, if there were a place."""

    GOING = "going"
    MAYBE = "maybe"
    CANT = "cant"
    WAITLISTED = "waitlisted"


class Meetup(Base):
    """A plan: one date, or a wall clock that repeats in a zone.

    `starts_local` is the naive wall clock of the first date in `timezone`: a repeating meetup keeps
    its wall clock over clock changes, so an instant would be the wrong thing to store.
    """

    __tablename__ = "meetups"
    __table_args__ = (Index("ix_meetups_group_id", "group_id"), KEEP_IDS)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(100))
    lesson: Mapped[str | None] = mapped_column(String(80))
    starts_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    timezone: Mapped[str] = mapped_column(String(64))
    minutes: Mapped[int]
    repeat: Mapped[str] = mapped_column(String(16))
    until: Mapped[date | None]
    where_channel_id: Mapped[int | None]
    capacity: Mapped[int | None]
    host_id: Mapped[int]
    created_by: Mapped[int]
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
    # The calendar's SEQUENCE (RFC 5545 §3.8.7.4): grows with every change that people must see.
    sequence: Mapped[int] = mapped_column(default=0)


class Occurrence(Base):
    """One date of a meetup. `slot` is the local date that the recurrence gave it, for ever: a moved
    occurrence keeps its slot, which is how the series knows not to make it again.

    `version` grows with each change that Discord must show; `post_version` and `event_version` say
    what the post and the Scheduled Event show. What lags behind is brought up to date by a tick.
    A post that someone deleted keeps its channel and loses its message id: it is not made again.
    """

    __tablename__ = "occurrences"
    __table_args__ = (
        UniqueConstraint("meetup_id", "slot"),
        Index("ix_occurrences_starts_at", "starts_at"),
        Index("ix_occurrences_event_id", "event_id"),
        # The calendar's index: what is over leaves it as soon as its series has moved on.
        Index(
            "ix_occurrences_ends_at_open",
            "ends_at",
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    meetup_id: Mapped[int] = mapped_column(ForeignKey("meetups.id", ondelete="CASCADE"))
    slot: Mapped[date]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    state: Mapped[OccurrenceState] = mapped_column(choice(OccurrenceState), default=OccurrenceState.PLANNED)
    moved: Mapped[bool] = mapped_column(default=False)
    # When its end was noticed: the post says so from then on, and the next date has its post.
    closed_at: Mapped[datetime | None]
    # Set when this date alone differs from the series; null follows the series.
    title: Mapped[str | None] = mapped_column(String(100))
    # Likewise the place, once somebody changed it in Discord's own dialog: a channel, or words.
    where_channel_id: Mapped[int | None]
    where_text: Mapped[str | None] = mapped_column(String(100))
    sequence: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    post_channel_id: Mapped[int | None]
    post_message_id: Mapped[int | None]
    post_version: Mapped[int] = mapped_column(default=0)
    event_id: Mapped[int | None]
    event_version: Mapped[int] = mapped_column(default=0)
    # The post that the event links to.
    event_post_id: Mapped[int | None]
    event_error: Mapped[str | None] = mapped_column(String(200))
    # What we last made the event say: what differs in Discord was changed by a person.
    event_shows: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # Set before an event is made, cleared when the outcome is known: else it is looked for first.
    event_tried_at: Mapped[datetime | None]
    event_retry_at: Mapped[datetime | None]
    checkin_secret: Mapped[str] = mapped_column(String(64))


class Rsvp(Base):
    """One answer per member and occurrence; `answered_at` orders the waitlist."""

    __tablename__ = "rsvps"
    __table_args__ = (Index("ix_rsvps_user_id", "user_id"),)

    occurrence_id: Mapped[int] = mapped_column(
        ForeignKey("occurrences.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    answer: Mapped[Answer] = mapped_column(choice(Answer))
    answered_at: Mapped[datetime]


class Attendance(Base):
    """Who came, and how we know (`code`, `voice` or `host`)."""

    __tablename__ = "attendances"
    __table_args__ = (Index("ix_attendances_user_id", "user_id"),)

    occurrence_id: Mapped[int] = mapped_column(
        ForeignKey("occurrences.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    came_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(16))
