"""Study groups, the people in them, and their settings."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import KEEP_IDS, Base
from bot.db.types import Key

ACTIVE = text("archived_at IS NULL")


class Group(Base):
    """The people in one server who follow a course together."""

    __tablename__ = "groups"
    __table_args__ = (
        # An archived group gives its name and its channel free again.
        Index(
            "uq_groups_guild_id_name_key_active",
            "guild_id",
            "name_key",
            unique=True,
            sqlite_where=ACTIVE,
            postgresql_where=ACTIVE,
        ),
        Index("ix_groups_channel_id", "channel_id"),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    guild_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(80))
    name_key: Mapped[str] = mapped_column(String(160))
    timezone: Mapped[str] = mapped_column(String(64))
    channel_id: Mapped[int]
    course: Mapped[str | None] = mapped_column(String(80))
    # The course pack behind the course's name, when there is one.
    pack: Mapped[str | None] = mapped_column(String(40))
    pack_version: Mapped[str | None] = mapped_column(String(20))
    role_id: Mapped[int | None]
    organizer_role_id: Mapped[int | None]
    created_by: Mapped[int]
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    # What the group wants to reach together: a number of what a board counts, in a board's period.
    goal_count: Mapped[int | None]
    goal_by: Mapped[str | None] = mapped_column(String(16))
    goal_period: Mapped[str | None] = mapped_column(String(16))
    # Since when the group wants its weekly digest; null while it does not.
    digest_since: Mapped[datetime | None]
    # Whether a card needs a second member's approval before it joins the group's deck.
    cards_need_approval: Mapped[bool] = mapped_column(default=True, server_default=true())
    # The colours of the group's pictures: dark or light.
    theme: Mapped[str] = mapped_column(String(8), default="dark", server_default="dark")


class Member(Base):
    """What a person chose for themselves, in every server alike."""

    __tablename__ = "members"

    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    timezone: Mapped[str | None] = mapped_column(String(64))
    # What their Discord speaks, for direct messages; null: English.
    language: Mapped[str | None] = mapped_column(String(10))
    # Whoever wants a streak counted says so.
    streak: Mapped[bool] = mapped_column(default=False, server_default=false())


class Membership(Base):
    """One person in one group; who has left keeps the row, with the day, and is shown nowhere."""

    __tablename__ = "memberships"
    __table_args__ = (Index("ix_memberships_user_id", "user_id"),)

    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    # Their name in this server when they last did something here: for pictures, which can't mention.
    name: Mapped[str | None] = mapped_column(String(100))
    # When they last did something for the course.
    active_at: Mapped[datetime | None]
    # Not shown on boards, by their own wish.
    hidden: Mapped[bool] = mapped_column(default=False, server_default=false())
