"""From logits and features to an answer, or to the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from bot.classifier.bundle import MEANS, WHITEN, Array
from bot.classifier.manifest import Manifest
from bot.classifier.protocol import Doubt, Guess


class NotANumber(Exception):
    """The model gave a value that is not finite: its weights are finite but of no use."""


Judged = tuple[tuple[Guess, ...], Doubt | None]


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What a model's manifest and its two tensors of `doubt` say of its outputs. `whiten` and `whitened`, the
    means times it, are float64.
    """

    labels: tuple[str, ...]
    temperature: float
    threshold: float
    distance: float | None
    whiten: Array | None
    whitened: Array | None

    @classmethod
    def of(cls, manifest: Manifest, tensors: Mapping[str, Array]) -> Self:
        """`tensors` are a bundle's; those of `doubt` suffice."""
        judgement = manifest.judgement
        whiten = whitened = None
        if judgement.distance is not None:
            whiten = tensors[WHITEN].astype(np.float64)
            with np.errstate(over="ignore", invalid="ignore"):
                whitened = tensors[MEANS].astype(np.float64) @ whiten.T
        return cls(
            labels=manifest.labels,
            temperature=judgement.temperature,
            threshold=judgement.threshold,
            distance=judgement.distance,
            whiten=whiten,
            whitened=whitened,
        )

    def __call__(self, logits: Array, features: Array) -> Judged:
        """For one picture: logits (labels) and features. All labels, the most probable first.

        Raises NotANumber.
        """
        [judged] = self.all(logits[None], features[None])
        if judged is None:
            raise NotANumber
        return judged

    def all(self, logits: Array, features: Array) -> list[Judged | None]:
        """For a batch of pictures (N × labels, N × features); None for one whose logits are no numbers."""
        is_finite: Array = np.isfinite(np.asarray(logits)).all(axis=1)
        probabilities = self.probabilities(np.where(is_finite[:, None], logits, 0))
        order = np.argsort(-probabilities, axis=1, kind="stable")
        sorted_shares = np.take_along_axis(probabilities, order, axis=1).tolist()
        distances = np.zeros(len(logits)) if self.distance is None else self.distances(features)
        return [
            self._judged(shares, places, distance) if finite else None
            for shares, places, distance, finite in zip(
                sorted_shares, order.tolist(), distances.tolist(), is_finite.tolist(), strict=True
            )
        ]

    def probabilities(self, logits: Array) -> Array:
        """Calibrated, of logits with the labels along the last axis. Raises NotANumber."""
        scaled = np.asarray(logits, dtype=np.float64) / self.temperature
        if not np.isfinite(scaled).all():
            raise NotANumber
        powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        probabilities: Array = powers / powers.sum(axis=-1, keepdims=True)
        return probabilities

    def distances(self, features: Array) -> Array:
        """The Mahalanobis distances (Lee et al., 2018, arXiv:1807.03888) of pictures' features (N × features)
        to the nearest label each; infinite where one is beyond what numbers can say.
        """
        if self.whiten is None or self.whitened is None:
            raise ValueError("the model keeps no means")
        with np.errstate(over="ignore", invalid="ignore"):
            # One product for the batch: the differences to each label would be as many times the work.
            away = (np.asarray(features, dtype=np.float64) @ self.whiten.T)[:, None] - self.whitened
            nearest = np.sqrt(np.square(away).sum(axis=2).min(axis=1))
        found: Array = np.where(np.isfinite(nearest), nearest, np.inf)
        return found

    def distance_of(self, features: Array) -> float:
        """Of one picture's features; see `distances`."""
        return float(self.distances(features[None])[0])

    def _judged(self, shares: list[float], places: list[int], distance: float) -> Judged:
        labels = self.labels
        guesses = tuple(
            Guess(label=labels[place], probability=share) for place, share in zip(places, shares, strict=True)
        )
        if self.distance is not None and distance > self.distance:
            return guesses, Doubt.UNFAMILIAR
        if shares[0] < self.threshold:
            return guesses, Doubt.UNDECIDED
        return guesses, None
