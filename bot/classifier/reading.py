"""Reads a bundle's files, and believes none before its hash was checked. Needs no numpy."""

import hashlib
import os
import stat
from pathlib import Path

from bot.classifier.documents import NotAManifest, parse
from bot.classifier.graphs import problem_of
from bot.classifier.manifest import GRAPH, MANIFEST, WEIGHTS, Manifest
from bot.errors import ModelDamaged, ModelMissing

MANIFEST_BYTES = 1 << 20
#: Of the weights and of the graph each.
FILE_BYTES = 600 << 20
PIECE = 1 << 20


def read_manifest(folder: Path, *, digest: str = "", name: str = "") -> tuple[Manifest, str]:
    """What `model.json` says, and its SHA-256, which is to be `digest` where that is given.

    Raises ModelMissing when there is no such folder, and ModelDamaged when the file is not what it should
    be. `name` is for these errors alone.
    """
    if not folder.is_dir():
        raise ModelMissing(name, digest)
    data = _read(folder / MANIFEST, MANIFEST_BYTES, name=name, digest=digest)
    found = hashlib.sha256(data).hexdigest()
    if digest and found != digest:
        raise ModelDamaged(name, digest, f"{MANIFEST}: its hash is {found}")
    try:
        return parse(data), found
    except NotAManifest as error:
        raise ModelDamaged(name, found, f"{MANIFEST}: {error}") from None


def check_bundle(folder: Path, digest: str, name: str) -> Manifest:
    """That the manifest's hash is `digest`, that it is one, and that sizes and hashes of the other files are
    what it says. Raises ModelMissing and ModelDamaged.
    """
    manifest, _ = read_manifest(folder, digest=digest, name=name)
    for file in (WEIGHTS, GRAPH):
        _check_size(folder, file, manifest, digest=digest, name=name)
        hashed = hashlib.sha256()
        try:
            with (folder / file).open("rb") as stream:
                while piece := stream.read(PIECE):
                    hashed.update(piece)
        except OSError as error:
            raise ModelDamaged(name, digest, f"{file}: {error.strerror}") from None
        _check_hash(hashed.hexdigest(), file, manifest, digest=digest, name=name)
    return manifest


def read_file(folder: Path, file: str, manifest: Manifest, *, digest: str, name: str) -> bytes:
    """The bytes of `model.safetensors` or `model.onnx`, of which size and hash are the manifest's: what is
    checked is what is used, whatever happens to the file meanwhile. Raises ModelDamaged.
    """
    size = _check_size(folder, file, manifest, digest=digest, name=name)
    data = _read(folder / file, size, name=name, digest=digest)
    _check_hash(hashlib.sha256(data).hexdigest(), file, manifest, digest=digest, name=name)
    return data


def read_graph(folder: Path, manifest: Manifest, *, digest: str, name: str) -> bytes:
    """The ONNX graph, for a runtime that takes it from memory. It refers to no file outside itself.

    Raises ModelDamaged.
    """
    data = read_file(folder, GRAPH, manifest, digest=digest, name=name)
    if problem := problem_of(data):
        raise ModelDamaged(name, digest, f"{GRAPH}: {problem}")
    return data


def _check_size(folder: Path, file: str, manifest: Manifest, *, digest: str, name: str) -> int:
    expected = manifest.files[file].size
    found = _size(folder / file, name=name, digest=digest)
    if found != expected:
        raise ModelDamaged(name, digest, f"{file}: {found:,} bytes instead of {expected:,}")
    return expected


def _check_hash(found: str, file: str, manifest: Manifest, *, digest: str, name: str) -> None:
    if found != manifest.files[file].sha256:
        raise ModelDamaged(name, digest, f"{file}: its hash is {found}")


def _size(path: Path, *, name: str, digest: str) -> int:
    try:
        status = os.lstat(path)
    except OSError as error:
        raise ModelDamaged(name, digest, f"{path.name}: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):  # a link or a pipe, which would lead elsewhere or never end
        raise ModelDamaged(name, digest, f"{path.name}: not a plain file")
    return status.st_size


def _read(path: Path, limit: int, *, name: str, digest: str) -> bytes:
    if _size(path, name=name, digest=digest) > limit:
        raise ModelDamaged(name, digest, f"{path.name}: more than {limit:,} bytes")
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise ModelDamaged(name, digest, f"{path.name}: {error.strerror}") from None
    if len(data) > limit:
        raise ModelDamaged(name, digest, f"{path.name}: more than {limit:,} bytes")
    return data
