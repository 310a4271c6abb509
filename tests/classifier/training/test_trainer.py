"""The bot's side of a training: whatever becomes of its process, whoever waits is told, and soon."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bot.classifier.protocol import ModelRef
from bot.classifier.store import ModelStore
from bot.classifier.training import jobs
from bot.classifier.training.trainer import Progress, Stage, Trainer, TrainingJob, TrainingStopped
from bot.errors import (
    BadTrainingSet,
    ModelDamaged,
    ModelMissing,
    NoBackbone,
    StudyError,
    TrainingBusy,
    TrainingFailed,
    TrainingFault,
    TrainingOff,
)
from tests.classifier.training.sets import labelled, written

JOB = TrainingJob(name="mushrooms", images=Path("images.zip"))
AT_MOST = 20.0


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "models", shipped=tmp_path / "shipped")


@pytest.fixture
def odd(store, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[3])

    def trainer(how: str, **options) -> Trainer:
        command = (sys.executable, "-m", "tests.classifier.training.odd_job", how)
        return Trainer(store, command=command, niceness=0, **options)

    return trainer


def ignore(progress: Progress) -> None:
    pass


class Waiting(threading.Thread):
    """Runs a training as the bot does: in a thread of its own."""

    def __init__(self, trainer: Trainer, job: TrainingJob = JOB) -> None:
        super().__init__(daemon=True)
        self.trainer, self.job = trainer, job
        self.heard: list[Progress] = []
        self.began = threading.Event()
        self.error: Exception | None = None
        self.start()
        assert self.began.wait(AT_MOST)

    def run(self) -> None:
        try:
            self.trainer.run(self.job, self.hear)
        except (StudyError, TrainingStopped) as error:
            self.error = error
        finally:
            self.began.set()

    def hear(self, progress: Progress) -> None:
        self.heard.append(progress)
        self.began.set()

    def ended(self) -> Exception | None:
        self.join(AT_MOST)
        assert not self.is_alive()
        return self.error


def test_a_cancelled_training_ends_and_the_next_may_begin(odd):
    trainer = odd("sleeps")
    waiting = Waiting(trainer)
    assert trainer.is_busy
    assert waiting.heard == [Progress(stage=Stage.READING, done=1, of=2)]
    trainer.cancel()

    assert isinstance(waiting.ended(), TrainingStopped)
    assert not trainer.is_busy
    again = Waiting(trainer)
    trainer.cancel()
    assert isinstance(again.ended(), TrainingStopped)


def test_one_at_a_time(odd):
    trainer = odd("sleeps")
    waiting = Waiting(trainer)
    with pytest.raises(TrainingBusy):
        trainer.run(JOB, ignore)
    assert waiting.is_alive()
    trainer.cancel()
    waiting.ended()


def test_to_cancel_what_does_not_run_harms_nothing_later(odd):
    trainer = odd("refuses")
    trainer.cancel()
    with pytest.raises(BadTrainingSet):
        trainer.run(JOB, ignore)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("dies", "it was killed by signal 9"),
        ("raises", "ValueError: the learning rate of mushrooms"),
        ("says nothing", "its status was 0"),
        ("babbles", "its process said what makes no sense: JSONDecodeError"),
        ("lies", "its process said what makes no sense: TypeError"),
    ],
)
def test_a_process_that_does_not_do_what_it_should(odd, how, text):
    with pytest.raises(TrainingFailed) as failed:
        odd(how).run(JOB, ignore)
    assert failed.value.text.startswith(text)


def test_a_process_that_is_stuck_is_killed(odd):
    with pytest.raises(TrainingFailed) as failed:
        odd("sleeps", silent_at_most=0.5).run(JOB, ignore)
    assert failed.value.text.startswith("it said nothing for")


def test_a_command_that_is_not_there(store):
    with pytest.raises(TrainingFailed) as failed:
        Trainer(store, command=("/no/such/python",)).run(JOB, ignore)
    assert "could not be started" in failed.value.text


def test_what_goes_wrong_while_the_progress_is_shown_ends_the_process(odd):
    trainer = odd("sleeps")

    def fail(progress: Progress) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        trainer.run(JOB, fail)
    assert not trainer.is_busy


def test_the_process_gets_no_secret(odd, monkeypatch):
    monkeypatch.setenv("DISCORD_TOKEN", "secret")
    monkeypatch.setenv("COHORT_CLASSIFIER_TOKEN", "secret")
    monkeypatch.setenv("TORCH_HOME", "/somewhere")
    with pytest.raises(TrainingFailed) as failed:
        odd("tells its environment").run(JOB, ignore)
    told = failed.value.text
    assert "TORCH_HOME" in told
    assert "TOKEN" not in told


def test_a_base_that_is_not_there(odd, tmp_path):
    missing = ModelRef(name="old", digest="0" * 64)
    with pytest.raises(ModelMissing):
        odd("sleeps").run(TrainingJob(name="new", images=tmp_path, base=missing), ignore)


def test_what_stands_in_a_folder_is_not_written_over(odd, tmp_path):
    """Said before the hour that a training may take."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(TrainingFailed) as failed:
        odd("sleeps").run(TrainingJob(name="new", images=tmp_path, out=tmp_path), ignore)
    assert failed.value.text == f"{tmp_path} is not empty. Name a new folder."


