"""Whether pictures are better seen as ink on paper or as they are: tried on some before any is learned."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import nn

from bot.classifier import calibration
from bot.classifier.calibration import Array
from bot.classifier.headers import LIMITS
from bot.classifier.images import read_image
from bot.classifier.manifest import Input
from bot.classifier.training.files import Source, Survey
from bot.classifier.transforms import prepare
from bot.errors import ImageRefused

#: Images of each label, and of all.
EACH, MOST = 15, 300
#: The other way must tell so much more of them apart (as a share) before the ink is given up: under another
#: light it alone sees the same.
MARGIN = 0.05
FOLDS = 5
_LOOKED_AT = 256  # pixels of a side, at least, at which they are decoded
_GRID = 4

Sample = Sequence[tuple[Image.Image, str]]


def sample(source: Source, found: Survey) -> Sample:
    """Some images of each label, spread over its files."""
    taken: list[tuple[Image.Image, str]] = []
    labels = sorted({entry.label for entry in found.images})
    each = max(2, min(EACH, MOST // len(labels)))
    for label in labels:
        entries = [entry for entry in found.images if entry.label == label]
        for entry in entries[:: -(-len(entries) // each)]:
            try:
                image = read_image(source.read(entry, LIMITS.size), shown_to=(_LOOKED_AT, _LOOKED_AT))
            except ImageRefused:
                continue
            taken.append((image, label))
    return taken


def is_ink(pictures: Sample, body: nn.Module, ink: Input, coloured: nn.Module, colour: Input) -> bool:
    """Whether `body` with what `ink` makes of the pictures tells about as many of them apart as `coloured`
    with what `colour` makes of them, and with the colours of sixteen parts of them.
    """
    truth = np.unique([label for _, label in pictures], return_inverse=True)[1]
    as_ink = _pooled(body, [prepare(image, ink) for image, _ in pictures])
    seen = _pooled(coloured, [prepare(image, colour) for image, _ in pictures])
    grid = np.stack(
        [
            np.asarray(image.resize((_GRID, _GRID), Image.Resampling.BOX)).ravel() / 255
            for image, _ in pictures
        ]
    )
    as_they_are = np.concatenate([seen, grid], axis=1)
    return told_apart(as_they_are, truth) <= told_apart(as_ink, truth) + MARGIN


def _pooled(body: nn.Module, pictures: Sequence[Array]) -> Array:
    """What enters fastai's head: greatest and mean values of the feature map."""
    body.eval()
    found = []
    with torch.inference_mode():
        for picture in pictures:
            features = body(torch.from_numpy(picture.copy())[None].permute(0, 3, 1, 2).float() / 255)[0]
            found.append(torch.cat([features.amax(dim=(1, 2)), features.mean(dim=(1, 2))]).numpy())
    return np.stack(found)


def told_apart(features: Array, truth: Array) -> float:
    """The share of images whose nearest label by the others' Mahalanobis distance is their own, in five
    folds (a linear discriminant with a shrunk covariance).
    """
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)
    # Each label's images go round the folds, so that every fold's others have some of each.
    fold = np.empty(len(truth), dtype=int)
    for label in np.unique(truth):
        places = np.flatnonzero(truth == label)
        fold[places] = np.arange(len(places)) % FOLDS
    right = 0
    for number in range(FOLDS):
        away, rest = fold == number, fold != number
        if not away.any() or len(np.unique(truth[rest])) < len(np.unique(truth)):
            continue
        familiar = calibration.fit_familiar(scaled[rest], truth[rest], int(truth.max()) + 1)
        right += int((familiar.nearest(scaled[away])[0] == truth[away]).sum())
    return right / len(truth)
