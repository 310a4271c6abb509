"""Course packs that organizers imported, and the courses that groups follow by date."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import KEEP_IDS, Base
from bot.db.types import Key


class CoursePack(Base):
    """A pack imported into one server; the shipped ones are files, and belong to every server."""

    __tablename__ = "course_packs"
    __table_args__ = (UniqueConstraint("guild_id", "pack", "version"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    guild_id: Mapped[int]
    pack: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(20))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    imported_by: Mapped[int]
    imported_at: Mapped[datetime]


class CourseRun(Base):
    """A course that a group takes by date: one meetup per lesson."""

    __tablename__ = "course_runs"
    __table_args__ = (Index("ix_course_runs_group_id", "group_id"), KEEP_IDS)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    pack: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(20))
    every_weeks: Mapped[int]
    started_by: Mapped[int]
    started_at: Mapped[datetime]


class CourseMeetup(Base):
    """Which meetup treats which lesson of a run."""

    __tablename__ = "course_meetups"

    run_id: Mapped[int] = mapped_column(ForeignKey("course_runs.id", ondelete="CASCADE"), primary_key=True)
    lesson: Mapped[str] = mapped_column(String(40), primary_key=True)
    meetup_id: Mapped[int] = mapped_column(ForeignKey("meetups.id", ondelete="CASCADE"), unique=True)


class CourseShift(Base):
    """One `/course shift`: which meetups it moved from when to when, so that it can be taken back."""

    __tablename__ = "course_shifts"
    __table_args__ = (Index("ix_course_shifts_run_id", "run_id"), KEEP_IDS)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("course_runs.id", ondelete="CASCADE"))
    from_lesson: Mapped[str] = mapped_column(String(40))
    weeks: Mapped[int]
    # One {"occurrence": id, "before": iso, "after": iso} per meetup that it moved.
    moved: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    # The command that asked for it: the same one arriving twice moves once.
    interaction_id: Mapped[int] = mapped_column(unique=True)
    shifted_by: Mapped[int]
    shifted_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
