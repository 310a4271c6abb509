"""What every `Classifier` does, wherever it runs: a list of behaviours, and the site they are tried on."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.classifier.manifest import GRAPH
from bot.classifier.protocol import Classifier, Doubt, ModelRef, Readiness
from bot.classifier.serving import wire
from bot.errors import ClassifierWarmingUp, ImageFault, ImageRefused, ModelDamaged, ModelMissing, StudyError
from tests.classifier.serving import bundles

#: Seconds until a classifier that was just started must be ready, on a machine with other work.
READY_WITHIN = 300


@dataclass(frozen=True)
class Models:
    """`folder` is a store's. Of `pets` and `shapes` the labels differ, `shy` finds everything unfamiliar."""

    folder: Path
    pets: ModelRef
    shapes: ModelRef
    shy: ModelRef
    damaged: ModelRef
    missing: ModelRef


@dataclass(frozen=True)
class Site:
    classifier: Classifier
    models: Models


Behaviour = Callable[[Site], Awaitable[None]]


def lay_out(folder: Path) -> Models:
    """A store of small models with random weights, one of them damaged."""
    pets, _ = bundles.write(folder, bundles.manifest("pets"), seed=1)
    shapes, _ = bundles.write(folder, bundles.manifest("shapes", labels=5, size=24), seed=2)
    shy, _ = bundles.write(folder, bundles.unsure(bundles.manifest("shy")), seed=3)
    damaged, place = bundles.write(folder, bundles.manifest("torn"), seed=4)
    graph = bytearray((place / GRAPH).read_bytes())
    graph[len(graph) // 2] ^= 1
    (place / GRAPH).write_bytes(graph)
    return Models(folder, pets, shapes, shy, damaged, ModelRef(name="gone", digest="0" * 64))


def photo(width: int = 900, height: int = 700, *, seed: int = 0) -> bytes:
    """A JPEG of soft shapes with a turn in its EXIF, which no picture that is shown may keep."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home"
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, "PNG")
    return file.getvalue()


async def until_ready(site: Site) -> None:
    """Until it answers: nobody is told anything else than "warming up" before."""
    deadline = asyncio.get_running_loop().time() + READY_WITHIN
    while asyncio.get_running_loop().time() < deadline:
        try:
            await site.classifier.classify(photo(), site.models.pets)
        except ClassifierWarmingUp:
            await asyncio.sleep(0.2)
        else:
            return
    raise AssertionError(site.classifier.status())


async def every_label_has_its_probability(site: Site) -> None:
    verdict = await site.classifier.classify(photo(), site.models.pets)
    probabilities = [guess.probability for guess in verdict.guesses]
    assert {guess.label for guess in verdict.guesses} == set(bundles.LABELS)
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-6)
    assert verdict.doubt is None
    assert verdict.photo is None
    assert verdict.seconds > 0


async def doubt_is_said(site: Site) -> None:
    verdict = await site.classifier.classify(photo(), site.models.shy)
    assert verdict.doubt is Doubt.UNFAMILIAR


async def the_photo_comes_along_when_asked_for(site: Site) -> None:
    verdict = await site.classifier.classify(photo(2400, 1200), site.models.pets, photo=True)
    assert verdict.photo is not None
    assert verdict.photo.ending == "jpg"
    shown = Image.open(io.BytesIO(verdict.photo.data))
    assert shown.width < shown.height <= 1024, "upright, and not larger than a message needs"
    assert not shown.getexif()
    assert b"taken at home" not in verdict.photo.data


async def the_fast_way_is_close_to_the_exact_one(site: Site) -> None:
    for seed in range(4):
        image = photo(1600, 1200, seed=seed)
        fast = await site.classifier.classify(image, site.models.pets)
        exact = await site.classifier.classify(image, site.models.pets, exact=True)
        by_label = {guess.label: guess.probability for guess in exact.guesses}
        for guess in fast.guesses:
            assert guess.probability == pytest.approx(by_label[guess.label], abs=0.02)


async def many_at_once_get_their_own_answers(site: Site) -> None:
    """Of two models at the same time, with refusals among them: nothing is mixed up in the batches."""
    images = [photo(300 + 10 * seed, 240, seed=seed) for seed in range(12)]
    alone = {}
    for model in (site.models.pets, site.models.shapes):
        for image in images:
            alone[model, image] = (await site.classifier.classify(image, model)).guesses

    async def ask(image: bytes, model: ModelRef) -> None:
        verdict = await site.classifier.classify(image, model)
        for guess, expected in zip(verdict.guesses, alone[model, image], strict=True):
            assert guess.label == expected.label
            assert guess.probability == pytest.approx(expected.probability, abs=1e-4)

    async def refused() -> None:
        with pytest.raises(ImageRefused):
            await site.classifier.classify(b"GIF89a?", site.models.pets)

    await asyncio.gather(*(ask(image, model) for model, image in alone), *(refused() for _ in range(4)))


async def why_is_a_picture(site: Site) -> None:
    image = photo(2400, 1200)
    shown = [
        await site.classifier.explain(image, site.models.pets),
        await site.classifier.explain(image, site.models.pets, label="bee"),
        await site.classifier.explain(image, site.models.pets, label="no such label"),
    ]
    for picture in shown:
        opened = Image.open(io.BytesIO(picture.data))
        opened.load()
        assert max(opened.size) <= 1024
        assert opened.format == {"png": "PNG", "jpg": "JPEG"}[picture.ending]
    assert shown[0] == shown[2], "a label that the model does not have is taken for none"


async def what_is_no_good_image_is_refused_with_the_reason(site: Site) -> None:
    whole = photo()
    refusals = {
        b"": ImageRefused(ImageFault.EMPTY),
        b"MZ this is a program": ImageRefused(ImageFault.NOT_AN_IMAGE),
        bytes(wire.MOST_BYTES + 1): ImageRefused(ImageFault.TOO_MANY_BYTES, wire.MOST_BYTES),
        png(5_001, 5_000): ImageRefused(ImageFault.TOO_MANY_PIXELS, 25_000_000),
        png(8_193, 200): ImageRefused(ImageFault.TOO_LONG, 8_192),
        png(2_002, 20): ImageRefused(ImageFault.TOO_NARROW, 100),
        png(60, 40)[:44]: ImageRefused(ImageFault.DAMAGED),
        whole[:300]: ImageRefused(ImageFault.DAMAGED),
    }
    for image, expected in refusals.items():
        for asked in (site.classifier.classify, site.classifier.explain):
            with pytest.raises(ImageRefused) as refused:
                await asked(image, site.models.pets)
            assert refused.value == expected
    await site.classifier.classify(whole, site.models.pets)


async def a_model_that_cannot_be_used_is_named(site: Site) -> None:
    models = site.models
    cases: list[tuple[ModelRef, type[StudyError]]] = [
        (models.damaged, ModelDamaged),
        (replace(models.damaged, name="torn v2"), ModelDamaged),
        (models.missing, ModelMissing),
    ]
    for ref, kind in cases:
        for asked in (site.classifier.classify, site.classifier.explain):
            with pytest.raises(kind) as refused:
                await asked(photo(), ref)
            assert (refused.value.name, refused.value.digest) == (ref.name, ref.digest)  # type: ignore[attr-defined]
    with pytest.raises(ModelDamaged) as refused:
        await site.classifier.classify(photo(), models.damaged)
    assert GRAPH in refused.value.part
    await site.classifier.classify(photo(), models.pets)


async def the_status_says_what_it_is_and_has(site: Site) -> None:
    await site.classifier.classify(photo(), site.models.shapes)
    for _ in range(100):
        status = site.classifier.status()
        if status.readiness is Readiness.READY:
            break
        await asyncio.sleep(0.1)
    assert status.readiness is Readiness.READY
    assert status.device.startswith("cpu, onnxruntime")


#: In the order in which they are tried.
BEHAVIOURS: tuple[Behaviour, ...] = (
    every_label_has_its_probability,
    doubt_is_said,
    the_photo_comes_along_when_asked_for,
    the_fast_way_is_close_to_the_exact_one,
    many_at_once_get_their_own_answers,
    why_is_a_picture,
    what_is_no_good_image_is_refused_with_the_reason,
    a_model_that_cannot_be_used_is_named,
    the_status_says_what_it_is_and_has,
)
