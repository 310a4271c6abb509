"""From fastai's `export.pkl` to a bundle, by way of a process of its own.

Such a file is a pickle: to open it is to run what is in it. That cannot be made safe, so only an operator
does it, with a file of theirs, and what comes out is checked as if a stranger had sent it.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.classifier.bundle import read_tensors, write_bundle
from bot.classifier.manifest import Manifest
from bot.classifier.reading import read_graph, read_manifest
from bot.errors import ModelDamaged, ModelMissing

COMMAND = (sys.executable, "-P", "-X", "utf8", "-m", "bot.classifier.converting")
#: A large model takes half a minute.
LONGEST_SECONDS = 900.0
#: All of the environment that the process gets. The bot's token, and whatever else is secret, stay here.
PASSED_ON = (
    "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "HOME", "USERPROFILE", "LANG", "LC_ALL", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "OMP_NUM_THREADS", "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip


class CannotConvert(Exception):
    """The text is one sentence that says why."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """`worst` is by how much its probabilities differed at most from fastai's, on `tried` drawn pictures."""

    digest: str
    manifest: Manifest
    worst: float
    tried: int


def convert(
    file: Path, folder: Path, *, name: str, licence: str, environment: Mapping[str, str] = os.environ
) -> Converted:
    """Runs what is in `file`, as a user who may do all that this one may, and writes the bundle to `folder`.

    Raises CannotConvert, and FileExistsError when `folder` is there and not empty.
    """
    if not file.is_file():
        raise CannotConvert(f"There is no file {file}.")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    with tempfile.TemporaryDirectory() as workplace:
        out = Path(workplace) / "bundle"
        job = {"file": str(file.resolve()), "out": str(out), "name": name, "licence": licence}
        said = _run(job, Path(workplace), environment)
        try:
            manifest, digest = read_manifest(out, name=name)
            tensors = read_tensors(out, manifest, digest=digest, name=name)
            graph = read_graph(out, manifest, digest=digest, name=name)
            written = write_bundle(folder, manifest, tensors, graph)
        except ModelDamaged as error:
            raise CannotConvert(f"What the conversion wrote is no model: {error.part}.") from None
        except ModelMissing:
            raise CannotConvert("The conversion wrote no model.") from None
    return Converted(digest=written, manifest=manifest, worst=float(said["worst"]), tried=int(said["tried"]))


def _run(job: dict[str, str], workplace: Path, environment: Mapping[str, str]) -> dict[str, float]:
    report = workplace / "report.json"
    kept = {key: environment[key] for key in PASSED_ON if key in environment}
    try:
        done = subprocess.run(  # noqa: S603
            [*COMMAND, json.dumps(job), str(report)],
            env={**kept, "HF_HUB_OFFLINE": "1"},
            cwd=workplace,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotConvert(f"It was not ready after {LONGEST_SECONDS / 60:.0f} minutes.") from None
    try:
        said = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise CannotConvert(
            f"The conversion ended with status {done.returncode}: {last[:300] or 'it said nothing'}"
        ) from None
    match said:
        case {"problem": str(problem)}:
            raise CannotConvert(problem)
        case {"worst": float() | int(), "tried": int()}:
            return {"worst": said["worst"], "tried": said["tried"]}
    raise CannotConvert("What the conversion reported makes no sense.")
