"""Runs models on a processor, with onnxruntime: faster there than torch, and a tenth of its size."""

import gc
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from bot.classifier.bundle import read_tensors
from bot.classifier.manifest import GRAPH, Manifest
from bot.classifier.protocol import ModelRef
from bot.classifier.reading import read_graph, read_manifest
from bot.classifier.serving.runtime import ACTIVATIONS, FEATURES, LOGITS, Array, Failed, OutOfMemory
from bot.errors import ModelDamaged

# A graph's weights lie in memory twice: as they were in the file, and packed for the processor.
_TIMES_IN_MEMORY = 2
_ROOM = 2**30
_FATAL_ONLY = 4
# What onnxruntime says (in English everywhere) when it got no memory; it has no error of its own for that.
_NO_MEMORY = ("bad allocation", "bad_alloc", "Failed to allocate memory", "out of memory")
_REFUSALS = (
    errors.Fail,
    errors.InvalidArgument,
    errors.InvalidGraph,
    errors.InvalidProtobuf,
    errors.NoModel,
    errors.NotImplemented,
    errors.EPFail,
    errors.RuntimeException,
)


@dataclass(frozen=True, kw_only=True)
class OnnxModel:
    """See `LoadedModel`."""

    manifest: Manifest
    tensors: Mapping[str, Array]
    size: int
    session: onnxruntime.InferenceSession

    def run(self, images: Array, wanted: Collection[str], *, exact: bool = True) -> dict[str, Array]:
        names = list(wanted)
        try:
            outputs = self.session.run(names, {"images": images})
        except MemoryError as error:
            raise OutOfMemory from error
        except _REFUSALS as error:
            raise _of(error) from error
        return dict(zip(names, outputs, strict=True))


class OnnxRuntime:
    """See `Runtime`. `threads` is how many the graph's operators share.

    They do not spin while they wait: the decoders need the cores. The memory arena stays on: without it a
    resnet34 spends a tenth of its time asking the system for memory and giving it back.
    """

    room = _ROOM

    def __init__(self, *, threads: int) -> None:
        self.device = f"cpu, onnxruntime {onnxruntime.__version__}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._options = options

    def load(self, ref: ModelRef, folder: Path) -> OnnxModel:
        manifest, _ = read_manifest(folder, digest=ref.digest, name=ref.name)
        tensors = read_tensors(folder, manifest, digest=ref.digest, name=ref.name, parts=("head", "doubt"))
        graph = read_graph(folder, manifest, digest=ref.digest, name=ref.name)
        try:
            session = onnxruntime.InferenceSession(graph, self._options, providers=["CPUExecutionProvider"])
        except _REFUSALS as error:
            if isinstance(refusal := _of(error), OutOfMemory):
                raise refusal from error
            raise ModelDamaged(ref.name, ref.digest, f"{GRAPH}: {error}") from error
        if not {LOGITS, FEATURES, ACTIVATIONS} <= {output.name for output in session.get_outputs()}:
            raise ModelDamaged(ref.name, ref.digest, f"{GRAPH}: it lacks an output")
        size = _TIMES_IN_MEMORY * manifest.files[GRAPH].size + sum(each.nbytes for each in tensors.values())
        return OnnxModel(manifest=manifest, tensors=tensors, size=size, session=session)

    def tidy(self) -> None:
        gc.collect()


def _of(error: Exception) -> OutOfMemory | Failed:
    text = str(error)
    return OutOfMemory(text) if any(said in text for said in _NO_MEMORY) else Failed(text)
