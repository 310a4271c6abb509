"""A project that fell quiet: one kind word in private, and what its owner makes of it."""

from datetime import timedelta

import pytest
from simcord import InteractionResult, MemberActor

from bot.delivery.dispatcher import Pointless
from bot.sandbox import World
from tests.features.building import entries, project, projects, start, states
from tests.features.learning import forged
from tests.features.meeting import both, history, labels, ledger_rows, read
from tests.features.reading import said
from tests.features.reminding import close_dms, custom_id, sleep_through

NUDGE = "project_nudge"


@pytest.fixture
async def quiet_world(group_world: World) -> World:
    """Alice's project has been quiet for two weeks, and she was asked about it; Bob's went on."""
    await start(group_world, group_world.alice)
    await start(group_world, group_world.bob, "Birds", "tell crows from ravens")
    await group_world.pass_time(days=13)
    await project(group_world, group_world.bob, "update", text="Ravens are bigger")
    await group_world.pass_time(days=1)
    return group_world


def dms(world: World, member: MemberActor) -> list[str]:
    return [message.content for message in world.dms(member)]


async def press(world: World, label: str) -> InteractionResult:
    return await world.alice.user.click(world.dms(world.alice)[0], label=label)


async def fill_in(world: World, **values: object) -> InteractionResult:
    return await world.alice.user.submit_modal(await press(world, "Update"), values)


async def test_a_quiet_project_gets_one_kind_word_in_private(group_world: World) -> None:
    world = group_world
    await start(world, world.alice)
    began = world.now
    await start(world, world.bob, "Birds")
    await project(world, world.bob, "pause")
    await world.restart()
    await world.pass_time(days=13, hours=23)
    assert dms(world, world.alice) == []
    posts = len(history(world))
    await world.pass_time(hours=1)
    [nudge] = world.dms(world.alice)
    assert f"**Bears** has been quiet since {both(began)}" in nudge.content
    assert labels(nudge) == ["Update", "Pause", "Ask the group"]
    await world.pass_time(days=40)
    assert len(dms(world, world.alice)) == 1  # once for the whole of this quiet spell
    assert dms(world, world.bob) == []
    assert len(history(world)) == posts


async def test_whoever_tells_the_group_something_is_left_alone_for_two_more_weeks(quiet_world: World) -> None:
    world = quiet_world
    await project(world, world.alice, "update", text="Cubs are harder")
    said_at = world.now
    await world.pass_time(days=13)
    assert len(dms(world, world.alice)) == 1
    assert len(dms(world, world.bob)) == 1
    await world.pass_time(days=1)
    assert both(said_at) in dms(world, world.alice)[1]
    assert [row.state for row in await ledger_rows(world, NUDGE)] == ["sent", "skipped", "sent", "sent"]


@pytest.mark.parametrize("verb", ["pause", "ship", "drop"])
async def test_a_project_that_rests_or_is_over_is_not_asked_about(group_world: World, verb: str) -> None:
    world = group_world
    await start(world, world.alice)
    await world.pass_time(days=10)
    await project(world, world.alice, verb)
    await world.pass_time(days=30)
    assert dms(world, world.alice) == []
    if verb == "ship":
        return
    await project(world, world.alice, "resume", project="Bears")
    await world.pass_time(days=13)
    assert dms(world, world.alice) == []
    await world.pass_time(days=1)
    assert len(dms(world, world.alice)) == 1


async def test_an_update_by_the_form_after_a_restart(quiet_world: World) -> None:
    world = quiet_world
    await world.restart()
    posts = len(history(world))
    await fill_in(world, text="Cubs are *harder*\nthan I thought", stage=["data"])
    assert "Noted, and told the group" in dms(world, world.alice)[0]
    await world.pass_time(minutes=1)
    [post] = history(world)[posts:]
    assert "Cubs are \\*harder\\*\nthan I thought" in read(post)
    assert "Milestone: **data**" in read(post)
    assert world.alice.mention in read(post)
    assert (await entries(world))[-1].message_id == post.id
    [bears, birds] = await projects(world)
    assert (bears.stage.value, birds.stage.value) == ("data", "idea")
    # Whatever was chosen, the buttons rest, and the first still carries the delivery's mark.
    [nudge] = world.dms(world.alice)
    assert all(item.disabled for row in nudge.components for item in row.children)  # type: ignore[union-attr]
    assert "#" in custom_id(nudge, "Update")
    await world.pass_time(days=13, hours=23)
    assert len(dms(world, world.alice)) == 1
    await world.pass_time(hours=1)
    assert len(dms(world, world.alice)) == 2


