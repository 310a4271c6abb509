"""Models in torch, built from their manifest alone: fastai's bodies and head, without fastai."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from bot.classifier import bodies
from bot.classifier.manifest import Architecture, BatchResize, Input, Manifest, Normalisation
from bot.classifier.small import small_body

if TYPE_CHECKING:
    import numpy as np

ARCHITECTURES = bodies.NAMES
TORCHVISION = ("resnet18", "resnet34", "resnet50")


class Unlike(Exception):
    """The weights or layers are not those of the architecture; the text says where."""


class TimmBody(nn.Module):
    """timm's model up to its feature map, under the name that fastai gives it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.model.forward_features(x)  # type: ignore[operator]
        return features


def build_body(name: str, channels: int) -> nn.Module:
    """From N × channels × H × W to the feature map that the head pools, with weights drawn at random.

    The names of its parameters are those of the body of fastai's `vision_learner` for the same name.
    Raises KeyError for a name that is not among `ARCHITECTURES`.
    """
    if name not in ARCHITECTURES:
        raise KeyError(name)
    if name == "small":
        return small_body(channels)
    if name in TORCHVISION:
        from torchvision import models

        layers = list(models.get_model(name, weights=None).children())[:-2]
        if channels != 3:
            layers[0] = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        return nn.Sequential(*layers)
    import timm

    return TimmBody(timm.create_model(name, pretrained=False, num_classes=0, in_chans=channels))


