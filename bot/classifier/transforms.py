"""What fastai does to an image before it makes a batch, without fastai: the same bytes come out."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bot.classifier.images import FULL_SIZE
from bot.classifier.ink import WORKING, normalise
from bot.classifier.manifest import Input, PadMode, ResizeMethod

_RESAMPLES = {
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}
# A JPEG keeps this many times the pixels of a side that the resize asks for: its own scaling is not the
# resize's, and the difference must vanish in what is averaged after.
KEPT = 3


def prepare(image: Image.Image, steps: Input) -> NDArray[np.uint8]:
    """An upright image as the graph's input without the batch: uint8, height × width × channels.

    Equal, bit for bit, to fastai 2.8's item transforms when it predicts: PILImage or PILImageBW; Resize, or
    RandomResizedCrop (`resize` SQUISH and `extra`), or CropPad after either (`crop`). Nearly equal for an
    image that `read_image` decoded smaller.
    """
    if steps.ink:
        image = normalise(image, size=steps.size if steps.resize is None else (28, 28))
    if image.mode != steps.mode:
        image = image.convert(steps.mode)
    if steps.resize is not None:
        image = _resize(image, steps)
    if steps.crop is not None:
        image = _middle(image, steps.crop[::-1])
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def draft_size(steps: Input) -> tuple[int, int] | None:
    """`read_image`'s `shown_to` for the fast path; None when only the whole picture will do."""
    if steps.ink:
        return WORKING, WORKING
    if steps.resize is None or steps.resample == "nearest":
        return None
    width, height = _final_size(steps)
    return KEPT * height, KEPT * width


def _final_size(steps: Input) -> tuple[int, int]:
    """(width, height) after the resize; RandomResizedCrop leaves a margin that is cut off."""
    height, width = steps.size
    margin = math.ceil(max(width, height) * steps.extra / 8) * 8
    return width + margin, height + margin


def _resize(image: Image.Image, steps: Input) -> Image.Image:
    resample = _RESAMPLES[steps.resample]
    height, width = steps.size
    full: tuple[int, int] = image.info.get(FULL_SIZE, image.size)
    # A half, a quarter or an eighth; the last column and row of the smaller one may stand for less.
    scale = round(max(full) / max(image.size))
    if steps.resize is ResizeMethod.SQUISH:
        final = _final_size(steps)
        image = image.resize(final, resample, (0, 0, full[0] / scale, full[1] / scale))
        return image if final == (width, height) else _middle(image, (width, height))
    across, down = full[0] / width, full[1] / height
    ratio = max(across, down) if steps.resize is ResizeMethod.PAD else min(across, down)
    # Rounded down, a side of one pixel can vanish, and the picture turns black, in fastai as here.
    cut = int(ratio * width), int(ratio * height)
    corner = int(0.5 * (full[0] - cut[0])), int(0.5 * (full[1] - cut[1]))
    if scale == 1:
        return _cut(image, cut, corner, steps.pad).resize((width, height), resample)
    return _resize_smaller(image, cut, corner, scale, steps)


def _resize_smaller(
    image: Image.Image, cut: tuple[int, int], corner: tuple[int, int], scale: int, steps: Input
) -> Image.Image:
    """`cut` and `corner` are in pixels of the full size, so that the same part is shown."""
    left, top = corner[0] / scale, corner[1] / scale
    right, bottom = left + cut[0] / scale, top + cut[1] / scale
    before = max(0, math.ceil(-left)), max(0, math.ceil(-top))
    behind = max(0, math.ceil(right) - image.width), max(0, math.ceil(bottom) - image.height)
    if any((*before, *behind)):
        image = _pad(image, (*before, *behind), steps.pad, whole=False)
    box = left + before[0], top + before[1], right + before[0], bottom + before[1]
    return image.resize(steps.size[::-1], _RESAMPLES[steps.resample], box)


def _middle(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """fastai's CropPad: (width, height) out of the middle, black where the image has no pixels."""
    corner = (image.width - size[0]) // 2, (image.height - size[1]) // 2
    return _cut(image, size, corner, PadMode.ZEROS)


def _cut(image: Image.Image, size: tuple[int, int], corner: tuple[int, int], pad: PadMode) -> Image.Image:
    """A rectangle of `size` (width, height) at `corner`, which may reach beyond the image."""
    (left, top), (right, bottom) = corner, (corner[0] + size[0], corner[1] + size[1])
    inside = max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)
    beyond = max(-left, 0), max(-top, 0), max(right - image.width, 0), max(bottom - image.height, 0)
    if inside != (0, 0, *image.size):
        image = image.crop(inside)
    if not any(beyond):
        return image
    return _pad(image, beyond, pad)


def _pad(
    image: Image.Image, beyond: tuple[int, int, int, int], pad: PadMode, *, whole: bool = True
) -> Image.Image:
    """`beyond` is in pixels, left, top, right, bottom. A reflection turns at the middle of the last pixel; of
    a picture that is not `whole`, where one pixel stands for several, it turns at its edge.
    """
    if pad is PadMode.ZEROS:
        return ImageOps.expand(image, border=beyond)
    pixels = np.asarray(image)
    widths = ((beyond[1], beyond[3]), (beyond[0], beyond[2]), (0, 0))[: pixels.ndim]
    if pad is PadMode.BORDER:
        return Image.fromarray(np.pad(pixels, widths, "edge"))
    return Image.fromarray(np.pad(pixels, widths, "reflect" if whole else "symmetric"))
