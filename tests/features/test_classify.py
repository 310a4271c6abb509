"""`/classify`, Classify image and the buttons below: a picture's way through the real command."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NoReturn

import pytest
from PIL import Image

from bot.classifier.protocol import Classifier, ModelRef, Readiness, Status, Verdict
from bot.db.models import VersionState
from bot.errors import (
    ClassifierBusy,
    ClassifierLost,
    ClassifierWarmingUp,
    ImageFault,
    ImageRefused,
    StudyError,
)
from bot.sandbox import World, open_world
from bot.sandbox.classifier import divided
from bot.ui.images import MOST_BYTES
from tests.features.classifying import (
    BEARS,
    GREY,
    answered,
    between,
    button,
    caller,
    classify,
    draft,
    feedback,
    picture_of,
    png,
    predictions,
    published,
    refused,
)
from tests.features.meeting import history, labels, read
from tests.features.reading import said

#: Files by their names, with what is said of them; to Discord most of them are pictures.
REFUSED = {
    "notes.png": (b"Just some words, called a picture.", "no image I can read"),
    "page.jpg": (b"<html><script>alert(1)</script></html>", "no image I can read"),
    "scan.png": (b"%!PS-Adobe-3.0\n(/etc/passwd) run", "no image I can read"),
    "photo.pdf": (png("red"), "no image I can read"),
    "film.mp4": (bytes(100), "no image I can read"),
    "empty.png": (b"", "That file is empty."),
    "cut.jpg": (b"\xff\xd8\xff\xe0" + bytes(60), "damaged"),
    "cut.png": (picture_of(0)[:60], "damaged"),
    "heavy.png": (png("red") + bytes(MOST_BYTES), "bigger than 8 MB"),
    "wide.png": (png("red", size=(9000, 100)), "longer than 8,192 pixels"),
    "large.png": (png("red", size=(5100, 5100)), "more than 25 million pixels"),
    "narrow.png": (png("red", size=(2020, 20)), "more than 100 times as long"),
}
TROUBLE: dict[Callable[[], StudyError], str] = {
    ClassifierWarmingUp: "still warming up",
    partial(ClassifierBusy, seconds=12): "busy with other pictures. Try again in about 12 seconds",
    ClassifierLost: "Something broke while I looked",
    partial(ImageRefused, fault=ImageFault.TOO_SLOW, limit=2): "takes too long",
    partial(ImageRefused, fault=ImageFault.TOO_MUCH_MEMORY): "too much memory",
}


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[World]:
    """A group in Berlin with a published model, and, as noise, another group with another model."""
    async with open_world(database_url=database_url, classifier="fake", empty=True) as world:
        elsewhere = world.guild.create_text_channel("paris")
        await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
        await world.organizer.slash(elsewhere, "group create", name="Paris", timezone="Europe/Paris")
        await published(world, "bears")
        await published(world, "flowers", ("rose", "tulip"), group="Paris")
        yield world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        yield world


@pytest.fixture
async def quick_world(sqlite_url: str) -> AsyncIterator[World]:
    """For what never reaches the database, or is as on any."""
    async with opened(sqlite_url) as world:
        yield world


class Refusing:
    """A classifier in whatever trouble."""

    def __init__(self, error: StudyError) -> None:
        self.error = error

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def status(self) -> Status:
        return Status(readiness=Readiness.READY, device="none", text="")

    async def classify(
        self, image: bytes, model: ModelRef, *, exact: bool = False, photo: bool = False
    ) -> NoReturn:
        raise self.error

    async def explain(self, image: bytes, model: ModelRef, *, label: str | None = None) -> NoReturn:
        raise self.error


class Slow(Refusing):
    """One that takes its time, then does what another would, or what went wrong."""

    def __init__(self, quick: Classifier, error: StudyError | None) -> None:
        self.quick, self.trouble = quick, error

    async def classify(self, image: bytes, model: ModelRef, **options: bool) -> Verdict:  # type: ignore[override]
        await asyncio.sleep(0.3)
        if self.trouble is not None:
            raise self.trouble
        return await self.quick.classify(image, model, **options)


async def test_the_groups_model_answers_for_all_to_see(world: World) -> None:
    result = await classify(world, world.alice, picture_of(1))
    assert not result.ephemeral
    message = history(world)[-1]
    text = read(message)
    assert message.embeds[0].title == "grizzly"
    assert "**grizzly**, over 99 %" in text
    assert "Then black bear under 1 %, teddy under 1 %." in text
    assert "**bears v1**" in text
    assert " ms" in text
    assert "tulip" not in text
    assert labels(message) == ["Right", "Wrong", "Why?"]
    photo, bars = message.attachments
    assert photo.filename in ("photo.png", "photo.jpg")
    assert photo.description == "The picture that the model was shown"
    assert Image.open(io.BytesIO(await photo.read())).size == (48, 32)
    assert bars.filename == "classification.png"
    assert bars.description == (
        "grizzly, says bears v1. Bars: grizzly over 99 %, black bear under 1 %, teddy under 1 %"
    )
    [row] = await predictions(world)
    assert (row.model, row.label, row.sure, row.user_id) == ("bears", "grizzly", True, world.alice.id)
    assert await feedback(world) == []


async def test_a_private_answer_is_seen_by_its_asker_alone(quick_world: World) -> None:
    world = quick_world
    before = len(history(world))
    result = await classify(world, world.alice, picture_of(0), private=True)
    assert result.ephemeral
    assert "black bear" in said(result)
    assert [file.filename.partition(".")[0] for file in result.response.attachments] == [
        "photo",
        "classification",
    ]
    assert len([one for one in history(world) if not one.flags.ephemeral]) == before


async def test_it_says_so_when_no_label_stands_out(quick_world: World) -> None:
    world = quick_world
    message = await answered(world, world.alice, between(0))
    text = read(message)
    assert message.embeds[0].title == "Not sure"
    assert "No label stands out. Nearest: " in text
    assert "black bear 5" in text or "black bear 4" in text
    assert labels(message) in (
        ["It is black bear", "It is something else", "Why?"],
        ["It is grizzly", "It is something else", "Why?"],
    )
    [row] = await predictions(world)
    assert not row.sure


async def test_it_says_so_when_the_picture_is_unlike_all_it_knows(quick_world: World) -> None:
    world = quick_world
    text = read(await answered(world, world.alice, GREY))
    assert "Not sure" in text
    assert "This picture is unlike all that the model was trained on." in text


async def test_a_model_can_be_named_and_is_suggested(world: World) -> None:
    offered = await world.alice.autocomplete(world.channel, "classify", "model", "")
    names = [choice["name"] for choice in offered]
    assert any(name.startswith("bears v1") for name in names)
    assert any(name.startswith("flowers v1") for name in names)
    value = next(choice["value"] for choice in offered if choice["name"].startswith("flowers"))
    text = read(await answered(world, world.alice, picture_of(0, ("rose", "tulip")), model=value))
    assert "**rose**" in text
    assert "**flowers v1**" in text
    assert "**bears v1**" in read(await answered(world, world.alice, picture_of(0), model="Bears"))


async def test_a_draft_is_not_asked_unless_it_is_named(quick_world: World) -> None:
    world = quick_world
    await draft(world, "bears", ("cub", "grown-up"))
    assert "**bears v1**" in read(await answered(world, world.alice, picture_of(0)))
    offered = await world.alice.autocomplete(world.channel, "classify", "model", "bears")
    assert [choice["name"] for choice in offered if "v2" in choice["name"]] == []


async def test_the_menu_classifies_the_first_image_of_a_message(quick_world: World) -> None:
    world = quick_world
    post = await world.bob.send(
        world.channel, "Look!", attachments=[("a.txt", b"words"), ("b.png", picture_of(2)), ("c.png", GREY)]
    )
    result = await world.alice.context_menu(world.channel, "Classify image", post)
    assert not result.ephemeral
    assert "**teddy**" in said(result)


async def test_a_message_without_an_image_is_refused(quick_world: World) -> None:
    world = quick_world
    post = await world.bob.send(world.channel, "Words", attachments=[("a.txt", b"words")])
    text = refused(await world.alice.context_menu(world.channel, "Classify image", post))
    assert "That message has no picture I can look at." in text
    assert await predictions(world) == []


async def test_what_is_no_image_is_refused_in_private(quick_world: World) -> None:
    world = quick_world
    before = len(history(world))
    for file, (data, why) in REFUSED.items():
        text = refused(await classify(world, world.alice, data, file=file))
        assert why in text, file
        await world.pass_time(minutes=1)  # nobody may ask so often
    assert len(history(world)) == before
    assert await predictions(world) == []


async def test_a_file_that_discord_lost_is_told(quick_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = quick_world
    monkeypatch.setattr(world.env.backend.cdn, "get", lambda _url: None)
    assert "Discord did not hand me" in refused(await classify(world, world.alice, picture_of(0)))


@pytest.mark.parametrize("private", [False, True])
async def test_trouble_is_told_in_private(quick_world: World, private: bool) -> None:
    world = quick_world
    before = len(history(world))
    for error, why in TROUBLE.items():
        world.bot.classifier = Refusing(error())
        assert why in refused(await classify(world, world.alice, picture_of(0), private=private))
        await world.pass_time(minutes=1)
    assert await predictions(world) == []
    assert private or len(history(world)) == before


async def test_a_slow_answer_comes_all_the_same(quick_world: World) -> None:
    """After it was deferred: whole, or taken back and refused in private."""
    world = quick_world
    quick = world.bot.classifier
    for error in (None, ClassifierLost()):
        world.bot.classifier = Slow(quick, error)
        result = await classify(world, world.alice, picture_of(1))
        if error is not None:
            assert result.followups, "the public answer was taken back"
            assert "Something broke while I looked" in refused(result)
            continue
        message = result.response.message
        assert "**grizzly**" in read(message)
        assert labels(message) == ["Right", "Wrong", "Why?"]
        assert len(message.attachments) == 2


async def test_an_unknown_model_is_refused_with_those_there_are(quick_world: World) -> None:
    world = quick_world
    text = refused(await classify(world, world.alice, picture_of(0), model="beers"))
    assert "no model “beers” here" in text
    assert "bears" in text


async def test_many_pictures_in_a_minute_are_too_many(quick_world: World) -> None:
    world = quick_world
    for _ in range(6):
        assert not (await classify(world, world.alice, picture_of(0))).ephemeral
    text = refused(await classify(world, world.alice, picture_of(0)))
    assert "That is many pictures at once. Try again in" in text
    assert len(await predictions(world)) == 6
    assert not (await classify(world, world.bob, picture_of(0))).ephemeral
    await world.pass_time(seconds=61)
    assert not (await classify(world, world.alice, picture_of(0))).ephemeral


async def test_a_damaged_model_is_passed_over_for_the_last_good_one(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    second = await published(world, "bears", ("cub", "bear"))
    weights = world.bot.store.path(second.ref.digest) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    text = read(await answered(world, world.alice, picture_of(1)))
    assert "**grizzly**" in text
    assert "**bears v1**" in text
    assert "bears v2 is damaged" in text
    assert "a model cannot be used" in caplog.text
    caplog.clear()
    found = await world.bot.services.models.find(
        caller=caller(world, world.alice), typed=str(second.version_id)
    )
    assert found.state is VersionState.DAMAGED
    # From now on it is not even tried.
    assert "damaged" not in read(await answered(world, world.alice, picture_of(1)))


async def test_without_any_good_model_the_damage_is_told(
    quick_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the only version of the model that was asked for is damaged."""
    world = quick_world
    made = await published(world, "mice", ("grey", "white"))
    graph = world.bot.store.path(made.ref.digest) / "model.onnx"
    graph.write_bytes(b"other bytes")
    text = refused(await classify(world, world.alice, picture_of(1), model="mice"))
    assert "The files of “mice” are damaged" in text
    caplog.clear()


