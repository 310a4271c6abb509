"""Handwriting comes out as light strokes on black, whatever it was written on and with."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from bot.classifier.ink import normalise
from tests.classifier.pictures import scene

# A seven and an S-like stroke, as UCI's digits are stored: 8 × 8, 0 to 16, light on black.
_SEVEN = """
00 00 07 12 16 14 03 00
00 02 16 15 12 16 08 00
00 00 05 01 08 16 04 00
00 00 01 06 14 15 02 00
00 05 15 16 16 16 09 00
00 04 09 16 11 04 01 00
00 00 04 16 03 00 00 00
00 00 09 13 00 00 00 00
"""
_NINE = """
00 01 09 15 11 01 00 00
00 08 16 08 14 06 00 00
00 12 10 00 12 09 00 00
00 09 14 05 15 12 00 00
00 01 10 12 09 13 00 00
00 00 00 00 05 14 00 00
00 03 05 04 10 13 00 00
00 01 10 15 14 05 00 00
"""


def digit(text: str) -> np.ndarray:
    return (np.array(text.split(), int).reshape(8, 8) * 255 // 16).astype(np.uint8)


def on_paper(
    stored: np.ndarray, *, side: int, at: tuple[int, int], shadow: float = 0, seed: int = 0, ink: int = 50
) -> Image.Image:
    """Dark ink on cream paper of 400 × 300, with light from the left, an edge of shadow, grain and blur."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:300, 0:400] / 300
    light = 225 - 70 * x - 25 * (y - 0.4) ** 2 - shadow / (1 + np.exp(-(x + 0.2 * y - 0.75) * 60))
    strokes = np.zeros((300, 400))
    large = Image.fromarray(stored).resize((side, side), Image.Resampling.BICUBIC)
    strokes[at[1] : at[1] + side, at[0] : at[0] + side] = np.asarray(large) / 255
    grey = light * (1 - strokes) + np.minimum(ink, light) * strokes + rng.normal(0, 5, light.shape)
    paper = np.stack([grey, grey * 0.98, grey * 0.9], axis=-1).clip(0, 255).astype(np.uint8)
    return Image.fromarray(paper).filter(ImageFilter.GaussianBlur(0.8))


def alike(first: Image.Image, second: Image.Image) -> float:
    """Correlation of the pixels."""
    return float(np.corrcoef(np.asarray(first).ravel(), np.asarray(second).ravel())[0, 1])


@pytest.mark.parametrize("stored", [digit(_SEVEN), digit(_NINE)], ids=["seven", "nine"])
class TestADigit:
    def test_light_on_black_stays_as_it_is(self, stored):
        small = Image.fromarray(stored)
        shown = normalise(small)
        assert (shown.mode, shown.size) == ("L", (28, 28))
        left, top, right, bottom = shown.getbbox()
        assert 18 <= bottom - top <= 22
        assert abs(left + right - 28) <= 2
        assert abs(top + bottom - 28) <= 2
        assert shown.getextrema()[1] > 240
        plain = small.crop(small.point(lambda value: 255 * (value > 60)).getbbox()).resize(
            (right - left, bottom - top), Image.Resampling.BICUBIC
        )
        assert alike(shown.crop((left, top, right, bottom)), plain) > 0.85

    @pytest.mark.parametrize("side", [28, 64, 224, 700])
    def test_size_makes_no_difference(self, stored, side):
        large = Image.fromarray(stored).resize((side, side), Image.Resampling.BICUBIC)
        assert alike(normalise(large), normalise(Image.fromarray(stored))) > 0.97

    def test_nor_does_which_of_ink_and_ground_is_dark(self, stored):
        assert alike(normalise(Image.fromarray(255 - stored)), normalise(Image.fromarray(stored))) > 0.99

    @pytest.mark.parametrize("shadow", [0, 35])
    @pytest.mark.parametrize(
        ("side", "at"), [(60, (20, 15)), (90, (260, 180)), (200, (60, 50)), (280, (10, 5))]
    )
    def test_on_paper_under_uneven_light(self, stored, side, at, shadow):
        shown = normalise(on_paper(stored, side=side, at=at, shadow=shadow))
        assert alike(shown, normalise(Image.fromarray(stored))) > 0.85

    def test_faint_pencil(self, stored):
        shown = normalise(on_paper(stored, side=150, at=(90, 70), ink=140))
        assert alike(shown, normalise(Image.fromarray(stored))) > 0.85


def test_a_thin_pen_writes_as_wide_as_a_thick_one():
    def seven(width: int) -> Image.Image:
        page = Image.new("L", (300, 300), 240)
        line = [(100, 80), (200, 80), (140, 230)]
        ImageDraw.Draw(page).line(line, fill=20, width=width, joint="curve")
        return page

    thin, thick = normalise(seven(4)), normalise(seven(26))
    assert alike(thin, thick) > 0.75
    assert np.asarray(thin).sum() > 0.6 * np.asarray(thick).sum()


def test_specks_are_left_out():
    page = on_paper(digit(_SEVEN), side=120, at=(150, 90))
    draw = ImageDraw.Draw(page)
    for x, y in ((30, 40), (350, 60), (60, 250), (320, 270)):
        draw.ellipse((x, y, x + 6, y + 6), fill=(40, 40, 50))
    assert alike(normalise(page), normalise(Image.fromarray(digit(_SEVEN)))) > 0.85


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_empty_page_is_black(grey):
    assert normalise(Image.new("RGB", (200, 300), (grey,) * 3)).getextrema() == (0, 0)
    grain = np.random.default_rng(1).normal(grey, 4, (300, 300)).clip(0, 255).astype(np.uint8)
    assert normalise(Image.fromarray(grain)).getextrema() == (0, 0)


def test_anything_at_all_gets_an_answer_of_the_size_asked_for():
    rng = np.random.default_rng(0)
    strange = [
        Image.new("L", (1, 1), 200),
        Image.fromarray(rng.integers(0, 256, (2, 200), dtype=np.uint8)),
        Image.fromarray(rng.integers(0, 256, (800, 8), dtype=np.uint8)),
        Image.fromarray(rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)),
        Image.fromarray((np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)),
        scene(200, 150, seed=9),
    ]
    for image in strange:
        shown = normalise(image, size=(32, 48))
        assert (shown.mode, shown.size) == ("L", (48, 32))
        assert normalise(image, size=(32, 48)).tobytes() == shown.tobytes()
