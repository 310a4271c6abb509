"""`/model list`, `info`, `publish`, `retire`, `feedback`: a group's classifiers and their versions."""

import csv
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from PIL import Image

from bot.db.models import VersionState
from bot.sandbox import World, open_world
from tests.features.classifying import (
    answered,
    draft,
    manifest,
    picture_of,
    published,
    refused,
)
from tests.features.meeting import history, labels, read
from tests.features.reading import said


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[World]:
    """A group in Berlin and, as noise, one in Paris that has a model of its own."""
    async with open_world(database_url=database_url, classifier="fake", empty=True) as world:
        elsewhere = world.guild.create_text_channel("paris")
        await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
        await world.organizer.slash(elsewhere, "group create", name="Paris", timezone="Europe/Paris")
        await published(world, "flowers", ("rose", "tulip"), group="Paris")
        yield world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        yield world


@pytest.fixture
async def quick_world(sqlite_url: str) -> AsyncIterator[World]:
    """For what is as on any database."""
    async with opened(sqlite_url) as world:
        yield world


async def state_of(world: World, version_id: int | None) -> VersionState | None:
    assert version_id is not None
    found = await world.bot.services.models.version(version_id)
    assert found is not None
    return found.state


async def test_the_list_shows_every_version_and_what_comes_with_the_bot(quick_world: World) -> None:
    world = quick_world
    await published(world, "bears")
    await published(world, "bears", metrics=None)
    await draft(world, "bears")
    result = await world.alice.slash(world.channel, "model list")
    assert result.ephemeral
    text = said(result)
    assert "**bears** of Berlin" in text
    assert "- v3 draft, 90 % of 30 right, 3 labels" in text
    assert "- v2 published" in text
    assert "- v1 earlier" in text
    assert "**flowers** of Paris" in text
    assert "**digits**, comes with me" in text
    assert text.index("v3 draft") < text.index("v2 published") < text.index("v1 earlier")
    only = said(await world.alice.slash(world.channel, "model list", group="Paris"))
    assert "flowers" in only
    assert "bears" not in only


async def test_an_unknown_group_is_refused(quick_world: World) -> None:
    world = quick_world
    assert "no group “Rome” here" in refused(
        await world.alice.slash(world.channel, "model list", group="Rome")
    )


async def test_a_models_card_says_what_is_known_of_it(quick_world: World) -> None:
    world = quick_world
    data = replace(manifest("x").data, remarks=("2 images were there twice.",))
    made = await published(world, "bears", data=data)
    result = await world.alice.slash(world.channel, "model info", model="bears")
    assert result.ephemeral
    text = said(result)
    assert result.response.embeds[0].title == "bears v1"
    assert "**Published** in **Berlin** since <t:" in text
    assert "**black bear**, **grizzly**, **teddy**" in text
    assert "120 images: black bear 40, grizzly 40, teddy 40." in text
    assert "Photos of the group. Licence: CC BY 4.0" in text
    assert "**90 %** of 30 right (95 % interval: 74 % to 97 %)." in text
    assert "sure of 93 % of them, and 97 % of those are right" in text
    assert (
        "Mixed up most: black bear for grizzly 1 ×, grizzly for teddy 1 ×, teddy for black bear 1 ×." in text
    )
    assert "off by 1.2 % on average (4.1 % before calibration)" in text
    assert "**Made:** <t:1767225600:F>" in text
    assert "4 epochs, from digits; fastai 2.8.12" in text
    assert "- 2 images were there twice." in text
    assert result.response.embeds[0].footer.text == f"sha256 {made.ref.digest}"
    [matrix] = result.response.attachments
    assert matrix.filename == "confusion.png"
    assert "black bear: 9 black bear, 1 grizzly;" in matrix.description
    assert Image.open(io.BytesIO(await matrix.read())).width == 800


async def test_a_card_of_many_labels_has_no_picture(quick_world: World) -> None:
    """Nobody could read it; the worst pairs stand in the text."""
    world = quick_world
    await published(world, "kinds", tuple(f"kind {i}" for i in range(25)))
    result = await world.alice.slash(world.channel, "model info", model="kinds")
    assert result.response.attachments == []
    assert "Mixed up most: kind 0 for kind 1 1 ×" in said(result)


async def test_a_card_without_a_known_test_says_nothing_of_one(quick_world: World) -> None:
    world = quick_world
    await published(world, "bears", metrics=None)
    result = await world.alice.slash(world.channel, "model info", model="bears v1")
    assert "right" not in said(result)
    assert result.response.attachments == []


async def test_the_model_that_comes_with_the_bot_has_a_card(quick_world: World) -> None:
    world = quick_world
    text = said(await world.alice.slash(world.channel, "model info", model="digits"))
    assert "It comes with me." in text
    assert "**0**, **1**, **2**" in text


async def test_every_version_is_suggested_by_its_id(quick_world: World) -> None:
    world = quick_world
    await published(world, "bears")
    second = await draft(world, "bears")
    offered = await world.alice.autocomplete(world.channel, "model info", "model", "bears")
    assert [(one["name"], one["value"]) for one in offered] == [
        ("bears v2, draft · Berlin", str(second.version_id)),
        ("bears v1 · Berlin", offered[1]["value"]),
    ]
    text = said(await world.alice.slash(world.channel, "model info", model=offered[0]["value"]))
    assert "**Draft** in **Berlin**." in text


@pytest.mark.parametrize("verb", ["info", "publish", "retire", "feedback"])
async def test_an_unknown_model_is_refused(quick_world: World, verb: str) -> None:
    world = quick_world
    text = refused(await world.organizer.slash(world.channel, f"model {verb}", model="beers"))
    assert "There is no model “beers” here" in text
    assert "flowers" in text


