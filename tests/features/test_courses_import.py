"""`/course import`: a pack of one's own, saved whole or not at all."""

from pathlib import Path
from typing import Any

import discord
import pytest
from simcord import InteractionResult, MemberActor
from sqlalchemy import func, select

from bot.courses.documents import SIZE_LIMIT
from bot.db.models import CoursePack, Group
from bot.sandbox import World
from bot.services.courses.importing import PACKS_LIMIT
from bot.ui.buttons import DurableButton, buttons
from tests.courses.test_checking import FORTY
from tests.features.meeting import dates
from tests.features.reading import said

MISTAKES = Path(__file__).parents[1] / "courses" / "forty-mistakes.yaml"
PACK = """\
id: strang
version: "1.9"
title: Linear algebra
summary: Evenings with matrices.
lessons:
  - id: elimination
    title: Elimination
    summary: Solve equations as a computer does.
    topics: [pivots, "*stars* and [links](https://evil.example)"]
    links:
      - title: Lecture
        url: https://example.org/a_(b)
    points: 0.1
    cost: 12.5
"""


async def import_(
    world: World, data: str | bytes, by: MemberActor | None = None, name: str = "strang.yaml"
) -> InteractionResult:
    file = (name, data.encode() if isinstance(data, str) else data)
    return await (by or world.organizer).slash(world.channel, "course import", file=file)


async def kept(world: World) -> int:
    async with world.bot.database.read() as session:
        return await session.scalar(select(func.count()).select_from(CoursePack)) or 0


async def test_an_imported_pack_is_a_course_like_any_other(group_world: World) -> None:
    world = group_world
    answer = await import_(world, PACK)
    assert answer.ephemeral
    assert "Imported **Linear algebra**, version 1.9: 1 lesson, 12 hours (0.1 points)." in said(answer)
    assert "`/course start course:strang`" in said(answer)
    assert "**Linear algebra** (`strang`, version 1.9)" in said(
        await world.alice.slash(world.channel, "course list")
    )
    shown = said(await world.alice.slash(world.channel, "course show", course="linear algebra"))
    assert "**1. Elimination** · 12 hours · $12.50" in shown
    assert "\\*stars\\* and \\[links\\](https://evil.example)" in shown
    assert "[Lecture](<https://example.org/a_%28b%29>)" in shown
    choices = await world.alice.autocomplete(world.channel, "course start", "course", "alg")
    assert choices == [{"name": "Linear algebra · strang", "value": "strang"}]
    await world.organizer.slash(
        world.channel, "course start", course="strang", first="2026-01-08 19:00", every="weekly"
    )
    assert len(await dates(world)) == 1
    # Another server knows nothing of it.
    packs = await world.bot.services.courses.newest(guild_id=world.guild.id + 1)
    assert "strang" not in [pack.id for pack in packs]


async def test_a_version_is_imported_once_and_never_changes(group_world: World) -> None:
    world = group_world
    await import_(world, PACK)
    reworded = "# A comment changes nothing.\n" + PACK.replace("points: 0.1", "points: 0.10")
    again = await import_(world, reworded)
    assert "has **Linear algebra** 1.9 already, exactly as in your file" in said(again)
    other = PACK.replace("Elimination", "Substitution")
    refused = await import_(world, other)
    assert "has “strang” 1.9 already, with other content" in said(refused)
    assert "Raise the `version`" in said(refused)
    assert await kept(world) == 1
    await world.organizer.slash(world.channel, "group edit", course="strang")
    newer = await import_(world, other.replace('"1.9"', '"1.10"'))
    assert "version 1.10" in said(newer)
    older = await import_(world, PACK.replace('"1.9"', '"1.2"'))
    assert "The newest version here is 1.10; this one is `strang@1.2`." in said(older)
    assert "Substitution" in said(await world.alice.slash(world.channel, "course show", course="strang"))
    assert "Elimination" in said(await world.alice.slash(world.channel, "course show", course="strang@1.9"))
    # Who follows a version keeps it until an organizer chooses another.
    async with world.bot.database.read() as session:
        assert (await session.get_one(Group, 1)).pack_version == "1.9"
    await world.organizer.slash(world.channel, "group edit", course="strang")
    async with world.bot.database.read() as session:
        assert (await session.get_one(Group, 1)).pack_version == "1.10"


