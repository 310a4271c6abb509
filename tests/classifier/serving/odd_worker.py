"""A worker whose model costs nothing, and does what its pictures tell it: the real loop, without a model.

A picture is `b"left"` or `b"right"` (its label), or an order: "die", "stick" (for ever), "slow N" (N
milliseconds), "refuse". Whatever else is a picture of the label "other".
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bot.classifier.protocol import Doubt, Guess, ModelRef, Picture, Verdict
from bot.classifier.serving import worker
from bot.errors import ImageFault, ImageRefused, ModelDamaged, ModelMissing, StudyError

LABELS = ("left", "right", "other", "a", "b", "c", "d", "e", "f", "g")
COMMAND = (sys.executable, "-P", "-m", "tests.classifier.serving.odd_worker")


class Obedient:
    """Models are names; one called "damaged" is, and a folder that is not there is missing."""

    device = "none"

    def __init__(self) -> None:
        self._opened: dict[str, None] = {}

    @property
    def loaded(self) -> tuple[str, ...]:
        return tuple(self._opened)

    def open(self, ref: ModelRef, folder: Path) -> str:
        if ref.name == "damaged":
            raise ModelDamaged(ref.name, ref.digest, "model.onnx")
        if not folder.is_dir():
            raise ModelMissing(ref.name, ref.digest)
        self._opened.setdefault(ref.name)
        return ref.name

    def prepare(
        self, model: str, image: bytes, *, exact: bool, photo: bool, keep: bool
    ) -> tuple[bytes, bool, bool]:
        if image == b"refuse":
            raise ImageRefused(ImageFault.DAMAGED)
        return image[:20], exact, photo

    def judge(self, model: str, shown: Sequence[tuple[bytes, bool, bool]]) -> Sequence[Verdict | StudyError]:
        return [self._verdict(model, *each) for each in shown]

    def explain(self, model: str, shown: tuple[bytes, bool, bool], label: str | None) -> Picture:
        return Picture(data=b"%s on %s" % ((label or "best").encode(), shown[0]), ending="png")

    def _verdict(self, model: str, image: bytes, exact: bool, photo: bool) -> Verdict:
        match image.split():
            case [b"die"]:
                os._exit(1)
            case [b"stick"]:
                time.sleep(1000)
            case [b"slow", milliseconds]:
                time.sleep(int(milliseconds) / 1000)
        name = image.decode(errors="replace")
        best = name if name in LABELS else "other"
        rest = [label for label in LABELS if label != best]
        return Verdict(
            guesses=(
                Guess(label=best, probability=0.9),
                *(Guess(label=one, probability=0.01) for one in rest),
            ),
            doubt=Doubt.UNDECIDED if exact else None,
            seconds=0.0,
            photo=Picture(data=image, ending="png") if photo else None,
        )


if __name__ == "__main__":
    worker.serve(*sys.argv[1:], lambda device: Obedient())
