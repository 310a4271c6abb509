"""An operator's own export.pkl becomes a bundle that says the same, or it is said what cannot be kept."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from fastai.vision.all import (
    BCEWithLogitsLossFlat,
    CrossEntropyLossFlat,
    DataBlock,
    DisplayedTransform,
    ImageBlock,
    ImageDataLoaders,
    Learner,
    MultiCategoryBlock,
    RandomResizedCrop,
    RegressionBlock,
    Resize,
    Transform,
    create_head,
    get_image_files,
    parent_label,
    vision_learner,
)
from torch import nn
from torchvision.models import resnet18, squeezenet1_1
from typer.testing import CliRunner

from bot.__main__ import app
from bot.classifier import converting
from bot.classifier.cards import card
from bot.classifier.convert import CannotConvert, convert
from bot.classifier.images import read_image
from bot.classifier.reading import read_manifest
from bot.classifier.small import small_body
from bot.classifier.transforms import prepare
from tests.classifier.bundles import LABELS, bundle, manifest
from tests.classifier.learning import RECIPES, labelled_pictures, learner

# A notebook: what it defines is in no module that can be imported later.
NOTEBOOK = """
import json
import sys
import warnings
warnings.simplefilter("ignore")
from pathlib import Path
import torch
from fastai.vision.all import *

def is_cat(path): return path.parent.name == "cat"

class Announce(Callback):
    def after_fit(self): print("done")

if __name__ == "__main__":
    torch.manual_seed(0)
    folder = Path(sys.argv[1])
    files = get_image_files(folder)
    dls = ImageDataLoaders.from_path_func(
        folder, files, is_cat, valid_pct=0.3, seed=1, bs=4, num_workers=0, device=torch.device("cpu"),
        item_tfms=RandomResizedCrop(56, min_scale=0.5), batch_tfms=aug_transforms(size=48),
    )
    learn = vision_learner(dls, resnet18, pretrained=False, metrics=error_rate, cbs=Announce())
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
    learn.export(Path(sys.argv[2]))
    with learn.no_bar():
        told = [learn.predict(file)[2].tolist() for file in files]
    Path(sys.argv[3]).write_text(json.dumps([(str(file), said) for file, said in zip(files, told)]))
