"""Pictures in, verdicts out: the runtimes agree, memory runs out, models come and go and break."""

import io
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.classifier.bundle import read_tensors, write_bundle
from bot.classifier.manifest import GRAPH, MANIFEST, WEIGHTS
from bot.classifier.protocol import Doubt, ModelRef, Verdict
from bot.classifier.reading import read_manifest
from bot.classifier.serving.answering import ModelAnswering, Opened
from bot.classifier.serving.runtime import Array, Failed, LoadedModel, OutOfMemory
from bot.classifier.serving.runtime_onnx import OnnxRuntime
from bot.classifier.serving.runtime_torch import TorchRuntime
from bot.errors import ClassifierLost, ImageFault, ImageRefused, ModelDamaged, ModelMissing
from tests.classifier.serving import bundles

OUTPUTS = ("logits", "features", "activations")
Bundle = tuple[ModelRef, Path]


def jpeg(seed: int, size: tuple[int, int] = (100, 80)) -> bytes:
    rough = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Bundle:
    return bundles.write(folder, bundles.manifest("first"))


@pytest.fixture(scope="module")
def other(folder: Path) -> Bundle:
    return bundles.write(folder, bundles.unsure(bundles.manifest("other")), seed=1)


@pytest.fixture(scope="module")
def third(folder: Path) -> Bundle:
    return bundles.write(folder, bundles.manifest("third", size=24), seed=2)


@pytest.fixture
def runtime() -> OnnxRuntime:
    return OnnxRuntime(threads=1)


class Odd:
    """A runtime with a limit: batches of more than `most` do not fit, and white pictures break it."""

    device = "odd"
    room = 2**30

    def __init__(self, runtime: OnnxRuntime, *, most: int) -> None:
        self.most = most
        self.sizes: list[int] = []
        self.tidied = 0
        self._runtime = runtime

    def load(self, ref: ModelRef, folder: Path) -> LoadedModel:
        return OddModel(self, self._runtime.load(ref, folder))

    def tidy(self) -> None:
        self.tidied += 1


class OddModel:
    def __init__(self, runtime: Odd, loaded: LoadedModel) -> None:
        self.manifest, self.tensors, self.size = loaded.manifest, loaded.tensors, loaded.size
        self._odd = runtime
        self._loaded = loaded

    def run(self, images: Array, wanted: Collection[str], *, exact: bool) -> dict[str, Array]:
        self._odd.sizes.append(len(images))
        if len(images) > self._odd.most:
            raise OutOfMemory("CUDA out of memory")
        if (images == 255).all(axis=(1, 2, 3)).any():
            raise Failed("white")
        outputs = self._loaded.run(images, wanted, exact=exact)
        if (images == 5).all():
            outputs["logits"] = outputs["logits"] * np.nan
        return outputs


def classified(
    answering: ModelAnswering, bundle: Bundle, pictures: Iterator[bytes] | list[bytes]
) -> list[object]:
    model = answering.open(*bundle)
    return list(answering.judge(model, [answering.prepare(model, picture) for picture in pictures]))


def one_colour(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 40), (value,) * 3).save(file, "PNG")
    return file.getvalue()


def shares(verdicts: list[object]) -> list[dict[str, float]]:
    assert all(isinstance(verdict, Verdict) for verdict in verdicts), verdicts
    return [
        {guess.label: guess.probability for guess in verdict.guesses}
        for verdict in verdicts
        if isinstance(verdict, Verdict)
    ]


def test_both_runtimes_give_the_same(bundle: Bundle, runtime: OnnxRuntime) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    one = runtime.load(*bundle).run(pictures, OUTPUTS, exact=True)
    two = TorchRuntime("cpu").load(*bundle).run(pictures, OUTPUTS, exact=False)
    for name in OUTPUTS:
        assert one[name].shape == two[name].shape
        assert one[name].dtype == two[name].dtype == np.float32
        assert np.abs(one[name] - two[name]).max() < 1e-4