@pytest.mark.parametrize("verb", ["publish", "retire", "feedback"])
async def test_only_organizers_decide(quick_world: World, verb: str) -> None:
    world = quick_world
    made = await published(world, "bears")
    newer = await draft(world, "bears")
    before = len(history(world))
    text = refused(await world.alice.slash(world.channel, f"model {verb}", model="bears"))
    assert text == "Only organizers of “Berlin” can do that."
    assert await state_of(world, made.version_id) is VersionState.PUBLISHED
    assert await state_of(world, newer.version_id) is VersionState.DRAFT
    assert len(history(world)) == before


async def test_publishing_and_rolling_back(world: World) -> None:
    first = await draft(world, "bears")
    second = await draft(world, "bears", ("cub", "bear"))
    result = await world.organizer.slash(world.channel, "model publish", model=str(first.version_id))
    assert not result.ephemeral
    assert "**bears v1** is published: `/classify` asks it in **Berlin** from now on." in said(result)
    assert "**bears v1**" in read(await answered(world, world.alice, picture_of(0)))
    await world.organizer.slash(world.channel, "model publish", model="bears v2")
    assert "**bears v2**" in read(await answered(world, world.alice, picture_of(0)))
    assert await state_of(world, first.version_id) is VersionState.SUPERSEDED
    await world.organizer.slash(world.channel, "model publish", model="bears v1")
    assert "**bears v1**" in read(await answered(world, world.alice, picture_of(0)))
    assert await state_of(world, second.version_id) is VersionState.SUPERSEDED


async def test_publishing_twice_is_refused(quick_world: World) -> None:
    world = quick_world
    await published(world, "bears")
    text = refused(await world.organizer.slash(world.channel, "model publish", model="bears v1"))
    assert "“bears” v1 is published already." in text


async def test_a_damaged_version_is_not_published(quick_world: World) -> None:
    world = quick_world
    made = await draft(world, "bears")
    graph = world.bot.store.path(made.ref.digest) / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"!")
    text = refused(await world.organizer.slash(world.channel, "model publish", model="bears"))
    assert "The files of “bears” are damaged" in text
    world.bot.store.remove(made.ref.digest)
    text = refused(await world.organizer.slash(world.channel, "model publish", model="bears"))
    assert "The files of “bears” are not where I run." in text


async def test_a_retired_model_does_not_answer(world: World) -> None:
    made = await published(world, "bears")
    result = await world.organizer.slash(world.channel, "model retire", model="bears")
    assert result.ephemeral
    assert "**bears v1** is retired" in said(result)
    assert await state_of(world, made.version_id) is VersionState.RETIRED
    text = refused(await world.organizer.slash(world.channel, "model retire", model="bears"))
    assert "No version of “bears” is published" in text
    assert "**bears v1**" not in read(await answered(world, world.alice, picture_of(0)))


async def test_what_comes_with_the_bot_is_nobodys_to_publish_or_retire(quick_world: World) -> None:
    world = quick_world
    for verb in ("publish", "retire"):
        text = refused(await world.organizer.slash(world.channel, f"model {verb}", model="digits"))
        assert "digits" in text


async def test_feedback_comes_as_a_labelled_set(world: World) -> None:
    await published(world, "bears")
    right = await answered(world, world.alice, picture_of(1))
    thanks = await world.alice.click(right, label="Right")
    await world.alice.click(thanks.response, label="Keep the picture for training")
    wrong = await answered(world, world.bob, picture_of(0))
    form = await world.bob.click(wrong, label="Wrong")
    await world.bob.submit_modal(form, {"other": "=cmd|calc", "keep": True})
    unkept = await answered(world, world.bob, picture_of(2))
    await world.bob.click(unkept, label="Right")
    await published(world, "mice", ("grey", "white"))
    other = await answered(world, world.bob, picture_of(0, ("grey", "white")), model="mice")
    await world.bob.click(other, label="Right")
    result = await world.organizer.slash(world.channel, "model feedback", model="bears")
    assert result.ephemeral
    text = said(result)
    assert "2 pictures that members let you keep" in text
    assert "a table of all 3 corrections" in text
    [file] = result.response.attachments
    assert file.filename.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(await file.read())) as archive:
        names = archive.namelist()
        table = list(csv.reader(io.StringIO(archive.read("feedback.csv").decode())))
    assert sum(not name.endswith(".csv") for name in names) == 2
    assert any(name.startswith("grizzly/") for name in names)
    assert all(not cell.startswith("=") for row in table for cell in row)
    assert "mice" not in str(table)


async def test_without_feedback_there_is_nothing_to_export(quick_world: World) -> None:
    world = quick_world
    await published(world, "bears")
    message = await answered(world, world.alice, picture_of(1))
    text = refused(await world.organizer.slash(world.channel, "model feedback", model="bears"))
    assert "There is nothing of “bears” to learn from yet" in text
    assert labels(message)


async def test_the_organizer_is_told_of_a_damaged_model(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await published(world, "bears")
    second = await published(world, "bears", ("cub", "bear"))
    graph = world.bot.store.path(second.ref.digest) / "model.onnx"
    graph.write_bytes(b"other")
    await answered(world, world.alice, picture_of(1))
    caplog.clear()
    await world.pass_time(seconds=5)
    note = world.last_dm(world.organizer)
    assert "The files of **bears v2** in **Berlin** are damaged" in note.content
    assert "**bears v1** answers in its place." in note.content
    assert labels(note) == ["Done"]
    await world.organizer.user.click(note, label="Done")