class Layer(nn.Module):
    """A layer of fastai's head: batch norm, then a linear map without bias, then perhaps ReLU."""

    def __init__(self, width: int, wide: int, *, is_last: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.linear = nn.Linear(width, wide, bias=False)
        self.is_last = is_last

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(self.norm(x))
        return y if self.is_last else y.relu()


class Net(nn.Module):
    """The whole graph, from bytes to logits.

    Takes uint8, N × height × width × channels, as `bot.classifier.transforms` makes it, and gives `logits`
    (N × labels), `features` (N × what enters the head) and `activations` (N × channels × h × w, the body's
    feature map), all float32. Has no dropout, so it is for predicting; fastai trains its own module.
    """

    def __init__(self, body: nn.Module, head: nn.ModuleList, *, concat_pool: bool) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.concat_pool = concat_pool
        self.resize_rows: Tensor | None
        self.resize_columns: Tensor | None
        self.mean: Tensor | None
        self.std: Tensor | None
        for constant in ("resize_rows", "resize_columns", "mean", "std"):
            self.register_buffer(constant, None, persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = images.permute(0, 3, 1, 2).float() / 255
        if self.resize_rows is not None and self.resize_columns is not None:
            x = self.resize_rows @ x @ self.resize_columns
        if self.mean is not None and self.std is not None:
            x = (x - self.mean) / self.std
        activations = self.body(x)
        features = nn.functional.adaptive_avg_pool2d(activations, 1).flatten(1)
        if self.concat_pool:
            most = nn.functional.adaptive_max_pool2d(activations, 1).flatten(1)
            features = torch.cat([most, features], dim=1)
        logits = features
        for layer in self.head:
            logits = layer(logits)
        return logits, features, activations

    def before(self, manifest_input: Input, resize: BatchResize | None, norm: Normalisation | None) -> None:
        """Set what happens before the body. Its constants are no weights: they follow from the manifest."""
        self.resize_rows = self.resize_columns = self.mean = self.std = None
        if resize is not None:
            rows, columns = resizing(manifest_input.crop or manifest_input.size, resize)
            self.resize_rows, self.resize_columns = rows, columns.T.contiguous()
        if norm is not None:
            self.mean = torch.tensor(norm.mean).view(1, -1, 1, 1)
            self.std = torch.tensor(norm.std).view(1, -1, 1, 1)


def build(manifest: Manifest) -> Net:
    """With weights drawn at random, in evaluation mode."""
    net = _skeleton(manifest.architecture, labels=len(manifest.labels), channels=bodies.channels(manifest))
    net.before(manifest.input, manifest.batch_resize, manifest.normalisation)
    return net.eval()


def load(manifest: Manifest, tensors: "Mapping[str, np.ndarray]") -> Net:
    """With the weights of a bundle (`bot.classifier.bundle.read_tensors`), in evaluation mode, on the CPU.

    Raises Unlike when a tensor is missing, foreign or of another shape.
    """
    with torch.device("meta"):  # draws no random weights, which would take longer than loading
        net = _skeleton(
            manifest.architecture, labels=len(manifest.labels), channels=bodies.channels(manifest)
        )
    weights = {
        name: torch.from_numpy(array.copy() if not array.flags.writeable else array)
        for name, array in tensors.items()
        if not name.startswith("doubt.")
    }
    try:
        net.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        raise Unlike(str(error)) from None
    net.before(manifest.input, manifest.batch_resize, manifest.normalisation)
    return net.requires_grad_(False).eval()


def _skeleton(architecture: Architecture, *, labels: int, channels: int) -> Net:
    widths = (bodies.feature_count(architecture), *architecture.hidden, labels)
    head = nn.ModuleList(
        Layer(width, wide, is_last=number == len(architecture.hidden))
        for number, (width, wide) in enumerate(itertools.pairwise(widths))
    )
    return Net(
        build_body(architecture.name, channels),
        head,
        concat_pool=architecture.concat_pool,
    )


def from_fastai(model: nn.Module, manifest: Manifest) -> Net:
    """A copy of a trained fastai model (a `Sequential` of the body and what `create_head` made), on the CPU
    and in evaluation mode, for `manifest`'s architecture, labels and input.

    Raises Unlike when the two do not belong together.
    """
    weights = body_of_fastai(model).state_dict()
    hidden, concat_pool, head = head_of_fastai(model)
    if (hidden, concat_pool) != (manifest.architecture.hidden, manifest.architecture.concat_pool):
        raise Unlike("the head is not the manifest's")
    tensors = {f"body.{name}": weight for name, weight in weights.items()} | head
    return load(manifest, {name: weight.detach().cpu().numpy() for name, weight in tensors.items()})


def body_of_fastai(model: nn.Module) -> nn.Module:
    """The first of a fastai model's two parts. Raises Unlike for a model that is not such a pair."""
    if not isinstance(model, nn.Sequential) or len(model) != 2:
        raise Unlike("the model is not a body with a head")
    return model[0]


def head_of_fastai(model: nn.Module) -> tuple[tuple[int, ...], bool, dict[str, Tensor]]:
    """The widths of the head's hidden layers, whether it pools twice (greatest and mean), and its weights
    under the bundle's names.

    Raises Unlike for layers that `create_head` does not make when only widths, dropout and pooling were
    chosen.
    """
    body_of_fastai(model)
    pool, *rest = _layers(cast(nn.Sequential, model)[1]) or [nn.Identity()]
    match type(pool).__name__:
        case "AdaptiveConcatPool2d":
            concat_pool = True
        case "AdaptiveAvgPool2d":
            concat_pool = False
        case other:
            raise Unlike(f"the head does not begin with pooling but with {other}")
    if not rest or type(rest.pop(0)).__name__ != "Flatten":
        raise Unlike("the head does not flatten what it pooled")
    tensors: dict[str, Tensor] = {}
    widths: list[int] = []
    while rest:
        norm, linear = rest.pop(0), rest.pop(0) if rest else None
        if not isinstance(norm, nn.BatchNorm1d) or not isinstance(linear, nn.Linear):
            raise Unlike(f"the head has {type(norm).__name__} where a batch norm and a linear layer belong")
        if "bias" in linear.state_dict():
            raise Unlike("the head has a linear layer with a bias after a batch norm")
        if rest and not isinstance(rest.pop(0), nn.ReLU):
            raise Unlike("the head has another activation than ReLU")
        for name, tensor in norm.state_dict().items():
            tensors[f"head.{len(widths)}.norm.{name}"] = tensor
        tensors[f"head.{len(widths)}.linear.weight"] = linear.weight.detach()
        widths.append(linear.out_features)
    if not widths:
        raise Unlike("the head has no layer")
    return tuple(widths[:-1]), concat_pool, tensors


def _layers(head: nn.Module) -> list[nn.Module]:
    """In the order in which they act, without dropout, which does nothing when predicting."""
    layers: list[nn.Module] = []
    for child in head._modules.values():  # not children(), which names one ReLU in two places once
        if child is None:
            continue
        if isinstance(child, nn.Sequential):
            layers += _layers(child)
        elif not isinstance(child, nn.Dropout):
            layers.append(child)
    return layers


def resizing(given: tuple[int, int], resize: BatchResize) -> tuple[Tensor, Tensor]:
    """The two matrices that a batch resize is: new height × height, and new width × width.

    fastai samples a batch at points of a grid (`AffineCoordTfm`, `RandomResizedCropGPU`), after averaging it
    down where it is more than twice as large. When predicting nothing is turned or bent, so that rows and
    columns can be sampled on their own, and each is a matrix. They come out of torch's own functions, applied
    to an identity matrix, so that roundings are the same.
    """
    height, width = cropped = resize.crop or given
    tops, lefts = (given[0] - height) // 2, (given[1] - width) // 2
    new_height, new_width = resize.size
    grid = nn.functional.affine_grid(
        torch.eye(3)[None, :2], [1, 1, new_height, new_width], align_corners=resize.align_corners
    )
    area: Sequence[int] = cropped
    if resize.mode == "bilinear":
        zoom = 1 / (grid.max() - grid.min()).item() * 2
        # fastai 2.8 means to compare heights and widths, but takes the grid's last two dimensions for them.
        smaller = min(height / grid.shape[-2], width / grid.shape[-1]) / 2
        if smaller > 1 and smaller > zoom:
            area = nn.functional.interpolate(
                torch.zeros(1, 1, height, width),
                scale_factor=1 / smaller,
                mode="area",
                recompute_scale_factor=True,
            ).shape[2:]
    matrices = []
    for side, start, length, points, whole in (
        (area[0], tops, height, grid[0, :, 0, 1], given[0]),
        (area[1], lefts, width, grid[0, 0, :, 0], given[1]),
    ):
        averaged = nn.functional.adaptive_avg_pool1d(torch.eye(length)[None], side)[0]  # length × side
        line = torch.stack([points, torch.zeros_like(points)], dim=1)[None, None]
        sampled = nn.functional.grid_sample(
            torch.eye(side)[None, :, None],
            line,
            mode=resize.mode,
            padding_mode=resize.pad.value,
            align_corners=resize.align_corners,
        )[0, :, 0]  # side × points
        matrix = torch.zeros(len(points), whole)
        matrix[:, start : start + length] = (averaged @ sampled).T
        matrices.append(matrix)
    return matrices[0], matrices[1]


def write_shapes() -> None:
    """Write bodies.json anew."""
    found = {}
    for name in ARCHITECTURES:
        body = build_body(name, 3).eval()
        weights = body.state_dict()
        with torch.inference_mode():
            out = body(torch.zeros(1, 3, 64, 64))
        found[name] = {
            "channels_out": out.shape[1],
            "first": next(iter(dict(body.named_parameters()))),
            "tensors": {tensor: list(weight.shape) for tensor, weight in weights.items()},
        }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(known)}" for name, known in found.items())
    bodies.SHAPES.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    write_shapes()
