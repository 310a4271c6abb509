"""Whole trainings, in their own process, from a zip to a model that answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from bot.classifier.bundle import read_tensors
from bot.classifier.images import read_image
from bot.classifier.judging import Judge
from bot.classifier.manifest import Manifest
from bot.classifier.protocol import Doubt, Guess, ModelRef
from bot.classifier.reading import check_bundle, read_graph
from bot.classifier.store import SHIPPED, ModelStore
from bot.classifier.training.trainer import (
    Progress,
    Stage,
    TrainedModel,
    Trainer,
    TrainingJob,
    TrainingStopped,
)
from bot.classifier.transforms import prepare
from bot.errors import NoBackbone
from tests.classifier.training.sets import SHAPES, png, shapes, written


@dataclass
class Answering:
    """A bundle as the bot's worker uses it: onnxruntime on the graph, and the manifest's judgement."""

    session: onnxruntime.InferenceSession
    manifest: Manifest
    judge: Judge

    @classmethod
    def of(cls, store: ModelStore, digest: str) -> "Answering":
        folder = store.path(digest)
        manifest = check_bundle(folder, digest, "shapes")
        graph = read_graph(folder, manifest, digest=digest, name="shapes")
        doubt = read_tensors(folder, manifest, digest=digest, name="shapes", parts=("doubt",))
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        return cls(session, manifest, Judge.of(manifest, doubt))

    def __call__(self, image: bytes) -> tuple[tuple[Guess, ...], Doubt | None]:
        shown = prepare(read_image(image), self.manifest.input)[None]
        logits, features = self.session.run(["logits", "features"], {"images": shown})
        return self.judge(logits[0], features[0])

    def accuracy(self, entries: Sequence[tuple[str, bytes]]) -> float:
        right = [self(data)[0][0].label == name.split("/")[1] for name, data in entries]
        return sum(right) / len(right)


@dataclass
class Trained:
    model: TrainedModel
    heard: list[Progress]
    store: ModelStore


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return ModelStore(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory) -> Trained:
    """From forty drawings of each of four shapes and the bot's own digits."""
    folder = tmp_path_factory.mktemp("trained")
    entries = [*shapes(30, seed=1), ("shapes/circle/notes.txt", b"x"), ("__MACOSX/._x", b"x")]
    entries += [("shapes/cross/copy.png", entries[40][1]), ("shapes/circle/cross.png", entries[41][1])]
    heard: list[Progress] = []
    job = TrainingJob(
        name="shapes",
        images=written(folder / "shapes.zip", entries),
        base=SHIPPED / "digits",
        epochs=2,
        out=folder / "out",
        source="Drawn by the tests.",
        licence="CC0",
    )
    return Trained(Trainer(store, niceness=0).run(job, heard.append), heard, store)


def test_a_zip_becomes_a_model_that_answers(trained):
    model, manifest = trained.model, trained.model.manifest
    metrics = manifest.metrics
    assert manifest.labels == SHAPES
    assert metrics.accuracy >= 0.9
    assert metrics.interval[0] <= metrics.accuracy <= metrics.interval[1]
    assert metrics.tested == sum(map(sum, metrics.confusion)) == model.report.tested == 24
    assert (model.report.trained, model.report.validated) == (79, 16)

    answering = Answering.of(trained.store, model.digest)
    assert answering.accuracy(shapes(20, seed=99)) >= 0.9


def test_the_card_tells_how_it_was_made(trained):
    manifest, report = trained.model.manifest, trained.model.report
    assert manifest.name == "shapes"
    assert manifest.data.images == {"circle": 30, "cross": 29, "triangle": 30, "two lines": 30}
    assert manifest.data.source == "Drawn by the tests."
    assert manifest.origin.base.startswith("digits (")
    assert any(version.startswith("fastai 2.8") for version in manifest.origin.versions)
    said = " ".join(manifest.data.remarks)
    for remark in (
        "79 images were trained on, 16 calibrated on and 24 tested on.",
        "1 copy of other images left out.",
        "2 images that lay under several labels left out.",
        "1 file that could not be read as images left out.",
        "It began with digits",
    ):
        assert remark in said
    assert dict(report.left_out) == {
        "shapes/circle/notes.txt": "not an image",
        "shapes/cross/copy.png": "the same as shapes/cross/10.png",
        "shapes/cross/11.png": "under 2 labels",
        "shapes/circle/cross.png": "under 2 labels",
    }
    losses = [mistake.loss for mistake in report.top_losses]
    assert losses == sorted(losses, reverse=True)
    assert 2e-4 <= report.learning_rate <= 2e-2


