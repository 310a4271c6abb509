"""The order of mixed directions: Unicode's bidirectional algorithm (UAX 9), for one line of a picture.

Embeddings, overrides and isolates are not here: those characters are taken out of every text before.
"""

from collections.abc import Sequence
from itertools import groupby
from unicodedata import bidirectional

BRACKETS = {"(": ")", "[": "]", "{": "}", "「": "」", "『": "』", "【": "】", "《": "》", "〈": "〉"}
NEUTRAL = ("B", "S", "WS", "ON")


def base_level(clusters: Sequence[str]) -> int:
    """1 where the first letter reads from right to left, else 0 (rules P2 and P3)."""
    types = (bidirectional(cluster[0]) for cluster in clusters)
    return next((int(kind != "L") for kind in types if kind in ("L", "R", "AL")), 0)


def levels(clusters: Sequence[str], base: int) -> list[int]:
    """The embedding level of each cluster in a text of this base level, odd where it reads leftward."""
    types = [bidirectional(cluster[0]) or "L" for cluster in clusters]
    edge = "R" if base else "L"
    _resolve_weak(types, edge)
    _resolve_brackets(clusters, types, edge)
    _resolve_neutral(types, edge)
    # I1 and I2: a number stands one level inside text from the right, letters against the line one inside it.
    inside = {"L": (0, 2), "R": (1, 1), "AN": (2, 2), "EN": (2, 2)}
    return [inside[kind][base] for kind in types]


def visual(items: Sequence[int]) -> list[int]:
    """The indexes of items, given by their levels, from left to right (rule L2)."""
    order = list(range(len(items)))
    for level in range(max(items, default=0), 0, -1):
        start = 0
        for deep, run in groupby([items[index] >= level for index in order]):
            end = start + len(list(run))
            if deep:
                order[start:end] = reversed(order[start:end])
            start = end
    return order


def _resolve_weak(types: list[str], edge: str) -> None:
    """Rules W1 to W7: marks, digits, and the signs between and beside digits."""
    strong = before = edge
    for i, kind in enumerate(types):
        if kind in ("NSM", "BN"):
            kind = before
        elif kind == "EN" and strong == "AL":
            kind = "AN"
        if kind in ("L", "R", "AL"):
            strong = kind
        types[i] = before = kind
    types[:] = ["R" if kind == "AL" else kind for kind in types]
    for i in range(1, len(types) - 1):
        left, kind, right = types[i - 1 : i + 2]
        if left == right and (left, kind) in (("EN", "ES"), ("EN", "CS"), ("AN", "CS")):
            types[i] = left
    start = 0
    for kind, run in groupby(list(types)):
        end = start + len(list(run))
        if kind == "ET":
            beside_number = "EN" in (
                types[start - 1] if start else "",
                types[end] if end < len(types) else "",
            )
            types[start:end] = ["EN" if beside_number else "ON"] * (end - start)
        start = end
    strong = edge
    for i, kind in enumerate(types):
        if kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            types[i] = "L"
        elif kind in ("ES", "CS"):
            types[i] = "ON"


def _resolve_brackets(clusters: Sequence[str], types: list[str], edge: str) -> None:
    """Rule N0: both brackets of a pair go the same way."""
    opened: list[tuple[str, int]] = []
    pairs = []
    for i, cluster in enumerate(clusters):
        if types[i] != "ON":
            continue
        if cluster in BRACKETS:
            opened.append((BRACKETS[cluster], i))
        for depth in range(len(opened) - 1, -1, -1):
            if opened[depth][0] == cluster:
                pairs.append((opened[depth][1], i))
                del opened[depth:]
                break
    for begin, end in sorted(pairs):
        within = {_direction(kind) for kind in types[begin + 1 : end]} - {None}
        if edge in within:
            types[begin] = types[end] = edge
        elif within:
            before = next((found for kind in reversed(types[:begin]) if (found := _direction(kind))), edge)
            types[begin] = types[end] = before


def _resolve_neutral(types: list[str], edge: str) -> None:
    """Rules N1 and N2: what has no direction goes with its neighbours if they agree, else with the line."""
    start = 0
    for neutral, run in groupby(list(types), lambda kind: kind in NEUTRAL):
        end = start + len(list(run))
        if neutral:
            left = _direction(types[start - 1]) if start else edge
            right = _direction(types[end]) if end < len(types) else edge
            types[start:end] = [(left if left == right else edge) or edge] * (end - start)
        start = end


def _direction(kind: str) -> str | None:
    """Numbers count as right to left here."""
    return {"L": "L", "R": "R", "AN": "R", "EN": "R"}.get(kind)