def test_a_batch_gives_each_picture_what_it_gets_alone(bundle: Bundle, runtime: OnnxRuntime) -> None:
    answering = ModelAnswering(runtime)
    pictures = [jpeg(seed) for seed in range(7)]
    together = shares(classified(answering, bundle, pictures))
    for picture, found in zip(pictures, together, strict=True):
        [alone] = shares(classified(answering, bundle, [picture]))
        assert alone == pytest.approx(found, abs=1e-5)
    assert len({tuple(each.values()) for each in together}) == 7, "they differ from each other"


def test_a_verdict_says_what_the_model_doubts(bundle: Bundle, other: Bundle, runtime: OnnxRuntime) -> None:
    answering = ModelAnswering(runtime)
    [verdict] = classified(answering, bundle, [jpeg(1)])
    assert isinstance(verdict, Verdict)
    assert verdict.doubt is None
    assert [guess.probability for guess in verdict.guesses] == sorted(
        (guess.probability for guess in verdict.guesses), reverse=True
    )
    assert 0 < verdict.seconds < 10
    [verdict] = classified(answering, other, [jpeg(1)])
    assert isinstance(verdict, Verdict)
    assert verdict.doubt is Doubt.UNFAMILIAR


def test_a_photo_is_upright_small_and_bare(bundle: Bundle, runtime: OnnxRuntime) -> None:
    answering = ModelAnswering(runtime)
    model = answering.open(*bundle)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "where I live"
    file = io.BytesIO()
    Image.open(io.BytesIO(jpeg(1, (3000, 2000)))).save(file, "JPEG", exif=exif)
    photo = answering.prepare(model, file.getvalue(), photo=True).photo
    assert photo is not None
    image = Image.open(io.BytesIO(photo.data))
    assert image.height > image.width
    assert 512 <= image.height <= 1024
    assert b"where I live" not in photo.data
    assert answering.prepare(model, file.getvalue()).photo is None


def test_an_explanation_is_a_picture_of_the_label(bundle: Bundle, runtime: OnnxRuntime) -> None:
    answering = ModelAnswering(runtime)
    model = answering.open(*bundle)
    shown = answering.prepare(model, jpeg(3, (600, 400)), keep=True)
    found = {label: answering.explain(model, shown, label) for label in (None, *bundles.LABELS, "zebra")}
    [verdict] = classified(answering, bundle, [jpeg(3, (600, 400))])
    assert isinstance(verdict, Verdict)
    assert found[None] == found[verdict.guesses[0].label] == found["zebra"]
    assert len({picture.data for picture in found.values()}) >= 2
    image = Image.open(io.BytesIO(found[None].data))
    assert image.width == image.height, "what the model saw: the middle"


def test_too_little_memory_halves_the_batch_and_goes_on(bundle: Bundle, runtime: OnnxRuntime) -> None:
    odd = Odd(runtime, most=3)
    answering = ModelAnswering(odd)
    pictures = [jpeg(seed) for seed in range(13)]
    expected = shares(classified(ModelAnswering(runtime), bundle, pictures))
    found = shares(classified(answering, bundle, pictures))
    for one, two in zip(found, expected, strict=True):
        assert one == pytest.approx(two, abs=1e-5)
    assert odd.tidied >= 1

    odd.sizes.clear()
    classified(answering, bundle, pictures)
    assert max(odd.sizes) <= 3, "it is not tried again what did not fit"


def test_what_does_not_fit_alone_is_given_up(bundle: Bundle, runtime: OnnxRuntime) -> None:
    odd = Odd(runtime, most=1)
    answering = ModelAnswering(odd)
    answering.open(*bundle)
    odd.most = 0
    assert classified(answering, bundle, [jpeg(0), jpeg(1)]) == [ClassifierLost()] * 2


def test_a_picture_that_breaks_the_runtime_breaks_no_others(bundle: Bundle, runtime: OnnxRuntime) -> None:
    answering = ModelAnswering(Odd(runtime, most=100))
    found = classified(answering, bundle, [jpeg(0), jpeg(1), one_colour(255), jpeg(2), jpeg(3)])
    assert found.pop(2) == ClassifierLost()
    assert len(shares(found)) == 4


