"""Pictures in, verdicts out: what a worker or a server's replica does, with whatever runtime it has."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL.Image import Image

from bot.classifier import bodies, gradcam, images, transforms
from bot.classifier.judging import Judge, Judged
from bot.classifier.manifest import GRAPH, WEIGHTS
from bot.classifier.protocol import ModelRef, Picture, Verdict
from bot.classifier.serving.runtime import (
    ACTIVATIONS,
    FEATURES,
    LOGITS,
    Array,
    Failed,
    LoadedModel,
    OutOfMemory,
    Runtime,
)
from bot.errors import ClassifierLost, ModelDamaged, StudyError

log = logging.getLogger(__name__)

# A photo to be shown is decoded with at least so many pixels on its shorter side.
PHOTO_PIXELS = 512


@dataclass
class Opened:
    """A model in memory. `most` is how many pictures it takes at once, if memory once did not suffice for
    more.
    """

    ref: ModelRef
    loaded: LoadedModel
    judge: Judge
    most: int | None = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture as a model sees it: `pixels`, uint8, height × width × channels. `image` is it before that,
    where a heat map will need it; `exact` forbids short cuts of arithmetic; `began` is on the clock of
    `time.perf_counter`.
    """

    pixels: Array
    began: float
    exact: bool = False
    photo: Picture | None = None
    image: Image | None = None


