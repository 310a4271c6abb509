"""The heat map is what torch's own differentiation gives, and lies where it belongs on the picture."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from bot.classifier import architectures, gradcam
from bot.classifier.manifest import Architecture, Input, Judgement, ResizeMethod
from bot.classifier.transforms import prepare
from tests.classifier import bundles


def by_torch(net: architectures.Net, pictures: torch.Tensor, label: int) -> np.ndarray:
    """Grad-CAM as its paper defines it (equations 1 and 2), by automatic differentiation."""
    kept: list[torch.Tensor] = []

    def keep(_module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        output.requires_grad_(True)
        kept.append(output)
        return output

    hook = net.body.register_forward_hook(keep)
    logits = net(pictures)[0]
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[0, label], kept[0])
    weights = gradient[0].mean(dim=(1, 2))
    found = (weights[:, None, None] * kept[0][0]).sum(dim=0).relu()
    return (found / found.max()).detach().numpy() if found.max() > 0 else found.detach().numpy()


@pytest.mark.parametrize("concat_pool", [True, False])
@pytest.mark.parametrize("hidden", [(), (16,), (32, 16)])
@pytest.mark.parametrize("label", [0, 2])
def test_the_map_is_that_of_automatic_differentiation(
    concat_pool: bool, hidden: tuple[int, ...], label: int
) -> None:
    chosen = bundles.manifest(
        architecture=Architecture(name="small", hidden=hidden, concat_pool=concat_pool),
        judgement=Judgement(temperature=1.0, threshold=0.5, distance=None),
    )
    tensors = bundles.tensors(chosen, seed=len(hidden))
    net = architectures.load(chosen, tensors)
    pictures = torch.randint(0, 256, (1, 32, 40, 3), dtype=torch.uint8)
    with torch.inference_mode():
        _, features, activations = net(pictures)

    found = gradcam.heat(
        activations[0].numpy(),
        features[0].numpy(),
        label,
        architecture=chosen.architecture,
        tensors={name: array for name, array in tensors.items() if name.startswith("head.")},
    )

    assert found.shape == (8, 10)
    assert np.allclose(found, by_torch(net, pictures, label), atol=1e-4)


def test_where_nothing_speaks_for_a_label_the_map_is_cold() -> None:
    chosen = bundles.manifest()
    tensors = bundles.tensors(chosen)
    found = gradcam.heat(
        np.zeros((96, 8, 10)), np.zeros(192), 0, architecture=chosen.architecture, tensors=tensors
    )
    assert found.shape == (8, 10)
    assert not found.any()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=("JPEG",))


@pytest.mark.parametrize("size", [(28, 28), (640, 480), (4000, 300), (1, 1)])
def test_the_overlay_is_neither_tiny_nor_huge(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "white")
    shown = opened(gradcam.overlay(image, np.ones((2, 2))).data)
    assert 384 <= max(shown.size) <= 1024
    assert abs(shown.width * size[1] - shown.height * size[0]) <= max(size) + max(shown.size)


def test_warm_places_are_coloured_and_cold_ones_are_left() -> None:
    heat = np.zeros((4, 4))
    heat[0, 0] = 1
    picture = gradcam.overlay(Image.new("L", (400, 400), 128), heat)
    shown = np.asarray(opened(picture.data)).astype(int)
    assert picture.ending == "jpg"
    assert np.abs(shown[300:, 300:] - 128).max() <= 3
    corner = shown[20:40, 20:40].mean(axis=(0, 1))
    assert corner[0] > 180
    assert corner[0] - corner[2] > 30


def marked(width: int, height: int) -> Image.Image:
    """Each pixel tells where it was: red grows to the right, green downwards."""
    across = np.linspace(0, 255, width)[None, :].repeat(height, axis=0)
    down = np.linspace(0, 255, height)[:, None].repeat(width, axis=1)
    return Image.fromarray(np.stack([across, down, np.zeros_like(across)], axis=-1).astype(np.uint8))


@pytest.mark.parametrize("size", [(400, 200), (200, 400), (333, 222)])
@pytest.mark.parametrize(
    "steps",
    [
        Input(mode="RGB", size=(64, 64), resize=ResizeMethod.CROP),
        Input(mode="RGB", size=(48, 96), resize=ResizeMethod.CROP),
        Input(mode="RGB", size=(64, 64), resize=ResizeMethod.SQUISH),
        Input(mode="RGB", size=(80, 80), resize=ResizeMethod.SQUISH, crop=(64, 64)),
        Input(mode="RGB", size=(80, 80), resize=ResizeMethod.CROP, crop=(48, 64)),
        Input(mode="RGB", size=(64, 64), resize=ResizeMethod.SQUISH, extra=0.14),
        Input(mode="RGB", size=(64, 64), resize=ResizeMethod.PAD),
    ],
    ids=["crop", "oblong crop", "squish", "squish and crop", "crop twice", "random resized crop", "pad"],
)
def test_what_is_shown_is_what_the_model_saw(size: tuple[int, int], steps: Input) -> None:
    image = marked(*size)
    prepared = prepare(image, steps)
    shown = gradcam.shown_part(image, steps, prepared)
    again = np.asarray(shown.resize(prepared.shape[1::-1], Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(again - prepared).max() <= 8


def test_ink_is_shown_as_ink() -> None:
    prepared = np.zeros((28, 28, 1), np.uint8)
    prepared[3, 4] = 255
    steps = Input(mode="L", size=(28, 28), resize=None, ink=True)
    shown = gradcam.shown_part(marked(60, 60), steps, prepared)
    assert shown.mode == "L"
    assert np.array_equal(np.asarray(shown)[..., None], prepared)