def test_a_model_that_gives_no_numbers_counts_as_damaged(bundle: Bundle, runtime: OnnxRuntime) -> None:
    [found] = classified(ModelAnswering(Odd(runtime, most=100)), bundle, [one_colour(5)])
    assert isinstance(found, ModelDamaged)
    assert (found.name, found.digest) == ("first", bundle[0].digest)


def test_models_used_least_recently_leave_memory(
    bundle: Bundle, other: Bundle, third: Bundle, runtime: OnnxRuntime
) -> None:
    answering = ModelAnswering(runtime)
    first = answering.open(*bundle)
    runtime.room = int(first.loaded.size * 2.5)
    answering.open(*other)
    assert answering.loaded == ("first", "other")
    assert answering.open(*bundle) is first
    answering.open(*third)
    assert answering.loaded == ("first", "third")
    runtime.room = 1
    answering.open(*other)
    assert answering.loaded == ("other",), "the one that is asked for stays, whatever its size"
    assert isinstance(answering.judge(first, [answering.prepare(first, jpeg(0))])[0], Verdict)


@pytest.mark.parametrize("file", [GRAPH, WEIGHTS, MANIFEST])
def test_a_model_is_checked_whenever_it_is_read(
    bundle: Bundle, other: Bundle, runtime: OnnxRuntime, tmp_path: Path, file: str
) -> None:
    ref, path = bundle
    copy = Path(shutil.copytree(path, tmp_path / "copy"))
    answering = ModelAnswering(runtime)
    answering.open(ref, copy)
    data = bytearray((copy / file).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / file).write_bytes(data)
    answering.open(ref, copy)  # from memory
    runtime.room = 1
    answering.open(*other)
    with pytest.raises(ModelDamaged) as damaged:
        answering.open(ref, copy)
    assert (damaged.value.name, damaged.value.digest) == ("first", ref.digest)
    assert file in damaged.value.part
    shutil.rmtree(copy)
    with pytest.raises(ModelMissing):
        answering.open(ref, copy)
    assert answering.loaded == ("other",)


def test_a_graph_that_is_none_is_refused(bundle: Bundle, runtime: OnnxRuntime, tmp_path: Path) -> None:
    ref, path = bundle
    manifest, _ = read_manifest(path)
    tensors = read_tensors(path, manifest, digest=ref.digest, name=ref.name)
    # A protocol buffer with an empty graph in it, which onnxruntime does not take.
    digest = write_bundle(tmp_path / "empty", manifest, tensors, b"\x3a\x00")
    with pytest.raises(ModelDamaged) as damaged:
        ModelAnswering(runtime).open(ModelRef(name="empty", digest=digest), tmp_path / "empty")
    assert GRAPH in damaged.value.part


def test_a_graph_of_another_model_is_refused(bundle: Bundle, runtime: OnnxRuntime, tmp_path: Path) -> None:
    ref, path = bundle
    manifest, _ = read_manifest(path)
    tensors = read_tensors(path, manifest, digest=ref.digest, name=ref.name)
    four = bundles.write(tmp_path, bundles.manifest("four", labels=4))[1]
    digest = write_bundle(tmp_path / "mixed", manifest, tensors, (four / GRAPH).read_bytes())
    with pytest.raises(ModelDamaged) as damaged:
        ModelAnswering(runtime).open(ModelRef(name="mixed", digest=digest), tmp_path / "mixed")
    assert damaged.value.part == "model.onnx: the output logits has the shape (1, 4)"


def test_what_is_no_picture_is_refused(bundle: Bundle, runtime: OnnxRuntime) -> None:
    answering = ModelAnswering(runtime)
    model: Opened = answering.open(*bundle)
    with pytest.raises(ImageRefused) as refused:
        answering.prepare(model, b"%!PS-Adobe-3.0")
    assert refused.value.fault is ImageFault.NOT_AN_IMAGE