"""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_pictures(tmp_path_factory.mktemp("pictures") / "labelled")


def test_a_notebook_s_model_is_converted_by_the_command(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    files = [tmp_path / name for name in ("export.pkl", "said.txt", "bundle")]
    subprocess.run(
        [sys.executable, tmp_path / "notebook.py", pictures, *files[:2]],
        check=True,
        cwd=tmp_path,
    )
    ran = CliRunner().invoke(
        app,
        ["model", "convert", str(files[0]), "--out", str(files[2]), "--name", "cats", "--i-trust-this-file"],
    )
    assert ran.exit_code == 0, ran.output
    assert "WARNING" in ran.stderr
    assert "runs whatever is in it" in ran.stderr
    assert "False, True" in ran.stdout

    found, digest = read_manifest(files[2])
    assert (found.name, found.labels, found.architecture.name) == ("cats", ("False", "True"), "resnet18")
    assert found.batch_resize is not None
    assert digest in ran.stdout
    session = onnxruntime.InferenceSession(files[2] / "model.onnx", providers=["CPUExecutionProvider"])
    told = json.loads(files[1].read_text())
    assert len(told) == 18
    for file, expected in told:
        image = prepare(read_image(Path(file).read_bytes()), found.input)
        logits = session.run(["logits"], {"images": image[None]})[0][0]
        shares = np.exp(logits - logits.max())
        assert np.abs(shares / shares.sum() - expected).max() <= 1e-4

    checked = CliRunner().invoke(app, ["model", "check", str(files[2])])
    assert (checked.exit_code, checked.stdout.count("ok  ")) == (0, 4)
    again = CliRunner().invoke(
        app, ["model", "convert", str(files[0]), "--out", str(files[2]), "--i-trust-this-file"]
    )
    assert again.exit_code == 1
    assert "not empty" in again.stderr


class Payload:
    """What a pickle can do: write down where it runs and what it knows."""

    def __init__(self, report: Path) -> None:
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        code = "import os, pathlib; pathlib.Path({!r}).write_text(repr((os.getpid(), dict(os.environ))))"
        return exec, (code.format(str(self.report)),)


def test_what_is_in_the_file_runs_elsewhere_and_without_the_token(tmp_path: Path) -> None:
    report, file = tmp_path / "report.txt", tmp_path / "export.pkl"
    torch.save(Payload(report), file)
    environment = {**os.environ, "DISCORD_TOKEN": "secret-1", "COHORT_CLASSIFIER_TOKEN": "secret-2"}
    with pytest.raises(CannotConvert, match=r"^It holds no fastai learner but NoneType\.$"):
        convert(file, tmp_path / "out", name="x", licence="MIT", environment=environment)
    pid = int(report.read_text().partition(",")[0].strip("("))
    assert pid != os.getpid()
    assert "secret" not in report.read_text()
    assert "TOKEN" not in report.read_text()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("trusted", [True, False])
def test_without_the_operator_s_word_nothing_is_opened(trusted: bool, tmp_path: Path) -> None:
    words = ["--i-trust-this-file"] if trusted else []
    ran = CliRunner().invoke(
        app, ["model", "convert", str(tmp_path / "none.pkl"), "--out", str(tmp_path / "out"), *words]
    )
    assert "WARNING" in ran.stderr
    if trusted:
        assert ran.exit_code == 1
        assert "There is no file" in ran.stderr
    else:
        assert ran.exit_code == 2
        assert "--i-trust-this-file" in ran.stderr


def test_a_conversion_that_dies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "export.pkl"
    file.write_bytes(b"?")
    dying = "import sys; sys.stderr.write('one\\nout of memory\\n'); sys.exit(3)"
    monkeypatch.setattr("bot.classifier.convert.COMMAND", (sys.executable, "-c", dying))
    with pytest.raises(CannotConvert, match="status 3: out of memory"):
        convert(file, tmp_path / "out", name="x", licence="MIT")
    lying = "import sys; open(sys.argv[2], 'w').write('{\"worst\": 0, \"tried\": 6}')"
    monkeypatch.setattr("bot.classifier.convert.COMMAND", (sys.executable, "-c", lying))
    with pytest.raises(CannotConvert, match="wrote no model"):
        convert(file, tmp_path / "out", name="x", licence="MIT")


def loaders(pictures: Path, *, item: Any = None, **options: Any) -> ImageDataLoaders:
    return ImageDataLoaders.from_folder(
        pictures, valid_pct=0.3, seed=1, bs=4, num_workers=0, device=torch.device("cpu"),
        item_tfms=item or Resize(48), **options,
    )  # fmt: skip


def blocks(pictures: Path, block: Any, get_y: Callable[[Path], Any]) -> Any:
    data = DataBlock(blocks=(ImageBlock, block), get_items=get_image_files, get_y=get_y, item_tfms=Resize(48))
    return data.dataloaders(pictures, bs=4, num_workers=0, device=torch.device("cpu"))


def many(path):  # fastai casts to what is annotated, and knows no list[str]
    return [parent_label(path), "beast"]


def width(path: Path) -> float:
    return float(len(path.name))


class Upside(DisplayedTransform):
    def encodes(self, x: Any) -> Any:
        return x


class Odd(Transform):
    order = 50

    def encodes(self, x: Any) -> Any:
        return x


def of(dls: Any, model: nn.Module, loss: Any = None) -> Learner:
    return Learner(dls, model, loss_func=loss or CrossEntropyLossFlat())


def body_with(head: nn.Module) -> nn.Module:
    return nn.Sequential(small_body(3), head)


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "several labels at once": (
        lambda pictures: vision_learner(
            blocks(pictures, MultiCategoryBlock, many), resnet18, pretrained=False
        ),
        "Its loss is BCEWithLogitsLoss:",
    ),
    "a number": (
        lambda pictures: vision_learner(
            blocks(pictures, RegressionBlock, width), resnet18, pretrained=False, n_out=1
        ),
        "Its loss is MSELoss:",
    ),
    "no labels": (
        lambda pictures: vision_learner(
            blocks(pictures, RegressionBlock, width),
            resnet18,
            pretrained=False,
            n_out=2,
            loss_func=CrossEntropyLossFlat(),
        ),
        "has no list of labels",
    ),
    "an unknown architecture": (
        lambda pictures: vision_learner(loaders(pictures), squeezenet1_1, pretrained=False),
        "its body is none of small, resnet18",
    ),
    "a model of one's own": (
        lambda pictures: of(loaders(pictures), nn.Sequential(nn.Flatten(), nn.LazyLinear(3), nn.ReLU())),
        "not a body with a head",
    ),
    "a head of one's own": (
        lambda pictures: of(loaders(pictures), body_with(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))),
        "does not begin with pooling",
    ),
    "a head in another order": (
        lambda pictures: of(loaders(pictures), body_with(create_head(96, 3, lin_first=True))),
        "where a batch norm and a linear layer belong",
    ),
    "no resize": (
        lambda pictures: of(loaders(pictures, item=[Upside()]), body_with(create_head(96, 3))),
        "by Upside, which the format does not have",
    ),
    "two resizes": (
        lambda pictures: of(
            loaders(pictures, item=[Resize(64), RandomResizedCrop(48)]), body_with(create_head(96, 3))
        ),
        "resizes each picture twice",
    ),
    "a batch transform of one's own": (
        lambda pictures: of(loaders(pictures, batch_tfms=[Odd()]), body_with(create_head(96, 3))),
        "changes its batches by Odd",
    ),
    "another loss": (
        lambda pictures: of(loaders(pictures), body_with(create_head(96, 3)), BCEWithLogitsLossFlat()),
        "only models that choose one label",
    ),
    "weights alone": (lambda pictures: {"model": {}}, "Save it with learn.export()"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_named(name: str, pictures: Path, tmp_path: Path) -> None:
    make, said = REFUSED[name]
    made = make(pictures)
    file = tmp_path / "export.pkl"
    if isinstance(made, Learner):
        made.export(file)
    else:
        torch.save(made, file)
    job = {"file": str(file), "out": str(tmp_path / "out"), "name": "x", "licence": "MIT"}
    with pytest.raises((converting.CannotBeKept, converting.NotDescribed)) as caught:
        converting.convert(job)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def zipped(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("export/data.pkl", b"\x80\x02cfastcore.transform\nTransform\n.")
        archive.writestr("export/version", b"3\n")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda file: file.write_bytes(b""), "It cannot be opened: "),
        (lambda file: file.write_bytes(b"\x89PNG\r\n" * 99), "It cannot be opened: "),
        (lambda file: file.write_bytes(pickle.dumps("hello")), "It cannot be opened: "),
        (lambda file: torch.save(7, file), "It holds no fastai learner but int."),
        (zipped, "exported by fastai before 2.8"),
    ],
)
def test_files_that_are_no_learners(write: Callable[[Path], Any], said: str, tmp_path: Path) -> None:
    write(tmp_path / "export.pkl")
    with pytest.raises(converting.CannotBeKept) as caught:
        converting.load(tmp_path / "export.pkl")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_learner_is_rebuilt_as_it_was_exported(pictures: Path, tmp_path: Path) -> None:
    learn = learner(RECIPES["presized"], pictures)
    learn.export(tmp_path / "export.pkl")
    job = {"file": str(tmp_path / "export.pkl"), "out": str(tmp_path / "out"), "name": "x", "licence": "MIT"}
    said = converting.convert(job)
    assert said["worst"] <= 1e-4
    found, _ = read_manifest(tmp_path / "out")
    assert found.labels == LABELS
    assert found.metrics is None


def test_the_card_is_printed(tmp_path: Path) -> None:
    digest = bundle(tmp_path / "bundle")
    ran = CliRunner().invoke(app, ["model", "show", str(tmp_path / "bundle")])
    assert ran.exit_code == 0
    for part in (digest, "3: cat, dog, owl", "small", "90.0% (81.0% to 95.0%) on 70 images", "CC0-1.0"):
        assert part in ran.stdout
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert ["1", "cat", "20", "1", "1"] in lines
    (tmp_path / "bundle" / "model.onnx").write_bytes(b"?")
    ran = CliRunner().invoke(app, ["model", "check", str(tmp_path / "bundle")])
    assert (ran.exit_code, ran.stderr) == (1, "NO  model.onnx: 1 bytes instead of 2\n")
    ran = CliRunner().invoke(app, ["model", "show", str(tmp_path / "none")])
    assert (ran.exit_code, ran.stderr) == (1, f"NO  there is no folder {tmp_path / 'none'}\n")


def test_of_many_labels_those_that_are_confused_most_are_named() -> None:
    labels = tuple(f"kind {number}" for number in range(20))
    confusion = [[0] * 20 for _ in labels]
    confusion[3][3], confusion[3][7], confusion[11][0] = 5, 2, 4
    known = manifest()
    assert known.metrics is not None
    metrics = replace(known.metrics, confusion=tuple(map(tuple, confusion)), tested=11)
    text = card(replace(known, labels=labels, metrics=metrics), "0" * 64)
    assert text.endswith("kind 11 was taken for kind 0 4 times.\nkind 3 was taken for kind 7 2 times.")
    assert card(replace(known, metrics=None), "0" * 64).endswith("No test is known of this model.")
