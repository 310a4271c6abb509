"""A training, as it is shown."""

from dataclasses import dataclass
from datetime import datetime

from bot.db.models import Group, Training, TrainingState
from bot.services.models import ModelFacts


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """`message_id` is the one with the progress, in `channel_id`; `error` says why it failed."""

    training_id: int
    group: str
    group_id: int
    guild_id: int
    theme: str
    name: str
    state: TrainingState
    epochs: int
    asked_by: int
    channel_id: int
    message_id: int | None
    started_at: datetime
    finished_at: datetime | None
    version_id: int | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class TrainingStarted:
    """`base` is the model to begin with, None for a backbone. `takes_feedback`: no images were given, so they
    are the ones that members let their group keep; `PredictionService.collect` writes them into a file.
    """

    training: TrainingFacts
    base: ModelFacts | None
    takes_feedback: bool


def facts_of(training: Training, group: Group) -> TrainingFacts:
    return TrainingFacts(
        training_id=training.id,
        group=group.name,
        group_id=group.id,
        guild_id=group.guild_id,
        theme=group.theme,
        name=training.name,
        state=training.state,
        epochs=training.epochs,
        asked_by=training.asked_by,
        channel_id=training.channel_id,
        message_id=training.message_id,
        started_at=training.started_at,
        finished_at=training.finished_at,
        version_id=training.version_id,
        error=training.error,
    )
