"""Digits as a phone would photograph them: dark ink on paper under uneven light. Composites, not photos."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

#: Floats, 0 to 1: height × width, or for colours height × width × 3.
Grey = NDArray[np.floating[Any]]


def on_paper(ink: Grey, rng: np.random.Generator) -> bytes:
    """A JPEG of 240 to 420 pixels a side with the digit `ink` (8 × 8, share of ink 0 to 1) written on it.

    Drawn from `rng`: the sheet's colour and fibres, perhaps ruled lines, light that falls off to one side,
    perhaps the soft shadow of a hand, pen or pencil, its size, place and a turn by up to 8 degrees, blur,
    the sensor's noise, and the JPEG's quality (50 to 92).
    """
    height, width = (int(side) for side in rng.integers(240, 421, size=2))
    stroke = _written(ink, height, width, rng)
    sheet = _sheet(height, width, rng)
    pen = _PENS[rng.integers(len(_PENS))]
    strength = rng.uniform(pen.weakest, 1)
    covered = (stroke * strength)[:, :, None]
    paper = sheet * (1 - covered) + np.array(pen.colour) * covered
    paper = paper * _light(height, width, rng)[:, :, None]
    photo = Image.fromarray(_bytes(paper)).filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.3)))
    noisy = np.asarray(photo) / 255 + rng.normal(0, rng.uniform(0.005, 0.03), (height, width, 3))
    file = io.BytesIO()
    Image.fromarray(_bytes(noisy)).save(file, "JPEG", quality=int(rng.integers(50, 93)))
    return file.getvalue()


@dataclass(frozen=True, kw_only=True)
class Pen:
    """`colour` is red, green, blue, 0 to 1; `weakest` the least share of the paper that its ink hides."""

    colour: tuple[float, float, float]
    weakest: float


_PENS = (
    Pen(colour=(0.08, 0.08, 0.10), weakest=0.75),  # a black felt pen
    Pen(colour=(0.10, 0.16, 0.45), weakest=0.75),  # a blue ball-point pen
    Pen(colour=(0.30, 0.30, 0.32), weakest=0.65),  # a pencil
)


def _written(ink: Grey, height: int, width: int, rng: np.random.Generator) -> Grey:
    """The share of ink for each pixel of the sheet: edges as sharp as a pen's, which 8 × 8 pixels are not."""
    side = int(min(height, width) * rng.uniform(0.35, 0.75))
    rough = Image.fromarray(_bytes(np.pad(ink, 2)))
    smooth = rough.resize((side, side), Image.Resampling.BICUBIC)
    smooth = smooth.rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC)
    edge = rng.uniform(0.1, 0.3)
    share = np.clip((np.asarray(smooth) / 255 - 0.4) / edge + 0.5, 0, 1)
    sheet = np.zeros((height, width))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    sheet[top : top + side, left : left + side] = share
    return sheet


def _sheet(height: int, width: int, rng: np.random.Generator) -> Grey:
    """Height × width × 3: white to cream, with fibres; every fourth one is ruled in pale blue."""
    colour = np.clip(rng.uniform(0.86, 0.98) - np.array([0, 0.02, 0.08]) * rng.uniform(0, 1), 0, 1)
    fibres = _clouds(height, width, 3, rng) * 0.02 + _clouds(height, width, 24, rng) * 0.02
    sheet = np.clip(colour + fibres[:, :, None], 0, 1)
    if rng.random() < 0.25:
        spacing, start = int(rng.integers(28, 60)), int(rng.integers(0, 28))
        sheet[start::spacing] -= np.array([0.10, 0.05, 0.02])
    return sheet


def _light(height: int, width: int, rng: np.random.Generator) -> Grey:
    """How bright each pixel is lit: the darkest corner has 45 to 90 % of the brightest one's light."""
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    towards = rng.uniform(0, 2 * np.pi)
    slope = np.cos(towards) * across + np.sin(towards) * down
    slope = (slope - slope.min()) / np.ptp(slope)
    light: Grey = 1 - slope * rng.uniform(0.1, 0.55)
    if rng.random() < 0.3:
        middle = rng.uniform(0, 1, size=2)
        away = np.hypot(down - middle[0], across - middle[1])
        light = light * (1 - rng.uniform(0.15, 0.35) / (1 + np.exp((away - 0.35) / 0.06)))
    return light


def _clouds(height: int, width: int, grain: int, rng: np.random.Generator) -> Grey:
    """Smooth noise, about -1 to 1, with spots of `grain` pixels."""
    coarse = rng.uniform(-1, 1, (height // grain + 2, width // grain + 2)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def _bytes(values: Grey) -> NDArray[np.uint8]:
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
