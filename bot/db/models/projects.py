"""Members' projects and their logs."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import KEEP_IDS, Base
from bot.db.types import Key, choice

ACTIVE = text("state = 'active'")


class ProjectState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    SHIPPED = "shipped"
    DROPPED = "dropped"


class ProjectStage(StrEnum):
    """How far a project is, in order."""

    IDEA = "idea"
    DATA = "data"
    BASELINE = "baseline"
    ANALYSIS = "analysis"
    DEMO = "demo"
    DEPLOYED = "deployed"
    WRITTEN_UP = "written_up"


class EntryKind(StrEnum):
    STARTED = "started"
    UPDATE = "update"
    QUESTION = "question"
    PAUSED = "paused"
    RESUMED = "resumed"
    SHIPPED = "shipped"
    DROPPED = "dropped"


class Project(Base):
    """One member's project. Only one of a member's projects in a server is active at a time."""

    __tablename__ = "projects"
    __table_args__ = (
        Index(
            "uq_projects_guild_id_user_id_active",
            "guild_id",
            "user_id",
            unique=True,
            sqlite_where=ACTIVE,
            postgresql_where=ACTIVE,
        ),
        Index("ix_projects_group_id", "group_id"),
        Index("ix_projects_user_id", "user_id"),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    guild_id: Mapped[int]
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    user_id: Mapped[int]
    title: Mapped[str] = mapped_column(String(100))
    goal: Mapped[str] = mapped_column(String(300))
    repo: Mapped[str | None] = mapped_column(String(500))
    # What was shipped: a page, a demo, an article.
    link: Mapped[str | None] = mapped_column(String(500))
    stage: Mapped[ProjectStage] = mapped_column(choice(ProjectStage))
    state: Mapped[ProjectState] = mapped_column(choice(ProjectState))
    started_at: Mapped[datetime]
    # The member's last own sign of life: quiet for two weeks counts from here.
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ProjectEntry(Base):
    """One line of a project's log. `stage` is set when the entry moved the project there: a milestone.

    An image is not kept here: it hangs at the message, which the ids name.
    """

    __tablename__ = "project_entries"
    __table_args__ = (Index("ix_project_entries_project_id", "project_id"), KEEP_IDS)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[EntryKind] = mapped_column(choice(EntryKind))
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(String(1000))
    stage: Mapped[ProjectStage | None] = mapped_column(choice(ProjectStage))
    link: Mapped[str | None] = mapped_column(String(500))
    has_image: Mapped[bool] = mapped_column(default=False)
    channel_id: Mapped[int | None]
    message_id: Mapped[int | None]