async def test_right_is_noted_once_for_each_member(world: World) -> None:
    message = await answered(world, world.alice, picture_of(1))
    for member in (world.alice, world.bob, world.alice):
        thanks = await member.click(message, label="Right")
        assert thanks.ephemeral
        assert "Thank you: **grizzly** it is." in said(thanks)
    rows = await feedback(world)
    assert [(row.user_id, row.right, row.label, row.image) for row in rows] == [
        (world.alice.id, True, "grizzly", None),
        (world.bob.id, True, "grizzly", None),
    ]


async def test_the_picture_is_kept_when_its_owner_says_so(world: World) -> None:
    message = await answered(world, world.alice, picture_of(1))
    thanks = await world.alice.click(message, label="Right")
    assert "May your group keep this picture" in said(thanks)
    kept = await world.alice.click(thanks.response, label="Keep the picture for training")
    assert kept.acknowledged
    assert "Kept for training." in said(thanks)
    assert thanks.response.attachments == []
    [row] = await feedback(world)
    assert row.image == await message.attachments[0].read()
    assert (row.image_ending, row.label) == (message.attachments[0].filename.partition(".")[2], "grizzly")


async def test_only_the_pictures_owner_is_asked_whether_it_may_be_kept(quick_world: World) -> None:
    world = quick_world
    message = await answered(world, world.alice, picture_of(1))
    thanks = await world.bob.click(message, label="Right")
    assert "keep" not in said(thanks)
    assert labels(thanks.response.message) == []
    form = await world.bob.click(message, label="Wrong")
    assert "Keep my picture" not in str(form.modal)
    post = await world.bob.send(world.channel, "Look!", attachments=[("b.png", picture_of(2))])
    result = await world.alice.context_menu(world.channel, "Classify image", post)
    assert "keep" not in said(await world.alice.click(result.response, label="Right"))
    assert "Keep my picture" not in str((await world.alice.click(result.response, label="Wrong")).modal)


