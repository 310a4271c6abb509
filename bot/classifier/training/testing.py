"""Asks a trained model about images that it was not trained on, and says how far it may be believed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from bot.classifier import calibration
from bot.classifier.architectures import Net
from bot.classifier.calibration import Array, Familiar
from bot.classifier.manifest import Judgement, Metrics
from bot.classifier.training.collecting import Item
from bot.classifier.training.jobs import Mistake

BATCH = 32
WORST = 12


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """`logits` is images × labels, `features` images × features, `truth` the place of each one's label."""

    logits: Array
    features: Array
    truth: Array


def outputs(
    net: Net,
    items: Sequence[Item],
    labels: Sequence[str],
    *,
    device: torch.device,
    on_image: Callable[[int], None],
) -> Outputs:
    """Of the images as the bot would show them. `on_image` hears how many more were asked about."""
    logits, features = [], []
    net = net.to(device)
    for start in range(0, len(items), BATCH):
        batch = items[start : start + BATCH]
        pictures = torch.from_numpy(shown(batch)).to(device)
        with torch.inference_mode():
            found = net(pictures)
        logits.append(found[0].float().cpu().numpy())
        features.append(found[1].float().cpu().numpy())
        on_image(len(batch))
    places = {label: place for place, label in enumerate(labels)}
    return Outputs(
        logits=np.concatenate(logits),
        features=np.concatenate(features),
        truth=np.array([places[item.label] for item in items]),
    )


def shown(items: Sequence[Item]) -> Array:
    """The images as the graph takes them: uint8, N × height × width × channels."""
    pictures = []
    for item in items:
        with Image.open(item.plain) as image:
            pictures.append(np.asarray(image))
    stacked = np.stack(pictures)
    return stacked[:, :, :, None] if stacked.ndim == 3 else stacked


def calibrate(train: Outputs, valid: Outputs, labels: int) -> tuple[Judgement, Familiar]:
    """Temperature and both limits by the validation images; what is familiar by those trained on."""
    temperature = calibration.fit_temperature(valid.logits, valid.truth)
    familiar = calibration.fit_familiar(train.features, train.truth, labels)
    probs = calibration.probabilities(valid.logits, temperature)
    return (
        Judgement(
            temperature=temperature,
            threshold=calibration.choose_threshold(probs, valid.truth),
            distance=calibration.choose_distance(familiar.distances(valid.features)),
        ),
        familiar,
    )


def measure(test: Outputs, judgement: Judgement, familiar: Familiar) -> Metrics:
    probs = calibration.probabilities(test.logits, judgement.temperature)
    predicted = probs.argmax(axis=1)
    right = predicted == test.truth
    is_sure = probs.max(axis=1) >= judgement.threshold
    if judgement.distance is not None:
        is_sure &= familiar.distances(test.features) <= judgement.distance
    return Metrics(
        accuracy=float(right.mean()),
        interval=calibration.wilson_interval(int(right.sum()), len(right)),
        tested=len(right),
        confusion=calibration.confusion(predicted, test.truth, probs.shape[1]),
        ece=calibration.calibration_error(probs, test.truth),
        ece_before=calibration.calibration_error(calibration.probabilities(test.logits), test.truth),
        answered=float(is_sure.mean()),
        answered_right=float(right[is_sure].mean()) if is_sure.any() else 0.0,
    )


def top_losses(
    test: Outputs, items: Sequence[Item], labels: Sequence[str], temperature: float
) -> tuple[Mistake, ...]:
    """The images that the model is the least right about, the worst first."""
    probs = calibration.probabilities(test.logits, temperature)
    losses = calibration.losses(test.logits, test.truth, temperature)
    return tuple(
        Mistake(
            file=items[number].file,
            label=labels[test.truth[number]],
            taken_for=labels[probs[number].argmax()],
            probability=float(probs[number].max()),
            loss=float(losses[number]),
        )
        for number in np.argsort(-losses, kind="stable")[:WORST]
    )
