"""Runs models with torch, which a CUDA card needs; on a processor it is here for comparison.

On a card the pictures lie in pinned memory and are copied while the host goes on, the convolutions run
channels-last, and what need not be exact is computed in float16 (tensor cores; it has three bits more than
bfloat16, and a value that overflows sends the batch through float32 again). `graphs` replays the whole model
as one CUDA graph for each of a few batch sizes, to which batches are filled up: it spares the launch of some
hundred kernels. It is off until its gain was measured on a card; so far it was not.

Two more tricks are left out for the same reason, that none stays without its figure
(`tests/benchmarks/card.py` prints it where there is a card): decoding JPEG on the card (nvJPEG, by
`torchvision.io.decode_jpeg`), which would also need the hostile files of `images` checked against its
decoder, and `torch.compile`, which would need a compiler on the organizer's machine.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from bot.classifier import architectures
from bot.classifier.bundle import read_tensors
from bot.classifier.manifest import WEIGHTS, Manifest
from bot.classifier.protocol import ModelRef
from bot.classifier.reading import read_manifest
from bot.classifier.serving import bounds
from bot.classifier.serving.runtime import ACTIVATIONS, FEATURES, LOGITS, Array, Failed, OutOfMemory
from bot.errors import ModelDamaged

_NAMES = (LOGITS, FEATURES, ACTIVATIONS)
GRAPHED_SIZES = (1, 2, 4, 8, 16, 32, 64)
# Float16 pays from Volta on, whose tensor cores were the first.
_TENSOR_CORES = (7, 0)
_ROOM_ON_CARD, _ROOM = 4 * 2**30, 2**30
_NO_MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


class NoSuchDevice(Exception):
    """The text continues a sentence: "but …"."""


@dataclass
class _Graph:
    """A recorded run: fill `images`, replay, read `outputs`."""

    graph: torch.cuda.CUDAGraph
    images: torch.Tensor
    outputs: tuple[torch.Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class TorchModel:
    """See `LoadedModel`. One batch at a time."""

    manifest: Manifest
    tensors: Mapping[str, Array]
    size: int
    net: architectures.Net
    device: torch.device
    half: bool
    graphs: bool
    _recorded: dict[tuple[int, ...], _Graph] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, images: Array, wanted: Collection[str], *, exact: bool = True) -> dict[str, Array]:
        try:
            with self._lock, torch.inference_mode():
                return self._run(images, wanted, half=self.half and not exact)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(str(error)) from error
        except RuntimeError as error:
            text = str(error)
            raise (OutOfMemory if any(said in text for said in _NO_MEMORY) else Failed)(text) from error

    def _run(self, images: Array, wanted: Collection[str], *, half: bool) -> dict[str, Array]:
        batch = torch.from_numpy(np.ascontiguousarray(images))
        if self.device.type == "cuda":
            batch = batch.pin_memory()
        outputs = dict(zip(_NAMES, self._forward(batch, half=half), strict=True))
        if half and not bool(torch.isfinite(outputs[LOGITS]).all()):
            return self._run(images, wanted, half=False)
        return {name: outputs[name].float().cpu().numpy() for name in wanted}

    def _forward(self, batch: torch.Tensor, *, half: bool) -> tuple[torch.Tensor, ...]:
        if self.graphs and half and len(batch) <= GRAPHED_SIZES[-1]:
            return self._replay(batch)
        return self._through(batch.to(self.device, non_blocking=True), half=half)

    def _through(self, batch: torch.Tensor, *, half: bool) -> tuple[torch.Tensor, ...]:
        with torch.autocast(self.device.type, dtype=torch.float16, enabled=half):
            outputs: tuple[torch.Tensor, ...] = self.net(batch)
        return outputs

    def _replay(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        count = len(batch)
        size = next(size for size in GRAPHED_SIZES if size >= count)
        shape = (size, *batch.shape[1:])
        if shape not in self._recorded:
            self._recorded[shape] = self._record(shape)
        recorded = self._recorded[shape]
        recorded.images[:count].copy_(batch, non_blocking=True)
        recorded.graph.replay()
        return tuple(output[:count] for output in recorded.outputs)

    def _record(self, shape: tuple[int, ...]) -> _Graph:
        """Warmed up in a stream of its own, as https://docs.pytorch.org/docs/stable/notes/cuda.html says."""
        images = torch.zeros(shape, dtype=torch.uint8, device=self.device)
        stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._through(images, half=True)
        torch.cuda.current_stream(self.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self._through(images, half=True)
        return _Graph(graph, images, outputs)


class TorchRuntime:
    """See `Runtime`. `device` is "cpu", "cuda" (the first card) or "cuda:N". Raises NoSuchDevice."""

    def __init__(self, device: str, *, half: bool = True, graphs: bool = False) -> None:
        self._device = torch.device("cuda:0" if device == "cuda" else device)
        self._graphs = graphs and self._device.type == "cuda"
        self._half = False
        self.room = _ROOM
        if self._device.type == "cuda":
            self.device = self._card()
            self.room = _ROOM_ON_CARD
            self._half = half and torch.cuda.get_device_capability(self._device) >= _TENSOR_CORES
        else:
            torch.set_num_threads(bounds.cores())
            self.device = f"cpu, torch {torch.__version__}"

    def load(self, ref: ModelRef, folder: Path) -> TorchModel:
        manifest, _ = read_manifest(folder, digest=ref.digest, name=ref.name)
        tensors = read_tensors(folder, manifest, digest=ref.digest, name=ref.name)
        try:
            net = architectures.load(manifest, tensors)
        except architectures.Unlike as error:
            raise ModelDamaged(ref.name, ref.digest, f"{WEIGHTS}: {error}") from error
        net = net.to(self._device).to(memory_format=torch.channels_last)
        return TorchModel(
            manifest=manifest,
            tensors={name: each for name, each in tensors.items() if not name.startswith("body.")},
            size=sum(each.nbytes for each in tensors.values()),
            net=net,
            device=self._device,
            half=self._half,
            graphs=self._graphs,
        )

    def tidy(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _card(self) -> str:
        if not torch.cuda.is_available():
            raise NoSuchDevice("torch finds no CUDA card here")
        if (self._device.index or 0) >= torch.cuda.device_count():
            raise NoSuchDevice(f"there are only {torch.cuda.device_count()} cards")
        # The driver's and cuDNN's beginnings take seconds, which nobody should wait for with a picture.
        torch.ones(8, 8, device=self._device).matmul(torch.ones(8, 8, device=self._device)).sum().item()
        return f"{self._device}, {torch.cuda.get_device_name(self._device)}"
