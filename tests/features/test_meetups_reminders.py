"""Reminders of meetups: when they come, whom they mention, what they say when late."""

from datetime import timedelta

import discord
from simcord import MemberActor
from simcord.builders import ChannelHandle

from bot.db.models import Answer
from bot.sandbox import World
from tests.features.meeting import (
    FIRST,
    dates,
    full,
    history,
    labels,
    ledger_rows,
    posts,
    read,
    reminders,
    schedule,
)
from tests.features.reading import said


async def going(world: World, *members: MemberActor) -> None:
    for member in members:
        await member.click(posts(world)[0], label="Going")


def mentioned(message: discord.Message) -> set[int]:
    return {user.id for user in message.mentions}


async def until(world: World, before_start: timedelta) -> None:
    await world.pass_time(seconds=(FIRST - before_start - world.now).total_seconds())


async def test_three_reminders_mention_those_who_are_going(group_world: World) -> None:
    await schedule(group_world)
    carol = group_world.guild.add_member(group_world.env.create_user("carol"))
    await going(group_world, group_world.alice)
    await group_world.bob.click(posts(group_world)[0], label="Maybe")
    await carol.click(posts(group_world)[0], label="Can't")
    for count, lead in enumerate((timedelta(hours=24), timedelta(hours=1), timedelta(minutes=10)), start=1):
        await until(group_world, lead + timedelta(seconds=1))
        assert len(reminders(group_world)) == count - 1
        await group_world.pass_time(seconds=1)
        assert len(reminders(group_world)) == count
    await group_world.pass_time(days=1)
    found = reminders(group_world)
    assert len(found) == 3
    for message in found:
        assert mentioned(message) == {group_world.alice.id}
        assert group_world.bob.mention not in message.content
        assert carol.mention not in message.content
        assert full(FIRST) in message.content
        assert "was due" not in message.content
    assert {row.state for row in await ledger_rows(group_world, "meetup_reminder")} == {"sent"}


async def test_only_reminders_whose_time_is_still_ahead_are_planned(group_world: World) -> None:
    await schedule(group_world, when="in 90 minutes")
    leads = [row.key.split(":")[3] for row in await ledger_rows(group_world, "meetup_reminder")]
    assert leads == ["1h", "10m"]


async def test_a_reminder_comes_though_nobody_is_going_and_can_be_answered(group_world: World) -> None:
    await schedule(group_world)
    await until(group_world, timedelta(hours=24))
    [reminder] = reminders(group_world)
    assert reminder.mentions == []
    assert "Nobody is going yet." in reminder.content
    assert labels(reminder) == ["Going", "Maybe", "Can't"]
    before = reminder.content
    assert "You are going." in said(await group_world.bob.click(reminder, label="Going"))
    assert f"Going (1) {group_world.bob.mention}" in read(posts(group_world)[0])
    assert reminders(group_world)[0].content == before


async def test_a_late_reminder_says_so_and_a_pointless_one_is_dropped(group_world: World) -> None:
    await schedule(group_world)
    await going(group_world, group_world.alice)
    group_world.bot.scheduler.remove("dispatch")  # as if the process were down
    await until(group_world, timedelta(minutes=45))
    await group_world.restart()
    [late] = reminders(group_world)
    assert f"was due {full(FIRST - timedelta(hours=1))}" in late.content
    assert mentioned(late) == {group_world.alice.id}
    states = {row.key.split(":")[3]: row.state for row in await ledger_rows(group_world, "meetup_reminder")}
    assert states == {"24h": "skipped", "1h": "sent", "10m": "pending"}
    group_world.bot.scheduler.remove("dispatch")
    await group_world.pass_time(hours=1)
    await group_world.restart()
    assert len(reminders(group_world)) == 1
    states = {row.key.split(":")[3]: row.state for row in await ledger_rows(group_world, "meetup_reminder")}
    assert states["10m"] == "skipped"


async def test_a_skipped_date_is_not_reminded_of(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    await going(group_world, group_world.alice)
    [first, *_] = await dates(group_world)
    await group_world.organizer.slash(group_world.channel, "meetup skip", meetup=str(first.id))
    await group_world.pass_time(days=8)
    starts = full(FIRST)
    assert [message for message in reminders(group_world) if starts in message.content] == []


async def test_who_left_the_server_is_not_pinged_and_frees_the_place(group_world: World) -> None:
    await schedule(group_world, capacity=2)
    await going(group_world, group_world.alice, group_world.bob)
    carol = group_world.guild.add_member(group_world.env.create_user("carol"))
    await going(group_world, carol)
    group_world.guild.remove_member(group_world.alice)
    await until(group_world, timedelta(hours=24))
    [reminder] = reminders(group_world)
    assert mentioned(reminder) == {group_world.bob.id, carol.id}
    assert group_world.alice.mention not in reminder.content
    await group_world.pass_time(minutes=1)
    assert group_world.alice.mention not in read(posts(group_world)[0])
    assert "Going (2/2)" in read(posts(group_world)[0])
    assert len(group_world.dms(carol)) == 1


async def test_the_thread_on_the_post_gets_the_reminder(group_world: World) -> None:
    await schedule(group_world)
    await going(group_world, group_world.alice)
    thread = group_world.env.backend.create_thread(
        group_world.channel.id, "Algebra", group_world.alice.id, message_id=posts(group_world)[0].id
    )
    await group_world.env.settle()
    await until(group_world, timedelta(hours=24))
    assert reminders(group_world) == []
    found = ChannelHandle(group_world.env, group_world.guild, thread).history()
    [reminder] = [message for message in found if " starts <t:" in message.content]
    assert mentioned(reminder) == {group_world.alice.id}
    # A thread that is closed by then leaves the channel.
    group_world.env.backend.edit_channel(thread.id, {}, thread_metadata={"archived": True, "locked": True})
    await group_world.env.settle()
    await group_world.pass_time(hours=23)
    assert len(reminders(group_world)) == 1


async def test_a_new_home_channel_gets_the_reminders(group_world: World) -> None:
    await schedule(group_world)
    await going(group_world, group_world.alice)
    home = group_world.guild.create_text_channel("new-home")
    await group_world.organizer.slash(group_world.channel, "group edit", group="Berlin", channel=home)
    await until(group_world, timedelta(hours=24))
    assert reminders(group_world) == []
    [reminder] = home.history()
    assert mentioned(reminder) == {group_world.alice.id}


async def test_many_people_are_mentioned_in_several_messages(group_world: World) -> None:
    await schedule(group_world)
    members = [
        group_world.guild.add_member(group_world.env.create_user(f"member{index}")) for index in range(65)
    ]
    [date] = await dates(group_world)
    for member in members:
        await group_world.bot.services.meetups.answer(
            occurrence_id=date.id, guild_id=group_world.guild.id, user_id=member.id, wanted=Answer.GOING
        )
    await until(group_world, timedelta(hours=24))
    found = reminders(group_world)
    assert [len(mentioned(message)) for message in found] == [60, 5]
    assert set.union(*map(mentioned, found)) == {member.id for member in members}
    assert all(len(message.content) <= 2000 for message in history(group_world))


async def test_a_lost_channel_fails_with_its_reason(group_world: World) -> None:
    await schedule(group_world)
    await going(group_world, group_world.alice)
    group_world.env.backend.delete_channel(group_world.channel.id)
    await until(group_world, timedelta(hours=23))
    [day, *_] = await ledger_rows(group_world, "meetup_reminder")
    assert day.state == "failed"
    # The meetup itself goes on.
    assert (await dates(group_world))[0].state == "planned"
