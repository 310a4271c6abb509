"""Pictures in `/project update`: uploaded anew when they are some, refused in one sentence otherwise."""

import pytest

from bot.sandbox import World
from bot.ui.images import MOST_BYTES
from tests.features.building import PNG, entries, project, refused, start
from tests.features.meeting import history
from tests.features.reading import said

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(40)


@pytest.mark.parametrize(
    ("name", "data", "ending"),
    [
        ("bears.png", PNG, "png"),
        ("bears.jpeg", JPEG, "jpg"),
        ("bears.gif", b"GIF89a" + bytes(40), "gif"),
        ("bears.webp", WEBP, "webp"),
        ("bears.jpg", PNG, "png"),  # an image under another image's ending gets its own
        ("bears.png", PNG + bytes(MOST_BYTES - len(PNG)), "png"),
    ],
)
async def test_an_image_is_uploaded_anew_with_the_post(
    group_world: World, name: str, data: bytes, ending: str
) -> None:
    world = group_world
    await start(world, world.alice)
    answer = await project(world, world.alice, "update", text="Look", image=(name, data))
    assert not answer.ephemeral
    [file] = answer.response.attachments
    assert file.filename == f"project.{ending}"
    assert file.description == "Picture by Alice: Look"
    assert await file.read() == data
    assert answer.response.embeds[0].image.url is not None
    [_, entry] = await entries(world)
    assert (entry.has_image, entry.channel_id, entry.message_id) == (
        True,
        world.channel.id,
        history(world)[-1].id,
    )
    shown = said(await project(world, world.alice, "show"))
    assert f"with a picture · https://discord.com/channels/{world.guild.id}/{world.channel.id}/" in shown


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("notes.png", b"Just some words, called a picture.", "no image I can show"),
        ("empty.png", b"", "no image I can show"),
        ("page.jpg", b"<html><script>alert(1)</script></html>", "no image I can show"),
        ("movie.webp", b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(40), "no image I can show"),
        ("bears.pdf", PNG, "no image I can show"),
        ("bears.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image I can show"),
        ("bears", PNG, "no image I can show"),
        ("bears.png", PNG + bytes(9 * 1024 * 1024), "bigger than 8 MB"),
        ("bears.png", PNG + bytes(MOST_BYTES - len(PNG) + 1), "bigger than 8 MB"),
    ],
)
async def test_what_is_no_image_or_too_big_is_refused_and_nothing_is_noted(
    group_world: World, name: str, data: bytes, why: str
) -> None:
    world = group_world
    await start(world, world.alice)
    before = len(history(world))
    text = await refused(world, world.alice, "update", text="Look", stage="demo", image=(name, data))
    assert why in text
    assert len(await entries(world)) == 1
    assert len(history(world)) == before


@pytest.mark.parametrize(
    ("served", "why"),
    [
        (PNG + bytes(MOST_BYTES), "bigger than 8 MB"),
        (b"other bytes", "no image I can show"),
        (None, "could not fetch that image"),
    ],
)
async def test_what_arrives_is_looked_at_whatever_was_announced(
    group_world: World, monkeypatch: pytest.MonkeyPatch, served: bytes | None, why: str
) -> None:
    world = group_world
    await start(world, world.alice)
    monkeypatch.setattr(world.env.backend.cdn, "get", lambda _url: served)
    assert why in await refused(world, world.alice, "update", text="Look", image=("bears.png", PNG))
    assert len(await entries(world)) == 1


async def test_without_a_project_no_picture_is_posted(group_world: World) -> None:
    world = group_world
    await start(world, world.bob, "Birds")
    answer = await refused(world, world.alice, "update", text="Look", image=("bears.png", PNG))
    assert "`/project start` begins one" in answer
    assert all(not message.attachments for message in history(world))
