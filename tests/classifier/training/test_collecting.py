"""Each image once, read under the limits for strangers' files, and where it goes from there."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from bot.classifier.images import read_image
from bot.classifier.manifest import Input, ResizeMethod
from bot.classifier.training import archive, collecting, files
from bot.classifier.training.collecting import Collected, Item, split
from bot.classifier.transforms import prepare
from bot.errors import BadTrainingSet, TrainingFault
from tests.classifier.pictures import exif, gif_of, photo, png_of, webp_of
from tests.classifier.training.sets import labelled, plain, png, shapes, written

RGB = Input(mode="RGB", size=(48, 32), resize=ResizeMethod.CROP)
INK = Input(mode="L", size=(28, 28), resize=None, ink=True)


@pytest.fixture
def collect(tmp_path):
    def collected(entries, steps: Input = RGB) -> Collected:
        heard = []
        with archive.opened(written(tmp_path / "images.zip", entries)) as source:
            found = files.survey(source)
            answer = collecting.collect(
                source, found, tmp_path / "work", steps, on_image=lambda *so_far: heard.append(so_far)
            )
        assert heard == [(number + 1, len(found.images)) for number in range(len(found.images))]
        return answer

    return collected


def test_what_is_tested_is_what_the_bot_would_show_the_model(collect):
    pictures = [photo(0.1, seed) for seed in range(10)]
    entries = [(f"{'cat' if place < 5 else 'dog'}/{place}.jpg", data) for place, data in enumerate(pictures)]
    collected = collect(entries)

    assert collected.labels == ("cat", "dog")
    for item, data in zip(collected.items, pictures, strict=True):
        with Image.open(item.plain) as shown, Image.open(item.rich) as rich:
            np.testing.assert_array_equal(np.asarray(shown), prepare(read_image(data), RGB))
            # Enough for random crops, and no more: twelve megapixels cost their decoding each epoch.
            assert min(rich.size) == 60
            assert rich.size != shown.size


def test_ink_is_kept_as_the_model_sees_it(collect):
    collected = collect(shapes(5, seed=1, kinds=("circle", "cross")), INK)
    for item in collected.items:
        assert item.rich == item.plain
        with Image.open(item.plain) as shown:
            assert (shown.mode, shown.size) == ("L", (28, 28))


def test_the_same_pixels_in_another_file_are_the_same_image(collect):
    """A copy under the same label is left out; under two labels all are, for nobody knows which is right."""
    image = Image.open(io.BytesIO(plain(7, side=30)))
    as_webp, as_gif = io.BytesIO(), io.BytesIO()
    image.save(as_webp, "WEBP", lossless=True)
    image.save(as_gif, "GIF")
    entries = labelled({"cat": 6, "dog": 6}, start=100)
    entries += [
        ("cat/a.png", png(image)),
        ("cat/b.webp", as_webp.getvalue()),
        ("cat/c.gif", as_gif.getvalue()),
    ]
    entries += [("cat/torn.png", plain(3)), ("dog/torn too.png", plain(3))]
    collected = collect(entries)

    assert (collected.copies, collected.conflicting) == (2, 2)
    assert len(collected.items) == 13
    assert set(collected.left_out) == {
        ("cat/b.webp", "the same as cat/a.png"),
        ("cat/c.gif", "the same as cat/a.png"),
        ("cat/torn.png", "under 2 labels"),
        ("dog/torn too.png", "under 2 labels"),
    }


def test_an_image_that_is_turned_by_its_exif_is_read_upright(collect, tmp_path):
    wide = Image.fromarray(np.arange(40 * 80 * 3, dtype=np.uint32).astype(np.uint8).reshape(40, 80, 3))
    turned = io.BytesIO()
    wide.save(turned, "JPEG", exif=exif(6))
    collected = collect([*labelled({"cat": 5, "dog": 5}), ("cat/turned.jpg", turned.getvalue())])
    item = next(item for item in collected.items if item.file == "cat/turned.jpg")
    with Image.open(item.plain) as shown:
        np.testing.assert_array_equal(np.asarray(shown), prepare(read_image(turned.getvalue()), RGB))


def test_images_made_to_hurt_are_left_out_and_named(collect):
    made = {
        "a.png": (png_of(7000, 7000), "too many pixels"),
        "b.png": (png_of(60_000, 1), "too long"),
        "c.gif": (gif_of(8000, 20), "too narrow"),
        "d.webp": (webp_of(4000, 4000), "too many pixels"),
        "e.png": (png_of(0, 0), "damaged"),
    }
    entries = labelled({"cat": 5, "dog": 5}) + [(f"cat/{name}", data) for name, (data, _) in made.items()]
    entries.append(("dog/cut.png", plain(1, side=64)[:-40]))
    entries.append(("dog/huge.png", plain(1) + np.random.default_rng(0).bytes(9 * 2**20)))
    collected = collect(entries)
    refused = dict(collected.left_out)

    assert refused["dog/cut.png"] == "damaged"
    assert refused["dog/huge.png"] == "too many bytes"
    assert len(collected.items) + len(refused) == len(entries)
    assert [refused[f"cat/{name}"] for name in made] == [why for _, why in made.values()]


def test_too_little_may_be_left(collect):
    entries = [*labelled({"cat": 6, "dog": 4}), ("dog/copy.png", plain(6))]
    with pytest.raises(BadTrainingSet) as refused:
        collect(entries)
    assert refused.value == BadTrainingSet(TrainingFault.TOO_FEW_IMAGES, names=("dog",), limit=5)


def items(counts: dict[str, int], *, start: int = 0) -> tuple[Item, ...]:
    found = []
    for label, count in counts.items():
        for number in range(start, start + count):
            key = hashlib.sha256(f"{label}{number}".encode()).hexdigest()
            found.append(Item(file=f"{label}/{number}", label=label, key=key, plain=None, rich=None))  # type: ignore[arg-type]
    return tuple(found)


@pytest.mark.parametrize("counts", [{"a": 5, "b": 5}, {"a": 7, "b": 400, "c": 23}, {"a": 11, "b": 12}])
def test_every_label_is_in_every_part(counts):
    whole = items(counts)
    parts = split(whole, seed=0)
    named = [{item.file for item in part} for part in (parts.train, parts.valid, parts.test)]

    assert sum(map(len, named)) == len(set().union(*named)) == len(whole)
    assert len(parts.test) >= 0.2 * len(whole)
    for label, count in counts.items():
        here = [sum(item.label == label for item in part) for part in (parts.train, parts.valid, parts.test)]
        assert here[0] >= 3
        assert 1 <= here[1] <= max(1, 0.2 * count)
        assert 0.2 * count <= here[2] <= 0.2 * count + 1


def test_where_an_image_goes_does_not_hang_on_names_or_order():
    whole = items({"a": 30, "b": 30})
    assert {item.key for item in split(whole, seed=3).test} == {
        item.key for item in split(whole[::-1], seed=3).test
    }
    assert split(whole, seed=3) != split(whole, seed=4)


def test_a_set_that_grows_keeps_most_images_where_they_were():
    before = split(items({"a": 200, "b": 200}), seed=0)
    after = split(items({"a": 200, "b": 200}) + items({"a": 40, "b": 10}, start=200), seed=0)
    learned = {item.key for item in before.train}
    assert sum(item.key in learned for item in after.test) <= 8
