"""What members say they did with a lesson, and who confirmed it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import KEEP_IDS, Base
from bot.db.types import Key, choice

COUNTS = text("counts_at IS NOT NULL")


class Stage(StrEnum):
    """The evidence ladder, from the bottom up."""

    WATCHED = "watched"
    RAN = "ran"
    REPRODUCED = "reproduced"
    OWN_DATA = "own_data"
    EXPLAINED = "explained"


class LessonMark(Base):
    """One stage of one lesson by one member in one group. Taking it back deletes the row.

    `counts_at` is when boards began to count it: null for watched, which never counts, and for
    reproduced and above until somebody verified it. `points` is what it is worth once it counts.
    """

    __tablename__ = "lesson_marks"
    __table_args__ = (
        UniqueConstraint("group_id", "user_id", "pack", "lesson", "stage"),
        Index("ix_lesson_marks_user_id", "user_id"),
        # The boards' index: it holds all they need of a group, so that they never read the rows themselves,
        # which lie strewn among those of other groups.
        Index(
            "ix_lesson_marks_group_id_counting",
            "group_id",
            "user_id",
            "pack",
            "lesson",
            "counts_at",
            "points",
            sqlite_where=COUNTS,
            postgresql_where=COUNTS,
        ),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    user_id: Mapped[int]
    pack: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(20))
    lesson: Mapped[str] = mapped_column(String(40))
    stage: Mapped[Stage] = mapped_column(choice(Stage))
    points: Mapped[int]
    evidence: Mapped[str | None] = mapped_column(String(500))
    marked_at: Mapped[datetime]
    verified_by: Mapped[int | None]
    verified_at: Mapped[datetime | None]
    counts_at: Mapped[datetime | None]
    # The public message with its Verify button.
    post_channel_id: Mapped[int | None]
    post_message_id: Mapped[int | None]
