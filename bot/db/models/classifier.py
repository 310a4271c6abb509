"""A group's image classifiers: their versions, how they were trained, what they said and who corrected it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Float, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import KEEP_IDS, Base
from bot.db.types import Key, choice

PUBLISHED = text("state = 'published'")


class VersionState(StrEnum):
    """A draft was never published, a superseded version was until another one took its place."""

    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    RETIRED = "retired"
    DAMAGED = "damaged"


class TrainingState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Model(Base):
    """A name under which a group's versions of one classifier follow each other."""

    __tablename__ = "models"
    __table_args__ = (UniqueConstraint("group_id", "name_key"), KEEP_IDS)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(32))
    name_key: Mapped[str] = mapped_column(String(160))
    created_by: Mapped[int]
    created_at: Mapped[datetime]


class ModelVersion(Base):
    """One trained model. Its files lie in the model store under `digest`, the SHA-256 of its manifest.

    Of a model's versions one is published at a time. `damage` says what was wrong with its files.
    """

    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("model_id", "number"),
        Index(
            "uq_model_versions_model_id_published",
            "model_id",
            unique=True,
            sqlite_where=PUBLISHED,
            postgresql_where=PUBLISHED,
        ),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[VersionState] = mapped_column(choice(VersionState))
    labels: Mapped[list[str]] = mapped_column(JSON)
    # Of the images that it was not trained on; and how many they were.
    accuracy: Mapped[float | None] = mapped_column(Float)
    tested: Mapped[int]
    created_by: Mapped[int]
    created_at: Mapped[datetime]
    published_by: Mapped[int | None]
    published_at: Mapped[datetime | None]
    damage: Mapped[str | None] = mapped_column(String(300))


class Training(Base):
    """One run of training, asked for in Discord. Its process says that it lives by `heartbeat_at`."""

    __tablename__ = "trainings"
    __table_args__ = (Index("ix_trainings_state", "state"), KEEP_IDS)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(32))
    state: Mapped[TrainingState] = mapped_column(choice(TrainingState))
    epochs: Mapped[int]
    asked_by: Mapped[int]
    channel_id: Mapped[int]
    message_id: Mapped[int | None]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    version_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id", ondelete="SET NULL"))
    error: Mapped[str | None] = mapped_column(String(500))


class Prediction(Base):
    """What a model said of a picture. The picture itself is not kept.

    `version_id` is None for the model that comes with the bot; `digest` tells which it was.
    """

    __tablename__ = "predictions"
    __table_args__ = (
        Index("ix_predictions_user_id", "user_id"),
        Index("ix_predictions_guild_id", "guild_id"),
        Index("ix_predictions_version_id", "version_id"),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    guild_id: Mapped[int]
    user_id: Mapped[int]
    version_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id", ondelete="CASCADE"))
    model: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    label: Mapped[str] = mapped_column(String(100))
    probability: Mapped[float] = mapped_column(Float)
    sure: Mapped[bool]
    at: Mapped[datetime]


class PredictionFeedback(Base):
    """Right, or Wrong with the label that would have been right; one per member and prediction.

    The image is there only if the member agreed to its being kept for training.
    """

    __tablename__ = "prediction_feedback"
    __table_args__ = (
        UniqueConstraint("prediction_id", "user_id"),
        Index("ix_prediction_feedback_user_id", "user_id"),
        KEEP_IDS,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    prediction_id: Mapped[int] = mapped_column(ForeignKey("predictions.id", ondelete="CASCADE"))
    user_id: Mapped[int]
    right: Mapped[bool]
    label: Mapped[str] = mapped_column(String(100))
    image: Mapped[bytes | None] = mapped_column(LargeBinary)
    image_ending: Mapped[str | None] = mapped_column(String(4))
    at: Mapped[datetime]
