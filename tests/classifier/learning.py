"""Untrained fastai learners of every kind that the format knows, and odd pictures to try them on."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.vision.all import (
    AffineCoordTfm,
    CrossEntropyLossFlat,
    ImageDataLoaders,
    Learner,
    Normalize,
    PILImage,
    PILImageBW,
    RandomResizedCrop,
    RandomResizedCropGPU,
    Resize,
    aug_transforms,
    create_head,
    imagenet_stats,
    vision_learner,
)
from PIL import Image
from torch import nn
from torchvision.models import resnet18, resnet34

from bot.classifier.manifest import Judgement, Manifest
from bot.classifier.small import small_body
from tests.classifier import bundles
from tests.classifier.bundles import LABELS

#: Width and height of the odd pictures, and their files' endings and modes in turn.
SIZES = (
    (3, 3), (2, 97), (97, 2), (28, 28), (64, 64), (65, 63), (300, 40), (40, 300), (333, 222), (17, 400),
    (31, 7), (9, 9), (128, 127), (51, 50), (500, 375), (96, 33), (224, 224), (200, 201), (640, 480),
    (73, 74), (12, 240),
)  # fmt: skip
KINDS = (
    ("png", "RGB"), ("jpg", "RGB"), ("png", "L"), ("webp", "RGB"), ("png", "P"), ("webp", "L"), ("jpg", "L"),
    ("png", "1"),
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """How a learner differs from fastai's defaults; `size` is what its images are made to."""

    item: Callable[[], Any]
    batch: Callable[[], list[Any]] = list
    arch: Any = resnet18
    kind: Any = PILImage
    head: dict[str, Any] | None = None


def stats() -> list[Any]:
    return [Normalize.from_stats(*imagenet_stats, cuda=False)]


RECIPES = {
    "resnet18, crop": Recipe(partial(Resize, 64), stats),
    "resnet34, squish, oblong": Recipe(partial(Resize, (48, 72), method="squish"), stats, resnet34),
    "resnet18, pad by reflection": Recipe(partial(Resize, 64, method="pad"), stats),
    "resnet18, pad with zeros, no normalisation": Recipe(
        partial(Resize, (72, 56), method="pad", pad_mode="zeros")
    ),
    "presized": Recipe(partial(Resize, 160), lambda: [*aug_transforms(size=48), *stats()]),
    "flips and warps of the same size": Recipe(
        partial(Resize, 64), lambda: [*aug_transforms(), *stats()]
    ),
    "random resized crop": Recipe(partial(RandomResizedCrop, 64, min_scale=0.5), stats),
    "random resized crop in the batch": Recipe(
        partial(Resize, (90, 150)), lambda: [RandomResizedCropGPU((40, 48), valid_scale=0.7), *stats()]
    ),
    "batch made larger, corners not aligned": Recipe(
        partial(Resize, 40, method="squish"),
        lambda: [AffineCoordTfm(size=(64, 48), pad_mode="border", align_corners=False), *stats()],
    ),
    "an oblong batch made much smaller": Recipe(
        partial(Resize, (301, 207)), lambda: [*aug_transforms(size=(50, 99)), *stats()]
    ),
    "batch by nearest pixels": Recipe(
        partial(Resize, 100), lambda: [AffineCoordTfm(size=64, mode="nearest", align_corners=True), *stats()]
    ),
    "convnext": Recipe(partial(Resize, 64, method="squish"), stats, "convnext_atto"),
    "another of timm's, nearest": Recipe(partial(Resize, 64, resamples=(0, 0)), stats, "resnet26d"),
    "grey pictures that normalisation makes three channels of": Recipe(
        partial(Resize, 48), stats, kind=PILImageBW
    ),
    "small, grey": Recipe(partial(Resize, 28, method="pad", pad_mode="zeros"), arch="small", kind=PILImageBW),
    "a head of our own": Recipe(
        partial(Resize, 64), stats, head={"lin_ftrs": [64, 32], "concat_pool": False, "ps": 0.0}
    ),
}  # fmt: skip


def learner(recipe: Recipe, folder: Path) -> Learner:
    """Its weights are drawn at random; its batch norms know what the pictures give, as after training, and
    its logits are as far apart as a trained model's.
    """
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    dls = ImageDataLoaders.from_folder(
        folder, valid_pct=0.3, seed=1, item_tfms=recipe.item(), batch_tfms=recipe.batch(), bs=6,
        num_workers=0, img_cls=recipe.kind, device=torch.device("cpu"),
    )  # fmt: skip
    if recipe.arch == "small":
        model = nn.Sequential(small_body(1), create_head(96, len(LABELS)))
        learn = Learner(dls, model, loss_func=CrossEntropyLossFlat())
    else:
        learn = vision_learner(dls, recipe.arch, pretrained=False, **(recipe.head or {}))
    with torch.no_grad():
        for module in learn.model.train().modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = None  # the mean of what it has seen, wherever it began
        for images, _ in dls.train:
            learn.model(images)
        learn.model.eval()
        spread = torch.cat([learn.model(images) for images, _ in dls.train]).std(dim=0).mean()
        last = next(
            module for module in reversed(list(learn.model.modules())) if isinstance(module, nn.Linear)
        )
        last.weight *= 2 / spread.as_subclass(torch.Tensor)  # so that one picture's answer is not another's
    return learn


def labelled_pictures(folder: Path) -> Path:
    """Six pictures for each label, with more of one colour."""
    rng = np.random.default_rng(3)
    for place, label in enumerate(LABELS):
        (folder / label).mkdir(parents=True)
        for number in range(6):
            patches = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
            patches[..., place] //= 2
            _grainy(patches, (80, 60 + 9 * number), rng).save(folder / label / f"{number}.png")
    return folder


def _grainy(patches: np.ndarray[Any, Any], size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    smooth = np.asarray(Image.fromarray(patches).resize(size)).astype(int)
    grain = rng.integers(-30, 31, smooth.shape)
    return Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))


def odd_pictures(folder: Path) -> list[Path]:
    """Of odd sizes, proportions, modes and formats; none transparent or turned, where fastai is wrong."""
    folder.mkdir()
    rng = np.random.default_rng(4)
    files = []
    for number, (width, height) in enumerate(SIZES):
        image = _grainy(rng.integers(0, 256, (5, 4, 3), dtype=np.uint8), (width, height), rng)
        ending, mode = KINDS[number % len(KINDS)]
        files.append(folder / f"{number}.{ending}")
        image.convert(mode).save(files[-1])
    return files


def manifest(**chosen: Any) -> Manifest:
    """`chosen` are what a description of a learner gives, or any other of the manifest's fields."""
    untested = Judgement(temperature=1.0, threshold=0.5, distance=None)
    return bundles.manifest(metrics=None, judgement=untested, **chosen)
