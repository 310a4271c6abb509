"""How much time members want to give a course."""

from datetime import date, datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import Base


class StudyPlan(Base):
    """One member's plan for their group's course; a paused one warns of nothing."""

    __tablename__ = "study_plans"

    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hours_per_week: Mapped[int | None]
    deadline: Mapped[date | None]
    paused_at: Mapped[datetime | None]
    # When its hours were last halved: one return from a pause halves them once.
    shrunk_at: Mapped[datetime | None]
