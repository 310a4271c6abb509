"""A model rebuilt from weights and manifest, without fastai, says what fastai's own says."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.vision.all import create_head
from torch import nn

from bot.classifier import architectures, bodies, exporting, learners
from bot.classifier.bundle import read_tensors
from bot.classifier.images import read_image
from bot.classifier.manifest import Architecture, Input, ResizeMethod
from bot.classifier.reading import read_manifest
from bot.classifier.transforms import prepare
from tests.classifier.bundles import LABELS
from tests.classifier.learning import RECIPES, labelled_pictures, learner, manifest, odd_pictures


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small nets gain nothing by more, and the tests run on every core already."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_pictures(tmp_path_factory.mktemp("pictures") / "labelled")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return odd_pictures(tmp_path_factory.mktemp("odd") / "pictures")


@pytest.mark.parametrize("name", RECIPES)
def test_a_bundle_predicts_what_fastai_predicts(
    name: str, pictures: Path, odd: list[Path], tmp_path: Path
) -> None:
    learn = learner(RECIPES[name], pictures)
    described = manifest(**vars(learners.describe(learn)))
    net = architectures.from_fastai(learn.model, described)

    some = np.stack([prepare(read_image(file.read_bytes()), described.input) for file in odd[:4]])
    digest = exporting.export(net, described, tmp_path / "bundle", pictures=some)
    found, _ = read_manifest(tmp_path / "bundle", digest=digest)
    net = architectures.load(found, read_tensors(tmp_path / "bundle", found, digest=digest, name="beasts"))

    assert found.labels == LABELS
    assert len(odd) >= 20
    spread = []
    for file in odd:
        with learn.no_bar(), learn.no_logging():
            label, place, expected = learn.predict(file)
        image = prepare(read_image(file.read_bytes()), found.input)
        with torch.inference_mode():
            logits, features, activations = net(torch.from_numpy(image.copy())[None])
        ours = torch.softmax(logits, dim=1)[0].numpy()
        assert np.abs(ours - expected.numpy()).max() <= 1e-4, file.name
        assert found.labels[int(ours.argmax())] == label == found.labels[int(place)]
        assert features.shape[1] == bodies.feature_count(found.architecture)
        assert activations.shape[1] == bodies.body(found.architecture.name).channels_out
        spread.append(ours)
    assert np.ptp(spread, axis=0).max() > 0.02, "the pictures have to tell models apart"


@pytest.mark.parametrize("name", bodies.NAMES)
def test_the_list_of_shapes_is_that_of_the_bodies(name: str) -> None:
    with torch.device("meta"):
        built = architectures.build_body(name, 3)
    assert {key: tuple(value.shape) for key, value in built.state_dict().items()} == bodies.body(name).tensors
    for key, value in built.state_dict().items():
        assert value.dtype == (torch.int64 if bodies.counts(key) else torch.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["small", "resnet18", "convnext_atto"])
def test_every_tensor_of_a_net_has_its_shape_listed(name: str, channels: int) -> None:
    chosen = manifest(
        labels=LABELS,
        architecture=Architecture(name=name, hidden=(16, 8)),
        input=Input(mode="L" if channels == 1 else "RGB", size=(32, 32), resize=ResizeMethod.CROP),
        normalisation=None,
        batch_resize=None,
    )
    built = architectures.build(chosen)
    assert {key: tuple(value.shape) for key, value in built.state_dict().items()} == bodies.shapes(chosen)


@pytest.mark.parametrize("name", ["efficientnet_b0", "small"])
def test_a_graph_is_tried_before_it_is_written(name: str, tmp_path: Path) -> None:
    chosen = manifest(
        labels=LABELS,
        architecture=Architecture(name=name, hidden=(), concat_pool=False),
        input=Input(mode="RGB", size=(64, 48), resize=ResizeMethod.CROP),
        normalisation=None,
        batch_resize=None,
    )
    net = architectures.build(chosen)
    exporting.export(net, chosen, tmp_path / name)
    graph = (tmp_path / name / "model.onnx").read_bytes()
    with torch.no_grad():
        net.head[0].norm.running_mean += 1
    with pytest.raises(exporting.NotTheSame, match="differ"):
        exporting.compare(net, graph, exporting.patches(chosen, 2))


def test_several_pictures_at_once_get_what_each_gets_alone(pictures: Path) -> None:
    learn = learner(RECIPES["presized"], pictures)
    described = manifest(**vars(learners.describe(learn)))
    net = architectures.from_fastai(learn.model, described)
    images = torch.randint(0, 256, (5, 160, 160, 3), dtype=torch.uint8)
    with torch.inference_mode():
        together = net(images)[0]
        alone = torch.cat([net(image[None])[0] for image in images])
    assert torch.allclose(together, alone, atol=1e-3)


def test_what_does_not_belong_together_is_refused() -> None:
    chosen = manifest(
        labels=LABELS,
        architecture=Architecture(name="small"),
        input=Input(mode="L", size=(28, 28), resize=ResizeMethod.PAD),
        normalisation=None,
        batch_resize=None,
    )
    tensors = {key: value.numpy() for key, value in architectures.build(chosen).state_dict().items()}
    with pytest.raises(architectures.Unlike, match="weight"):
        architectures.load(chosen, {key: value for key, value in tensors.items() if key != "body.0.weight"})
    with pytest.raises(architectures.Unlike, match="size mismatch"):
        architectures.load(dataclasses.replace(chosen, labels=("a", "b")), tensors)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (nn.Linear(3, 3), "not a body with a head"),
        (nn.Sequential(nn.Conv2d(1, 96, 3), nn.Linear(96, 3)), "begin with pooling"),
        (nn.Sequential(nn.Conv2d(1, 96, 3), create_head(96, 3, first_bn=False)), "batch norm"),
        (nn.Sequential(nn.Conv2d(1, 96, 3), create_head(96, 3, lin_first=True)), "batch norm"),
        (nn.Sequential(nn.Conv2d(1, 96, 3), create_head(96, 3, bn_final=True)), "activation"),
        (nn.Sequential(nn.Conv2d(1, 96, 3), create_head(96, 3, y_range=(0, 1))), "activation"),
    ],
)
def test_other_heads_are_named(model: nn.Module, reason: str) -> None:
    with pytest.raises(architectures.Unlike, match=reason):
        architectures.head_of_fastai(model)
