"""A group's flashcards: decks, notes and their cards, what every member remembers, and the daily post."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Date, Float, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import KEEP_IDS, Base
from bot.db.types import Key, choice


class NoteState(StrEnum):
    """A note waits for a second member's approval, is in the deck, or was taken out."""

    PENDING = "pending"
    ACTIVE = "active"
    REMOVED = "removed"


class Deck(Base):
    """A deck of one group. Anki's nested decks keep their whole name, with `::` between the levels."""

    __tablename__ = "decks"
    __table_args__ = (UniqueConstraint("group_id", "name_key"), KEEP_IDS)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(160))
    created_by: Mapped[int]
    created_at: Mapped[datetime]


class NoteType(Base):
    """An imported note type (Anki's word for fields and templates), kept so that an export is whole."""

    __tablename__ = "note_types"
    __table_args__ = (UniqueConstraint("group_id", "key"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)


class Note(Base):
    """One fact, from which one or more cards are made. `guid` names it in every export and import.

    `fields` are those of its type; a note without a type has two, front and back, in Discord's markdown.
    `front_key` is the normalised front, for finding duplicates.
    """

    __tablename__ = "notes"
    __table_args__ = (
        UniqueConstraint("group_id", "guid"),
        Index("ix_notes_deck_id", "deck_id"),
        Index("ix_notes_group_id_front_key", "group_id", "front_key"),
        Index("ix_notes_created_by", "created_by"),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    deck_id: Mapped[int] = mapped_column(ForeignKey("decks.id", ondelete="CASCADE"))
    type_id: Mapped[int | None] = mapped_column(ForeignKey("note_types.id", ondelete="CASCADE"))
    guid: Mapped[str] = mapped_column(String(64))
    fields: Mapped[list[str]] = mapped_column(JSON)
    tags: Mapped[list[str]] = mapped_column(JSON)
    front_key: Mapped[str] = mapped_column(String(200))
    # The course's lesson after which the cards unlock.
    pack: Mapped[str | None] = mapped_column(String(40))
    lesson: Mapped[str | None] = mapped_column(String(40))
    state: Mapped[NoteState] = mapped_column(choice(NoteState))
    # Grows with every change of its words by hand: an approval is for the words that were looked at.
    revision: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    approved_by: Mapped[int | None]


class Card(Base):
    """One question and its answer in Discord's markdown; `ordinal` is its template or cloze number."""

    __tablename__ = "cards"
    __table_args__ = (
        UniqueConstraint("note_id", "ordinal"),
        # In the order in which new cards are met.
        Index("ix_cards_group_id", "group_id", "id"),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    front: Mapped[str] = mapped_column(Text)
    back: Mapped[str] = mapped_column(Text)
    # Names of images, in their order, on either side.
    front_media: Mapped[list[str]] = mapped_column(JSON)
    back_media: Mapped[list[str]] = mapped_column(JSON)


class CardMedia(Base):
    """A file that notes of a group use, by the name they use for it."""

    __tablename__ = "card_media"
    __table_args__ = (UniqueConstraint("group_id", "name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    data: Mapped[bytes] = mapped_column(LargeBinary)


class CardMemory(Base):
    """What one member is thought to remember of one card: the state of FSRS after the last review.

    The columns are those of `bot.flashcards.memory.CardState`. A leech is set aside for its member.
    """

    __tablename__ = "card_memories"
    __table_args__ = (
        Index("ix_card_memories_queue", "user_id", "group_id", "phase", "due"),
        Index("ix_card_memories_card_id", "card_id"),
    )

    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    due: Mapped[datetime]
    stability: Mapped[float] = mapped_column(Float)
    difficulty: Mapped[float] = mapped_column(Float)
    step: Mapped[int | None]
    phase: Mapped[str] = mapped_column(String(16))
    reps: Mapped[int]
    lapses: Mapped[int]
    last_review: Mapped[datetime]
    leech_at: Mapped[datetime | None]


class CardSettings(Base):
    """How one member wants to review."""

    __tablename__ = "card_settings"

    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    retention: Mapped[float] = mapped_column(Float)
    new_per_day: Mapped[int]


class ReviewSession(Base):
    """One sitting of one member. `turn` grows with every press that counted: a press that carries another
    turn came twice, or too late. The newest open session of a member is the one that goes on.
    """

    __tablename__ = "review_sessions"
    __table_args__ = (Index("ix_review_sessions_user_id", "user_id", "group_id"), KEEP_IDS)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int]
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    deck_id: Mapped[int | None] = mapped_column(ForeignKey("decks.id", ondelete="CASCADE"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    turn: Mapped[int]
    card_id: Mapped[int | None] = mapped_column(ForeignKey("cards.id", ondelete="SET NULL"))
    shown_at: Mapped[datetime]


class Review(Base):
    """One grade: the whole of what the scheduler's parameters can be fitted to again.

    `before` is the memory that the grade met, null for a new card: undo puts it back.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("session_id", "turn"),
        UniqueConstraint("daily_post_id", "user_id", "card_id"),
        Index("ix_reviews_user_id", "user_id", "reviewed_at"),
        # The boards' index: it holds all they need of a group.
        Index("ix_reviews_group_id", "group_id", "reviewed_at", "user_id"),
        Index("ix_reviews_card_id", "card_id"),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int]
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id", ondelete="CASCADE"))
    # Either a turn of a sitting, or a daily post, under which each member grades each card once.
    session_id: Mapped[int | None] = mapped_column(ForeignKey("review_sessions.id", ondelete="SET NULL"))
    turn: Mapped[int | None]
    daily_post_id: Mapped[int | None] = mapped_column(ForeignKey("daily_posts.id", ondelete="SET NULL"))
    grade: Mapped[str] = mapped_column(String(8))
    reviewed_at: Mapped[datetime]
    # From showing the front to the grade, in milliseconds.
    took_ms: Mapped[int | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class DailyCards(Base):
    """A group's daily post: at which local hour, how many cards, from which deck."""

    __tablename__ = "daily_cards"

    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[int]
    count: Mapped[int]
    deck_id: Mapped[int | None] = mapped_column(ForeignKey("decks.id", ondelete="SET NULL"))
    since: Mapped[datetime]


class DailyPost(Base):
    """The cards of one group's post on one local date: chosen once, whoever comes first."""

    __tablename__ = "daily_posts"
    __table_args__ = (UniqueConstraint("group_id", "day"), KEEP_IDS)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    day: Mapped[date] = mapped_column(Date)
    card_ids: Mapped[list[int]] = mapped_column(JSON)
    chosen_at: Mapped[datetime]
