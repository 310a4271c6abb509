"""What a training is asked, what it says while it runs, and what comes of it. Needs no torch."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot.classifier.manifest import Manifest
from bot.classifier.protocol import ModelRef
from bot.errors import (
    BadTrainingSet,
    ModelDamaged,
    ModelMissing,
    NoBackbone,
    StudyError,
    TrainingFailed,
    TrainingFault,
)

EPOCHS = 4


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """`images` is a zip or a folder, with a folder for each label.

    `base` is a model to begin with, from the store or as a bundle's folder; its architecture is then the new
    model's. Without it `architecture` (of `bot.classifier.bodies.NAMES`) begins with a backbone; None chooses
    resnet34 with a graphics card and resnet18 without. `epochs` come after one with the body frozen. Without
    a graphics card the same `seed`, images and machine give the same model. `source` and `licence` go into
    the data card. `out` is a folder that is to become the bundle too, beside the store; it must not be there,
    or be empty.
    """

    name: str
    images: Path
    epochs: int = EPOCHS
    base: ModelRef | Path | None = None
    architecture: str | None = None
    out: Path | None = None
    source: str = "Images that the group gave for this training."
    licence: str = "Not stated."
    seed: int = 0
    network: bool = True


class Stage(StrEnum):
    """In this order; FETCHING (the backbone's weights, in bytes) only where they must be downloaded."""

    READING = "reading"
    FETCHING = "fetching the weights"
    FINDING = "finding the learning rate"
    TRAINING = "training"
    TESTING = "testing"
    WRITING = "writing"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`done` of `of` steps of this stage alone; both are 0 while their number is not known.

    `loss` is the smoothed one of the training, `accuracy` (0 to 1) that on the validation images after the
    last full epoch, `seconds_left` an estimate for what is left of all stages.
    """

    stage: Stage
    done: int
    of: int
    loss: float | None = None
    accuracy: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A test image with the label that it has, and the one it was taken for. `loss` is the cross-entropy, in
    nats, of the calibrated probabilities; `file` its path in the training set.
    """

    file: str
    label: str
    taken_for: str
    probability: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the model's card does not say: test images with the highest loss first, whether they were taken
    for the right label or not; files that were left out, with the reason; the learning rate; how many images
    were trained, validated and tested on; seconds in all.
    """

    top_losses: tuple[Mistake, ...]
    left_out: tuple[tuple[str, str], ...]
    learning_rate: float
    trained: int
    validated: int
    tested: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """It lies in the store under `digest`. Its metrics, in the manifest, are of the test images alone."""

    digest: str
    manifest: Manifest
    report: Report


Tell = Callable[[Progress], None]


class NoMessage(Exception):
    """The training's process said what makes no sense."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A job as its process gets it, with folders instead of what the store knows. `work` is for its own
    files, `out` becomes the bundle; `digits` is the model that comes with the bot.
    """

    name: str
    images: str
    epochs: int
    base: str | None
    base_digest: str | None
    architecture: str | None
    source: str
    licence: str
    seed: int
    network: bool
    device: str
    niceness: int
    work: str
    out: str
    backbones: str | None
    digits: str | None

    def to_line(self) -> bytes:
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Assignment":
        return cls(**json.loads(line))


def progress_line(progress: Progress) -> str:
    return json.dumps({"kind": "progress", **dataclasses.asdict(progress)})


def report_line(report: Report) -> str:
    return json.dumps({"kind": "trained", **dataclasses.asdict(report)})


def error_line(error: StudyError) -> str:
    return json.dumps({"kind": "error", "error": type(error).__name__, **_facts(error)})


def _facts(error: StudyError) -> dict[str, Any]:
    return dataclasses.asdict(error)  # type: ignore[call-overload, no-any-return]


def parse_line(line: bytes) -> Progress | Report | StudyError:
    """Raises NoMessage."""
    try:
        said = json.loads(line)
        match said.pop("kind"):
            case "progress":
                return Progress(stage=Stage(said.pop("stage")), **said)
            case "trained":
                mistakes = tuple(Mistake(**mistake) for mistake in said.pop("top_losses"))
                left_out = tuple((file, why) for file, why in said.pop("left_out"))
                return Report(top_losses=mistakes, left_out=left_out, **said)
            case "error":
                return _error(said.pop("error"), said)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoMessage(repr(error)) from None
    raise NoMessage("a message of no known kind")


def _error(name: str, facts: dict[str, Any]) -> StudyError:
    match name:
        case "BadTrainingSet":
            fault = TrainingFault(facts["fault"])
            return BadTrainingSet(fault=fault, names=tuple(facts["names"]), limit=facts["limit"])
        case "ModelMissing":
            return ModelMissing(**facts)
        case "NoBackbone":
            return NoBackbone(**facts)
        case "ModelDamaged":
            return ModelDamaged(**facts)
        case "TrainingFailed":
            return TrainingFailed(**facts)
    raise ValueError(name)
