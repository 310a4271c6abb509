"""Answers to meetups: places, the waiting list, promotion, and buttons that outlive restarts."""

import discord
from simcord import InteractionResult, MemberActor

from bot.sandbox import World
from tests.features.meeting import dates, labels, ledger_rows, posts, read, schedule
from tests.features.reading import said


async def press(world: World, member: MemberActor, label: str, index: int = -1) -> InteractionResult:
    return await member.click(posts(world)[index], label=label)


def newcomer(world: World, name: str) -> MemberActor:
    return world.guild.add_member(world.env.create_user(name))


async def test_an_answer_shows_on_the_post_and_privately(group_world: World) -> None:
    await schedule(group_world)
    answer = await press(group_world, group_world.alice, "Going")
    [private] = answer.followups
    assert private.ephemeral
    assert private.content == "You are going."
    [post] = posts(group_world)
    assert f"Going (1) {group_world.alice.mention}" in read(post)
    await press(group_world, group_world.alice, "Maybe")
    assert "Going (0)" in read(posts(group_world)[0])
    assert f"Maybe (1) {group_world.alice.mention}" in read(posts(group_world)[0])
    assert "can't make it" in said(await press(group_world, group_world.alice, "Can't"))
    assert "Can't 1" in read(posts(group_world)[0])
    assert group_world.alice.mention not in read(posts(group_world)[0])


async def test_the_same_answer_twice_changes_nothing(group_world: World) -> None:
    await schedule(group_world, capacity=1)
    await press(group_world, group_world.alice, "Going")
    await press(group_world, group_world.bob, "Going")
    [before] = await dates(group_world)
    assert "You are going." in said(await press(group_world, group_world.alice, "Going"))
    assert "number 1 on the waiting list" in said(await press(group_world, group_world.bob, "Going"))
    [after] = await dates(group_world)
    assert after.version == before.version
    assert await ledger_rows(group_world, "promoted") == []


async def test_anyone_in_the_server_may_answer_and_a_restart_keeps_the_buttons(group_world: World) -> None:
    await schedule(group_world)
    carol = newcomer(group_world, "carol")
    await group_world.restart()
    assert "You are going." in said(await press(group_world, carol, "Going"))
    assert f"Going (1) {carol.mention}" in read(posts(group_world)[0])


async def test_the_first_who_waits_gets_the_place_and_is_told(group_world: World) -> None:
    await schedule(group_world, capacity=1)
    carol = newcomer(group_world, "carol")
    await press(group_world, group_world.alice, "Going")
    # The later id answers first: the order is that of the answers.
    assert "number 1 on the waiting list" in said(await press(group_world, carol, "Going"))
    assert "number 2 on the waiting list" in said(await press(group_world, group_world.bob, "Going"))
    text = read(posts(group_world)[0])
    assert "Going (1/1)" in text
    assert f"Waiting list (2) {carol.mention}, {group_world.bob.mention}" in text
    await press(group_world, group_world.alice, "Can't")
    await group_world.pass_time(seconds=1)
    text = read(posts(group_world)[0])
    assert f"Going (1/1) {carol.mention}" in text
    assert f"Waiting list (1) {group_world.bob.mention}" in text
    [news] = group_world.dms(carol)
    assert "A place became free" in news.content
    assert "Algebra" in news.content
    assert group_world.dms(group_world.bob) == []
    assert group_world.dms(group_world.alice) == []


async def test_who_is_told_of_a_place_can_give_it_up_in_that_message(group_world: World) -> None:
    await schedule(group_world, capacity=1)
    await press(group_world, group_world.alice, "Going")
    await press(group_world, group_world.bob, "Going")
    await press(group_world, group_world.alice, "Maybe")
    await group_world.pass_time(seconds=1)
    [news] = group_world.dms(group_world.bob)
    answer = await group_world.bob.user.click(news, label="Can't")
    assert "can't make it" in said(answer)
    assert "Going (0/1)" in read(posts(group_world)[0])


async def test_closed_direct_messages_lead_to_the_channel_and_a_mention_of_them_only(
    group_world: World,
) -> None:
    await schedule(group_world, capacity=1)
    await press(group_world, group_world.alice, "Going")
    await press(group_world, group_world.bob, "Going")
    group_world.env.inject_error(
        "POST", "/users/@me/channels", status=403, code=50007, message="Cannot send", times=None
    )
    await press(group_world, group_world.alice, "Can't")
    await group_world.pass_time(minutes=1)
    [news] = [
        message for message in group_world.channel.history() if "A place became free" in message.content
    ]
    assert [user.id for user in news.mentions] == [group_world.bob.id]
    assert group_world.alice.mention not in news.content


async def test_leaving_the_group_names_its_host_no_more(group_world: World) -> None:
    world = group_world
    await schedule(world, host=world.alice)
    await schedule(world, host=world.bob, title="Topology")
    assert f"Host {world.alice.mention}" in read(posts(world)[0])
    await world.alice.slash(world.channel, "group leave")
    await world.pass_time(seconds=1)
    assert "Host somebody who left" in read(posts(world)[0])
    assert f"Host {world.bob.mention}" in read(posts(world)[1])
    guild = world.env.backend.get_guild(world.guild.id)
    shown_by_events = {event.name: event.description for event in guild.scheduled_events.values()}
    assert "somebody who left" in str(shown_by_events["Algebra"])
    assert world.bob.mention in str(shown_by_events["Topology"])


