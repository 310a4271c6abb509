"""`model.json`: what stands beside a model's weights, so that they need no code of their own to be used."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

FORMAT = 1
WEIGHTS, GRAPH, MANIFEST = "model.safetensors", "model.onnx", "model.json"


class ResizeMethod(StrEnum):
    """fastai's: keep the middle, stretch, or keep all and fill up."""

    CROP = "crop"
    SQUISH = "squish"
    PAD = "pad"


class PadMode(StrEnum):
    ZEROS = "zeros"
    BORDER = "border"
    REFLECTION = "reflection"


@dataclass(frozen=True, kw_only=True)
class Input:
    """From an upright image to what the graph takes: uint8, N × height × width × channels.

    In this order: `ink` (bot.classifier.ink; the picture becomes grey ink on black, as the digits it was
    trained on), conversion to `mode`, `resize` to `size` (height, width), then the middle `crop` of it if
    there is one. Everything after that (scaling to 0–1, a resize of the whole batch, normalisation by `mean`
    and `std`) is in the graph. `resize` None leaves the size that `ink` made.
    """

    mode: Literal["RGB", "L"]
    size: tuple[int, int]
    resize: ResizeMethod | None
    pad: PadMode = PadMode.REFLECTION
    resample: Literal["bilinear", "nearest", "bicubic", "lanczos", "box"] = "bilinear"
    crop: tuple[int, int] | None = None
    ink: bool = False
    # Fraction of the shorter side that fastai's RandomResizedCrop keeps less when it validates (val_xtra).
    extra: float = 0.0


@dataclass(frozen=True, kw_only=True)
class BatchResize:
    """fastai's batch transforms with a `size`, which act when predicting too: the middle `crop` (height,
    width) of the batch, then its resize to `size` as `torch.nn.functional.grid_sample` does it.
    """

    size: tuple[int, int]
    crop: tuple[int, int] | None = None
    pad: PadMode = PadMode.REFLECTION
    mode: Literal["bilinear", "nearest"] = "bilinear"
    align_corners: bool = True


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A body by its name in `bot.classifier.architectures`, and fastai's head on top of it."""

    name: str
    hidden: tuple[int, ...] = (512,)
    concat_pool: bool = True


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Per channel, of values 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """From logits to a verdict: softmax(logits / temperature); not sure below `threshold`; unfamiliar where
    the Mahalanobis distance of the pooled features to the nearest label exceeds `distance` (None: not used).
    Means and precision stand in the weights' file, as `doubt.means` (labels × features) and `doubt.whiten`
    (at most features × features): distance² = min over labels of ‖whiten · (features − mean)‖².
    """

    temperature: float
    threshold: float
    distance: float | None


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """On images that were neither trained nor calibrated on. `confusion[i][j]`: how many of label i were
    taken for j. `interval` is the 95 % Wilson interval of the accuracy; `ece` the expected calibration error
    (15 bins, Naeini et al. 2015) after temperature scaling, `ece_before` without. `answered` is the share
    of images the model is sure of, and `answered_right` the share of those that are right.
    """

    accuracy: float
    interval: tuple[float, float]
    tested: int
    confusion: tuple[tuple[int, ...], ...]
    ece: float
    ece_before: float
    answered: float
    answered_right: float


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """What it was trained on, in words and numbers: images per label, where they came from, their licence,
    and remarks, a sentence each (duplicates left out, the few-shot table of the digits, …).
    """

    images: dict[str, int]
    source: str
    licence: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Origin:
    """`made_at` in ISO 8601, UTC; `base` names the weights that it began with; `versions` is such as
    ("fastai 2.8.12", "torch 2.14.1").
    """

    made_at: str
    base: str
    epochs: int
    versions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All of `model.json`. `metrics` is None for a converted model, of which no test is known."""

    name: str
    labels: tuple[str, ...]
    architecture: Architecture
    input: Input
    normalisation: Normalisation | None
    batch_resize: BatchResize | None
    judgement: Judgement
    metrics: Metrics | None
    data: DataCard
    origin: Origin
    licence: str
    files: dict[str, StoredFile] = field(default_factory=dict)
    format: int = FORMAT
