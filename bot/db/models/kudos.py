"""Thanks between members."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import Base
from bot.db.types import Key


class Kudos(Base):
    """One member thanked another; once per giver, receiver and day of the group's own calendar."""

    __tablename__ = "kudos"
    __table_args__ = (
        UniqueConstraint("group_id", "giver_id", "receiver_id", "given_on"),
        Index("ix_kudos_receiver_id", "receiver_id"),
        Index("ix_kudos_giver_id", "giver_id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    giver_id: Mapped[int]
    receiver_id: Mapped[int]
    reason: Mapped[str] = mapped_column(String(300))
    given_on: Mapped[date]
    given_at: Mapped[datetime]
