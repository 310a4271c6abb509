"""An answer to `/classify`, what members said of it, and all of that as a training set."""

from dataclasses import dataclass
from datetime import datetime

from bot.services.models import ModelFacts


@dataclass(frozen=True, kw_only=True)
class PredictionFacts:
    """What `model` said of a picture of `user_id`'s: the most probable label with its probability, 0 to 1."""

    prediction_id: int
    guild_id: int
    user_id: int
    model: ModelFacts
    label: str
    probability: float
    sure: bool
    at: datetime


@dataclass(frozen=True, kw_only=True)
class FeedbackFacts:
    """A member's word on an answer. `right` is whether `label` is the one that the model gave first; `kept`
    whether the picture stands beside it, for training.
    """

    prediction_id: int
    model: ModelFacts
    right: bool
    label: str
    kept: bool


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """A zip of the kept pictures, a folder per label, with `feedback.csv`.

    `labels` has each label with its number of pictures, `answers` counts the rows of the table (also those
    without a picture). Left out were the pictures on whose label members do not agree, `conflicting`, and
    those that found no room or no others of their label, `left_out`.
    """

    model: ModelFacts
    labels: dict[str, int]
    answers: int
    conflicting: int
    left_out: int

    @property
    def pictures(self) -> int:
        return sum(self.labels.values())


@dataclass(frozen=True, kw_only=True)
class FeedbackExport:
    """The set as a file to be sent: `name` ends in .zip."""

    training_set: TrainingSet
    name: str
    data: bytes
