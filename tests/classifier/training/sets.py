"""Training sets made by code: drawn shapes, and zips of whatever a stranger might send."""

import io
import math
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("circle", "cross", "triangle", "two lines")


def shape(kind: str, rng: np.random.Generator, *, turned: float = 0.3) -> Image.Image:
    """A pen's outline on light paper, 80 × 80, turned by up to so many radians."""
    sheet = Image.new("L", (80, 80), int(rng.integers(225, 256)))
    draw = ImageDraw.Draw(sheet)
    pen, width = int(rng.integers(0, 70)), int(rng.integers(4, 8))
    x, y = 40 + rng.uniform(-8, 8, 2)
    size, turn = rng.uniform(18, 28), rng.uniform(-turned, turned)

    def at(angle: float, far: float = 1) -> tuple[float, float]:
        return x + far * size * math.cos(angle + turn), y + far * size * math.sin(angle + turn)

    match kind:
        case "circle":
            draw.ellipse((x - size, y - size, x + size, y + size), outline=pen, width=width)
        case "cross":
            for angle in (0, math.pi / 2):
                draw.line((*at(angle), *at(angle + math.pi)), fill=pen, width=width)
        case "triangle":
            corners = [at(math.pi * (1.5 + 2 * number / 3)) for number in range(3)]
            draw.line([*corners, corners[0], corners[1]], fill=pen, width=width, joint="curve")
        case "two lines":
            for side in (-0.5, 0.5):
                draw.line((*at(math.pi / 2 - side), *at(-math.pi / 2 + side)), fill=pen, width=width)
    grain = np.asarray(sheet) + rng.normal(0, 4, (80, 80))
    return Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).convert("RGB")


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def plain(number: int, side: int = 8) -> bytes:
    """A PNG whose one colour is the number: no two numbers are alike."""
    return png(Image.new("RGB", (side, side), (number % 256, number // 256 % 256, number // 65536)))


def written(path: Path, entries: Iterable[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def labelled(counts: dict[str, int], *, start: int = 0) -> list[tuple[str, bytes]]:
    """Entries with so many different images for each label."""
    found, number = [], start
    for label, count in counts.items():
        for place in range(count):
            found.append((f"{label}/{place}.png", plain(number)))
            number += 1
    return found


def shapes(
    each: int, *, seed: int, turned: float = 0.3, kinds: Iterable[str] = SHAPES
) -> list[tuple[str, bytes]]:
    rng = np.random.default_rng(seed)
    return [
        (f"shapes/{kind}/{number}.png", png(shape(kind, rng, turned=turned)))
        for kind in kinds
        for number in range(each)
    ]
