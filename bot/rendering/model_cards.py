"""What the pictures of the classifier show. Every fact in them also stands in the text beside them."""

from dataclasses import dataclass

from bot.locales import _


@dataclass(frozen=True, kw_only=True)
class LabelShare:
    """A label and its probability, 0 to 1."""

    label: str
    share: float


@dataclass(frozen=True, kw_only=True)
class ClassificationCard:
    """What a model sees in a picture, the most probable label first; `sure` is whether it says so."""

    title: str
    subtitle: str
    guesses: tuple[LabelShare, ...]
    sure: bool


@dataclass(frozen=True, kw_only=True)
class ConfusionCard:
    """How a model did on images that it was not trained on: `counts[i][j]` of label i were taken for j."""

    title: str
    subtitle: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def percent(share: float) -> str:
    """A probability in whole percent, which is never rounded to none or to all."""
    if 0 < share < 0.01:
        return _("under 1 %")
    if 0.99 < share < 1:
        return _("over 99 %")
    return _("{percent:.0f} %", percent=100 * share)