async def test_leaving_the_group_frees_the_place(group_world: World) -> None:
    await schedule(group_world, capacity=1, repeat="weekly")
    await press(group_world, group_world.alice, "Going")
    await press(group_world, group_world.bob, "Going")
    await group_world.alice.slash(group_world.channel, "group leave")
    await group_world.pass_time(seconds=1)
    assert f"Going (1/1) {group_world.bob.mention}" in read(posts(group_world)[0])
    assert group_world.alice.mention not in read(posts(group_world)[0])
    assert len(group_world.dms(group_world.bob)) == 1


async def test_more_places_promote_in_order_and_fewer_throw_nobody_out(group_world: World) -> None:
    await schedule(group_world, capacity=1)
    carol = newcomer(group_world, "carol")
    for member in (group_world.alice, group_world.bob, carol):
        await press(group_world, member, "Going")
    [date] = await dates(group_world)
    await group_world.organizer.slash(group_world.channel, "meetup edit", meetup=str(date.id), capacity=2)
    text = read(posts(group_world)[0])
    assert f"Going (2/2) {group_world.alice.mention}, {group_world.bob.mention}" in text
    await group_world.organizer.slash(group_world.channel, "meetup edit", meetup=str(date.id), capacity=1)
    text = read(posts(group_world)[0])
    assert f"Going (2/1) {group_world.alice.mention}, {group_world.bob.mention}" in text
    assert f"Waiting list (1) {carol.mention}" in text
    # One of two goes, and one place is all there is: nobody moves up.
    await press(group_world, group_world.alice, "Can't")
    assert f"Waiting list (1) {carol.mention}" in read(posts(group_world)[0])
    await press(group_world, group_world.bob, "Can't")
    assert f"Going (1/1) {carol.mention}" in read(posts(group_world)[0])


async def test_a_meetup_that_is_over_or_called_off_takes_no_answer(group_world: World) -> None:
    await schedule(group_world)
    before = posts(group_world)[0]
    [date] = await dates(group_world)
    await group_world.pass_time(days=9)
    assert labels(posts(group_world)[0]) == []
    # A phone that still shows the old buttons sends the press all the same.
    group_world.env.backend.get_message(group_world.channel.id, before.id).components = [
        component.to_dict() for component in before.components
    ]
    refused = await group_world.alice.click(posts(group_world)[0], label="Going")
    assert "so it can't be changed any more" in said(refused)
    assert refused.followups[0].ephemeral
    unknown = await group_world.alice.slash(group_world.channel, "meetup skip", meetup=str(date.id))
    assert unknown.ephemeral


async def test_a_deleted_post_is_not_made_again(group_world: World) -> None:
    await schedule(group_world)
    group_world.env.backend.delete_message(group_world.channel.id, posts(group_world)[0].id)
    await group_world.env.settle()
    [date] = await dates(group_world)
    answer = await group_world.organizer.slash(
        group_world.channel, "meetup edit", meetup=str(date.id), title="Geometry"
    )
    assert "Geometry" in said(answer)
    await group_world.pass_time(minutes=5)
    [date] = await dates(group_world)
    assert date.post_message_id is None
    await group_world.restart()
    await group_world.pass_time(minutes=5)
    assert [read(post) for post in posts(group_world) if labels(post)] == []


async def test_a_post_that_could_not_be_edited_is_healed_later(group_world: World) -> None:
    await schedule(group_world)
    group_world.env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50013, message="no")
    [date] = await dates(group_world)
    await group_world.organizer.slash(
        group_world.channel, "meetup edit", meetup=str(date.id), title="Geometry"
    )
    assert "Algebra" in read(posts(group_world)[0])
    await group_world.pass_time(hours=2)
    assert "Geometry" in read(posts(group_world)[0])


async def test_many_names_fit_into_the_post(group_world: World) -> None:
    await schedule(group_world)
    for index in range(42):
        await press(group_world, newcomer(group_world, f"member{index}"), "Going")
    text = read(posts(group_world)[0])
    assert "Going (42)" in text
    assert "and 4 more" in text


async def test_an_answer_pings_nobody(group_world: World) -> None:
    await schedule(group_world)
    await press(group_world, group_world.alice, "Going")
    assert isinstance(posts(group_world)[0], discord.Message)
    assert posts(group_world)[0].mentions == []


async def test_a_freed_place_is_told_at_once_also_after_hours_of_deliveries(group_world: World) -> None:
    world = group_world
    await world.organizer.slash(world.channel, "remind me", when="in 1 hour", what="algebra")
    await schedule(world, capacity=1)
    await press(world, world.alice, "Going")
    await press(world, world.bob, "Going")
    await world.pass_time(hours=2)
    before = world.now
    await press(world, world.alice, "Can't")
    assert "A place became free" in world.last_dm(world.bob).content
    assert (world.now - before).total_seconds() < 5
    assert len(world.dms(world.organizer)) == 1
