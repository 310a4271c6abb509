"""How sure a model may be: measured on images that it was not trained on. Only numpy.

Throughout, `logits` is images × labels, `truth` the place of each image's label, and `features` images ×
features, as they enter the model's head.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

BINS = 15
#: Of the images that the model answers, so many (as a share) shall be right.
RIGHT = 0.95
#: A label that is less likely than all others together is no answer.
LOWEST_THRESHOLD = 0.5
HIGHEST_THRESHOLD = 0.99
#: So many of the validation images (as a share) count as familiar.
FAMILIAR = 0.96
#: Most rows of a whitening matrix: every prediction multiplies by it.
ROWS = 512
TEMPERATURES = (0.05, 20.0)
_Z = 1.959963984540054  # the normal distribution's 97.5th percentile
# Of the random directions: any number that nobody else begins with.
_SKETCH = 20_261_121


def probabilities(logits: Array, temperature: float = 1.0) -> Array:
    """softmax(logits / temperature), along the last axis."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    softmax: Array = powers / powers.sum(axis=-1, keepdims=True)
    return softmax


def losses(logits: Array, truth: Array, temperature: float = 1.0) -> Array:
    """The cross-entropy of each image, in nats."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    highest = scaled.max(axis=1)
    every = highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1))
    each: Array = every - scaled[np.arange(len(scaled)), truth]
    return each


def fit_temperature(logits: Array, truth: Array) -> float:
    """That with the least mean cross-entropy (Guo et al., 2017, arXiv:1706.04599), within `TEMPERATURES`.

    When every image is right the least would be at 0, certainty without a doubt; so, as for a proportion that
    was never seen to fail (Jeffreys' prior), each image counts as right by n + ½ of n + 1 parts, and the rest
    is shared by the other labels. By golden section: in 1 / temperature the cross-entropy is convex.
    """
    count, labels = logits.shape
    target = np.full((count, labels), 0.5 / (count + 1) / max(labels - 1, 1))
    target[np.arange(count), truth] = (count + 0.5) / (count + 1)

    def cost(inverse: float) -> float:
        scaled = np.asarray(logits, dtype=np.float64) * inverse
        highest = scaled.max(axis=1)
        every = highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1))
        return float((every - (target * scaled).sum(axis=1)).mean())

    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    golden = (math.sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = cost(left), cost(right)
    while high - low > 1e-6 * low:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = cost(right)
    return 2 / (low + high)


def calibration_error(probs: Array, truth: Array) -> float:
    """The expected calibration error in 15 bins of equal width (Naeini et al., 2015): how far confidence and
    accuracy lie apart, from 0 to 1. `probs` is images × labels.
    """
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == truth
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    apart = 0.0
    for number in np.unique(bins):
        inside = bins == number
        apart += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(apart)


def choose_threshold(probs: Array, truth: Array, *, share: float = RIGHT) -> float:
    """The lowest probability of the first label, at least `LOWEST_THRESHOLD`, from which on `share` of these
    images are right.
    """
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == truth
    wrong = np.sort(confidence[~right])
    above = np.nextafter(wrong[(wrong >= LOWEST_THRESHOLD) & (wrong < HIGHEST_THRESHOLD)], 1)
    for threshold in (LOWEST_THRESHOLD, *above):
        answered = confidence >= threshold
        if not answered.any() or right[answered].mean() >= share:
            return float(threshold)
    return HIGHEST_THRESHOLD


def wilson_interval(right: int, tested: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927). (0, 1) when nothing was tested."""
    if tested == 0:
        return 0.0, 1.0
    share, spread = right / tested, _Z**2 / tested
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / tested + spread / (4 * tested))
    return max(0.0, middle - half), min(1.0, middle + half)


def confusion(predicted: Array, truth: Array, labels: int) -> tuple[tuple[int, ...], ...]:
    """How many images of each label (rows) were taken for each label (columns)."""
    counts = np.zeros((labels, labels), dtype=int)
    np.add.at(counts, (truth, predicted), 1)
    return tuple(tuple(int(count) for count in row) for row in counts)


