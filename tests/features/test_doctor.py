"""`/doctor`: an organizer sees what works here, and what to do about what does not."""

import re
from datetime import timedelta

import discord
from sqlalchemy import insert

from bot.db.models import Delivery, DeliveryState
from bot.sandbox import World
from bot.sandbox.world import GUILD_ID
from tests.features.reading import said


async def doctor(world: World) -> str:
    answer = await world.organizer.slash(world.channel, "doctor")
    assert answer.ephemeral
    return said(answer)


async def test_a_healthy_server(group_world: World) -> None:
    text = await doctor(group_world)
    assert "All is well." in text
    assert "To do" not in text
    for subject in (
        "Server",
        "Berlin",
        "Intents",
        "Zones",
        "Database",
        "Deliveries",
        "Next jobs",
        "Pictures",
    ):
        assert f"ok · **{subject}**" in text, subject
    assert "dispatch <t:" in text


async def test_a_missing_permission_is_named_with_what_it_costs(group_world: World) -> None:
    world = group_world
    closed = world.guild.create_text_channel(
        "quiet", overwrites={world.guild.me: discord.PermissionOverwrite(attach_files=False)}
    )
    await world.organizer.slash(world.channel, "group edit", channel=closed)
    text = await doctor(world)
    assert "**To do** · **Berlin**" in text
    assert "*Attach Files*, pictures and files stay away" in text
    assert text.index("To do") < text.index("ok ·")


async def test_what_could_not_be_said_here_and_nothing_of_another_server(group_world: World) -> None:
    world = group_world
    now = world.now
    row = {
        "kind": "meetup_reminder", "subject": "s", "channel_id": 1, "refs": {}, "created_at": now,
        "due_at": now, "next_attempt_at": now, "state": DeliveryState.FAILED,
        "attempts": 1, "errors": 1, "fence": 1,
        "settled_at": now,
    }  # fmt: skip
    late = {
        **row,
        "state": DeliveryState.PENDING,
        "settled_at": None,
        "next_attempt_at": now - timedelta(hours=1),
    }
    async with world.bot.database.write() as session:
        here, elsewhere = {"guild_id": GUILD_ID}, {"guild_id": 77}
        await session.execute(
            insert(Delivery),
            [
                {**row, **here, "dedupe_key": "a", "last_error": "403 50001: Missing Access"},
                {**row, **elsewhere, "dedupe_key": "b", "last_error": "404 of another server"},
                {
                    **row,
                    **here,
                    "dedupe_key": "c",
                    "settled_at": now - timedelta(days=8),
                    "last_error": "old",
                },
            ],
        )
        await session.execute(
            insert(Delivery).values({**late, **elsewhere, "dedupe_key": "d", "last_error": None})
        )
    text = await doctor(world)
    assert "1 × meetup reminder in the last week: 403 50001: Missing Access" in text
    assert "another server" not in text
    assert "old" not in text
    assert "Overdue" not in text


async def test_in_a_crowded_server_trouble_comes_first_and_what_is_left_out_is_counted(world: World) -> None:
    for number in range(45):
        name = f"{number:02} {'_*' * 38}"
        await world.organizer.slash(world.channel, "group create", name=name, timezone="UTC")
    gone = world.guild.create_text_channel("gone")
    await world.organizer.slash(world.channel, "group edit", group=name, channel=gone)
    world.env.backend.delete_channel(gone.id)
    await world.env.settle()
    text = await doctor(world)
    assert "1 of 52 need a look" in text
    assert text.index("To do") < text.index("ok ·")
    for subject in ("Server", "Intents", "Zones", "Database", "Deliveries", "Next jobs", "Pictures", "44 "):
        assert f"· **{subject}" in text, subject
    left = re.search(r"and (\d+) more$", text)
    assert left is not None
    assert text.count(" · **") + int(left[1]) == 52


async def test_only_organizers_look(group_world: World) -> None:
    answer = await group_world.alice.slash(group_world.channel, "doctor")
    assert answer.ephemeral
    assert "Only organizers" in said(answer)
    assert "Database" not in said(answer)
