"""The classifier of a bot that has none: it says so, and what its operator would do about it."""

from typing import NoReturn

from bot.classifier.protocol import ModelRef, Picture, Readiness, Status, Verdict
from bot.errors import ClassifierOff


class NoClassifier:
    """A `Classifier`; `text` is a sentence for whoever runs the bot."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def status(self) -> Status:
        return Status(readiness=Readiness.OFF, device="none", text=self._text)

    async def classify(
        self, image: bytes, model: ModelRef, *, exact: bool = False, photo: bool = False
    ) -> Verdict:
        self._refuse()

    async def explain(self, image: bytes, model: ModelRef, *, label: str | None = None) -> Picture:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ClassifierOff(text=self._text)