@dataclass(frozen=True, kw_only=True)
class Familiar:
    """What images that a model knows look like to it: float32, as a bundle's `doubt.means` (labels ×
    features) and `doubt.whiten` (at most `ROWS` × features).
    """

    means: Array
    whiten: Array

    def distances(self, features: Array) -> Array:
        """The Mahalanobis distance of each to the nearest label (Lee et al., 2018, arXiv:1807.03888)."""
        return self.nearest(features)[1]

    def nearest(self, features: Array) -> tuple[Array, Array]:
        """The place of each one's nearest label, and the distance to it."""
        whiten = self.whiten.astype(np.float64)
        points = np.asarray(features, dtype=np.float64) @ whiten.T
        centres = self.means.astype(np.float64) @ whiten.T
        squares = np.empty((len(points), len(centres)))
        for number, centre in enumerate(centres):
            squares[:, number] = np.square(points - centre).sum(axis=1)
        return squares.argmin(axis=1), np.sqrt(squares.min(axis=1))


def fit_familiar(features: Array, truth: Array, labels: int, *, rows: int = ROWS) -> Familiar:
    """From the training images, at least one of every label.

    One covariance for all labels, shrunk towards a multiple of the identity as Ledoit and Wolf (2004) do:
    with fewer images than features it could not be inverted otherwise. Where there are more than `rows`
    features, half of the rows are the directions of largest variance, and the other half random combinations
    of all others, whose squared length is that of the rest but for a few per cent (Johnson and
    Lindenstrauss, 1984).
    """
    points = np.asarray(features, dtype=np.float64)
    means = np.stack([points[truth == label].mean(axis=0) for label in range(labels)])
    centred = points - means[truth]
    variances, directions, floor = _shrunk(centred)
    width = points.shape[1]
    kept = min(len(variances), width if width <= rows else rows // 2)
    leading = directions[:kept] / np.sqrt(variances[:kept])[:, None]
    if width > rows:
        rest = _sketch(width, rows - kept, directions, variances, kept, floor)
    else:
        rest = _complement(directions[:kept]) / math.sqrt(floor)
    whiten = np.concatenate([leading, rest])
    return Familiar(means=means.astype(np.float32), whiten=whiten.astype(np.float32))


def _shrunk(centred: Array) -> tuple[Array, Array, float]:
    """Eigenvalues, the largest first, and eigenvectors (rows) of the shrunk covariance, as many as there are
    images at most; and the eigenvalue in all directions else.
    """
    count, width = centred.shape
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    variances = np.square(singular) / count
    # Neither negative by rounding nor zero for images that are all alike.
    mean = max(variances.sum() / width, 1e-12)
    spread = (np.square(variances).sum() + 0.0) / width - mean**2
    each = np.square(np.square(centred).sum(axis=1)).sum() / width
    noise = (each / count - np.square(variances).sum() / width) / count
    weight = 1.0 if spread <= 0 else float(np.clip(noise / spread, 0.0, 1.0))
    floor = max(weight, 1e-3) * mean  # without noise too, nothing is divided by zero
    return (1 - weight) * variances + floor, directions, floor


def _complement(directions: Array) -> Array:
    """Rows that span what `directions` (orthonormal rows) do not."""
    kept, width = directions.shape
    if kept == width:
        return np.empty((0, width))
    basis, _ = np.linalg.qr(directions.T, mode="complete")
    rest: Array = basis[:, kept:].T
    return rest


def _sketch(width: int, rows: int, directions: Array, variances: Array, kept: int, floor: float) -> Array:
    """Random rows R with ‖R x‖² ≈ what whitening makes of x outside the first `kept` directions."""
    drawn = np.random.default_rng(_SKETCH).standard_normal((rows, width)) / math.sqrt(rows)
    along = drawn @ directions.T
    scale = np.where(np.arange(len(variances)) < kept, 0.0, 1 / np.sqrt(variances))
    rest: Array = (drawn - along @ directions) / math.sqrt(floor) + (along * scale) @ directions
    return rest


def choose_distance(distances: Array, *, share: float = FAMILIAR) -> float:
    """The least of these distances within which at least `share` of them lie."""
    return max(float(np.quantile(distances, share, method="higher")), 1e-6)
