"""Decides what is trained: which body, beginning with which weights, and what its pictures look like."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from bot.classifier.manifest import Architecture, Input, Normalisation, ResizeMethod
from bot.classifier.training import weights
from bot.classifier.training.jobs import Assignment
from bot.classifier.training.probing import Sample, is_ink

#: Height and width, in pixels, that ImageNet's bodies were trained with, and what suits the small one.
SIDE, SMALL_SIDE = 224, 64
#: Without a word on the architecture: what a graphics card trains in a minute takes a processor an hour.
WITH_CARD, WITHOUT = "resnet34", "resnet18"
#: From ink to colours there is more to learn than from one set of photos to another.
COLOUR_SLOWER = 3
BACKBONE_HIDDEN, SMALL_HIDDEN = (512,), (128,)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`head` and `head_labels` are an earlier model's, for what the new one has too; empty otherwise.
    `slower` is how many times slower than the head the body learns: much where it has seen such pictures.
    """

    architecture: Architecture
    input: Input
    normalisation: Normalisation | None
    start: weights.Start
    head: dict[str, Tensor] = field(default_factory=dict)
    head_labels: tuple[str, ...] = ()
    slower: float = 100
    remarks: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[int, int]:
        """Height and width of what the body sees."""
        return self.input.crop or self.input.size


def make_plan(
    assignment: Assignment,
    *,
    device: torch.device,
    pictures: Callable[[], Sample],
    on_bytes: weights.Fetched,
) -> Plan:
    """Raises NoBackbone, ModelDamaged, ModelMissing and TrainingFailed.

    `pictures` gives some of the set, and is asked only where it must be tried what suits them.
    """
    folder = Path(assignment.backbones) if assignment.backbones is not None else None
    if assignment.base is not None and assignment.base_digest is not None:
        return from_base(weights.start_from_bundle(Path(assignment.base), assignment.base_digest), pictures)
    architecture = assignment.architecture or choose_architecture(folder, device)
    if architecture == "small":
        return small_in_colour(
            weights.start_small(Path(assignment.digits) if assignment.digits is not None else None)
        )
    start = weights.start_from_backbone(architecture, folder, network=assignment.network, on_bytes=on_bytes)
    return Plan(
        architecture=Architecture(name=architecture, hidden=BACKBONE_HIDDEN),
        input=Input(mode="RGB", size=(SIDE, SIDE), resize=ResizeMethod.SQUISH),
        normalisation=Normalisation(mean=weights.MEAN, std=weights.STD),
        start=start,
    )


def choose_architecture(folder: Path | None, device: torch.device) -> str:
    """What suits the machine; the other one where only that one's weights are here."""
    best, other = (WITH_CARD, WITHOUT) if device.type == "cuda" else (WITHOUT, WITH_CARD)
    is_here = {name: weights.find(weights.backbone(name), folder) is not None for name in (best, other)}
    return other if is_here[other] and not is_here[best] else best


def from_base(base: weights.Base, pictures: Callable[[], Sample]) -> Plan:
    """As the earlier model was, so that what it learned is of use: the same body, head and pictures.

    Only where it sought ink on paper, knows none of the labels, and its body tells these pictures apart
    better as they are, they are not made ink.
    """
    manifest = base.manifest
    if manifest.input.ink and manifest.architecture.name == "small":
        shown = pictures()
        coloured = small_in_colour(weights.in_colour(base.start))
        is_new = not {label for _, label in shown} & set(manifest.labels)
        if (
            shown
            and is_new
            and not is_ink(shown, base.start.body, manifest.input, coloured.start.body, coloured.input)
        ):
            remark = f"Not ink on paper: of {manifest.name} only the body was taken, for pictures in colour."
            return replace(coloured, remarks=(remark,))
    given = manifest.input
    if (resize := manifest.batch_resize) is not None:
        # The same size without the detour.
        given = replace(given, size=resize.size, crop=None, extra=0.0)
    return Plan(
        architecture=manifest.architecture,
        input=given,
        normalisation=manifest.normalisation,
        start=base.start,
        head=base.head,
        head_labels=manifest.labels,
        remarks=(
            f"It began with {manifest.name}, which may have learned some of the images it is tested on.",
        ),
    )


def small_in_colour(start: weights.Start) -> Plan:
    return Plan(
        architecture=Architecture(name="small", hidden=SMALL_HIDDEN),
        input=Input(mode="RGB", size=(SMALL_SIDE, SMALL_SIDE), resize=ResizeMethod.SQUISH),
        normalisation=None,
        start=start,
        slower=COLOUR_SLOWER,
    )
