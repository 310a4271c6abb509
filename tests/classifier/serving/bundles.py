"""Bundles to serve, with weights drawn at random: what is served is not what is judged here."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bot.classifier import architectures, bodies, exporting
from bot.classifier.manifest import (
    Architecture,
    DataCard,
    Input,
    Judgement,
    Manifest,
    Normalisation,
    Origin,
    ResizeMethod,
)
from bot.classifier.protocol import ModelRef

LABELS = ("ant", "bee", "cat")


def manifest(name: str, *, architecture: str = "small", size: int = 32, labels: int = 3) -> Manifest:
    return Manifest(
        name=name,
        labels=LABELS if labels == len(LABELS) else tuple(f"label {number}" for number in range(labels)),
        architecture=Architecture(name=architecture, hidden=(16,)),
        input=Input(mode="RGB", size=(size, size), resize=ResizeMethod.CROP),
        normalisation=Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        batch_resize=None,
        judgement=Judgement(temperature=1.5, threshold=0.2, distance=1e6),
        metrics=None,
        data=DataCard(images={}, source="drawn by code", licence="CC0-1.0"),
        origin=Origin(made_at="2026-01-01T00:00:00Z", base="", epochs=0, versions=()),
        licence="CC0-1.0",
    )


def write(folder: Path, described: Manifest, *, seed: int = 0) -> tuple[ModelRef, Path]:
    """A bundle below `folder`, under its digest as in a store. Random weights that depend on `seed`."""
    torch.manual_seed(seed)
    net = architectures.build(described)
    width = bodies.feature_count(described.architecture)
    random = np.random.default_rng(seed)
    doubt = None
    if described.judgement.distance is not None:
        means = random.normal(size=(len(described.labels), width)).astype(np.float32)
        doubt = means, np.eye(width, dtype=np.float32)
    digest = exporting.export(net, described, folder / "new", doubt=doubt)
    path = (folder / "new").rename(folder / digest)
    return ModelRef(name=described.name, digest=digest), path


def unsure(described: Manifest) -> Manifest:
    """The same, but that everything is unfamiliar to it."""
    return replace(described, judgement=replace(described.judgement, distance=1e-6))