@pytest.mark.parametrize("keep", [False, True])
async def test_wrong_asks_for_the_label(quick_world: World, keep: bool) -> None:
    world = quick_world
    message = await answered(world, world.alice, picture_of(1))
    form = await world.alice.click(message, label="Wrong")
    assert "grizzly" not in str(form.modal)
    thanks = await world.alice.submit_modal(form, {"label": ["1"], "keep": keep})
    assert thanks.ephemeral
    assert "noted: **teddy**" in said(thanks)
    assert ("The picture is kept for training" in said(thanks)) is keep
    [row] = await feedback(world)
    assert (row.right, row.label) == (False, "teddy")
    assert row.image == (await message.attachments[0].read() if keep else None)


async def test_wrong_takes_another_label_and_keeps_nothing_unless_ticked(quick_world: World) -> None:
    world = quick_world
    message = await answered(world, world.alice, picture_of(1))
    form = await world.alice.click(message, label="Wrong")
    await world.alice.submit_modal(form, {"other": "  polar   bear "})
    form = await world.bob.click(message, label="Wrong")
    await world.bob.submit_modal(form, {"label": ["0"], "other": "TEDDY"})
    assert [(row.label, row.image) for row in await feedback(world)] == [
        ("polar bear", None),
        ("teddy", None),
    ]


