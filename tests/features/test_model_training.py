"""`/model train`: the message that follows it, Cancel, what comes of it, and what can go wrong."""

import asyncio
import io
import queue
import sys
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import discord
import pytest
from simcord import InteractionResult, MemberActor
from sqlalchemy import select

from bot.classifier.training.jobs import Progress, Report, Stage, TrainedModel, TrainingJob
from bot.classifier.training.trainer import TrainingStopped
from bot.db.models import Training, TrainingState
from bot.errors import (
    BadTrainingSet,
    ModelDamaged,
    NoBackbone,
    StudyError,
    TrainingBusy,
    TrainingFailed,
    TrainingFault,
    TrainingOff,
)
from bot.sandbox import World, open_world
from tests.features.classifying import (
    BEARS,
    answered,
    picture_of,
    published,
    refused,
    stored,
)
from tests.features.meeting import history, labels, read
from tests.features.reading import said

WRONG: list[tuple[StudyError, str]] = [
    (BadTrainingSet(fault=TrainingFault.NOT_A_ZIP), "That file is no `.zip`."),
    (BadTrainingSet(fault=TrainingFault.ONE_LABEL, names=("cat",)), "only one label: **cat**."),
    (
        BadTrainingSet(fault=TrainingFault.TOO_FEW_IMAGES, names=("cat", "dog"), limit=5),
        "at least 5 different images, and these have fewer: **cat**, **dog**.",
    ),
    (BadTrainingSet(fault=TrainingFault.TOO_MANY_IMAGES, limit=5000), "more than 5,000 images"),
    (BadTrainingSet(fault=TrainingFault.TOO_LARGE), "unpacks to more than I take"),
    (
        NoBackbone(architecture="resnet18", file="resnet18-f37072fd.pth", folder="models/backbones"),
        "Whoever runs me can put `resnet18-f37072fd.pth` into `models/backbones`",
    ),
    (ModelDamaged(name="bears", digest="0" * 64, part="model.onnx"), "The files of “bears” are damaged"),
    (TrainingFailed(text="out of memory"), "The training ended by itself: `out of memory`."),
    (TrainingOff(text="fastai is gone"), "fastai is gone."),
    (TrainingBusy(), "Another model is being trained"),
]
REPORT = Report(
    top_losses=(), left_out=(), learning_rate=1e-3, trained=80, validated=20, tested=20, seconds=3.0
)


class HandTrainer:
    """A trainer that does what the test tells it, one thing after the other, in the thread that it is given:
    a Progress is reported, an error raised, and None ends it with a model of the set's labels.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.missing: str | None = None
        self.jobs: list[TrainingJob] = []
        self.sets: list[list[str]] = []
        self._orders: queue.Queue[Progress | Exception | None] = queue.Queue()
        self._busy = threading.Lock()

    def available(self) -> str | None:
        return self.missing

    @property
    def is_busy(self) -> bool:
        return self._busy.locked()

    def tell(self, *orders: Progress | Exception | None) -> None:
        for order in orders:
            self._orders.put(order)

    def cancel(self) -> None:
        if self.is_busy:
            self._orders.put(TrainingStopped())

    def run(self, job: TrainingJob, on_progress: Callable[[Progress], None]) -> TrainedModel:
        with self._busy:
            with zipfile.ZipFile(job.images) as archive:
                names = [name for name in archive.namelist() if not name.endswith(".csv")]
            self.sets.append(names)
            self.jobs.append(job)
            while (order := self._orders.get()) is not None:
                if isinstance(order, Exception):
                    raise order
                on_progress(order)
            found = tuple(sorted({name.partition("/")[0] for name in names}))
            digest = stored(self.world, job.name, found, licence=f"made {len(self.jobs)}")
            return TrainedModel(digest=digest, manifest=self.world.bot.store.manifest(digest), report=REPORT)


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[World]:
    """A group in Berlin, and as noise one in Paris with a model of its own."""
    async with open_world(database_url=database_url, classifier="fake", empty=True) as world:
        world.bot.trainer = HandTrainer(world)  # type: ignore[assignment]
        elsewhere = world.guild.create_text_channel("paris")
        await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
        await world.organizer.slash(elsewhere, "group create", name="Paris", timezone="Europe/Paris")
        await published(world, "flowers", ("rose", "tulip"), group="Paris")
        yield world
    await until(lambda: not threads(), "the trainings' threads end, at the latest with the bot")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        yield world


@pytest.fixture
async def quick_world(sqlite_url: str) -> AsyncIterator[World]:
    """For what is as on any database."""
    async with opened(sqlite_url) as world:
        yield world


def trainer(world: World) -> HandTrainer:
    found = world.bot.trainer
    assert isinstance(found, HandTrainer)
    return found


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name in ("_train", "_watch")]


async def until(happened: Callable[[], Any], what: str) -> None:
    """Trainings live in threads, of which the simulated Discord knows nothing."""
    for _ in range(1000):
        if happened():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"in 20 seconds it did not happen that {what}")


def images(*labels: str) -> tuple[str, bytes]:
    """A training set with five pictures of each label."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, label in enumerate(labels):
            for number in range(5):
                archive.writestr(f"{label}/{number}.png", picture_of(i, labels) + bytes([number]))
    return "images.zip", file.getvalue()


