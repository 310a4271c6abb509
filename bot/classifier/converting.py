"""The process that opens an `export.pkl`, and so runs what is in it: `bot.classifier.convert` starts it."""

import json
import pickle
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import torch
from fastai.learner import Learner
from PIL import Image

from bot.classifier.architectures import Net, Unlike, from_fastai
from bot.classifier.documents import NotAManifest
from bot.classifier.exporting import NotTheSame, export
from bot.classifier.images import read_image
from bot.classifier.learners import NotDescribed, describe, softmax_of_fastai
from bot.classifier.manifest import DataCard, Judgement, Manifest, Origin
from bot.classifier.transforms import prepare

#: Width and height of the pictures on which both are tried.
SIZES = ((320, 240), (240, 320), (64, 64), (500, 90), (97, 401), (33, 28))
TOLERANCE = 1e-4
# A converted model was not calibrated: more than half is what can be said without.
THRESHOLD = 0.5
UNKNOWN = "not known: it was converted from an export.pkl"


class CannotBeKept(Exception):
    """The text is one sentence that says why."""


class Missing:
    """Stands for what the pickle names but the notebook alone had, such as the function that made labels of
    file names. It is not needed to predict; where it is, it does nothing, and what follows says so.
    """

    def __new__(cls, *args: object, **kwargs: object) -> "Missing":
        return super().__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Takes whatever the notebook's took."""


class Unpickler(pickle.Unpickler):
    """As unsafe as any: the operator was warned, and said that the file is theirs."""

    missing: set[str]

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith(("fastcore.transform", "fastcore.dispatch")):
            raise CannotBeKept(
                "It was exported by fastai before 2.8: open it there, and export it with a newer one."
            )
        try:
            return super().find_class(module, name)
        except (AttributeError, ModuleNotFoundError):
            self.missing.add(name)
            return type(name.rpartition(".")[2], (Missing,), {"__module__": module})


def main() -> None:
    job, report = json.loads(sys.argv[1]), Path(sys.argv[2])
    try:
        said: dict[str, Any] = convert(job)
    except (CannotBeKept, NotDescribed) as error:
        said = {"problem": str(error)}
    report.write_text(json.dumps(said), encoding="utf-8")


def convert(job: dict[str, str]) -> dict[str, Any]:
    learn, missing = load(Path(job["file"]))
    try:
        described = describe(learn)
        manifest = Manifest(
            name=job["name"],
            **vars(described),
            judgement=Judgement(temperature=1.0, threshold=THRESHOLD, distance=None),
            metrics=None,
            data=DataCard(images={}, source=UNKNOWN, licence="not known"),
            origin=Origin(
                made_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                base="not known",
                epochs=0,
                versions=tuple(f"{name} {version(name)}" for name in ("fastai", "torch")),
            ),
            licence=job["licence"],
        )
        net = from_fastai(learn.model, manifest)
    except NotDescribed as error:
        raise CannotBeKept(f"{error}{_of_the_notebook(missing)}") from None
    except Unlike as error:
        raise CannotBeKept(f"Its model cannot be kept: {str(error).splitlines()[0]}.") from None
    out = Path(job["out"])
    worst, pictures = compare(learn, net, manifest, out.parent)
    try:
        export(net, manifest, out, pictures=pictures)
    except (NotAManifest, NotTheSame) as error:
        raise CannotBeKept(f"Its model cannot be kept: {error}.") from None
    return {"worst": worst, "tried": len(SIZES)}


def load(file: Path) -> tuple[Any, set[str]]:
    """The learner, and the names of what it would need from the notebook that made it."""
    missing: set[str] = set()
    Unpickler.missing = missing
    pickles = ModuleType("pickles")  # torch takes what unpickles as a module
    pickles.__dict__.update(vars(pickle))
    pickles.__dict__["Unpickler"] = Unpickler
    pickles.__dict__["load"] = lambda stream, **options: Unpickler(stream, **options).load()
    try:
        learn = torch.load(file, map_location="cpu", pickle_module=pickles, weights_only=False)
    except CannotBeKept:
        raise
    except Exception as error:  # whatever the pickle's own code raises
        line = str(error).strip().partition("\n")[0][:200]
        raise CannotBeKept(f"It cannot be opened: {type(error).__name__}: {line}.") from None
    if not isinstance(learn, Learner):
        _not_a_learner(learn)
    learn.dls.cpu()
    learn.model.float()
    return learn, missing


def _not_a_learner(thing: object) -> NoReturn:
    hint = " Save it with learn.export() instead of learn.save()." if isinstance(thing, dict) else ""
    raise CannotBeKept(f"It holds no fastai learner but {type(thing).__name__}.{hint}")


def compare(learn: Any, net: Net, manifest: Manifest, folder: Path) -> tuple[float, np.ndarray[Any, Any]]:
    """The greatest difference to fastai's probabilities on drawn pictures, and these pictures, prepared."""
    rng = np.random.default_rng(0)
    prepared = []
    worst = 0.0
    for number, (width, height) in enumerate(SIZES):
        file = folder / f"drawn{number}.png"
        patches = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        patches.resize((width, height), Image.Resampling.BICUBIC).save(file)
        prepared.append(prepare(read_image(file.read_bytes()), manifest.input))
        with torch.inference_mode():
            logits = net(torch.from_numpy(prepared[-1].copy())[None])[0]
        ours = torch.softmax(logits, dim=1)[0].numpy()
        worst = max(worst, float(np.abs(ours - softmax_of_fastai(learn, file)).max()))
    if not worst <= TOLERANCE:
        raise CannotBeKept(f"Rebuilt from its weights it differs from what it is in fastai, by {worst:.2g}.")
    return worst, np.stack(prepared)


def _of_the_notebook(missing: set[str]) -> str:
    if not missing:
        return ""
    return f" It also needs {', '.join(sorted(missing)[:5])} from the notebook that made it."


if __name__ == "__main__":
    main()