@pytest.mark.parametrize(
    "error",
    [
        BadTrainingSet(TrainingFault.TOO_FEW_IMAGES, names=("a", "b"), limit=5),
        NoBackbone(architecture="resnet18", file="x.pth", folder="/models"),
        ModelDamaged(name="a", digest="b", part="c"),
        ModelMissing(name="a", digest="b"),
        TrainingFailed(text="x"),
    ],
)
def test_refusals_pass_from_process_to_process(error):
    assert jobs.parse_line(jobs.error_line(error).encode()) == error


def test_reports_pass_from_process_to_process():
    report = jobs.Report(
        top_losses=(jobs.Mistake(file="a/é.png", label="a", taken_for="b", probability=0.75, loss=1.5),),
        left_out=(("b/x.txt", "not an image"),),
        learning_rate=1e-3,
        trained=7,
        validated=2,
        tested=3,
        seconds=4.5,
    )
    assert jobs.parse_line(jobs.report_line(report).encode()) == report


def test_what_is_missing_is_named(store, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("torch", "fastai") else found(name)
    )
    trainer = Trainer(store)
    assert trainer.available() == (
        "Training needs fastai, torch. Install it with: uv pip install -e '.[train]'"
    )
    with pytest.raises(TrainingOff):
        trainer.run(JOB, ignore)


def test_a_bad_zip_is_refused_by_the_real_process(store, tmp_path):
    """Before it takes the time to import torch."""
    path = written(tmp_path / "images.zip", labelled({"cat": 9, "dog": 2}))
    heard: list[Progress] = []
    with pytest.raises(BadTrainingSet) as refused:
        Trainer(store, niceness=0).run(TrainingJob(name="pets", images=path), heard.append)
    assert refused.value == BadTrainingSet(TrainingFault.TOO_FEW_IMAGES, names=("dog",), limit=5)
    assert heard == [Progress(stage=Stage.READING, done=0, of=0)]


def test_a_set_that_is_not_there(store, tmp_path):
    with pytest.raises(BadTrainingSet) as refused:
        Trainer(store, niceness=0).run(TrainingJob(name="pets", images=tmp_path / "none"), ignore)
    assert refused.value.fault is TrainingFault.NO_IMAGES


def test_a_training_does_not_outlive_who_asked(tmp_path):
    """As when the bot is killed: nobody closes anything, the pipe just ends."""
    os.mkfifo(tmp_path / "fifo.zip")
    inside, outside = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot.classifier.training.job"],
        stdin=inside,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
    )
    os.close(inside)
    given = dict.fromkeys((field.name for field in dataclasses.fields(jobs.Assignment)), "")
    os.write(
        outside, json.dumps(given | {"images": str(tmp_path / "fifo.zip"), "niceness": 0}).encode() + b"\n"
    )
    try:
        assert process.stdout.readline()  # it is about to read, from a pipe that nobody fills
        time.sleep(0.2)
        assert process.poll() is None
    finally:
        os.close(outside)
        process.wait(AT_MOST)
        process.stdout.close()
    assert process.returncode == 1