class ModelAnswering:
    """Holds the models that were used last, within the runtime's room. See `bot.classifier.serving.worker`.

    `open` may be called by one thread at a time; everything else by several at once.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._opened: OrderedDict[str, Opened] = OrderedDict()

    @property
    def device(self) -> str:
        return self._runtime.device

    @property
    def loaded(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(opened.ref.name for opened in self._opened.values())

    def open(self, ref: ModelRef, folder: Path) -> Opened:
        """The model, from memory or from its files; others leave memory when there is no room for all.

        Raises ModelDamaged, ModelMissing, and ClassifierLost when it does not fit into an empty memory.
        """
        with self._lock:
            if (opened := self._opened.get(ref.digest)) is not None:
                self._opened.move_to_end(ref.digest)
                return opened
        try:
            opened = self._load(ref, folder)
        except (OutOfMemory, MemoryError):
            self._make_room(ref)
            try:
                opened = self._load(ref, folder)
            except (OutOfMemory, MemoryError) as error:
                log.error("there is no memory for the model %s: %s", ref.name, error)
                raise ClassifierLost() from error
        with self._lock:
            self._opened[ref.digest] = opened
            # A batch that is under way keeps its model until it is answered.
            while len(self._opened) > 1 and self._size() > self._runtime.room:
                self._opened.popitem(last=False)
        return opened

    def prepare(
        self, model: Opened, image: bytes, *, exact: bool = False, photo: bool = False, keep: bool = False
    ) -> Shown:
        """Decode and resize. `keep` is for those that `explain` gets. Raises ImageRefused."""
        began = time.perf_counter()
        steps = model.loaded.manifest.input
        size = None if exact else transforms.draft_size(steps)
        if size is not None and (photo or keep):
            size = max(size[0], PHOTO_PIXELS), max(size[1], PHOTO_PIXELS)
        decoded = images.read_image(image, shown_to=size)
        return Shown(
            pixels=transforms.prepare(decoded, steps),
            began=began,
            exact=exact,
            photo=images.encode_photo(decoded) if photo else None,
            image=decoded if keep else None,
        )

    def judge(self, model: Opened, shown: Sequence[Shown]) -> list[Verdict | StudyError]:
        """For each a verdict, ModelDamaged (no numbers came out) or ClassifierLost (it could not be run)."""
        wanted = (LOGITS, FEATURES) if model.judge.distance is not None else (LOGITS,)
        outputs: list[dict[str, Array] | StudyError] = [ClassifierLost()] * len(shown)
        alike: dict[tuple[bool, tuple[int, ...]], list[int]] = {}
        for place, each in enumerate(shown):
            alike.setdefault((each.exact, each.pixels.shape), []).append(place)
        for (exact, _), places in alike.items():
            found = self._run(model, [shown[place].pixels for place in places], wanted, exact=exact)
            for place, output in zip(places, found, strict=True):
                outputs[place] = output
        return self._verdicts(model, shown, outputs)

    def explain(self, model: Opened, shown: Shown, label: str | None) -> Picture:
        """A heat map over the picture, for the most probable label or the one that is named.

        A label that the model does not have is taken for none. Raises ModelDamaged and ClassifierLost.
        """
        [output] = self._run(model, [shown.pixels], (LOGITS, FEATURES, ACTIVATIONS), exact=True)
        if isinstance(output, StudyError):
            raise output
        manifest = model.loaded.manifest
        known = label in manifest.labels
        number = manifest.labels.index(str(label)) if known else int(np.argmax(output[LOGITS]))
        warmth = gradcam.heat(
            output[ACTIVATIONS],
            output[FEATURES],
            number,
            architecture=manifest.architecture,
            tensors=model.loaded.tensors,
        )
        if shown.image is None:
            raise ValueError("it was prepared for a verdict, not for an explanation")
        return gradcam.overlay(gradcam.shown_part(shown.image, manifest.input, shown.pixels), warmth)

    def _load(self, ref: ModelRef, folder: Path) -> Opened:
        """Read it, and run it once: a graph that does not fit the manifest is found out now, and what a
        runtime puts off until its first run nobody waits for later.
        """
        loaded = self._runtime.load(ref, folder)
        manifest = loaded.manifest
        height, width = manifest.input.crop or manifest.input.size
        nothing = np.zeros((1, height, width, bodies.picture_channels(manifest)), dtype=np.uint8)
        channels = bodies.body(manifest.architecture.name).channels_out
        expected = {
            LOGITS: (1, len(manifest.labels)),
            FEATURES: (1, bodies.feature_count(manifest.architecture)),
            ACTIVATIONS: (1, channels, ..., ...),
        }
        try:
            outputs = loaded.run(nothing, tuple(expected), exact=True)
        except Failed as error:
            raise ModelDamaged(ref.name, ref.digest, f"{GRAPH}: it cannot be run: {error}") from error
        for name, shape in expected.items():
            found = outputs[name].shape
            if len(found) != len(shape) or any(b not in (..., a) for a, b in zip(found, shape, strict=True)):
                part = f"{GRAPH}: the output {name} has the shape {found}"
                raise ModelDamaged(ref.name, ref.digest, part)
        return Opened(ref=ref, loaded=loaded, judge=Judge.of(manifest, loaded.tensors))

    def _verdicts(
        self, model: Opened, shown: Sequence[Shown], outputs: Sequence[dict[str, Array] | StudyError]
    ) -> list[Verdict | StudyError]:
        good = [output for output in outputs if not isinstance(output, StudyError)]
        if not good:
            return [output for output in outputs if isinstance(output, StudyError)]
        logits = np.stack([output[LOGITS] for output in good])
        features = np.stack([output.get(FEATURES, output[LOGITS]) for output in good])
        judged = iter(model.judge.all(logits, features))
        return [
            output if isinstance(output, StudyError) else self._verdict(model, each, next(judged))
            for each, output in zip(shown, outputs, strict=True)
        ]

    def _verdict(self, model: Opened, shown: Shown, judged: Judged | None) -> Verdict | StudyError:
        if judged is None:
            part = f"{WEIGHTS}: what comes out is no number"
            return ModelDamaged(model.ref.name, model.ref.digest, part)
        guesses, doubt = judged
        seconds = time.perf_counter() - shown.began
        return Verdict(guesses=guesses, doubt=doubt, seconds=seconds, photo=shown.photo)

    def _run(
        self, model: Opened, pixels: list[Array], wanted: Sequence[str], *, exact: bool
    ) -> list[dict[str, Array] | StudyError]:
        """The outputs of each picture. A batch for which memory does not suffice goes in halves, and those
        after it in no larger parts; a single one is given up when that does not help.
        """
        most = model.most or len(pixels)
        if len(pixels) > most:
            parts = [pixels[start : start + most] for start in range(0, len(pixels), most)]
            return [output for part in parts for output in self._run(model, part, wanted, exact=exact)]
        try:
            outputs = model.loaded.run(np.stack(pixels), wanted, exact=exact)
        except (OutOfMemory, MemoryError, Failed) as error:
            log.warning("%s could not take %d pictures at once: %s", model.ref.name, len(pixels), error)
            if not isinstance(error, Failed):
                self._make_room(model.ref)
                model.most = max(len(pixels) // 2, 1)
            if len(pixels) == 1:
                return [ClassifierLost()]
            half = len(pixels) // 2
            halves = (pixels[:half], pixels[half:])
            return [each for part in halves for each in self._run(model, part, wanted, exact=exact)]
        return [{name: output[number] for name, output in outputs.items()} for number in range(len(pixels))]

    def _make_room(self, ref: ModelRef) -> None:
        """All other models leave memory."""
        with self._lock:
            for digest in [digest for digest in self._opened if digest != ref.digest]:
                del self._opened[digest]
        self._runtime.tidy()

    def _size(self) -> int:
        return sum(opened.loaded.size for opened in self._opened.values())
