"""The bot's worker with a model that costs nothing: real processes, pipes and memory, nothing looked at."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bot.classifier.protocol import Guess, ModelRef, Picture, Verdict
from bot.classifier.serving import worker
from bot.errors import StudyError
from tests.benchmarks.rivals import label_of

COMMAND = (sys.executable, "-P", "-m", "tests.benchmarks.costless")


class Costless:
    device = "none"
    loaded = ("costless",)

    def open(self, ref: ModelRef, folder: Path) -> str:
        return ref.name

    def prepare(self, model: str, image: bytes, *, exact: bool, photo: bool, keep: bool) -> bytes:
        return image

    def judge(self, model: str, shown: Sequence[bytes]) -> Sequence[Verdict | StudyError]:
        return [
            Verdict(guesses=(Guess(label=label_of(image), probability=1.0),), doubt=None, seconds=0.0)
            for image in shown
        ]

    def explain(self, model: str, shown: bytes, label: str | None) -> Picture:
        raise NotImplementedError


if __name__ == "__main__":
    worker.serve(*sys.argv[1:], lambda device: Costless())
