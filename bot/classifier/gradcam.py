"""What in a picture spoke for a label: Grad-CAM (Selvaraju et al., 2017, arXiv:1610.02391), without torch.

The gradient of a logit is needed only with respect to the body's feature map, and between the two there is
nothing but fastai's head, whose few layers are differentiated here by hand.
"""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from bot.classifier.bundle import Array
from bot.classifier.manifest import Architecture, Input, ResizeMethod
from bot.classifier.protocol import Picture

#: torch's batch norm adds it to the variance.
EPSILON = 1e-5
#: Of the overlay's longer side, in pixels.
LARGEST, SMALLEST = 1024, 384
#: How much of the picture the warmest place hides.
STRENGTH = 0.6
#: From cold to warm, the colours at equal distances; their lightness rises throughout, so that the map can be
#: read without telling colours apart.
COLOURS = ((30, 16, 84), (120, 28, 109), (203, 60, 62), (246, 146, 30), (250, 240, 150))


def heat(
    activations: Array,
    features: Array,
    label: int,
    *,
    architecture: Architecture,
    tensors: Mapping[str, Array],
) -> Array:
    """The map of one picture, h × w, from 0 to 1; all 0 when nothing spoke for the label.

    `activations` (channels × h × w) and `features` are the graph's; `tensors` holds the head's weights.
    """
    activations = np.asarray(activations, dtype=np.float64)
    channels = len(activations)
    gradient = _gradient(np.asarray(features, dtype=np.float64), label, architecture, tensors)
    # Of the greatest value the gradient goes to one place, of the mean to all in equal parts. Either way its
    # sum is the same, and Grad-CAM weighs a channel by the mean over all places.
    weights = gradient[:channels] + gradient[channels:] if architecture.concat_pool else gradient
    found: Array = np.maximum(np.tensordot(weights, activations, axes=1), 0)
    greatest = found.max()
    return found / greatest if greatest > 0 and np.isfinite(greatest) else np.zeros_like(found)


def overlay(image: Image.Image, heat: Array) -> Picture:
    """The image (RGB or L) under its map, which is stretched over all of it: see `shown_part`."""
    scale = min(LARGEST / max(image.size), max(1.0, SMALLEST / max(image.size)))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    shown = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    small = Image.fromarray(np.asarray(heat, dtype=np.float32))
    warmth = np.asarray(small.resize(size, Image.Resampling.BICUBIC), dtype=np.float32).clip(0, 1)
    places = np.linspace(0, 1, len(COLOURS))
    colours = np.stack(
        [np.interp(warmth, places, [colour[channel] for colour in COLOURS]) for channel in range(3)], axis=-1
    )
    hidden = STRENGTH * warmth[..., None]
    mixed = np.asarray(shown, dtype=np.float32) * (1 - hidden) + colours * hidden
    file = io.BytesIO()
    Image.fromarray(mixed.round().astype(np.uint8)).save(file, "JPEG", quality=88)
    return Picture(data=file.getvalue(), ending="jpg")


def shown_part(image: Image.Image, given: Input, prepared: Array) -> Image.Image:
    """What of the upright image the model saw, as sharp as it is there: `overlay` is for that.

    Where the model saw something else than a part of it (ink, or a picture with a margin) it is `prepared`,
    the bytes (height × width × channels) that `bot.classifier.transforms.prepare` made.
    """
    if given.ink or given.resize not in (ResizeMethod.CROP, ResizeMethod.SQUISH) or given.extra:
        return Image.fromarray(prepared[..., 0] if prepared.shape[-1] == 1 else prepared)
    left, top, right, bottom = 0.0, 0.0, float(image.width), float(image.height)
    height, width = given.size
    if given.resize is ResizeMethod.CROP:
        scale = min(image.width / width, image.height / height)
        left, top, right, bottom = _middle(left, top, right, bottom, width * scale, height * scale)
    if given.crop is not None:
        left, top, right, bottom = _middle(
            left, top, right, bottom,
            (right - left) * given.crop[1] / width, (bottom - top) * given.crop[0] / height,
        )  # fmt: skip
    left, top = int(left), int(top)
    return image.crop((left, top, max(left + 1, round(right)), max(top + 1, round(bottom))))


def _middle(
    left: float, top: float, right: float, bottom: float, width: float, height: float
) -> tuple[float, float, float, float]:
    across, down = (right - left - width) / 2, (bottom - top - height) / 2
    return left + across, top + down, right - across, bottom - down


def _gradient(features: Array, label: int, architecture: Architecture, tensors: Mapping[str, Array]) -> Array:
    """Of the label's logit by the features."""
    scales, weights, alive = [], [], []
    values = features
    for number in range(len(architecture.hidden) + 1):
        norm = {
            part: tensors[f"head.{number}.norm.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        scale = norm["weight"] / np.sqrt(norm["running_var"] + EPSILON)
        weight = tensors[f"head.{number}.linear.weight"].astype(np.float64)
        values = weight @ ((values - norm["running_mean"]) * scale + norm["bias"])
        scales.append(scale)
        weights.append(weight)
        alive.append(values > 0)
        values = np.maximum(values, 0)
    gradient = np.zeros(len(values))
    gradient[label] = 1
    for number in range(len(architecture.hidden), -1, -1):
        gradient = (gradient @ weights[number]) * scales[number]
        if number:
            gradient = gradient * alive[number - 1]
    return gradient
