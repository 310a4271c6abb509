"""Personal reminders."""

from datetime import datetime

from sqlalchemy import DateTime, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import KEEP_IDS, Base
from bot.db.types import Key

REPEATING = text("repeat <> 'none' AND cancelled_at IS NULL")


class Reminder(Base):
    """What a member asked to be told; `channel_id` is where they asked, the fallback for closed DMs."""

    __tablename__ = "reminders"
    __table_args__ = (
        Index("ix_reminders_user_id", "user_id"),
        Index(
            "ix_reminders_due_at_repeating",
            "due_at",
            sqlite_where=REPEATING,
            postgresql_where=REPEATING,
        ),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int]
    guild_id: Mapped[int | None]
    channel_id: Mapped[int | None]
    # The channel that the thread belongs to, when it was asked in one: threads end sooner.
    parent_channel_id: Mapped[int | None]
    what: Mapped[str] = mapped_column(String(1000))
    due_at: Mapped[datetime]
    # A repeating reminder keeps its wall clock, as a meetup does.
    starts_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    timezone: Mapped[str] = mapped_column(String(64))
    repeat: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
    # Which time of a repeating one comes next: part of the delivery's key.
    round: Mapped[int] = mapped_column(default=0)
