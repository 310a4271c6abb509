"""A model's weights, read and written: nothing but the tensors that its architecture has, all finite."""

import hashlib
import json
import shutil
import struct
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from bot.classifier import bodies
from bot.classifier.documents import render
from bot.classifier.manifest import GRAPH, MANIFEST, WEIGHTS, Manifest, StoredFile
from bot.classifier.reading import FILE_BYTES, check_bundle, read_file
from bot.classifier.store import settle
from bot.errors import ModelDamaged

#: The JSON in front of the weights. The largest of our models has 30 KB.
HEADER_BYTES = 1 << 20
MEANS, WHITEN = "doubt.means", "doubt.whiten"

Array = np.ndarray[Any, np.dtype[Any]]


class NotTheWeights(Exception):
    """These are not the tensors that the manifest's architecture has; the text says why."""


def read_tensors(
    folder: Path,
    manifest: Manifest,
    *,
    digest: str,
    name: str,
    parts: Collection[str] = ("body", "head", "doubt"),
) -> dict[str, Array]:
    """The weights by name, of `parts` alone; all are checked.

    Raises ModelDamaged for a file that is not the one the manifest names, and for one with a tensor too
    many or too few, of another shape or type, or with a value that is not finite.
    """
    data = read_file(folder, WEIGHTS, manifest, digest=digest, name=name)
    try:
        tensors = parse_tensors(data, manifest)
    except NotTheWeights as error:
        raise ModelDamaged(name, digest, f"{WEIGHTS}: {error}") from None
    return {key: tensor for key, tensor in tensors.items() if key.partition(".")[0] in parts}


def write_bundle(folder: Path, manifest: Manifest, tensors: Mapping[str, Array], graph: bytes) -> str:
    """Write the three files and return the digest. `manifest.files` is filled in here.

    `folder` appears whole or not at all; it must not be there yet, or be empty. Raises FileExistsError
    otherwise, and NotTheWeights for tensors that `read_tensors` would refuse.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    weights = safetensors.numpy.save({name: np.asarray(array, order="C") for name, array in tensors.items()})
    parse_tensors(weights, manifest)
    files = {WEIGHTS: weights, GRAPH: graph}
    for file, data in files.items():
        if len(data) > FILE_BYTES:
            raise NotTheWeights(f"{file} has more than {FILE_BYTES:,} bytes")
    stored = {
        file: StoredFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        for file, data in files.items()
    }
    document = render(replace(manifest, files=stored))
    digest = hashlib.sha256(document).hexdigest()
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for file, data in (files | {MANIFEST: document}).items():
            (half / file).write_bytes(data)
        check_bundle(half, digest, manifest.name)
        if folder.exists():
            folder.rmdir()  # empty, as was checked; Windows renames nothing onto it
        settle(half, folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return digest


def tensor_shapes(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """Of every tensor but `doubt.whiten`, which may have fewer rows than columns."""
    shapes = bodies.shapes(manifest)
    if manifest.judgement.distance is not None:
        shapes[MEANS] = (len(manifest.labels), bodies.feature_count(manifest.architecture))
    return shapes


def parse_tensors(data: bytes, manifest: Manifest) -> dict[str, Array]:
    """Raises NotTheWeights."""
    header = _header(data)
    expected = tensor_shapes(manifest)
    if manifest.judgement.distance is not None:
        columns = bodies.feature_count(manifest.architecture)
        expected[WHITEN] = (_rows(header, columns), columns)
    if foreign := sorted(header.keys() - expected.keys()):
        raise NotTheWeights(f"it has a foreign tensor, {foreign[0][:100]!r}")
    if missing := sorted(expected.keys() - header.keys()):
        raise NotTheWeights(f"the tensor {missing[0]!r} is missing")
    for name, shape in expected.items():
        dtype = "I64" if bodies.counts(name) else "F32"
        if (found := header[name].get("dtype")) != dtype:
            raise NotTheWeights(f"the tensor {name!r} is of type {str(found)[:20]} instead of {dtype}")
        if (size := header[name].get("shape")) != list(shape):
            raise NotTheWeights(
                f"the tensor {name!r} has the shape {str(size)[:60]} instead of {list(shape)}"
            )
    try:
        tensors: dict[str, Array] = safetensors.numpy.load(data)
    except safetensors.SafetensorError as error:
        raise NotTheWeights(str(error)[:200]) from None
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise NotTheWeights(f"the tensor {name!r} has a value that is not finite")
        if name.endswith(".running_var") and (tensor < 0).any():
            raise NotTheWeights(f"the tensor {name!r} has a negative variance")
    return tensors


def _rows(header: dict[str, dict[str, Any]], columns: int) -> int:
    match header.get(WHITEN, {}).get("shape"):
        case [int(rows), _] if 0 < rows <= columns:
            return rows
    return columns


def _header(data: bytes) -> dict[str, dict[str, Any]]:
    """What stands before the numbers: for each tensor `dtype`, `shape` and `data_offsets`."""
    if len(data) < 8:
        raise NotTheWeights("it is cut off")
    (size,) = struct.unpack("<Q", data[:8])
    if size > min(HEADER_BYTES, len(data) - 8):
        raise NotTheWeights(f"its header claims to have {size:,} bytes")
    try:
        header = json.loads(data[8 : 8 + size].decode())
    except (ValueError, RecursionError):
        raise NotTheWeights("its header is not JSON") from None
    if not isinstance(header, dict):
        raise NotTheWeights("its header is not a table")
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if not isinstance(entry, dict):
            raise NotTheWeights(f"its header says nothing of the tensor {name[:100]!r}")
    return header