async def test_a_form_that_says_nothing_or_comes_too_late_changes_nothing(quiet_world: World) -> None:
    world = quiet_world
    assert "The text needs at least one visible character" in said(await fill_in(world, text="\u2060"))
    form = await press(world, "Update")
    await project(world, world.alice, "drop")
    late = await world.alice.user.submit_modal(form, {"text": "x"})
    assert "“Bears” is dropped" in said(late)
    assert "“Bears” is dropped" in said(await press(world, "Update"))
    assert "“Bears” is dropped" in said(await press(world, "Pause"))
    assert "“Bears” is dropped" in said(await press(world, "Ask the group"))
    assert [entry.kind.value for entry in await entries(world)][-2:] == ["update", "dropped"]
    assert "Noted" not in dms(world, world.alice)[0]


async def test_pause_under_the_nudge(quiet_world: World) -> None:
    world = quiet_world
    await world.restart()
    posts = len(history(world))
    await press(world, "Pause")
    assert "Paused. `/project resume`" in dms(world, world.alice)[0]
    assert await states(world) == ["Bears paused", "Birds active"]
    await world.pass_time(days=30)
    assert len(history(world)) == posts
    assert len(dms(world, world.alice)) == 1


async def test_ask_the_group_posts_one_call_for_help(quiet_world: World) -> None:
    world = quiet_world
    await world.restart()
    posts = len(history(world))
    [nudge] = world.dms(world.alice)
    await press(world, "Ask the group")
    assert f"Asked in <#{world.channel.id}>" in dms(world, world.alice)[0]
    await world.pass_time(minutes=1)
    [post] = history(world)[posts:]
    assert f"{world.alice.mention} would be glad of help" in read(post)
    assert "tell bears apart" in read(post)
    assert "crows" not in read(post)
    assert post.mentions == []
    asked = (await entries(world))[-1]
    assert (asked.kind.value, asked.message_id) == ("question", post.id)
    # Pressed once more, by a client that has not seen the edit yet.
    stored = world.env.backend.messages[nudge.channel.id][nudge.id]
    stored.components = [row.to_dict() for row in nudge.components]
    again = await press(world, "Ask the group")
    assert "You asked the group about “Bears”" in said(again)
    assert "Asked the group: Who has an idea" in said(
        await project(world, world.bob, "show", project="Bears")
    )
    await world.pass_time(days=1)
    assert len(history(world)) == posts + 2  # the call, and what Bob was shown
    await press(world, "Ask the group")
    await world.pass_time(minutes=1)
    assert len(history(world)) == posts + 3


async def test_closed_direct_messages_tell_nobody_else(group_world: World) -> None:
    world = group_world
    await start(world, world.alice)
    posts = len(history(world))
    close_dms(world, world.alice)
    await world.pass_time(days=15)
    close_dms(world, world.alice, closed=False)
    await world.pass_time(days=30)
    assert [row.state for row in await ledger_rows(world, NUDGE)] == ["failed"]
    assert dms(world, world.alice) == dms(world, world.organizer) == []
    assert len(history(world)) == posts
    assert not (await project(world, world.alice, "update", text="x")).ephemeral


async def test_whoever_left_the_group_or_whose_group_is_closed_is_not_asked(group_world: World) -> None:
    world = group_world
    await start(world, world.alice)
    await world.alice.slash(world.channel, "group leave")
    await world.pass_time(days=15)
    await start(world, world.bob, "Birds")
    await world.organizer.slash(world.channel, "group archive")
    await world.pass_time(days=15)
    assert dms(world, world.alice) == dms(world, world.bob) == []
    assert [row.state for row in await ledger_rows(world, NUDGE)] == ["skipped", "skipped"]


async def test_a_nudge_that_is_overtaken_on_its_way_is_not_said(group_world: World) -> None:
    world = group_world
    await start(world, world.alice)
    await world.env.advance_time(timedelta(days=14).total_seconds())
    [held] = await world.bot.ledger.claim(5)
    await project(world, world.alice, "update", text="x")
    with pytest.raises(Pointless):
        await world.bot.sender.render(held)
    await world.pass_time(hours=1)
    assert dms(world, world.alice) == []


async def test_after_weeks_without_a_process_the_nudge_is_dropped_and_a_late_one_is_said(
    group_world: World,
) -> None:
    world = group_world
    await start(world, world.alice)
    await sleep_through(world, timedelta(days=20))
    assert len(dms(world, world.alice)) == 1
    await project(world, world.alice, "update", text="x")
    await sleep_through(world, timedelta(days=22))
    assert len(dms(world, world.alice)) == 1


async def test_the_buttons_change_only_ones_own_project(quiet_world: World) -> None:
    world = quiet_world
    for verb in ("update", "pause", "ask"):
        for id in (1, 987654):
            here = await forged(world, "project", id, verb)
            refused = await world.bob.click(here, label="Press")
            assert refused.ephemeral
            assert "it is not yours" in said(refused)
    assert await states(world) == ["Bears active", "Birds active"]
    assert [entry.kind.value for entry in await entries(world)] == ["started", "started", "update"]
