"""From a net in torch to a bundle: the weights, and the same as an ONNX graph, which is tried at once."""

import math
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from bot.classifier import bodies
from bot.classifier.architectures import Net
from bot.classifier.bundle import MEANS, WHITEN, Array, write_bundle
from bot.classifier.manifest import GRAPH, Manifest

OPSET = 17
#: How far probabilities and features (relative to the largest) of the two runtimes may differ.
TOLERANCE = 1e-4
# What torch says of its older exporter, and the exporter of itself.
OLDER_EXPORTER = (
    "You are using the legacy TorchScript-based ONNX export",
    "The feature will be removed. Please remove usage of this function",
)
OUTPUTS = ("logits", "features", "activations")


class NotTheSame(Exception):
    """onnxruntime gets something else out of the graph than torch; the text says how much."""


def export(
    net: Net,
    manifest: Manifest,
    folder: Path,
    *,
    doubt: tuple[Array, Array] | None = None,
    pictures: Array | None = None,
) -> str:
    """Write the bundle (see `bot.classifier.bundle.write_bundle`) and return its digest.

    `doubt` is means and whiten, float32, as `Judgement` describes them; None just when its distance is None.
    The graph is tried on `pictures` (N × height × width × channels, as prepared): some of the kind that the
    net knows, where there are any; left out, on drawn ones.
    Raises NotTheSame, FileExistsError and NotTheWeights.
    """
    net = net.eval().cpu()
    graph = graph_of(net, manifest)
    compare(net, graph, patches(manifest, 3) if pictures is None else pictures)
    tensors = {name: tensor.detach().numpy() for name, tensor in net.state_dict().items()}
    if doubt is not None:
        tensors[MEANS], tensors[WHITEN] = (np.asarray(array, dtype=np.float32) for array in doubt)
    return write_bundle(folder, manifest, tensors, graph)


def graph_of(net: Net, manifest: Manifest) -> bytes:
    """The ONNX file's bytes, for any number of pictures at once, of the size that the manifest gives."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        # The exporter that needs no onnxscript, and no second description of the graph, is the older one.
        for message in OLDER_EXPORTER:
            warnings.filterwarnings("ignore", message=message, category=DeprecationWarning)
        torch.onnx.export(
            net,
            (torch.from_numpy(patches(manifest, 2).copy()),),
            Path(folder) / GRAPH,
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "n"} for name in ("images", *OUTPUTS)},
        )
        return (Path(folder) / GRAPH).read_bytes()


def compare(net: Net, graph: bytes, pictures: Array) -> float:
    """The greatest difference between the two runtimes for the first picture alone and for all at once.

    Raises NotTheSame when it is more than `TOLERANCE`.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for images in (pictures[:1], pictures):
        with torch.inference_mode():
            expected = [output.numpy() for output in net(torch.from_numpy(images.copy()))]
        found = session.run(list(OUTPUTS), {"images": images})
        expected[0], found[0] = _softmax(expected[0]), _softmax(found[0])
        for one, other in zip(expected, found, strict=True):
            if one.shape != other.shape:
                raise NotTheSame(f"the graph gives {other.shape} instead of {one.shape}")
            largest = max(1.0, float(np.abs(one).max()))
            worst = max(worst, float(np.abs(one - other).max()) / largest)
    if not worst <= TOLERANCE:  # nor when it is not a number
        raise NotTheSame(f"torch and onnxruntime differ by {worst:.2g}")
    return worst


def patches(manifest: Manifest, count: int) -> Array:
    """Prepared pictures (N × height × width × channels) of coloured squares: more like photos than noise."""
    height, width = manifest.input.crop or manifest.input.size
    side = math.ceil(max(height, width) / 6)
    shape = (count, 6, 6, bodies.picture_channels(manifest))
    colours = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return colours.repeat(side, axis=1).repeat(side, axis=2)[:, :height, :width]


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax: Array = powers / powers.sum(axis=1, keepdims=True)
    return softmax