async def train(world: World, by: MemberActor | None = None, **options: Any) -> InteractionResult:
    """`/model train` in Berlin's channel."""
    given = {"name": "bears", "images": images(*BEARS), **options}
    chosen = {name: value for name, value in given.items() if value is not None}
    return await (by or world.organizer).slash(world.channel, "model train", **chosen)


async def rows(world: World) -> list[Training]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(Training).order_by(Training.id)))


def message(world: World, number: int) -> discord.Message:
    return next(one for one in history(world) if one.id == number)


async def begun(world: World, **options: Any) -> discord.Message:
    """The message of a training that has its images and waits for orders."""
    before = len(trainer(world).jobs)
    result = await train(world, **options)
    assert not result.ephemeral, said(result)
    await until(lambda: len(trainer(world).jobs) > before, "the training begins")
    return result.response.message


async def ended(world: World, post: discord.Message) -> discord.Message:
    """The message once it has no Cancel button any more."""
    await until(lambda: "Cancel" not in labels(message(world, post.id)), "the message tells the end")
    await world.env.settle()
    return message(world, post.id)


async def test_a_model_is_trained_published_and_asked(world: World) -> None:
    result = await train(world, epochs=7)
    assert not result.ephemeral
    post = result.response.message
    assert f"<@{world.organizer.id}> trains **bears** for **Berlin**." in post.content
    assert labels(post) == ["Cancel"]
    # Whoever classifies meanwhile is not kept waiting.
    assert "**flowers v1**" in read(
        await answered(world, world.alice, picture_of(0, ("rose", "tulip")), model="flowers")
    )
    trainer(world).tell(None)
    done = await ended(world, post)
    text = read(done)
    assert done.content == ""
    assert "bears v1 is trained" in text
    assert "**90 %** of 30 right (95 % interval: 74 % to 97 %)." in text
    assert "It is a draft" in text
    assert [file.filename for file in done.attachments] == ["confusion.png"]
    assert labels(done) == ["Publish"]
    [job] = trainer(world).jobs
    assert (job.name, job.epochs, job.base) == ("bears", 7, None)
    assert {name.partition("/")[0] for name in trainer(world).sets[0]} == set(BEARS)
    [row] = await rows(world)
    assert (row.state, row.message_id) == (TrainingState.DONE, post.id)
    assert "Only organizers of “Berlin”" in refused(await world.alice.click(done, label="Publish"))
    await world.restart()
    told = await world.organizer.click(done, label="Publish")
    assert "**bears v1** is published" in said(told)
    assert labels(message(world, post.id)) == []
    text = read(await answered(world, world.alice, picture_of(1)))
    assert "**grizzly**" in text
    assert "**bears v1**" in text


