"""A classifier for stories: it tells colours apart, at once and always alike, and keeps the protocol."""

import asyncio
import math
import time

from PIL import Image

from bot.classifier.images import encode_photo, read_image
from bot.classifier.manifest import Manifest
from bot.classifier.protocol import Doubt, Guess, ModelRef, Picture, Readiness, Status, Verdict
from bot.classifier.reading import check_bundle
from bot.classifier.store import ModelStore

SIDE = 32
# Of 255: paler or darker pixels have no colour worth the name.
COLOURED = 64
# Fewer than this share of the pixels, and the picture is unlike anything.
ENOUGH = 0.02
# Below this the first guess is not worth saying.
THRESHOLD = 0.6


class ColourClassifier:
    """A `Classifier` that really reads the pictures and the models' files.

    A model's labels divide the colour circle among them in their order, the first around red. The purer
    the picture's colour, and the closer to a label's own, the surer the answer; a picture that is grey
    all over is unfamiliar.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._loaded: dict[str, str] = {}

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def status(self) -> Status:
        return Status(
            readiness=Readiness.READY, device="none, by colour", text="Ready.", loaded=tuple(self._loaded)
        )

    async def classify(
        self, image: bytes, model: ModelRef, *, exact: bool = False, photo: bool = False
    ) -> Verdict:
        return await asyncio.to_thread(self._classify, image, model, photo)

    async def explain(self, image: bytes, model: ModelRef, *, label: str | None = None) -> Picture:
        return await asyncio.to_thread(self._explain, image, model)

    def _classify(self, data: bytes, model: ModelRef, photo: bool) -> Verdict:
        started = time.perf_counter()
        manifest = self._manifest(model)
        image = read_image(data)
        hue, purity, share = colour_of(image)
        guesses = divided(manifest.labels, hue, purity)
        doubt = None
        if share < ENOUGH:
            doubt = Doubt.UNFAMILIAR
        elif guesses[0].probability < THRESHOLD:
            doubt = Doubt.UNDECIDED
        return Verdict(
            guesses=guesses,
            doubt=doubt,
            seconds=time.perf_counter() - started,
            photo=encode_photo(image) if photo else None,
        )

    def _explain(self, data: bytes, model: ModelRef) -> Picture:
        """Whatever has a colour spoke for the label: that stays, the rest turns grey."""
        self._manifest(model)
        image = read_image(data)
        _, saturation, _ = image.convert("HSV").split()
        return encode_photo(Image.composite(image, image.convert("L").convert("RGB"), saturation))

    def _manifest(self, model: ModelRef) -> Manifest:
        """Raises ModelMissing and ModelDamaged, as at every load."""
        manifest = check_bundle(self._store.path(model.digest, name=model.name), model.digest, model.name)
        self._loaded[model.name] = model.digest
        return manifest


def colour_of(image: Image.Image) -> tuple[float, float, float]:
    """The mean hue in radians, how much the hues agree (0 to 1), and the share of pixels that have one."""
    pixels = image.resize((SIDE, SIDE), Image.Resampling.BOX).convert("HSV").tobytes()
    hues = [
        2 * math.pi * pixels[i] / 256
        for i in range(0, len(pixels), 3)
        if pixels[i + 1] >= COLOURED and pixels[i + 2] >= COLOURED
    ]
    if not hues:
        return 0.0, 0.0, 0.0
    x, y = (sum(map(part, hues)) / len(hues) for part in (math.cos, math.sin))
    return math.atan2(y, x), math.hypot(x, y), len(hues) / SIDE**2


def divided(labels: tuple[str, ...], hue: float, purity: float) -> tuple[Guess, ...]:
    """The labels with their probabilities, the most probable first: a von Mises density around each."""
    sharpness = purity * max(6.0, 0.4 * len(labels) ** 2)
    weights = [
        math.exp(sharpness * (math.cos(hue - 2 * math.pi * i / len(labels)) - 1)) for i in range(len(labels))
    ]
    guesses = [
        Guess(label=label, probability=weight / sum(weights))
        for label, weight in zip(labels, weights, strict=True)
    ]
    return tuple(sorted(guesses, key=lambda guess: -guess.probability))
