"""Who came: the host's rotating code, the voice channel, and the list afterwards."""

import re
from datetime import timedelta
from typing import Any

import pytest
from simcord import InteractionResult, MemberActor

from bot.sandbox import World
from tests.features.meeting import both
from tests.features.reading import said


async def schedule(world: World, **options: Any) -> None:
    """A meetup of 90 minutes that begins in two hours, unless told otherwise."""
    given = {"when": "in 2 hours", "title": "Lesson 1", **options}
    await world.organizer.slash(world.channel, "meetup schedule", **given)


async def checkin(world: World, by: MemberActor, **options: str) -> InteractionResult:
    return await by.slash(world.channel, "meetup checkin", **options)


async def code(world: World) -> str:
    """The code as the host sees it now."""
    found = re.search(r"^# (\w{6})$", said(await checkin(world, world.organizer)), re.MULTILINE)
    assert found
    return found[1]


async def attendance(world: World, meetup: str = "1") -> str:
    answer = await world.bob.slash(world.channel, "meetup attendance", meetup=meetup)
    assert answer.ephemeral
    return said(answer)


async def test_members_enter_the_hosts_code(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await world.pass_time(hours=2)
    shown = await checkin(world, world.organizer)
    assert shown.ephemeral
    right = await code(world)
    answer = await checkin(world, world.alice, code=f" {right[:3].lower()} {right[3:]} ")
    assert answer.ephemeral
    assert said(answer) == "Checked in to **Lesson 1**."
    await world.pass_time(minutes=1)
    assert "already" in said(await checkin(world, world.alice, code=right))
    text = await attendance(world)
    assert "**1 came**: 1 by code." in text
    assert world.alice.mention in text
    assert world.bob.mention not in text


async def test_the_code_rotates_and_the_one_before_still_works(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await world.pass_time(hours=2)
    first = await code(world)
    card = await checkin(world, world.organizer)
    assert f"<t:{int(world.now.timestamp()) + 300}:R>" in said(card)
    await world.pass_time(minutes=5)
    second = await code(world)
    assert second != first
    await world.organizer.click(card.response, label="New code")
    assert f"# {second}" in said(card)
    assert "Checked in" in said(await checkin(world, world.alice, code=first))
    await world.pass_time(minutes=5)
    late = await checkin(world, world.bob, code=first)
    assert late.ephemeral
    assert "not the current code" in said(late)
    assert "Checked in" in said(await checkin(world, world.bob, code=second))


async def test_only_the_host_and_organizers_are_shown_the_code(group_world: World) -> None:
    world = group_world
    await schedule(world, host=world.alice)
    await world.pass_time(hours=2)
    assert "Check-in code" in said(await checkin(world, world.alice))
    refused = await checkin(world, world.bob)
    assert refused.ephemeral
    assert "host of “Lesson 1” has the code" in said(refused)
    card = await checkin(world, world.organizer)
    assert "Check-in code" in said(card)


async def test_the_new_code_button_outlives_a_restart_and_closes_with_check_in(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await world.pass_time(hours=2)
    card = await checkin(world, world.organizer)
    await world.restart()
    await world.pass_time(minutes=5)
    await world.organizer.click(card.response, label="New code")
    assert f"# {await code(world)}" in said(card)
    await world.pass_time(hours=4)
    closed = await world.organizer.click(card.response, label="New code")
    assert "Check-in for “Lesson 1” is open from" in said(closed)


async def test_check_in_is_open_from_half_an_hour_before_to_two_hours_after(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await world.pass_time(minutes=89)
    early = said(await checkin(world, world.organizer))
    assert "No meetup of “Berlin” is on now. The next one starts" in early
    await world.pass_time(minutes=1)
    await code(world)
    await world.pass_time(hours=4)
    last = await code(world)
    assert "Checked in" in said(await checkin(world, world.alice, code=last))
    await world.pass_time(minutes=1)
    assert "has no meetup to check in to" in said(await checkin(world, world.bob, code=last))


async def test_guessing_is_stopped_for_ten_minutes(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await world.pass_time(hours=2)
    for _ in range(5):
        assert "not the current code" in said(await checkin(world, world.alice, code="AAAAAA"))
    blocked = said(await checkin(world, world.alice, code=await code(world)))
    assert f"Too many wrong codes. Try again {both(world.now + timedelta(minutes=10))}." in blocked
    # It is hers alone, and it passes.
    assert "Checked in" in said(await checkin(world, world.bob, code=await code(world)))
    await world.pass_time(minutes=10)
    assert "Checked in" in said(await checkin(world, world.alice, code=await code(world)))


async def test_who_is_not_in_the_group_joins_first(group_world: World) -> None:
    world = group_world
    guest = world.guild.add_member(world.env.create_user("guest"))
    await schedule(world)
    await world.pass_time(hours=2)
    right = await code(world)
    assert "You are not in “Berlin”" in said(await checkin(world, guest, code=right))
    await guest.slash(world.channel, "group join")
    assert "Checked in" in said(await checkin(world, guest, code=right))


async def test_the_code_tells_which_of_two_meetups_is_meant(group_world: World) -> None:
    world = group_world
    other = world.guild.create_text_channel("paris")
    await world.organizer.slash(other, "group create", name="Paris", timezone="Europe/Paris")
    await world.alice.slash(other, "group join")
    await schedule(world)
    await world.organizer.slash(other, "meetup schedule", when="in 2 hours", title="Réunion")
    await world.pass_time(hours=2)
    paris = re.search(
        r"^# (\w{6})$", said(await world.organizer.slash(other, "meetup checkin")), re.MULTILINE
    )
    assert paris
    assert paris[1] != await code(world)
    assert "Réunion" in said(await checkin(world, world.alice, code=paris[1]))
    assert "Nobody is checked in yet" in await attendance(world)


async def test_five_minutes_in_the_voice_channel_count(group_world: World) -> None:
    world = group_world
    room = world.guild.create_voice_channel("room")
    elsewhere = world.guild.create_voice_channel("elsewhere")
    guest = world.guild.add_member(world.env.create_user("guest"))
    await schedule(world, where=room)
    # Alice sits there before it begins, a guest too; Bob leaves after four minutes.
    await world.alice.join_voice(room)
    await guest.join_voice(room)
    await world.pass_time(hours=1, minutes=59)
    assert "Nobody" in await attendance(world)
    await world.pass_time(minutes=1)
    await world.bob.join_voice(room)
    await world.organizer.join_voice(elsewhere)
    await world.pass_time(minutes=4)
    await world.bob.leave_voice()
    assert "Nobody" in await attendance(world)
    await world.pass_time(minutes=1)
    text = await attendance(world)
    assert "**1 came**: 1 in voice." in text
    assert world.alice.mention in text
    await world.organizer.join_voice(room)
    await world.bob.join_voice(room)
    await world.pass_time(minutes=6)
    await world.bob.join_voice(elsewhere)
    text = await attendance(world)
    assert "**3 came**: 3 in voice." in text
    assert guest.mention not in text


async def test_who_stays_in_voice_over_a_restart_is_counted(group_world: World) -> None:
    world = group_world
    room = world.guild.create_stage_channel("stage")
    await schedule(world, where=room)
    await world.pass_time(hours=2)
    await world.alice.join_voice(room)
    await world.pass_time(minutes=3)
    await world.restart()
    await world.pass_time(minutes=4)
    assert "Nobody" in await attendance(world)
    await world.pass_time(minutes=1)
    assert world.alice.mention in await attendance(world)


async def test_a_stay_that_ends_with_the_meetup_counts_and_one_after_it_does_not(group_world: World) -> None:
    world = group_world
    room = world.guild.create_voice_channel("room")
    await schedule(world, where=room)
    await world.pass_time(hours=3, minutes=25)
    await world.alice.join_voice(room)
    await world.pass_time(minutes=1)
    await world.bob.join_voice(room)
    await world.pass_time(minutes=30)
    text = await attendance(world)
    assert world.alice.mention in text
    assert world.bob.mention not in text


async def test_past_meetups_are_offered_newest_first(group_world: World) -> None:
    world = group_world
    await schedule(world, title="Monday's")
    await world.pass_time(days=1)
    await schedule(world, title="Tuesday's")
    await world.pass_time(days=1)
    await schedule(world, title="Still to come", when="in 3 hours")
    offered = await world.bob.autocomplete(world.channel, "meetup attendance", "meetup", "")
    assert [choice["value"] for choice in offered] == ["2", "1"]
    assert offered[0]["name"].startswith("Tuesday's · ")
    assert "Nobody checked in." in await attendance(world, "2")
    assert "Nobody is checked in yet." in await attendance(world, "3")


@pytest.mark.parametrize("typed", ["999", "no such meetup", "²", "9" * 30])
async def test_an_unknown_meetup_has_no_list(group_world: World, typed: str) -> None:
    world = group_world
    assert "can't find" in await attendance(world, typed)


async def test_nobody_has_come_to_a_date_that_moved_away(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await schedule(world, title="Lesson 2")
    await world.pass_time(hours=2)
    right = await code(world)
    assert "Lesson" in said(await checkin(world, world.alice, code=right))
    [came] = [number for number in "12" if world.alice.mention in await attendance(world, number)]
    other = "2" if came == "1" else "1"
    # A quarter of an hour later it is still the same gathering.
    await world.organizer.slash(world.channel, "meetup move", meetup=came, when="in 15 minutes")
    assert world.alice.mention in await attendance(world, came)
    await world.organizer.slash(world.channel, "meetup move", meetup=other, when="in 3 days")
    assert world.alice.mention in await attendance(world, came)
    await world.organizer.slash(world.channel, "meetup move", meetup=came, when="in 2 days")
    assert world.alice.mention not in await attendance(world, came)
    board = await world.alice.slash(world.channel, "leaderboard show", by="meetups")
    assert world.alice.mention not in said(board)
