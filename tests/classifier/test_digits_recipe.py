"""The script behind the model that comes with the bot: every step of it, with few pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from bot.classifier.bundle import read_tensors
from bot.classifier.images import read_image
from bot.classifier.reading import check_bundle, read_manifest
from bot.classifier.training import digits, letters
from bot.classifier.training.foreign import KINDS, foreign
from bot.classifier.training.papers import on_paper


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The tests run on every core already."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the digits, few letters, few epochs."""
    known = load_digits()

    def few() -> Any:
        return Bunch(images=known.images[:180], target=known.target[:180])

    monkeypatch.setattr(digits, "load_digits", few)
    for name, value in {
        "TESTED": 60, "CALIBRATED": 40, "EACH_LETTER": 4, "LETTER_EPOCHS": 1, "EPOCHS": 12, "FEW": {5: 2},
        "DRAWS": 1, "FOREIGN": 6,
    }.items():  # fmt: skip
        monkeypatch.setattr(digits, name, value)


@pytest.mark.usefixtures("brief")
def test_the_whole_recipe_makes_a_model_and_says_whether_it_is_the_shipped_one(tmp_path: Path) -> None:
    said: list[str] = []
    status = digits.remake(tmp_path / "new", said.append)

    manifest, digest = read_manifest(tmp_path / "new")
    check_bundle(tmp_path / "new", digest, "digits")
    read_tensors(tmp_path / "new", manifest, digest=digest, name="digits")
    shipped, _ = read_manifest(digits.SHIPPED / "digits")
    assert manifest.metrics is not None
    assert shipped.metrics is not None
    assert manifest.metrics.tested == 60
    assert manifest.metrics.accuracy > 0.5, "learned from 80 rows: far more than the tenth that chance gets"
    low, high = shipped.metrics.interval
    is_within = low <= manifest.metrics.accuracy <= high
    assert status == (0 if is_within else 1)
    assert f"{'within' if is_within else 'outside'} the shipped model's interval" in said[-1]
    assert manifest.input == shipped.input
    assert manifest.architecture == shipped.architecture
    assert any("against" in remark and "5 images a class" in remark for remark in manifest.data.remarks)
    assert any(all(kind in remark for kind in KINDS) for remark in manifest.data.remarks)

    assert digits.remake(tmp_path / "new", said.append) == 2, "what is there already is not overwritten"
    assert read_manifest(tmp_path / "new")[1] == digest


def test_letters_are_never_digits_and_are_drawn_the_same_again() -> None:
    assert len(letters.LETTERS) == len(set(letters.LETTERS)) == 37
    assert not set(letters.LETTERS) & set("0123456789")
    assert all(font.is_file() for font in letters.fonts())

    first, again, other = (
        [np.asarray(digits.shown(picture)) for picture, _ in letters.alphabet(each=1, seed=seed)]
        for seed in (4, 4, 5)
    )
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))
    assert all(picture.max() > 200 for picture in first), "ink is found in every one"


def test_paper_is_light_ink_is_dark_and_the_light_uneven() -> None:
    ink = load_digits().images[0] / 16
    photos = [on_paper(ink, np.random.default_rng(seed)) for seed in range(12)]

    assert photos[3] == on_paper(ink, np.random.default_rng(3))
    assert len(set(photos)) == 12
    for photo in photos:
        image = read_image(photo).convert("L")
        grey = np.asarray(image, dtype=np.float64)
        ends = slice(12), slice(-12, None)
        corners = [grey[rows, columns].mean() for rows in ends for columns in ends]
        assert min(image.size) >= 240
        assert max(image.size) <= 420
        assert max(corners) / min(corners) > 1.02
        assert np.percentile(grey, 0.5) < 0.75 * np.median(grey), "some pixels are ink"


@pytest.mark.parametrize("kind", KINDS)
def test_foreign_pictures_are_the_same_for_a_seed(kind: str) -> None:
    first, again, other = (foreign(kind, count=5, seed=seed) for seed in (1, 1, 2))
    assert len(first) == 5
    assert [image.tobytes() for image in first] == [image.tobytes() for image in again]
    assert [image.tobytes() for image in first] != [image.tobytes() for image in other]
    assert all(isinstance(image, Image.Image) for image in first)
