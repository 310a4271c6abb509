"""What a training set's files are called, and which of its folders are labels."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from bot.classifier.headers import sniff
from bot.errors import BadTrainingSet, TrainingFault

#: Images and labels of one set, and directory entries with whatever else lies there.
IMAGES, LABELS, ENTRIES = 5_000, 100, 20_000
#: Of each label. With fewer, a fifth of them for the test would not be one image.
FEWEST = 5
LABEL_LENGTH = 50
#: Names that are told at most: one sentence is to hold them.
NAMED = 20
_HEAD = 16

# What operating systems put beside the pictures. Nobody misses it, so it is not reported.
_JUNK_FOLDERS = frozenset({"__macosx", "$recycle.bin", "system volume information", "@eadir"})
_JUNK_FILES = frozenset({"thumbs.db", "desktop.ini", "feedback.csv"})
_JOINERS = "\u200c\u200d"  # parts of Persian words and of emoji


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file of the set: `name` is its whole path for people, `label` the folder it lies in."""

    key: int
    name: str
    label: str


class Source(Protocol):
    """Where the files come from. All methods raise BadTrainingSet."""

    def entries(self) -> list[Entry]:
        """Every file that is no junk and lies in a folder."""

    def head(self, entry: Entry) -> bytes:
        """Its first 16 bytes, or fewer; empty when it cannot be read."""

    def read(self, entry: Entry, limit: int) -> bytes:
        """At most `limit` + 1 of its bytes."""


def entry_of(key: int, path: str) -> Entry | None:
    """None for junk, and for a file that lies in no folder. A path is but a name here: nothing is written to
    it or read from it, so that it may lead where it wants.
    """
    parts = [part for part in PurePosixPath(path.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    folders = [part.lower() for part in parts[:-1]]
    if len(parts) < 2 or parts[-1].startswith("."):
        return None
    if any(folder in _JUNK_FOLDERS or folder.startswith(".") for folder in folders):
        return None
    if parts[-1].lower() in _JUNK_FILES:
        return None
    # As it is typed: macOS writes é as two characters.
    label = unicodedata.normalize("NFC", parts[-2]).strip()
    return Entry(key=key, name=unicodedata.normalize("NFC", "/".join(parts)), label=label)


def is_label(label: str) -> bool:
    """Short, with a letter, digit or symbol, and nothing that cannot be seen or turns the text around."""
    if not 0 < len(label) <= LABEL_LENGTH:
        return False
    if not any(unicodedata.category(letter)[0] in "LNS" for letter in label):
        return False
    return all(unicodedata.category(letter)[0] not in "C" or letter in _JOINERS for letter in label) and all(
        unicodedata.category(letter) not in ("Zl", "Zp") for letter in label
    )


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The files that begin as images do, and the names of those that do not."""

    images: tuple[Entry, ...]
    others: tuple[str, ...]


def survey(source: Source) -> Survey:
    """Look at every file's first bytes, and refuse at once what would be refused in the end. Raises
    BadTrainingSet.
    """
    entries = source.entries()
    if len(entries) > ENTRIES:
        raise BadTrainingSet(TrainingFault.TOO_MANY_IMAGES, limit=IMAGES)
    images, others = [], []
    for entry in entries:
        if sniff(source.head(entry)) is None:
            others.append(entry.name)
        else:
            images.append(entry)
    check_labels(entry.label for entry in images)
    return Survey(images=tuple(images), others=tuple(others))


def check_labels(labels: Iterator[str]) -> None:
    """`labels` has one for each image. Raises BadTrainingSet."""
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    if not counts:
        raise BadTrainingSet(TrainingFault.NO_IMAGES)
    if sum(counts.values()) > IMAGES:
        raise BadTrainingSet(TrainingFault.TOO_MANY_IMAGES, limit=IMAGES)
    if bad := sorted(label for label in counts if not is_label(label)):
        raise BadTrainingSet(TrainingFault.BAD_LABEL, names=shortened(bad))
    if len(counts) == 1:
        raise BadTrainingSet(TrainingFault.ONE_LABEL, names=tuple(counts))
    if len(counts) > LABELS:
        raise BadTrainingSet(TrainingFault.TOO_MANY_LABELS, limit=LABELS)
    if few := sorted(label for label, count in counts.items() if count < FEWEST):
        raise BadTrainingSet(TrainingFault.TOO_FEW_IMAGES, names=shortened(few), limit=FEWEST)


def shortened(names: list[str]) -> tuple[str, ...]:
    return tuple(name[: LABEL_LENGTH * 2] for name in names[:NAMED])
