"""Letters to learn from before digits: drawn from open fonts, bent as a hand would, and never a digit."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

#: Capitals, and the small letters that are not just smaller capitals (as in EMNIST's "balanced" split).
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
#: Of the fonts that matplotlib brings: DejaVu (Bitstream Vera's licence; its own changes are public domain)
#: and STIX (SIL Open Font License 1.1). No glyph is stored: letters are drawn, learned from and forgotten.
FONTS = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSans-Oblique.ttf",
    "DejaVuSans-BoldOblique.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Oblique.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Italic.ttf",
    "DejaVuSerif-Bold.ttf",
    "STIXGeneral.ttf",
    "STIXGeneralItalic.ttf",
    "STIXGeneralBol.ttf",
    "STIXGeneralBolIta.ttf",
)
#: Side of the sheet that a letter is drawn on, and of the meshes' squares, in pixels.
SHEET, SQUARE = 96, 24


def fonts() -> tuple[Path, ...]:
    """The files of `FONTS`, in matplotlib's own folder."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return tuple(folder / name for name in FONTS)


def letter(char: str, font: ImageFont.FreeTypeFont, rng: np.random.Generator) -> Image.Image:
    """White on black, 96 × 96, mode L: a stroke of random width, slanted, turned and bent by `rng`."""
    sheet = Image.new("L", (SHEET, SHEET))
    ImageDraw.Draw(sheet).text(
        (SHEET / 2, SHEET / 2), char, fill=255, font=font, anchor="mm", stroke_width=int(rng.integers(0, 4))
    )
    turn, slant = np.radians(rng.uniform(-15, 15)), rng.uniform(-0.3, 0.3)
    wide, high = rng.uniform(0.75, 1.15, size=2)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ np.array([[1 / wide, slant], [0, 1 / high]])
    middle = np.array([SHEET / 2, SHEET / 2])
    shift = middle - matrix @ middle
    sheet = sheet.transform(
        (SHEET, SHEET),
        Image.Transform.AFFINE,
        (*matrix[0], shift[0], *matrix[1], shift[1]),
        resample=Image.Resampling.BILINEAR,
    )
    return sheet.transform(
        (SHEET, SHEET), Image.Transform.MESH, _mesh(rng), resample=Image.Resampling.BILINEAR
    )


def _mesh(rng: np.random.Generator) -> list[tuple[tuple[int, int, int, int], tuple[float, ...]]]:
    """Squares of the sheet, and the four corners, moved by up to 5 pixels, of what goes into each."""
    steps = np.arange(0, SHEET + 1, SQUARE)
    corners = np.stack(np.meshgrid(steps, steps), axis=-1) + rng.uniform(-5, 5, (len(steps), len(steps), 2))
    pieces = []
    for row, top in enumerate(steps[:-1]):
        for column, left in enumerate(steps[:-1]):
            around = ((row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1))
            target = (int(left), int(top), int(left) + SQUARE, int(top) + SQUARE)
            pieces.append((target, tuple(float(at) for spot in around for at in corners[spot])))
    return pieces


def alphabet(*, each: int, seed: int) -> Iterator[tuple[Image.Image, int]]:
    """`each` pictures of every letter with its place in `LETTERS`; fonts and distortions drawn from `seed`.

    Two thirds are as coarse as the digits of scikit-learn, 8 × 8 pixels that hold the share of ink.
    """
    rng = np.random.default_rng(seed)
    faces = [ImageFont.truetype(str(path), 60) for path in fonts()]
    for label, char in enumerate(LETTERS):
        for _ in range(each):
            drawn = letter(char, faces[rng.integers(len(faces))], rng)
            if rng.random() < 2 / 3 and (box := drawn.getbbox()):
                drawn = drawn.crop(box).resize((8, 8), Image.Resampling.BOX)
            yield drawn, label
