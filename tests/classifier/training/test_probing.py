"""A base that seeks ink on paper is used so where there is ink, and its body alone where there is none."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bot.classifier.store import SHIPPED
from bot.classifier.training import archive, files, planning, probing, weights
from bot.classifier.training.planning import Plan
from tests.classifier.training.sets import SHAPES, labelled, plain, shape, shapes, written


@pytest.fixture(scope="module")
def digits() -> weights.Base:
    folder = SHIPPED / "digits"
    return weights.start_from_bundle(folder, weights.read_manifest(folder)[1])


def blob(colour: tuple[int, int, int], rng: np.random.Generator) -> Image.Image:
    """A round thing somewhere on grey: its outline says nothing of what it is."""
    sheet = Image.new("RGB", (90, 80), (int(rng.integers(90, 200)),) * 3)
    x, y, size = rng.uniform(25, 65), rng.uniform(25, 55), rng.uniform(12, 24)
    shade = tuple(int(level) for level in np.clip(np.array(colour) + rng.normal(0, 20, 3), 0, 255))
    ImageDraw.Draw(sheet).ellipse((x - size, y - size, x + size, y + size), fill=shade)
    return sheet


def blobs(each: int) -> list[tuple[Image.Image, str]]:
    rng = np.random.default_rng(2)
    colours = {"red": (200, 50, 40), "green": (50, 160, 70), "blue": (50, 70, 190)}
    return [(blob(colour, rng), label) for label, colour in colours.items() for _ in range(each)]


def drawings(each: int) -> list[tuple[Image.Image, str]]:
    rng = np.random.default_rng(3)
    return [(shape(kind, rng), kind) for kind in SHAPES for _ in range(each)]


def plan(base: weights.Base, pictures: probing.Sample) -> Plan:
    return planning.from_base(base, lambda: pictures)


def test_drawings_are_ink(digits):
    chosen = plan(digits, drawings(8))
    assert chosen.input == digits.manifest.input
    assert chosen.head_labels == digits.manifest.labels


def test_drawings_on_coloured_paper_are_ink_too(digits):
    rng = np.random.default_rng(4)
    pictures = []
    for image, label in drawings(8):
        paper = np.asarray(image).astype(float) * rng.uniform(0.4, 1, 3)
        pictures.append((Image.fromarray(paper.astype(np.uint8)), label))
    assert plan(digits, pictures).input.ink


def test_things_that_differ_in_colour_are_not(digits):
    chosen = plan(digits, blobs(8))
    assert (chosen.input.mode, chosen.input.ink) == ("RGB", False)
    assert chosen.head == {}
    assert chosen.architecture.name == "small"
    assert chosen.remarks == ("Not ink on paper: of digits only the body was taken, for pictures in colour.",)


def test_labels_that_the_base_knows_go_on_as_they_began(digits):
    sevens = [(image, {"red": "7"}.get(label, label)) for image, label in blobs(8)]
    assert plan(digits, sevens).input == digits.manifest.input


def test_telling_apart_is_counted_on_images_left_aside():
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 3
    noise = rng.normal(size=(60, 200))
    assert probing.told_apart(noise, truth) < 0.6
    noise[:, :20] += 3 * truth[:, None]
    assert probing.told_apart(noise, truth) > 0.9
    assert probing.told_apart(np.zeros((60, 5)), truth) == pytest.approx(1 / 3)


def test_some_of_every_label_are_looked_at(tmp_path):
    entries = [*labelled({"cat": 200, "dog": 6}), ("dog/cut.png", plain(7)[:30])]
    with archive.opened(written(tmp_path / "images.zip", entries)) as source:
        taken = [label for _, label in probing.sample(source, files.survey(source))]
    assert 10 <= taken.count("cat") <= probing.EACH
    assert taken.count("dog") == 6


def test_large_images_are_looked_at_small(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (2400, 1600), (9, 99, 9)).save(file, "JPEG")
    entries = [*shapes(5, seed=1), ("shapes/circle/large.jpg", file.getvalue())]
    with archive.opened(written(tmp_path / "images.zip", entries)) as source:
        largest = max(image.width for image, _ in probing.sample(source, files.survey(source)))
    assert largest == 600