def test_the_progress_goes_through_its_stages(trained):
    stages = [progress.stage for progress in trained.heard]
    assert list(dict.fromkeys(stages)) == [stage for stage in Stage if stage is not Stage.FETCHING]
    for stage in set(stages):
        done = [progress.done for progress in trained.heard if progress.stage is stage]
        assert done == sorted(done)
        assert done[-1] == next(
            progress.of for progress in reversed(trained.heard) if progress.stage is stage
        )
    last = [progress for progress in trained.heard if progress.stage is Stage.TRAINING][-1]
    assert last.accuracy >= 0.8
    assert last.loss < 1.2


def test_what_was_asked_for_lies_where_it_was_asked_for(trained, tmp_path):
    out = next(Path(trained.store.path(trained.model.digest)).parent.parent.glob("trained*/out"))
    assert check_bundle(out, trained.model.digest, "out") == trained.model.manifest


def test_what_it_never_saw_it_is_not_sure_of(trained):
    answering = Answering.of(trained.store, trained.model.digest)
    rng = np.random.default_rng(5)
    from PIL import Image

    noise = [png(Image.fromarray(rng.integers(0, 256, (80, 80, 3), dtype=np.uint8))) for _ in range(20)]
    blank = [png(Image.new("RGB", (80, 80), (level, level, level))) for level in range(0, 250, 25)]
    assert [answering(image)[1] for image in noise].count(None) == 0
    assert [answering(image)[1] for image in blank].count(None) == 0


def test_feedback_makes_the_next_version_better(trained, tmp_path):
    """Members turned their sheets as they liked, which the model had not learned, and said what was right."""
    theirs = shapes(20, seed=31, turned=3.1)
    entries = [(f"{name.split('/')[1]}/{number}.png", data) for number, (name, data) in enumerate(theirs)]
    entries.append(("feedback.csv", b"id,label\n"))
    before = trained.model
    job = TrainingJob(
        name="shapes",
        images=written(tmp_path / "feedback.zip", entries),
        base=ModelRef(name="shapes", digest=before.digest),
        epochs=2,
    )
    after = Trainer(trained.store, niceness=0).run(job, lambda progress: None)

    held_out = shapes(40, seed=77, turned=3.1)
    old, new = (Answering.of(trained.store, model.digest) for model in (before, after))
    assert new.accuracy(held_out) >= old.accuracy(held_out) + 0.05
    # And what it could, it can.
    assert new.accuracy(shapes(20, seed=99)) >= 0.9
    assert after.manifest.origin.base.startswith("shapes (")


def test_a_training_is_cancelled_in_the_middle(store, tmp_path):
    before = set(store.digests())
    trainer = Trainer(store, niceness=0)
    heard: list[Progress] = []

    def cancel_when_it_trains(progress: Progress) -> None:
        heard.append(progress)
        if progress.stage is Stage.FINDING:
            trainer.cancel()

    job = TrainingJob(
        name="shapes",
        images=written(tmp_path / "s.zip", shapes(6, seed=1)),
        base=SHIPPED / "digits",
        epochs=50,
    )
    with pytest.raises(TrainingStopped):
        trainer.run(job, cancel_when_it_trains)
    assert heard[-1].stage is Stage.FINDING
    assert set(store.digests()) == before


def test_without_weights_the_file_is_named(store, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    job = TrainingJob(
        name="pets",
        images=written(tmp_path / "s.zip", shapes(5, seed=1)),
        architecture="resnet34",
        network=False,
    )
    with pytest.raises(NoBackbone) as missing:
        Trainer(store, backbones=tmp_path / "backbones", niceness=0).run(job, lambda progress: None)
    assert missing.value == NoBackbone(
        "resnet34", file="resnet34-b627a593.pth", folder=str(tmp_path / "backbones")
    )
