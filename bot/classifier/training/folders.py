"""A folder with a folder of images for each label, on the operator's own disk."""

import os
from pathlib import Path

from bot.classifier.training.files import ENTRIES, IMAGES, Entry, entry_of
from bot.errors import BadTrainingSet, TrainingFault


class Folder:
    """A `bot.classifier.training.files.Source`. Links to folders are not followed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: list[Path] = []

    def entries(self) -> list[Entry]:
        self._files = []
        for folder, inner, names in os.walk(self._path):
            inner.sort()
            self._files += [Path(folder, name) for name in sorted(names)]
            if len(self._files) > ENTRIES:
                raise BadTrainingSet(TrainingFault.TOO_MANY_IMAGES, limit=IMAGES)
        found = (
            entry_of(key, file.relative_to(self._path).as_posix())
            for key, file in enumerate(self._files)
            if file.is_file()
        )
        return [entry for entry in found if entry is not None]

    def head(self, entry: Entry) -> bytes:
        return self.read(entry, 15)

    def read(self, entry: Entry, limit: int) -> bytes:
        """Nothing for a file that is not there any more, or may not be read."""
        try:
            with self._files[entry.key].open("rb") as file:
                return file.read(limit + 1)
        except OSError:
            return b""
