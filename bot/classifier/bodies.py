"""The bodies that a model may have, and the names and shapes of their weights; needs no torch."""

import itertools
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bot.classifier.manifest import Architecture, Manifest

SHAPES = Path(__file__).with_name("bodies.json")

#: Our own, torchvision's, and timm's. `bot.classifier.architectures` builds them.
NAMES = (
    "small",
    "resnet18",
    "resnet34",
    "resnet50",
    "convnext_atto",
    "convnext_femto",
    "convnext_pico",
    "convnext_nano",
    "convnext_tiny",
    "convnext_small",
    "efficientnet_b0",
    "resnet26d",
)

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Body:
    """`tensors` of a body for three channels, by their names in torch; `first` is the one that has the
    picture's channels as its second dimension. Those that `counts` names are int64, all others float32.
    """

    channels_out: int
    first: str
    tensors: dict[str, Shape]


def body(name: str) -> Body:
    """Raises KeyError for a name that is not among `NAMES`."""
    return _bodies()[name]


@cache
def _bodies() -> dict[str, Body]:
    """From bodies.json, which `python -m bot.classifier.architectures` writes."""
    return {
        name: Body(
            channels_out=known["channels_out"],
            first=known["first"],
            tensors={tensor: tuple(shape) for tensor, shape in known["tensors"].items()},
        )
        for name, known in json.loads(SHAPES.read_text(encoding="utf-8")).items()
    }


def channels(manifest: Manifest) -> int:
    """That the body takes. Three for grey pictures too where the normalisation makes three of one."""
    if manifest.normalisation is not None:
        return len(manifest.normalisation.mean)
    return picture_channels(manifest)


def picture_channels(manifest: Manifest) -> int:
    """That the graph takes."""
    return 1 if manifest.input.mode == "L" else 3


def feature_count(architecture: Architecture) -> int:
    """How many numbers enter the head's first layer."""
    return body(architecture.name).channels_out * (2 if architecture.concat_pool else 1)


def counts(name: str) -> bool:
    """Whether it is a batch norm's counter, which is an int64 and the one tensor that is not float32."""
    return name.endswith(".num_batches_tracked")


def head_shapes(architecture: Architecture, labels: int) -> dict[str, Shape]:
    """Of fastai's head: for each layer `head.N.norm.*` (a batch norm) and `head.N.linear.weight`."""
    shapes: dict[str, Shape] = {}
    widths = (feature_count(architecture), *architecture.hidden, labels)
    for number, (width, wide) in enumerate(itertools.pairwise(widths)):
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"head.{number}.norm.{part}"] = (width,)
        shapes[f"head.{number}.norm.num_batches_tracked"] = ()
        shapes[f"head.{number}.linear.weight"] = (wide, width)
    return shapes


def shapes(manifest: Manifest) -> dict[str, Shape]:
    """Every tensor of the model's weights, by its name in the file, but for the two of `doubt`."""
    known = body(manifest.architecture.name)
    named = {f"body.{name}": shape for name, shape in known.tensors.items()}
    wide, _, *kernel = named[f"body.{known.first}"]
    named[f"body.{known.first}"] = (wide, channels(manifest), *kernel)
    return named | head_shapes(manifest.architecture, len(manifest.labels))
