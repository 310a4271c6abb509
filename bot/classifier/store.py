"""Where models lie: a folder of bundles, each under its digest, and those that come with the bot."""

import contextlib
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path

from bot.classifier.manifest import GRAPH, MANIFEST, WEIGHTS, Manifest
from bot.classifier.protocol import ModelRef
from bot.classifier.reading import check_bundle, read_manifest
from bot.errors import ModelDamaged, ModelMissing

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("shipped")
FILES = (WEIGHTS, GRAPH, MANIFEST)
#: Older than this, a copy that was begun was left behind by a process that died.
ABANDONED_SECONDS = 3600


class ModelStore:
    """Its methods read and write files: call them in a thread. Any number of processes may share one.

    What lies under a digest never changes, so a path stays good until `remove`.
    """

    def __init__(self, folder: Path, *, shipped: Path = SHIPPED) -> None:
        self._folder = folder
        self._shipped_folder = shipped
        self._shipped: dict[str, tuple[ModelRef, Path]] | None = None
        self._damaged: list[ModelDamaged] = []

    def path(self, digest: str, *, name: str = "") -> Path:
        """The bundle's folder. Its files are checked when they are read, not here.

        Raises ModelMissing; `name` is for that alone.
        """
        if digest in (shipped := self._find_shipped()):
            return shipped[digest][1]
        folder = self._folder / digest
        if not _is_digest(digest) or not folder.is_dir():
            raise ModelMissing(name, digest)
        return folder

    def manifest(self, digest: str, *, name: str = "") -> Manifest:
        """What the model's card says. Raises ModelMissing and ModelDamaged."""
        manifest, _ = read_manifest(self.path(digest, name=name), digest=digest, name=name)
        return manifest

    def shipped(self) -> tuple[ModelRef, ...]:
        """The models that come with the bot, by name."""
        return tuple(ref for ref, _ in self._find_shipped().values())

    def digests(self) -> tuple[str, ...]:
        """Of all models that were added, in no order."""
        if not self._folder.is_dir():
            return ()
        return tuple(entry.name for entry in self._folder.iterdir() if _is_digest(entry.name))

    def add(self, bundle: Path) -> str:
        """Copy a bundle into the store and return its digest; `bundle` itself stays.

        Whoever looks sees the whole model or none, even if the machine stops meanwhile. Adding the same one
        again changes nothing, but for mending it where it was damaged. Raises ModelMissing and ModelDamaged.
        """
        manifest, digest = read_manifest(bundle)
        if digest in self._find_shipped():
            return digest
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        half = Path(tempfile.mkdtemp(prefix=".adding-", dir=self._folder))
        try:
            for file in FILES:
                shutil.copyfile(bundle / file, half / file, follow_symlinks=False)
            check_bundle(half, digest, manifest.name)  # the copy: the original may change at any time
            with contextlib.suppress(ModelMissing):
                self._discard_if_damaged(digest, manifest.name)
            settle(half, self._folder / digest)
        finally:
            shutil.rmtree(half, ignore_errors=True)
        return digest

    def remove(self, digest: str) -> None:
        """Delete an added model's files; nothing happens when there are none."""
        if not _is_digest(digest) or not (self._folder / digest).is_dir():
            return
        grave = Path(tempfile.mkdtemp(prefix=".adding-", dir=self._folder))
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            (self._folder / digest).rename(grave / digest)
        shutil.rmtree(grave, ignore_errors=True)

    def _discard_if_damaged(self, digest: str, name: str) -> None:
        try:
            check_bundle(self.path(digest, name=name), digest, name)
        except ModelDamaged:
            self.remove(digest)

    def _find_shipped(self) -> dict[str, tuple[ModelRef, Path]]:
        if self._shipped is None:
            found = {}
            for folder in sorted(self._shipped_folder.glob("*/")):
                try:
                    manifest, digest = read_manifest(folder, name=folder.name)
                except ModelDamaged as error:  # the bot goes on without it
                    log.error("The model that comes with the bot is damaged: %s (%s)", error.name, error.part)
                    self._damaged.append(error)
                    continue
                found[digest] = (ModelRef(name=manifest.name, digest=digest), folder)
            self._shipped = found
        return self._shipped

    def damaged(self) -> tuple[ModelDamaged, ...]:
        """What is wrong with models that come with the bot; they are left out of `shipped`."""
        self._find_shipped()
        return tuple(self._damaged)

    def _sweep(self) -> None:
        for entry in self._folder.glob(".adding-*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - entry.stat().st_mtime > ABANDONED_SECONDS:
                    shutil.rmtree(entry, ignore_errors=True)


def settle(half: Path, folder: Path) -> None:
    """Give a finished folder its name, for good: files first, then the name. When one of that name and with
    something in it is there already, it stays.
    """
    for file in FILES:
        _sync(half / file)
    _sync(half)
    half.chmod(0o755)  # mkdtemp's folders are for their owner alone
    try:
        half.replace(folder)
    except OSError:
        if not (folder / MANIFEST).is_file():
            raise
    _sync(folder.parent)


def _sync(path: Path) -> None:
    """Wait until the disk has it. Folders can be opened on POSIX only; Windows needs no such thing."""
    if os.name != "posix" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_digest(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")