async def test_wrong_without_a_label_is_refused(quick_world: World) -> None:
    world = quick_world
    message = await answered(world, world.alice, picture_of(1))
    form = await world.alice.click(message, label="Wrong")
    text = refused(await world.alice.submit_modal(form, {"other": " \u200b "}))
    assert "needs at least one visible character" in text
    assert await feedback(world) == []


async def test_a_model_with_many_labels_asks_for_one_in_words(quick_world: World) -> None:
    world = quick_world
    many = tuple(f"kind {i}" for i in range(30))
    await published(world, "kinds", many)
    message = await answered(world, world.alice, picture_of(3, many), model="kinds")
    assert message.embeds[0].title == "kind 3"
    form = await world.alice.click(message, label="Wrong")
    await world.alice.submit_modal(form, {"other": "KIND 17"})
    assert [row.label for row in await feedback(world)] == ["kind 17"]


async def test_why_shows_what_spoke_for_the_label(quick_world: World) -> None:
    world = quick_world
    message = await answered(world, world.alice, picture_of(1))
    why = await world.bob.click(message, label="Why?")
    assert why.ephemeral
    assert "spoke for **grizzly**" in said(why)
    [heat] = why.response.attachments
    assert heat.filename.startswith("why.")
    assert heat.description == "The picture under a heat map of what spoke for grizzly"
    assert Image.open(io.BytesIO(await heat.read())).size == (48, 32)


