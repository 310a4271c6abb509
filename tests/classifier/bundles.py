"""Bundles of drawn weights, made without torch: whole ones, and what damages them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bot.classifier import bodies
from bot.classifier.bundle import MEANS, WHITEN, Array, write_bundle
from bot.classifier.manifest import (
    GRAPH,
    MANIFEST,
    WEIGHTS,
    Architecture,
    DataCard,
    Input,
    Judgement,
    Manifest,
    Metrics,
    Normalisation,
    Origin,
    ResizeMethod,
)

LABELS = ("cat", "dog", "owl")
#: The smallest ONNX file that is one: a model with an empty graph (field 7, of no length).
EMPTY_GRAPH = b"\x3a\x00"


def manifest(**changes: Any) -> Manifest:
    """Of a model whose every part is there."""
    whole = Manifest(
        name="beasts",
        labels=LABELS,
        architecture=Architecture(name="small", hidden=(16,)),
        input=Input(mode="RGB", size=(32, 40), resize=ResizeMethod.CROP),
        normalisation=Normalisation(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        batch_resize=None,
        judgement=Judgement(temperature=1.5, threshold=0.6, distance=20.0),
        metrics=Metrics(
            accuracy=0.9,
            interval=(0.81, 0.95),
            tested=70,
            confusion=((20, 1, 1), (2, 22, 1), (1, 1, 21)),
            ece=0.02,
            ece_before=0.05,
            answered=0.9,
            answered_right=0.97,
        ),
        data=DataCard(
            images={"cat": 100, "dog": 110, "owl": 90},
            source="drawn by code",
            licence="CC0-1.0",
            remarks=("Two duplicates were left out.",),
        ),
        origin=Origin(made_at="2026-11-21T12:00:00Z", base="none", epochs=3, versions=("numpy 2.4",)),
        licence="MIT",
    )
    return replace(whole, **changes)


def tensors(of: Manifest, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    drawn: dict[str, Array] = {}
    for name, shape in bodies.shapes(of).items():
        if bodies.counts(name):
            drawn[name] = np.array(7, dtype=np.int64)
        elif name.endswith("running_var"):
            drawn[name] = rng.uniform(0.5, 2, shape).astype(np.float32)
        else:
            drawn[name] = (rng.normal(size=shape) / 10).astype(np.float32)
    if of.judgement.distance is not None:
        count = bodies.feature_count(of.architecture)
        drawn[MEANS] = rng.normal(size=(len(of.labels), count)).astype(np.float32)
        drawn[WHITEN] = rng.normal(size=(count // 2, count)).astype(np.float32)
    return drawn


def bundle(folder: Path, of: Manifest | None = None, *, seed: int = 0) -> str:
    """Written to `folder`; its digest."""
    chosen = of or manifest()
    return write_bundle(folder, chosen, tensors(chosen, seed), EMPTY_GRAPH)


def forge(folder: Path, *, weights: bytes | None = None, graph: bytes | None = None) -> str:
    """Put other bytes in, with hashes and sizes that are right: what somebody could write who means it."""
    document = json.loads((folder / MANIFEST).read_bytes())
    for file, data in ((WEIGHTS, weights), (GRAPH, graph)):
        if data is not None:
            (folder / file).write_bytes(data)
            document["files"][file] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return rewrite(folder, lambda _: document)


def rewrite(folder: Path, change: Callable[[dict[str, Any]], Mapping[str, Any] | None]) -> str:
    """Change the manifest, in place or by what is returned; the digest that it then has."""
    document = json.loads((folder / MANIFEST).read_bytes())
    data = json.dumps(change(document) or document).encode()
    (folder / MANIFEST).write_bytes(data)
    return hashlib.sha256(data).hexdigest()
