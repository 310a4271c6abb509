"""Posts of meetups that could not be posted when they were due: made up for once, when they can be."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from bot.db.models import Delivery, DeliveryState, Occurrence
from bot.sandbox import World
from tests.features.meeting import FIRST, dates, full, labels, ledger_rows, posts, read, schedule
from tests.features.test_notes import deny, notes

WEEK = timedelta(weeks=1)
END = FIRST + timedelta(minutes=90)


async def pass_until_next_post(world: World) -> None:
    """To where the first date is over, and the second one's post was due."""
    await world.pass_time(seconds=(END - world.now).total_seconds() + 60)


async def states(world: World) -> dict[str, str]:
    return {row.key: row.state for row in await ledger_rows(world, "meetup_post")}


async def test_a_post_whose_channel_was_gone_stands_in_the_next_one(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    tokyo = world.guild.create_text_channel("tokyo")
    await world.bob.slash(tokyo, "group create", name="Tokyo", timezone="Asia/Tokyo")
    await world.bob.slash(tokyo, "meetup schedule", when="2026-01-08 19:00", title="Noise")
    await world.pass_time(days=7)
    world.env.backend.delete_channel(world.channel.id)
    await pass_until_next_post(world)
    second = (await dates(world))[2]
    assert (await states(world))[f"post:{second.id}"] == "failed"
    assert "/group edit" in notes(world)[-1]
    home = world.guild.create_text_channel("home")
    await world.organizer.slash(tokyo, "group edit", group="Berlin", channel=home)
    [post] = [message for message in home.history() if labels(message)]
    assert full(FIRST + WEEK) in read(post)
    await world.alice.click(post, label="Going")
    await world.restart()
    await world.pass_time(days=1)
    [post] = [message for message in home.history() if labels(message)]
    assert world.alice.mention in read(post)
    assert len([each for each in tokyo.history() if "Noise" in read(each) and not each.content]) == 1


@pytest.mark.parametrize("moves", [False, True])
async def test_a_post_comes_once_the_bot_may_write_again(group_world: World, moves: bool) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    await world.pass_time(days=7)
    deny(world, world.channel, send_messages=True)
    await pass_until_next_post(world)
    second = (await dates(world))[1]
    await world.pass_time(hours=5)
    assert (await states(world))[f"post:{second.id}"] == "failed"
    assert len(posts(world)) == 1
    start = FIRST + WEEK
    if moves:
        elsewhere = world.guild.create_text_channel("elsewhere")
        start += timedelta(hours=1)
        await world.organizer.slash(
            elsewhere, "meetup move", meetup=str(second.id), when=f"<t:{int(start.timestamp())}>"
        )
    deny(world, world.channel)
    await world.pass_time(minutes=2)
    [_, post] = posts(world)
    assert full(start) in (post.embeds[0].description or "")
    await world.pass_time(hours=5)
    assert len(posts(world)) == 2


async def test_a_post_that_may_stand_somewhere_is_looked_for_first(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    await world.pass_time(days=7)
    await world.pass_time(seconds=(END - world.now).total_seconds() + 2)
    assert len(posts(world)) == 2
    second = (await dates(world))[1]
    # It got through, nobody learned of it, and the last look for it met a closed channel.
    deny(world, world.channel, view_channel=True, send_messages=True)
    async with world.bot.database.write() as session:
        await session.execute(
            update(Delivery)
            .where(Delivery.dedupe_key == f"post:{second.id}")
            .values(state=DeliveryState.FAILED, attempts=2, message_id=None, message_channel_id=None)
        )
        await session.execute(
            update(Occurrence)
            .where(Occurrence.id == second.id)
            .values(post_channel_id=None, post_message_id=None, post_version=0)
        )
    home = world.guild.create_text_channel("home")
    await world.organizer.slash(home, "group edit", group="Berlin", channel=home)
    await world.pass_time(minutes=5)
    assert list(home.history()) == []
    deny(world, world.channel)
    await world.organizer.slash(home, "group edit", group="Berlin", channel=world.channel)
    await world.pass_time(minutes=5)
    assert (await states(world))[f"post:{second.id}"] == "sent"
    assert [post.id for post in posts(world)][1] == (await dates(world))[1].post_message_id
    assert len(posts(world)) == 2


async def test_a_channel_that_refuses_is_not_asked_each_minute(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    await world.pass_time(seconds=(END - world.now).total_seconds() - 1)
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=403, code=50001, times=2)
    await world.pass_time(minutes=50)
    assert len(posts(world)) == 1
    await world.pass_time(minutes=20)
    assert len(posts(world)) == 2
