"""Pictures that show no digit, to try "not sure" with: a model was trained on none of them."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_images

from bot.classifier.training.letters import LETTERS, alphabet


def foreign(kind: str, *, count: int, seed: int) -> list[Image.Image]:
    """`count` pictures of a kind of `KINDS`, the same for the same `seed`."""
    return KINDS[kind](count, np.random.default_rng(seed))


def _letters(count: int, rng: np.random.Generator) -> list[Image.Image]:
    """All 37, I and O too, drawn as those that the body was pre-trained on; fine or 8 × 8, light on dark."""
    drawn = [
        picture for picture, _ in alphabet(each=-(-count // len(LETTERS)), seed=int(rng.integers(1 << 31)))
    ]
    return [drawn[place] for place in rng.permutation(len(drawn))[:count]]


def _noise(count: int, rng: np.random.Generator) -> list[Image.Image]:
    """Every pixel by chance, in colour, fine or in blocks of up to 16 pixels."""
    pictures = []
    for _ in range(count):
        side = 256 // int(2 ** rng.integers(0, 5))
        noise = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        pictures.append(Image.fromarray(noise).resize((256, 256), Image.Resampling.NEAREST))
    return pictures


def _blanks(count: int, rng: np.random.Generator) -> list[Image.Image]:
    """One colour, half of them with a camera's slight noise."""
    pictures = []
    for number in range(count):
        sheet = np.full((256, 256, 3), rng.integers(0, 256, size=3), dtype=np.float64)
        if number % 2:
            sheet += rng.normal(0, 3, sheet.shape)
        pictures.append(Image.fromarray(np.clip(sheet, 0, 255).astype(np.uint8)))
    return pictures


def _faces(count: int, rng: np.random.Generator) -> list[Image.Image]:
    """A circle with two eyes, a nose, a mouth and perhaps hair, drawn with one pen on a light sheet."""
    return [_face(rng) for _ in range(count)]


def _face(rng: np.random.Generator) -> Image.Image:
    sheet = Image.new("RGB", (256, 256), tuple(int(rng.integers(225, 256)) for _ in range(3)))
    draw = ImageDraw.Draw(sheet)
    pen, width = (int(rng.integers(0, 70)),) * 3, int(rng.integers(5, 11))
    x, y = 128 + rng.uniform(-20, 20), 128 + rng.uniform(-20, 20)
    across, down = rng.uniform(70, 95), rng.uniform(75, 100)
    draw.ellipse((x - across, y - down, x + across, y + down), outline=pen, width=width)
    eye = rng.uniform(6, 13)
    for side in (-1, 1):
        middle = x + side * across * 0.4
        draw.ellipse((middle - eye, y - down * 0.3 - eye, middle + eye, y - down * 0.3 + eye), fill=pen)
    draw.line((x, y - down * 0.1, x - 6, y + down * 0.15), fill=pen, width=width)
    mouth = (x - across * 0.5, y, x + across * 0.5, y + down * 0.65)
    start, end = ((20, 160), (200, 340))[int(rng.integers(2))]
    draw.arc(mouth, start, end, fill=pen, width=width)
    if rng.random() < 0.5:
        for lock in np.linspace(-0.8, 0.8, 9):
            draw.line(
                (x + lock * across, y - down * 0.8, x + lock * across * 1.2, y - down * 1.15),
                fill=pen,
                width=width,
            )
    return sheet


def _photos(count: int, rng: np.random.Generator) -> list[Image.Image]:
    """Pieces of 160 to 420 pixels of scikit-learn's two sample photographs (a temple, a flower)."""
    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    pieces = []
    for number in range(count):
        photo = photos[number % len(photos)]
        side = int(rng.integers(160, 421))
        left, top = (int(rng.integers(0, length - side + 1)) for length in photo.size)
        pieces.append(photo.crop((left, top, left + side, top + side)))
    return pieces


KINDS: dict[str, Callable[[int, np.random.Generator], list[Image.Image]]] = {
    "letters": _letters,
    "noise": _noise,
    "blanks": _blanks,
    "drawn faces": _faces,
    "photos": _photos,
}