async def test_forty_mistakes_are_all_reported_and_nothing_is_saved(group_world: World) -> None:
    world = group_world
    answer = await import_(world, MISTAKES.read_bytes())
    assert answer.ephemeral
    text = said(answer)
    assert text.startswith("This pack has 40 problems, so nothing was saved.")
    assert "line 5, column 1: “sumary” is no key of a pack. Did you mean “summary”?" in text
    message = answer.response
    assert message is not None
    [file] = message.attachments
    lines = (await file.read()).decode().splitlines()
    assert [int(line.split(",")[0].removeprefix("line ")) for line in lines] == [line for line, _ in FORTY]
    assert await kept(world) == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * 2_000_000, "This file has 1,953 KiB, and a course pack may have 256."),
        (b"x" * (SIZE_LIMIT + 1), "a course pack may have 256"),
        (b"\x89PNG\r\n\x1a\n\x00", "not UTF-8 text"),
        ("just some words", "has to be a mapping with keys, and is text"),
        ("a: b: c", "not YAML"),
        ("", "the file is empty"),
        ("a: &a [x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n", "“*b” is an anchor or alias"),
        ("id: !!python/object/apply:os.system [ls]\n", "“!!python/object/apply:os.system” is a tag"),
        ("[" * 200_000, "more than 8 levels of nesting"),
        (PACK + "---\n" + PACK, "A file holds one pack"),
        (PACK.replace("id: strang", "id: fastai-2019"), "“fastai-2019” is a course that comes with me"),
        (
            PACK.replace("title: Linear algebra", 'title: "@everyone ``` <@1>"').replace("points", "point"),
            "“point” is no key",
        ),
    ],
)
async def test_what_is_no_pack_is_refused_in_words(group_world: World, data: Any, words: str) -> None:
    refused = await import_(group_world, data)
    assert refused.ephemeral
    assert words in said(refused)
    assert len(said(refused)) <= 2000
    assert await kept(group_world) == 0


async def test_only_organizers_import_and_a_file_that_is_gone_is_told(
    group_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = group_world
    refused = await import_(world, PACK, world.alice)
    assert refused.ephemeral
    assert "Only organizers can do that" in said(refused)
    assert await kept(world) == 0
    # Whoever made a group of this server organizes one.
    await world.alice.slash(world.channel, "group create", name="Algebra", timezone="UTC")
    assert "Imported" in said(await import_(world, PACK, world.alice))

    async def gone(_file: discord.Attachment) -> bytes:
        raise TimeoutError

    monkeypatch.setattr(discord.Attachment, "read", gone)
    refused = await import_(world, PACK)
    assert "Discord did not hand me “strang.yaml”. Attach it again." in said(refused)


async def test_one_file_is_read_at_a_time(group_world: World) -> None:
    world = group_world
    async with world.bot.services.courses._reading:
        refused = await import_(world, PACK)
    assert "I am reading another pack at the moment" in said(refused)
    assert "Imported" in said(await import_(world, PACK))


async def test_a_server_has_room_for_so_many_packs(group_world: World) -> None:
    world = group_world
    async with world.bot.database.write() as session:
        for number in range(PACKS_LIMIT):
            session.add(
                CoursePack(
                    guild_id=world.guild.id,
                    pack=f"pack-{number}",
                    version="1",
                    content={
                        "title": f"Pack {number}",
                        "lessons": [],
                        "id": f"pack-{number}",
                        "version": "1",
                        "summary": "S",
                    },
                    imported_by=world.alice.id,
                    imported_at=world.now,
                )
            )
    refused = await import_(world, PACK)
    assert f"This server has {PACKS_LIMIT} imported packs" in said(refused)
    listing = await world.alice.slash(world.channel, "course list")
    assert "**Pack 0**" in said(listing)
    assert len(await world.alice.autocomplete(world.channel, "course show", "course", "")) == 25


async def test_a_long_course_is_read_page_by_page_after_a_restart(group_world: World) -> None:
    world = group_world
    head = PACK.partition("lessons:\n")[0] + "lessons:\n"
    lesson = "  - {{id: l{0}, title: Number {0}, summary: {1}, topics: [{2}], hours: 2}}\n"
    topics = ", ".join(f"a topic of quite some length {number}" for number in range(20))
    await import_(world, head + "".join(lesson.format(n, "w " * 200, topics) for n in range(1, 61)))
    shown = await world.alice.slash(world.channel, "course show", course="strang")
    assert "**1. Number 1** · 2 hours" in said(shown)
    assert "Number 60" not in said(shown)
    await world.restart()
    message = shown.response.message  # type: ignore[union-attr]
    seen = [1]
    for _ in range(60):
        page = next(m for m in world.channel.history() if m.id == message.id)
        text = page.embeds[0].description or ""
        seen += [n for n in range(2, 61) if f"**{n}. Number {n}**" in text]
        labels = [button.label for row in page.components for button in row.children]  # type: ignore[union-attr]
        if "Next" not in labels:
            break
        await world.bob.click(page, label="Next")
    assert seen == list(range(1, 61))
    await world.bob.click(page, label="Back")
    place = world.bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id)
    forged = await place.send("?", view=buttons(DurableButton("syllabus", 10**18, "no_such", label="Next")))
    refused = await world.alice.click(forged, label="Next")
    assert refused.ephemeral
    assert "There is no course “no-such” here" in said(refused)
