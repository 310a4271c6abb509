"""The real thing: the shipped model in its own process, and a model that is really trained."""

import asyncio
import io
import random
import re
import time
import zipfile
from collections.abc import AsyncIterator, Callable

import discord
import pytest
from PIL import Image, ImageDraw

from bot.classifier.protocol import Readiness
from bot.sandbox import World, open_world
from tests.features.classifying import answered, classify, png, predictions, refused
from tests.features.meeting import history, labels, read
from tests.features.reading import said

#: Row 1205 of scikit-learn’s digits, one of those that the shipped model never learnt from; 16 is ink.
NOUGHT = """
 0  2  8 15 16 10  0  0
 0 11 16 10  4 15  1  0
 0 12 13  0  0 13  5  0
 0 11 13  0  0 15  7  0
 0  8 16  0  0 15  6  0
 0  6 16  1  5 16  2  0
 0  2 16  6 15 12  0  0
 0  0  7 16 14  1  0  0
"""
SHAPES = ("circle", "cross", "square")
SECONDS = 600


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    async with open_world(database_url=sqlite_url, classifier="local", empty=True) as world:
        await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
        yield world


async def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def ready(world: World) -> None:
    await until(lambda: world.bot.classifier.status().readiness is not Readiness.WARMING_UP)
    assert world.bot.classifier.status().readiness is Readiness.READY


def as_png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def on_paper(rows: str, *, side: int = 400) -> bytes:
    """A digit in dark ink, in the middle of a white sheet."""
    values = [int(value) for value in rows.split()]
    ink = Image.frombytes("L", (8, 8), bytes(255 - 220 * value // 16 for value in values))
    sheet = Image.new("L", (side, side), 255)
    sheet.paste(ink.resize((side // 2, side // 2), Image.Resampling.BICUBIC), (side // 4, side // 4))
    return as_png(sheet)


def shape(kind: str, seed: int) -> bytes:
    """A drawn shape, each a little different."""
    chance = random.Random(f"{kind} {seed}")
    image = Image.new("L", (64, 64), 255)
    draw = ImageDraw.Draw(image)
    x, y, side, width = (
        chance.randint(8, 18),
        chance.randint(8, 18),
        chance.randint(26, 36),
        chance.randint(3, 6),
    )
    box = (x, y, x + side, y + side)
    if kind == "circle":
        draw.ellipse(box, outline=0, width=width)
    elif kind == "square":
        draw.rectangle(box, outline=0, width=width)
    else:
        draw.line(box, fill=0, width=width)
        draw.line((x + side, y, x, y + side), fill=0, width=width)
    return as_png(image)


def shapes(count: int) -> tuple[str, bytes]:
    """A training set as a member would pack it, in a folder and with what a Mac adds."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for kind in SHAPES:
            for seed in range(count):
                archive.writestr(f"shapes/{kind}/{seed}.png", shape(kind, seed))
        archive.writestr("shapes/.DS_Store", b"junk")
        archive.writestr("__MACOSX/shapes/circle/._0.png", b"junk")
    return "shapes.zip", file.getvalue()


async def test_the_bots_own_model_reads_a_digit_and_says_why(world: World) -> None:
    await ready(world)
    assert "cpu" in world.bot.classifier.status().device or "cuda" in world.bot.classifier.status().device
    message = await answered(world, world.alice, on_paper(NOUGHT))
    assert message.embeds[0].title == "0"
    assert "**digits**" in read(message)
    assert [row.label for row in await predictions(world)] == ["0"]
    why = await world.alice.click(message, label="Why?")
    assert "spoke for **0**" in said(why)
    heat = Image.open(io.BytesIO(await why.response.attachments[0].read()))
    assert len(heat.convert("RGB").getcolors(1 << 16) or ()) > 50
    assert "Not sure" in read(await answered(world, world.alice, png("white", size=(300, 300))))
    assert "no image I can read" in refused(await classify(world, world.alice, b"%!PS", file="a.png"))


async def test_a_group_trains_its_own_model_and_asks_it(world: World) -> None:
    """Beginning with the bot's own, which has learnt to see strokes; meanwhile others classify."""
    await ready(world)
    begun = await world.organizer.slash(
        world.channel, "model train", name="shapes", images=shapes(16), base="digits", epochs=6
    )
    post = begun.response.message

    def present() -> discord.Message:
        return next(one for one in history(world) if one.id == post.id)

    assert "**digits**" in read(await answered(world, world.alice, on_paper(NOUGHT)))
    await until(lambda: "Cancel" not in labels(present()))
    done = present()
    assert "shapes v1 is trained" in read(done), read(done)
    share = re.search(r"\*\*(over )?(\d+) %\*\* of (\d+) right", read(done))
    assert share is not None
    assert int(share[2]) >= 70
    assert int(share[3]) >= 0.2 * 3 * 16
    assert [file.filename for file in done.attachments] == ["confusion.png"]
    await world.organizer.click(done, label="Publish")
    titles = []
    for kind in SHAPES:
        message = await answered(world, world.bob, shape(kind, 1000))
        assert "**shapes v1**" in read(message)
        titles.append(message.embeds[0].title)
    assert sum(said == kind for said, kind in zip(titles, SHAPES, strict=True)) >= 2, titles
    card = said(await world.alice.slash(world.channel, "model info", model="shapes"))
    assert "48 images: circle 16, cross 16, square 16." in card
