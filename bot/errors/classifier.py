"""Pictures, models, and training."""

from dataclasses import dataclass
from enum import StrEnum

from bot.errors.base import StudyError


class ImageFault(StrEnum):
    """What is wrong with an image; `ImageRefused.limit` is in the unit that stands here."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not an image"  # or of a kind that is not read: JPEG, PNG, WebP and GIF are
    TOO_MANY_BYTES = "too many bytes"  # bytes
    TOO_MANY_PIXELS = "too many pixels"  # pixels
    TOO_LONG = "too long"  # pixels of a side
    TOO_NARROW = "too narrow"  # the longer side by the shorter one
    DAMAGED = "damaged"
    TOO_SLOW = "too slow"  # seconds
    TOO_MUCH_MEMORY = "too much memory"


@dataclass
class ImageRefused(StudyError):
    fault: ImageFault
    limit: int | None = None


@dataclass
class NoImage(StudyError):
    """The message that was chosen has none."""


@dataclass
class ClassifierOff(StudyError):
    """Not installed on this machine, or switched off; `text` says what the operator would do."""

    text: str


@dataclass
class ClassifierWarmingUp(StudyError):
    """Just started; ready in some seconds."""


@dataclass
class ClassifierBusy(StudyError):
    """The queue is full; it is worth another try in about so many seconds."""

    seconds: int


@dataclass
class ClassifierLost(StudyError):
    """The process or server died over this picture, and again when it was tried once more."""


@dataclass
class ClassifiedTooOften(StudyError):
    """More than a member (or the server, if not `is_member`) may ask at once."""

    seconds: int
    is_member: bool


@dataclass
class ModelDamaged(StudyError):
    """A file of the model is not what its hash promises, or not what the format allows; `part` names it
    and says how, for the operator.
    """

    name: str
    digest: str
    part: str


@dataclass
class ModelMissing(StudyError):
    """Its files are not on this machine."""

    name: str
    digest: str


@dataclass
class UnknownModel(StudyError):
    """No model of that name or id here; `names` are those that could be meant."""

    typed: str
    names: tuple[str, ...]


@dataclass
class ModelNameTaken(StudyError):
    """The bot's own model has that name."""

    name: str


@dataclass
class BadModelName(StudyError):
    """Not 1 to `limit` letters, digits, hyphens, underscores and spaces with a letter among them, or one that
    reads like a version ("name v2").
    """

    name: str
    limit: int


@dataclass
class NotPublished(StudyError):
    """There is nothing to retire: no version of it is published."""

    name: str


@dataclass
class AlreadyPublished(StudyError):
    name: str
    number: int


@dataclass
class UnknownPrediction(StudyError):
    """Nothing of that id in this server, or it was deleted."""


@dataclass
class NoFeedback(StudyError):
    """Nobody said Right or Wrong about the model yet, or nobody let their picture be kept."""

    name: str


@dataclass
class TooMuchFeedback(StudyError):
    """The server's kept pictures fill all the room they may have, `limit` bytes."""

    limit: int


class TrainingFault(StrEnum):
    """What is wrong with a training set; `BadTrainingSet.names` and `.limit` say more."""

    NOT_A_ZIP = "not a zip"
    DAMAGED = "damaged"
    TOO_LARGE = "too large"  # unpacked bytes, or a ratio no picture has
    TOO_MANY_IMAGES = "too many images"
    NO_IMAGES = "no images"
    ONE_LABEL = "one label"  # names: that label
    TOO_MANY_LABELS = "too many labels"
    TOO_FEW_IMAGES = "too few images"  # names: labels with fewer than the limit
    BAD_LABEL = "bad label"  # names: folders whose name cannot be a label
    ENCRYPTED = "encrypted"


@dataclass
class BadTrainingSet(StudyError):
    fault: TrainingFault
    names: tuple[str, ...] = ()
    limit: int | None = None


@dataclass
class NothingToTrainOn(StudyError):
    """Neither a zip nor a model whose feedback could be used was named."""


@dataclass
class TrainingOff(StudyError):
    """fastai is not installed where the bot runs; `text` says what the operator would do."""

    text: str


@dataclass
class TrainingBusy(StudyError):
    """Another model is being trained."""


@dataclass
class NoBackbone(StudyError):
    """The weights to begin with are not there and cannot be downloaded: which file, to be put where."""

    architecture: str
    file: str
    folder: str


@dataclass
class TrainingFailed(StudyError):
    """It ended by itself; `text` is its last line, for the log and the organizer."""

    text: str


@dataclass
class TrainingGone(StudyError):
    """It is over, or was somebody else's server's."""
