"""Medians, percentiles and plain tables."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of all values do not exceed: nearest rank."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def mib(size: int) -> str:
    """A size in bytes, as mebibytes."""
    return f"{size / 2**20:.1f}"


def ratio(one: float, other: float) -> str:
    return f"{one / other:.1f}×" if other else "–"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    lines = [list(heads), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    texts = [
        "  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join(text.rstrip() for text in (texts[0], rule, *texts[1:]))


def section(title: str, *notes: str) -> None:
    """Print a section's head, and in a line each what one has to know to read its figures."""
    print(f"\n{title}\n{'=' * len(title)}", *notes, "", sep="\n", flush=True)
