"""The delivery ledger's one table."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import KEEP_IDS, Base
from bot.db.types import Key, choice

OPEN = text("state IN ('pending', 'claimed')")


class DeliveryState(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


class Delivery(Base):
    """Something the bot must say, to a channel or to a member.

    `refs` holds ids only; the words are found when it is sent. `fence` grows with each claim, so a
    process that slept through its lease cannot overwrite what its successor wrote.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("uq_deliveries_dedupe_key", "dedupe_key", unique=True),
        # The claim's index: small, for it holds open rows only.
        Index(
            "ix_deliveries_next_attempt_at_open",
            "next_attempt_at",
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_deliveries_subject", "subject"),
        CheckConstraint("(channel_id IS NULL) <> (user_id IS NULL)", name="one_target"),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    dedupe_key: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(40))
    # What it is about ("occurrence:17"): cancelling the subject skips all its open deliveries.
    subject: Mapped[str] = mapped_column(String(60))
    guild_id: Mapped[int | None]
    channel_id: Mapped[int | None]
    user_id: Mapped[int | None]
    refs: Mapped[dict[str, Any]] = mapped_column(JSON)
    # Part of the nonce: ids begin anew in a database made anew.
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    # When it may next be claimed: the due time, a retry's time, or the end of the lease.
    next_attempt_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    state: Mapped[DeliveryState] = mapped_column(choice(DeliveryState), default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    # Attempts that ended in an error, unlike those whose process died: the pause grows with these.
    errors: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(String(64))
    first_attempt_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    message_channel_id: Mapped[int | None]
    message_id: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(String(500))
