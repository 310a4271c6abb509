"""Photos of made-up scenes in five lights, and fastai learners that tell the lights apart."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fastai.vision.all import (
    CrossEntropyLossFlat,
    ImageDataLoaders,
    Learner,
    Normalize,
    Resize,
    create_head,
    imagenet_stats,
    vision_learner,
)
from PIL import Image
from torch import nn
from torchvision.models import resnet34

from bot.classifier import architectures, bodies, exporting, learners
from bot.classifier.manifest import DataCard, Judgement, Manifest, Origin
from bot.classifier.protocol import ModelRef
from bot.classifier.small import small_body
from tests.classifier import pictures

#: What each light leaves of red, green and blue.
LIGHTS = {
    "dawn": (1.0, 0.8, 0.85),
    "noon": (1.0, 1.0, 0.95),
    "dusk": (0.85, 0.7, 0.6),
    "shade": (0.75, 0.85, 1.0),
    "night": (0.4, 0.45, 0.6),
}


@dataclass(frozen=True)
class Subject:
    """A learner, and the bundle that was made of it below `folder`."""

    name: str
    learn: Learner
    ref: ModelRef
    folder: Path


def photo(megapixels: float, seed: int) -> bytes:
    """A JPEG in the light `seed % 5`, more or less: the lights blend, so that there is doubt to compare."""
    height = max(1, round((megapixels * 1e6 * 3 / 4) ** 0.5))
    width = max(1, round(megapixels * 1e6 / height))
    image = _lit(pictures.scene(width, height, seed), seed)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def _lit(image: Image.Image, seed: int) -> Image.Image:
    light = np.array(list(LIGHTS.values())[seed % len(LIGHTS)])
    light = light * np.random.default_rng(seed).normal(1, 0.06, 3)
    bands = [
        band.point([min(255, round(value * share)) for value in range(256)])
        for band, share in zip(image.split(), light, strict=True)
    ]
    return Image.merge("RGB", bands)


def small(folder: Path, *, photos: int, epochs: int) -> Subject:
    """As the bot trains one: 64 × 64, squished. `photos` are those of each light."""
    dls = _loaders(folder / "small", photos, size=64, batch=32)
    torch.manual_seed(0)
    model = nn.Sequential(
        small_body(3), create_head(bodies.body("small").channels_out, len(LIGHTS), lin_ftrs=[128])
    )
    learn = Learner(dls, model, loss_func=CrossEntropyLossFlat())
    return _subject("small", learn, folder / "small-bundle", epochs=epochs)


def large(folder: Path, *, photos: int, epochs: int) -> Subject:
    """resnet34 at 224 × 224, from random weights: what it says is of no use, what it costs is the same."""
    dls = _loaders(folder / "large", photos, size=224, batch=8)
    torch.manual_seed(0)
    learn = vision_learner(dls, resnet34, pretrained=False, normalize=False)
    return _subject("resnet34", learn, folder / "large-bundle", epochs=epochs)


def _loaders(folder: Path, photos: int, *, size: int, batch: int) -> ImageDataLoaders:
    for number in range(photos * len(LIGHTS)):
        place = folder / list(LIGHTS)[number % len(LIGHTS)]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.jpg").write_bytes(photo(0.05, 10_000 + number))
    return ImageDataLoaders.from_folder(
        folder,
        valid_pct=0.2,
        seed=1,
        item_tfms=Resize(size, method="squish"),
        batch_tfms=[Normalize.from_stats(*imagenet_stats, cuda=False)],
        bs=batch,
        num_workers=0,
        device=torch.device("cpu"),
    )


def _subject(name: str, learn: Learner, folder: Path, *, epochs: int) -> Subject:
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, 3e-3)
    learn.model.eval()
    manifest = Manifest(
        name=name,
        judgement=Judgement(temperature=1.0, threshold=0.5, distance=None),
        metrics=None,
        data=DataCard(images={}, source="drawn by code", licence="CC0-1.0"),
        origin=Origin(made_at="2026-01-01T00:00:00Z", base="none", epochs=epochs, versions=()),
        licence="CC0-1.0",
        **vars(learners.describe(learn)),
    )
    net = architectures.from_fastai(learn.model, manifest)
    digest = exporting.export(net, manifest, folder / "new")
    path = (folder / "new").rename(folder / digest)
    return Subject(name, learn, ModelRef(name=name, digest=digest), path)
