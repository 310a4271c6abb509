"""Notes to organizers: once a day, to whoever made the group, with what helps; never in circles."""

from datetime import UTC, datetime

import discord
import pytest
from simcord import MemberActor
from simcord.backend.models import Overwrite
from simcord.builders import ChannelHandle
from simcord.enums import OverwriteType

from bot.db.models import DeliveryState
from bot.sandbox import World
from bot.services.notes import Obstacle, obstacle_of
from tests.features.reminding import close_dms


def deny(world: World, channel: ChannelHandle, **permissions: bool) -> None:
    """Take permissions from the bot in one channel."""
    denied = discord.Permissions(**permissions).value
    mine = Overwrite(target_id=world.env.bot.user.id, type=OverwriteType.MEMBER, allow=0, deny=denied)
    world.env.backend.set_overwrite(channel.id, mine)


async def ask(world: World, by: MemberActor, channel: ChannelHandle) -> None:
    answer = await by.slash(channel, "remind me", when="in 1 hour", what="a very private matter")
    assert answer.ephemeral


def notes(world: World) -> list[str]:
    """What the group's creator was told, oldest first."""
    return [message.content for message in world.dms(world.organizer) if "could not post" in message.content]


async def test_meetup_reminders_that_cannot_be_posted_are_told_once_a_day(group_world: World) -> None:
    world = group_world
    start = datetime(2026, 1, 5, 18, tzinfo=UTC)
    await world.organizer.slash(
        world.channel, "meetup schedule", when=f"<t:{int(start.timestamp())}>", title="Lesson 1"
    )
    await world.alice.click(world.channel.history()[-1], label="Going")
    deny(world, world.channel, send_messages=True)
    await world.pass_time(seconds=(start - world.now).total_seconds())
    # 24 hours before, and 1 hour and 10 minutes before: two days, two notes.
    assert len(notes(world)) == 2
    told = notes(world)[0]
    assert "a meetup’s reminder of **Berlin**" in told
    assert world.channel.mention in told
    assert "**Send Messages**" in told
    assert "/group edit" in told
    assert world.dms(world.alice) == []


async def test_a_members_reminder_that_reaches_nobody_tells_nothing_of_its_text(group_world: World) -> None:
    world = group_world
    await ask(world, world.alice, world.channel)
    await ask(world, world.bob, world.channel)
    close_dms(world, world.alice)
    close_dms(world, world.bob)
    deny(world, world.channel, send_messages=True)
    await world.pass_time(hours=2)
    [told] = notes(world)
    assert "a member’s own reminder" in told
    assert "private matter" not in told
    assert world.alice.name not in told
    assert str(world.alice.id) not in told


async def test_a_deleted_channel_is_called_gone(group_world: World) -> None:
    world = group_world
    elsewhere = world.guild.create_text_channel("elsewhere")
    await ask(world, world.alice, elsewhere)
    close_dms(world, world.alice)
    world.env.backend.delete_channel(elsewhere.id)
    await world.pass_time(hours=2)
    [told] = notes(world)
    assert "that channel is gone" in told


async def test_the_note_goes_to_the_channels_group_not_to_the_oldest(group_world: World) -> None:
    world = group_world
    paris = world.guild.create_text_channel("paris")
    await world.bob.slash(paris, "group create", name="Paris", timezone="Europe/Paris")
    await ask(world, world.alice, paris)
    close_dms(world, world.alice)
    deny(world, paris, send_messages=True)
    await world.pass_time(hours=2)
    assert "**Paris**" in world.last_dm(world.bob).content
    assert notes(world) == []


async def test_a_note_that_fails_makes_no_other(group_world: World) -> None:
    world = group_world
    await ask(world, world.alice, world.channel)
    for member in (world.alice, world.organizer):
        close_dms(world, member)
    deny(world, world.channel, send_messages=True)
    await world.pass_time(days=3)
    failed = await world.bot.ledger.failed(10)
    assert [(row.kind, row.state) for row in failed] == [
        ("organizer_note", DeliveryState.FAILED),
        ("reminder", DeliveryState.FAILED),
        ("reminder", DeliveryState.FAILED),
    ]
    assert await world.bot.ledger.next_due() is None


async def test_closed_direct_messages_alone_are_nobodys_business(group_world: World) -> None:
    world = group_world
    await world.alice.user.slash("remind me", when="in 1 hour", what="algebra")
    close_dms(world, world.alice)
    await world.pass_time(hours=2)
    assert notes(world) == []


async def test_a_server_without_a_group_has_nobody_to_tell(world: World) -> None:
    await ask(world, world.alice, world.channel)
    close_dms(world, world.alice)
    deny(world, world.channel, send_messages=True)
    await world.pass_time(hours=2)
    assert notes(world) == []


async def test_done_rests_the_button_after_a_restart(group_world: World) -> None:
    world = group_world
    await ask(world, world.alice, world.channel)
    close_dms(world, world.alice)
    deny(world, world.channel, view_channel=True)
    await world.pass_time(hours=2)
    await world.restart()
    await world.organizer.user.click(world.last_dm(world.organizer), label="Done")
    [row] = world.last_dm(world.organizer).components
    assert [button.disabled for button in row.children] == [True]
    assert "could not post" in world.last_dm(world.organizer).content


@pytest.mark.parametrize(
    ("reason", "obstacle"),
    [
        ("missing permissions: View Channel, Send Messages", Obstacle.PERMISSION),
        ("403 50001: Missing Access", Obstacle.FORBIDDEN),
        ("403 50013: Missing Permissions", Obstacle.FORBIDDEN),
        ("404 10003: Unknown Channel", Obstacle.GONE),
        ("nothing can be posted in that channel", Obstacle.GONE),
        ("400 50035: Invalid Form Body", None),
        ("500 0: no explanation", None),
        ("TypeError: 'NoneType' object is not subscriptable", None),
        ("expired; before that: no answer", None),
    ],
)
def test_only_what_an_organizer_can_change_is_told(reason: str, obstacle: Obstacle | None) -> None:
    assert obstacle_of(reason) is obstacle
