"""What the pictures of reviewing show. Every fact in them also stands in the text beside them."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Count:
    """So many of what the label says."""

    label: str
    count: int


@dataclass(frozen=True, kw_only=True)
class ReviewSummary:
    """One review session: how often each grade was given, and how many cards fall due on the coming days."""

    title: str
    subtitle: str
    grades: tuple[Count, ...]
    coming: tuple[Count, ...]


@dataclass(frozen=True, kw_only=True)
class MonthRecall:
    """Which share of a month's reviews was recalled, from 0 to 1; None where there was no review."""

    month: date
    share: float | None


@dataclass(frozen=True, kw_only=True)
class ReviewStats:
    """One member's reviewing: at most twelve months of recall against the share they want, the cards that
    fall due on each day from `until` on, and the reviews of each day of the year that ends there.
    """

    title: str
    subtitle: str
    months: tuple[MonthRecall, ...]
    wanted: float
    coming: tuple[int, ...]
    days: tuple[int, ...]
    until: date
