"""What a runtime is to a worker: something that reads models and runs their graphs."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bot.classifier.manifest import Manifest
from bot.classifier.protocol import ModelRef

Array = np.ndarray[Any, np.dtype[Any]]

LOGITS, FEATURES, ACTIVATIONS = "logits", "features", "activations"


class OutOfMemory(Exception):
    """The batch does not fit; half of it may."""


class Failed(Exception):
    """The runtime could not run the graph on this input; the text is what it says."""


class LoadedModel(Protocol):
    """A model in memory. `size` is about how many bytes of it (of the card's, where there is one);
    `tensors` are those of its weights that the judging and the heat maps need: head and doubt.
    """

    @property
    def manifest(self) -> Manifest: ...
    @property
    def tensors(self) -> Mapping[str, Array]: ...
    @property
    def size(self) -> int: ...

    def run(self, images: Array, wanted: Collection[str], *, exact: bool) -> dict[str, Array]:
        """`images` is uint8, N × height × width × channels; the outputs that are wanted, float32, by name.
        `exact`: in float32 throughout, otherwise with whatever halves the device is good at.

        Raises OutOfMemory and Failed.
        """


class Runtime(Protocol):
    """`device` is for people: "cpu, onnxruntime 1.31.1". `room` is how many bytes of models it may hold."""

    @property
    def device(self) -> str: ...
    @property
    def room(self) -> int: ...

    def load(self, ref: ModelRef, folder: Path) -> LoadedModel:
        """Checks every file against its hash. Raises ModelDamaged and ModelMissing."""

    def tidy(self) -> None:
        """Give memory back that is kept for later, because there is too little of it."""
