"""What the rest of the bot knows of a classifier, wherever it runs."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class ModelRef:
    """Which model: its name for people, and the SHA-256 of its `model.json` (lower-case hex), which names
    the hashes of its other files.
    """

    name: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A label with its calibrated probability, 0 to 1."""

    label: str
    probability: float


class Doubt(StrEnum):
    """Why a model is not sure: no label stands out, or the picture is unlike all it was trained on."""

    UNDECIDED = "undecided"
    UNFAMILIAR = "unfamiliar"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An encoded image; `ending` is "png" or "jpg". It carries no metadata of the original."""

    data: bytes
    ending: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Every label, the most probable first. `doubt` is None when the model is sure.

    `seconds` is the time in the worker, from the image's bytes to the probabilities. `photo` is what the
    model was shown, upright and at most 1,024 pixels on its longer side, when it was asked for.
    """

    guesses: tuple[Guess, ...]
    doubt: Doubt | None
    seconds: float
    photo: Picture | None = None


class Readiness(StrEnum):
    """OFF: not installed or switched off. FAILED: it cannot be started; `Status.text` says why."""

    OFF = "off"
    WARMING_UP = "warming up"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Status:
    """For /doctor and the operator. `device` is such as "cpu, onnxruntime 1.31" or "cuda:0, NVIDIA …";
    `waiting` counts the pictures in the queue, `restarts` the workers that had to be replaced.
    """

    readiness: Readiness
    device: str
    text: str
    waiting: int = 0
    restarts: int = 0
    loaded: tuple[str, ...] = ()


class Classifier(Protocol):
    """Classifies one image at a time for its caller, and many at once behind that.

    Both asking methods raise, from `bot.errors`: `ImageRefused`, `ClassifierOff`, `ClassifierWarmingUp`,
    `ClassifierBusy`, `ClassifierLost` (the picture could not be answered twice), `ModelDamaged` and
    `ModelMissing`. Nobody waits for ever: every call ends within `bot.classifier.serving.LONGEST` seconds.
    """

    async def start(self) -> None:
        """Begin to warm up in the background; returns at once."""

    async def close(self) -> None:
        """End the processes or connections. Who still waits is told that the classifier was lost."""

    def status(self) -> Status:
        """As of now, without asking anybody."""

    async def classify(
        self, image: bytes, model: ModelRef, *, exact: bool = False, photo: bool = False
    ) -> Verdict:
        """What the model sees in the file's bytes. `exact` decodes at full size, as fastai does; otherwise
        a JPEG is decoded at the scale that is needed, and probabilities differ by at most 0.02.
        """

    async def explain(self, image: bytes, model: ModelRef, *, label: str | None = None) -> Picture:
        """The image under a heat map of what spoke for `label` (the most probable one when left out):
        Grad-CAM, Selvaraju et al., 2017, arXiv:1610.02391.
        """