async def test_the_message_follows(quick_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = quick_world
    monkeypatch.setattr(sys.modules["cogs.models.trainings"], "EDITED_AT_MOST_EVERY", 0.05)
    post = await begun(world)
    for progress, words in (
        (Progress(stage=Stage.READING, done=1, of=2), "Reading the images."),
        (
            Progress(stage=Stage.TRAINING, done=30, of=60, loss=0.412, accuracy=0.88, seconds_left=100),
            "`██████████░░░░░░░░░░` Training, loss 0.41, 88 % right so far, about 2 minutes left.",
        ),
        (Progress(stage=Stage.WRITING, done=0, of=0), "`███████████████████░` Writing the model down."),
    ):
        trainer(world).tell(progress)
        await until(lambda words=words: words in message(world, post.id).content, f"it says {words}")
        assert labels(message(world, post.id)) == ["Cancel"]
    trainer(world).tell(None)
    await ended(world, post)


async def test_the_message_is_edited_at_most_every_three_seconds(quick_world: World) -> None:
    world = quick_world
    edits: list[float] = []
    edit = world.env.backend.edit_message

    def counted(*args: Any, **kwargs: Any) -> Any:
        edits.append(time.monotonic())
        return edit(*args, **kwargs)

    world.env.backend.edit_message = counted  # type: ignore[method-assign]
    started = time.monotonic()
    post = await begun(world)
    for done in range(200):
        trainer(world).tell(Progress(stage=Stage.TRAINING, done=done, of=200))
    trainer(world).tell(None)
    await ended(world, post)
    # The last one tells the end.
    assert len(edits) <= (time.monotonic() - started) / 3 + 1


async def test_an_organizer_cancels(world: World) -> None:
    post = await begun(world)
    told = await world.alice.click(post, label="Cancel")
    assert "Only organizers of “Berlin”" in told.followups[0].content
    assert told.followups[0].ephemeral
    assert labels(message(world, post.id)) == ["Cancel"]
    await world.organizer.click(post, label="Cancel")
    text = message(world, post.id).content
    assert f"The training of **bears** was cancelled by <@{world.organizer.id}>." in text
    assert labels(message(world, post.id)) == []
    await until(lambda: not trainer(world).is_busy, "the trainer stops")
    assert [row.state for row in await rows(world)] == [TrainingState.CANCELLED]
    # Another can begin at once, and nothing of the first comes after it.
    second = await begun(world)
    trainer(world).tell(None)
    assert "bears v1 is trained" in read(await ended(world, second))
    assert "cancelled" in message(world, post.id).content


async def test_a_cancelled_training_that_another_process_runs_stops(
    quick_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which learns of it by its heartbeat."""
    world = quick_world
    monkeypatch.setattr(sys.modules["cogs.models.trainings"], "EDITED_AT_MOST_EVERY", 0.02)
    monkeypatch.setattr(sys.modules["cogs.models.trainings"], "BEAT_EVERY", 0.0)
    post = await begun(world)
    [row] = await rows(world)
    async with world.bot.database.write() as session:
        (await session.get_one(Training, row.id)).state = TrainingState.CANCELLED
    await until(lambda: not trainer(world).is_busy, "the trainer stops")
    await until(lambda: not threads(), "its threads end")
    assert labels(message(world, post.id)) == ["Cancel"]
    told = await world.organizer.click(post, label="Cancel")
    assert "This training is over" in told.followups[0].content
    assert labels(message(world, post.id)) == []


async def test_what_goes_wrong_is_told_in_one_message(quick_world: World) -> None:
    world = quick_world
    for error, why in WRONG:
        post = await begun(world)
        before = len(history(world))
        trainer(world).tell(error)
        text = (await ended(world, post)).content
        assert text.startswith("The training of **bears** brought no model. ")
        assert why in text
        assert labels(message(world, post.id)) == []
        assert len(history(world)) == before
        row = (await rows(world))[-1]
        assert row.state is TrainingState.FAILED
        assert row.error is not None
        assert type(error).__name__ in row.error
        await until(lambda: not trainer(world).is_busy, "the trainer is free again")


async def test_the_unexpected_is_told_too(quick_world: World, caplog: pytest.LogCaptureFixture) -> None:
    world = quick_world
    post = await begun(world)
    trainer(world).tell(ZeroDivisionError("oh"))
    assert "The training ended by itself: `ZeroDivisionError`." in (await ended(world, post)).content
    assert "a training failed" in caplog.text
    caplog.clear()


async def test_a_set_that_discord_lost_is_told(quick_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = quick_world
    monkeypatch.setattr(world.env.backend.cdn, "get", lambda _url: None)
    result = await train(world)
    text = (await ended(world, result.response.message)).content
    assert "Discord did not hand me “images.zip”." in text
    assert trainer(world).jobs == []


async def test_the_end_is_told_where_the_message_was_deleted(quick_world: World) -> None:
    world = quick_world
    post = await begun(world)
    world.env.backend.delete_message(world.channel.id, post.id)
    trainer(world).tell(None)
    await until(lambda: "bears v1 is trained" in read(history(world)[-1]), "a new message tells it")
    assert labels(history(world)[-1]) == ["Publish"]


async def test_a_restart_is_told(world: World) -> None:
    post = await begun(world)
    await world.restart()
    assert labels(message(world, post.id)) == ["Cancel"]
    await world.pass_time(minutes=4)
    text = message(world, post.id).content
    assert "The training of **bears** was interrupted when I was restarted." in text
    assert labels(message(world, post.id)) == []
    assert [row.state for row in await rows(world)] == [TrainingState.INTERRUPTED]
    world.bot.trainer = HandTrainer(world)  # type: ignore[assignment]
    second = await begun(world)
    trainer(world).tell(None)
    assert "bears v1 is trained" in read(await ended(world, second))


async def test_a_training_at_work_is_not_taken_for_interrupted(quick_world: World) -> None:
    """However long it takes."""
    world = quick_world
    post = await begun(world)
    await world.pass_time(minutes=30)
    assert labels(message(world, post.id)) == ["Cancel"]
    trainer(world).tell(None)
    assert "bears v1 is trained" in read(await ended(world, post))


async def test_it_learns_from_what_members_corrected(world: World) -> None:
    made = await published(world, "bears")
    first = await answered(world, world.alice, picture_of(0))
    form = await world.alice.click(first, label="Wrong")
    await world.alice.submit_modal(form, {"label": ["0"], "keep": True})
    second = await answered(world, world.bob, picture_of(2))
    thanks = await world.bob.click(second, label="Right")
    await world.bob.click(thanks.response, label="Keep the picture for training")
    post = await begun(world, images=None, base="bears")
    [job] = trainer(world).jobs
    assert job.base == made.ref
    assert "Pictures that members let their group keep" in job.source
    assert sorted(name.partition("/")[0] for name in trainer(world).sets[0]) == ["grizzly", "teddy"]
    trainer(world).tell(None)
    assert "bears v2 is trained" in read(await ended(world, post))


async def test_what_cannot_begin_is_refused_in_private(quick_world: World) -> None:
    world = quick_world
    await published(world, "bears")
    before = len(history(world))
    for options, why in (
        ({"images": None}, "Attach a `.zip` with a folder per label as `images`"),
        ({"images": None, "base": "bears"}, "There is nothing of “bears” to learn from yet"),
        ({"base": "beers"}, "There is no model “beers” here."),
        ({"name": "!!!"}, "“!!!” can’t be a model’s name."),
        ({"name": "bears v2"}, "can’t be a model’s name"),
        ({"group": "Rome"}, "no group “Rome” here"),
        ({"images": ("images.zip", bytes(100 * 2**20 + 1))}, "That `.zip` is too large"),
    ):
        assert why in refused(await train(world, **options)), options
    assert "Only organizers of “Berlin”" in refused(await train(world, world.alice))
    trainer(world).missing = "Training needs fastai."
    assert "I can’t train models here. For whoever runs me: Training needs fastai." in refused(
        await train(world)
    )
    assert len(history(world)) == before
    assert await rows(world) == []
    assert trainer(world).jobs == []


async def test_one_model_at_a_time(quick_world: World) -> None:
    world = quick_world
    post = await begun(world)
    assert "Another model is being trained" in refused(await train(world, name="mice"))
    assert "Another model is being trained" in refused(await train(world, name="mice", group="Paris"))
    trainer(world).tell(None)
    await ended(world, post)


async def test_every_version_is_offered_to_begin_with(quick_world: World) -> None:
    world = quick_world
    await published(world, "bears")
    offered = await world.organizer.autocomplete(world.channel, "model train", "base", "")
    names = [choice["name"] for choice in offered]
    assert "bears v1 · Berlin" in names
    assert "flowers v1 · Paris" in names