@pytest.mark.parametrize("private", [False, True])
async def test_the_buttons_work_after_a_restart(world: World, private: bool) -> None:
    message = await answered(world, world.alice, picture_of(1), private=private)
    thanks = await world.alice.click(message, custom_id=button(message, "Right"))
    await world.restart()
    await world.alice.click(thanks.response, label="Keep the picture for training")
    [row] = await feedback(world)
    assert row.image is not None
    assert "spoke for **grizzly**" in said(await world.alice.click(message, label="Why?"))
    form = await world.alice.click(message, label="Wrong")
    await world.alice.submit_modal(form, {"label": ["0"]})
    [row] = await feedback(world)
    assert (row.label, row.image) == ("black bear", None)


async def test_what_nobody_answered_to_is_forgotten_after_a_month(world: World) -> None:
    old = await answered(world, world.alice, picture_of(1))
    told = await answered(world, world.alice, picture_of(2))
    await world.bob.click(told, label="Right")
    await world.pass_time(days=32)
    fresh = await answered(world, world.alice, picture_of(0))
    for label in ("Right", "Wrong", "Why?"):
        text = refused(await world.alice.click(old, label=label))
        assert "This answer is not known any more. Classify the picture once more." in text
    assert "grizzly" not in [row.label for row in await predictions(world)]
    for message in (told, fresh):
        assert "Thank you" in said(await world.alice.click(message, label="Right"))


async def test_a_name_cannot_break_the_answer(quick_world: World) -> None:
    world = quick_world
    odd = ("**bold** [x](https://x.test)", "@everyone")
    await published(world, "odd", odd)
    message = await answered(world, world.alice, picture_of(0, odd), model="odd")
    assert "\\*\\*bold\\*\\*" in read(message)
    assert not message.mentions
    await published(world, "odd", ("x" * 100, "y" * 100))
    message = await answered(world, world.alice, picture_of(0, odd), model="odd")
    assert message.embeds[0].title == "x" * 100


async def test_nobody_classifies_where_it_is_off(sqlite_url: str) -> None:
    async with open_world(database_url=sqlite_url) as world:
        text = refused(await classify(world, world.alice, picture_of(0)))
        assert "I can't look at pictures here. For whoever runs me: " in text
        assert await predictions(world) == []


def test_the_sandboxs_classifier_is_deterministic_and_adds_up() -> None:
    guesses = divided(BEARS, 0.3, 0.9)
    assert guesses == divided(BEARS, 0.3, 0.9)
    assert sum(guess.probability for guess in guesses) == pytest.approx(1)
    assert guesses[0].label == BEARS[0]
