"""Reads a training set's images once: each is decoded under the limits for files of strangers, compared with
the others by its pixels, and kept in the two sizes that the training needs.
"""

import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bot.classifier.headers import LIMITS
from bot.classifier.images import read_image
from bot.classifier.manifest import Input
from bot.classifier.serving.bounds import cores
from bot.classifier.training.files import Entry, Source, Survey, check_labels
from bot.classifier.transforms import prepare
from bot.errors import ImageRefused

#: Pictures that are augmented are kept this much larger than the model's input: random crops cut into them.
MARGIN = 1.25
_THREADS = 4


@dataclass(frozen=True, kw_only=True)
class Item:
    """An image of the set. `plain` is what the model will be shown, `rich` what training takes its random
    crops from; `key` is the SHA-256 of its pixels.
    """

    file: str
    label: str
    key: str
    plain: Path
    rich: Path


@dataclass(frozen=True, kw_only=True)
class Collected:
    """`left_out` has files with the reason, `copies` of which were further copies of an image under the same
    label, and `conflicting` were images that lie under several labels, all of them left out.
    """

    items: tuple[Item, ...]
    left_out: tuple[tuple[str, str], ...]
    copies: int
    conflicting: int

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({item.label for item in self.items}))


def collect(
    source: Source, found: Survey, work: Path, steps: Input, *, on_image: Callable[[int, int], None]
) -> Collected:
    """Read what a survey found. Files are written into `work`; `on_image` hears how many of how many were
    read. Raises BadTrainingSet, also when what is left is too little.
    """
    work.mkdir(parents=True, exist_ok=True)
    read: list[Item] = []
    left_out = [(name, "not an image") for name in found.others]
    for number, outcome in enumerate(_each(source, found.images, work, steps), start=1):
        if isinstance(outcome, Item):
            read.append(outcome)
        else:
            left_out.append(outcome)
        on_image(number, len(found.images))
    items, copies, conflicting = _different(read)
    check_labels(item.label for item in items)
    return Collected(
        items=tuple(items),
        left_out=(*left_out, *copies, *conflicting),
        copies=len(copies),
        conflicting=len(conflicting),
    )


def _each(
    source: Source, entries: tuple[Entry, ...], work: Path, steps: Input
) -> Iterator[Item | tuple[str, str]]:
    """In their order; decoded by a few threads, a few ahead of the one that is asked for."""
    threads = min(_THREADS, cores())
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="decoder") as pool:
        waiting: deque[Future[Item | tuple[str, str]]] = deque()
        for number, entry in enumerate(entries):
            # One more byte than is allowed, so that the decoder sees that it is too much.
            data = source.read(entry, LIMITS.size)
            waiting.append(pool.submit(_take, entry, data, work / f"{number:05}", steps))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _take(entry: Entry, data: bytes, stem: Path, steps: Input) -> Item | tuple[str, str]:
    try:
        image = read_image(data)
    except ImageRefused as refused:
        return entry.name, refused.fault.value
    key = hashlib.sha256(repr(image.size).encode())
    key.update(image.tobytes())
    plain = stem.with_suffix(".png")
    shown = prepare(image, steps)
    Image.fromarray(shown[:, :, 0] if shown.shape[2] == 1 else shown).save(plain, compress_level=1)
    rich = plain
    if not steps.ink:
        rich = stem.with_suffix(".jpg")
        _reduced(image.convert(steps.mode), shown.shape[:2]).save(rich, "JPEG", quality=95, subsampling=0)
    return Item(file=entry.name, label=entry.label, key=key.hexdigest(), plain=plain, rich=rich)


def _reduced(image: Image.Image, shown: tuple[int, int]) -> Image.Image:
    scale = MARGIN * max(shown) / min(image.size)
    if scale >= 1:
        return image
    size = math.ceil(image.width * scale), math.ceil(image.height * scale)
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _different(read: list[Item]) -> tuple[list[Item], list[tuple[str, str]], list[tuple[str, str]]]:
    """Each picture once; further copies; and those that are said to show different things."""
    alike: dict[str, list[Item]] = {}
    for item in read:
        alike.setdefault(item.key, []).append(item)
    items: list[Item] = []
    copies, conflicting = [], []
    for same in alike.values():
        labels = sorted({item.label for item in same})
        if len(labels) > 1:
            conflicting += [(item.file, f"under {len(labels)} labels") for item in same]
            continue
        first, *more = sorted(same, key=lambda item: item.file)
        items.append(first)
        copies += [(item.file, f"the same as {first.file}") for item in more]
    return items, copies, conflicting


@dataclass(frozen=True, kw_only=True)
class Split:
    train: tuple[Item, ...]
    valid: tuple[Item, ...]
    test: tuple[Item, ...]


def split(items: tuple[Item, ...], *, seed: int) -> Split:
    """Of every label a fifth (rounded up) for the test, 15 % (rounded, at least one) to validate on, and the
    rest to train on.

    Which image goes where follows from its pixels and `seed` alone. So most images keep their place when a
    set grows, and a model that begins with an earlier one is tested on few images which that one had learned.
    """
    parts: tuple[list[Item], list[Item], list[Item]] = ([], [], [])
    for label in sorted({item.label for item in items}):
        mixed = sorted((item for item in items if item.label == label), key=lambda item: _place(item, seed))
        tested, validated = math.ceil(0.2 * len(mixed)), max(1, round(0.15 * len(mixed)))
        parts[2].extend(mixed[:tested])
        parts[1].extend(mixed[tested : tested + validated])
        parts[0].extend(mixed[tested + validated :])
    return Split(train=tuple(parts[0]), valid=tuple(parts[1]), test=tuple(parts[2]))


def _place(item: Item, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {item.key}".encode()).digest()
