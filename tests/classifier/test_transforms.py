"""What the graph is shown: fastai's bytes, and nearly those when a photo is decoded smaller."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.classifier.images import FULL_SIZE, read_image
from bot.classifier.manifest import Input, PadMode, ResizeMethod
from bot.classifier.transforms import draft_size, prepare
from tests.classifier.fastai_items import CASES
from tests.classifier.pictures import encoded, exif, oriented, photo, scene

_SIZES = [
    (1, 1), (1, 2), (2, 1), (3, 3), (1, 100), (100, 1), (10, 1000), (1000, 10), (7, 300), (300, 7),
    (63, 64), (64, 63), (64, 64), (65, 64), (65, 65), (80, 48), (48, 80), (79, 48), (81, 47), (127, 129),
    (128, 128), (129, 127), (200, 150), (150, 200), (640, 480), (333, 501), (28, 28), (8, 8), (640, 27),
]  # fmt: skip


def odd_images() -> dict[str, bytes]:
    """By name; "opened" in it when fastai cannot open it as we do."""
    images = {}
    for width, height in _SIZES:
        picture = scene(width, height, seed=width * 1000 + height)
        images[f"{width}x{height}"] = encoded(picture, "PNG")
        if width * height > 4000:
            images[f"{width}x{height} jpeg"] = encoded(picture, "JPEG")
    wide, tall = scene(150, 90, seed=1), scene(70, 160, seed=2)
    for name, picture in (("wide", wide), ("tall", tall)):
        clear = picture.convert("RGBA")
        clear.putalpha(Image.linear_gradient("L").resize(clear.size))
        images |= {
            f"{name} L": encoded(picture.convert("L"), "PNG"),
            f"{name} L jpeg": encoded(picture.convert("L"), "JPEG"),
            f"{name} 1": encoded(picture.convert("1"), "PNG"),
            f"{name} P": encoded(picture.quantize(50), "PNG"),
            f"{name} GIF": encoded(picture.quantize(50), "GIF"),
            f"{name} WebP": encoded(picture, "WEBP"),
            f"{name} CMYK opened": encoded(picture.convert("CMYK"), "JPEG"),
            f"{name} RGBA opened": encoded(clear, "PNG"),
            f"{name} LA opened": encoded(clear.convert("LA"), "PNG"),
            f"{name} P transparent opened": encoded(clear.quantize(50, Image.Quantize.FASTOCTREE), "PNG"),
            f"{name} turned opened": oriented(encoded(picture, "JPEG"), 6),
            f"{name} turned WebP opened": encoded(picture, "WEBP", exif=b"Exif\0\0" + exif(5)),
        }
    return images


@pytest.fixture(scope="module")
def fastais(tmp_path_factory) -> tuple[list[bytes], dict[str, list[np.ndarray]]]:
    """The images, and fastai's arrays of them by case."""
    folder: Path = tmp_path_factory.mktemp("items")
    images = odd_images()
    for number, (name, data) in enumerate(images.items()):
        (folder / f"{number:03}.bin").write_bytes(data)
        if name.endswith("opened"):
            (folder / f"{number:03}.opened").touch()
    command = [sys.executable, "-m", "tests.classifier.fastai_items", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    arrays = {}
    for case in CASES:
        with np.load(folder / f"{case}.npz") as stored:
            arrays[case] = [stored[key] for key in stored.files]
    return list(images.values()), arrays


@pytest.mark.parametrize("case", CASES)
def test_the_same_bytes_as_fastai(fastais, case):
    images, arrays = fastais
    steps = CASES[case]
    assert len(images) == len(arrays[case]) >= 60
    for number, (data, expected) in enumerate(zip(images, arrays[case], strict=True)):
        shown = prepare(read_image(data), steps)
        assert shown.dtype == np.uint8
        assert shown.shape == (*steps.size, 3 if steps.mode == "RGB" else 1)
        assert np.array_equal(shown, expected), list(odd_images())[number]


@pytest.mark.parametrize("method", ResizeMethod)
@pytest.mark.parametrize("orientation", [1, 6, 3])
def test_a_photo_decoded_smaller_looks_the_same(method, orientation):
    data = oriented(photo(3, seed=orientation), orientation)
    for size in ((192, 192), (96, 160)):
        steps = Input(
            mode="RGB", size=size, resize=method, extra=0.14 if method is ResizeMethod.SQUISH else 0
        )
        small = read_image(data, shown_to=draft_size(steps))
        assert small.width * small.height * 3 < 3e6
        assert small.info[FULL_SIZE][0] > small.width
        difference = np.abs(prepare(read_image(data), steps).astype(int) - prepare(small, steps))
        assert difference.mean() < 0.5
        assert np.percentile(difference, 99) <= 3


@pytest.mark.parametrize("pad", PadMode)
def test_padding_of_a_photo_decoded_smaller(pad):
    data = encoded(scene(2400, 800, seed=5), "JPEG")
    steps = Input(mode="RGB", size=(128, 128), resize=ResizeMethod.PAD, pad=pad)
    small = read_image(data, shown_to=draft_size(steps))
    assert small.size == (1200, 400)
    difference = np.abs(prepare(read_image(data), steps).astype(int) - prepare(small, steps))
    assert difference.mean() < 0.5


def test_when_only_the_whole_photo_will_do():
    assert draft_size(Input(mode="RGB", size=(64, 64), resize=ResizeMethod.CROP, resample="nearest")) is None
    assert draft_size(Input(mode="RGB", size=(64, 64), resize=None, crop=(64, 64))) is None
    assert draft_size(Input(mode="RGB", size=(64, 96), resize=ResizeMethod.CROP)) == (192, 288)
    margin = Input(mode="RGB", size=(64, 96), resize=ResizeMethod.SQUISH, extra=0.14)
    assert draft_size(margin) == (240, 336)


def test_ink_is_made_the_size_that_the_graph_takes():
    page = Image.new("RGB", (400, 300), (230, 225, 210))
    page.paste((30, 30, 50), (180, 80, 200, 220))
    alone = prepare(page, Input(mode="L", size=(40, 32), resize=None, ink=True))
    assert alone.shape == (40, 32, 1)
    assert alone.max() > 250
    assert alone[0, 0, 0] == 0
    resized = prepare(page, Input(mode="RGB", size=(64, 64), resize=ResizeMethod.SQUISH, ink=True))
    assert resized.shape == (64, 64, 3)
