"""`/project` as members live it: one at a time, told to the group, shipped, and shown to whoever looks."""

import asyncio

import pytest
from sqlalchemy import update

from bot.db.models import Membership
from bot.errors import ActiveProject
from bot.sandbox import World
from bot.services.access import Caller
from tests.features.building import entries, project, projects, refused, start, states
from tests.features.learning import follow, forged, mark
from tests.features.meeting import history, labels, ledger_rows, read
from tests.features.reading import said

REPO = "https://github.com/alice/bears"


async def test_a_project_from_its_start_to_its_end(group_world: World) -> None:
    world = group_world
    await start(world, world.bob, "Birds", "tell crows from ravens")
    started = await start(world, world.alice, "Bears *and* cubs", "tell bears apart", repo=REPO)
    assert r"Bears \*and\* cubs" in said(started)
    assert f"**Repository:** {REPO}" in said(started)

    moved = await project(world, world.alice, "update", text="150 photos\u200b, *cleaned*", stage="data")
    assert not moved.ephemeral
    assert rf"{world.alice.mention}: 150 photos, \*cleaned\*" in said(moved)
    assert "Milestone: **data**" in said(moved)
    await world.pass_time(days=3)
    await project(world, world.alice, "update", text="resnet18 runs", stage="baseline", link=f"{REPO}/1")
    back = await project(world, world.alice, "update", text="More photos first", stage="data")
    assert "Back at the stage: **data**" in said(back)
    same = await project(world, world.alice, "update", text="Still at it", stage="data")
    assert "stage" not in said(same)
    assert "Milestone" not in said(same)

    shown = await project(world, world.alice, "show")
    assert not shown.ephemeral
    text = said(shown)
    assert "**active**, stage **data**" in text
    first = f"<t:{int(world.now.timestamp()) - 3 * 86400}:F>"
    assert f"Data: {first}" in text  # where it came back to later is no new milestone
    assert f"Baseline: <t:{int(world.now.timestamp())}:F>" in text
    assert "Demo" not in text
    assert "Birds" not in text
    # Each line of the log leads to its post, newest first.
    posts = [message for message in history(world) if "Bears" in read(message)]
    log = text.split("Log ")[1].splitlines()
    assert [line.rpartition("/")[2] for line in log] == [str(post.id) for post in reversed(posts[:5])]
    assert "Still at it" in log[0]
    [file] = shown.response.attachments
    assert "Bears *and* cubs by Alice, active" in (file.description or "")
    assert "Still at it" in (file.description or "")

    shipped = await project(world, world.alice, "ship", link="https://bears.example.org")
    assert not shipped.ephemeral
    assert "has shipped this project, 3 days after it began" in said(shipped)
    assert "**Link:** https://bears.example.org" in said(shipped)
    assert len(shipped.response.attachments) == 1
    gallery = await project(world, world.bob, "list")
    assert not gallery.ephemeral
    lines = (gallery.response.embeds[0].description or "").splitlines()
    assert lines[0] == "**Shipped**"
    assert f"https://bears.example.org · {REPO}" in lines[1]
    assert lines[2:] == ["**Going on**", f"**Birds** by {world.bob.mention}, stage idea"]
    # The answers were the posts: nothing comes twice.
    before = len(history(world))
    await world.pass_time(days=2)
    assert len(history(world)) == before
    assert [row.state for row in await ledger_rows(world, "project_post")] == ["sent"] * 7


async def test_one_project_at_a_time_until_it_is_shipped_paused_or_dropped(group_world: World) -> None:
    world = group_world
    await start(world, world.alice, "Bears")
    await start(world, world.bob, "Birds")
    for verb in ("pause", "drop", "ship"):
        text = await refused(world, world.alice, "start", title="Cats", goal="x")
        assert "“Bears” is still going on" in text
        assert "`/project ship`, `/project pause` or `/project drop`" in text
        answer = await project(world, world.alice, verb)
        assert answer.ephemeral is (verb != "ship")
        assert "no active project" in await refused(world, world.alice, "update", text="x")
        await start(world, world.alice, "Cats")
        await project(world, world.alice, "drop")
        if verb != "ship":
            await project(world, world.alice, "resume", project="Bears")
    assert (await states(world))[:2] == ["Bears shipped", "Birds active"]


async def test_what_is_paused_is_resumed_and_every_wrong_turn_says_where_to_go(group_world: World) -> None:
    world = group_world
    await start(world, world.bob, "Birds")
    for verb in ("pause", "ship", "drop"):
        assert "You have no active project here. `/project start`" in await refused(world, world.alice, verb)
    assert "no active project" in await refused(world, world.alice, "update", text="x")
    assert "no paused project" in await refused(world, world.alice, "resume")
    assert f"{world.alice.mention} has no project to show" in await refused(world, world.alice, "show")

    await start(world, world.alice, "Bears")
    assert "“Bears” is going on already" in await refused(world, world.alice, "resume", project="Bears")
    await project(world, world.alice, "pause")
    text = await refused(world, world.alice, "update", text="x")
    assert "`/project resume` takes one up again (**Bears**)" in text
    assert "“Bears” is paused" in await refused(world, world.alice, "update", text="x", project="bears")
    await start(world, world.alice, "Cats")
    assert "“Cats” is still going on" in await refused(world, world.alice, "resume")
    await project(world, world.alice, "pause")
    text = await refused(world, world.alice, "resume")
    assert "Name it in the `project` option: **Cats**, **Bears**" in text
    assert "goes on" in said(await project(world, world.alice, "resume", project="Bears"))

    await project(world, world.alice, "drop")
    assert "“Bears” is dropped" in await refused(world, world.alice, "ship", project="Bears")
    assert "“Bears” is dropped" in await refused(world, world.alice, "drop", project="Bears")
    assert "Bears" not in said(await project(world, world.bob, "list"))
    await project(world, world.alice, "ship", project="Cats")  # a paused one may be shipped
    for verb in ("ship", "resume", "drop"):
        assert "“Cats” is shipped" in await refused(world, world.alice, verb, project="Cats")
    assert await states(world) == ["Birds active", "Bears dropped", "Cats shipped"]
    assert [entry.kind.value for entry in await entries(world)] == [
        "started", "started", "paused", "started", "paused", "resumed", "dropped", "shipped",
    ]  # fmt: skip


async def test_nobody_changes_the_project_of_another(group_world: World) -> None:
    world = group_world
    await start(world, world.bob, "Birds")
    [birds] = await projects(world)
    for typed in (str(birds.id), "Birds", "987654"):
        for verb, more in (("update", {"text": "x"}), ("resume", {}), ("ship", {}), ("drop", {})):
            text = await refused(world, world.alice, verb, project=typed, **more)
            assert f"I can't find a project “{typed}”" in text
    for verb in ("update", "resume", "ship", "drop"):
        assert await world.alice.autocomplete(world.channel, f"project {verb}", "project", "") == []
    assert await states(world) == ["Birds active"]
    assert len(await entries(world)) == 1
    [offer] = await world.alice.autocomplete(world.channel, "project show", "project", "bir")
    shown = await project(world, world.alice, "show", project=offer["value"])
    assert "tell bears apart" in said(shown)
    assert f"by {world.bob.mention}" not in said(shown)
    assert world.bob.mention in said(shown)
    assert "Birds" in said(await project(world, world.alice, "show", member=world.bob))


async def test_whoever_leaves_keeps_nothing_public_and_can_still_let_go(group_world: World) -> None:
    world = group_world
    await start(world, world.alice, "Bears")
    await world.alice.slash(world.channel, "group leave")
    assert "Nobody has a project here yet" in said(await project(world, world.bob, "list"))
    assert "has no project to show" in await refused(world, world.bob, "show", member=world.alice)
    assert "can't find a project" in await refused(world, world.bob, "show", project="Bears")
    button = next(message for message in history(world) if "Bears" in read(message))
    gone = await world.bob.click(button, label="Show project")
    assert gone.ephemeral
    assert "not to be seen here any more" in said(gone)
    assert await world.bob.autocomplete(world.channel, "project show", "project", "") == []
    for verb, more in (("update", {"text": "x"}), ("ship", {})):
        assert "You are not in “Berlin”" in await refused(world, world.alice, verb, **more)
    assert "rests" in await refused(world, world.alice, "pause")
    assert "You are not in “Berlin”" in await refused(world, world.alice, "resume")
    assert "is dropped" in await refused(world, world.alice, "drop", project="Bears")
    assert "You are not in “Berlin”" in await refused(world, world.alice, "start", title="x", goal="y")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"title": "\u200b"}, "The title needs at least one visible character"),
        ({"title": "x" * 101}, "The title has 101 characters; the most is 100"),
        ({"goal": " "}, "The goal needs"),
        ({"goal": "x" * 301}, "the most is 300"),
        ({"repo": "javascript:alert(1)"}, "The repo is no web address"),
        ({"repo": "http://localhost/x"}, "names no site that others can open"),
        ({"repo": "https://me:secret@example.org"}, "user name or password"),
        ({"group": "Paris"}, "There is no group “Paris”"),
    ],
)
async def test_what_cannot_be_started(group_world: World, options: dict[str, str], why: str) -> None:
    given = {"title": "Bears", "goal": "tell bears apart", **options}
    assert why in await refused(group_world, group_world.alice, "start", **given)
    assert await projects(group_world) == []


async def test_an_update_or_a_ship_with_bad_input_changes_nothing(group_world: World) -> None:
    world = group_world
    await start(world, world.alice)
    assert "the most is 1000" in await refused(world, world.alice, "update", text="x" * 1001, stage="demo")
    assert "The text needs" in await refused(world, world.alice, "update", text="\u2060", stage="demo")
    assert "no web address" in await refused(
        world, world.alice, "update", text="x", link="bears", stage="demo"
    )
    assert "no web address" in await refused(world, world.alice, "ship", link="ftp://example.org")
    [row] = await projects(world)
    assert (row.stage.value, row.state.value) == ("idea", "active")
    assert len(await entries(world)) == 1
    longest = await project(world, world.alice, "update", text="*" * 1000, stage="demo")
    assert not longest.ephemeral


async def test_a_project_shipped_elsewhere_is_announced_in_the_groups_channel_once(
    group_world: World,
) -> None:
    world = group_world
    lounge = world.guild.create_text_channel("lounge")
    await world.env.settle()
    await start(world, world.alice)
    answer = await world.alice.slash(lounge, "project ship")
    assert answer.ephemeral
    assert f"The announcement stands in <#{world.channel.id}>" in said(answer)
    await world.pass_time(minutes=1)
    post = history(world)[-1]
    assert "has shipped this project, on the day it began" in read(post)
    assert len(post.attachments) == 1
    assert labels(post) == ["Show project"]
    assert [message.content for message in lounge.history()] == []
    assert [entry.message_id for entry in await entries(world)][-1] == post.id
    await world.restart()
    shown = await world.bob.click(post, label="Show project")
    assert shown.ephemeral
    assert "**shipped**, stage **idea**" in said(shown)
    await world.pass_time(days=1)
    assert len([message for message in history(world) if "has shipped" in read(message)]) == 1


async def test_an_answer_that_got_lost_is_posted_by_the_ledger(group_world: World) -> None:
    world = group_world
    service = world.bot.services.projects
    await start(world, world.alice)
    [row] = await projects(world)
    caller = Caller(user_id=world.alice.id, guild_id=world.guild.id)
    await service.update(
        caller=caller, typed=str(row.id), text="Lost", has_image=True, answer_in=world.channel.id
    )
    await world.restart()
    await world.pass_time(minutes=2)
    post = history(world)[-1]
    assert f"{world.alice.mention}: Lost" in read(post)
    assert "Its picture was lost on the way" in read(post)
    assert [entry.message_id for entry in await entries(world)][-1] == post.id


async def test_the_gallery_is_cut_where_a_message_ends_and_says_so(group_world: World) -> None:
    world = group_world
    assert "Nobody has a project here yet" in said(await project(world, world.bob, "list"))
    for number in range(25):
        await start(world, world.alice, f"{number:03}" + "*" * 97, repo=REPO)
        await project(world, world.alice, "ship")
    await start(world, world.bob, "Birds")
    [embed] = (await project(world, world.bob, "list")).response.embeds
    shown = (embed.description or "").count("by <@")
    assert 5 < shown < 26
    assert "024" in (embed.description or "").splitlines()[1]  # the newest first
    assert embed.footer.text == f"and {26 - shown} more; /project show finds them by title"
    assert len(await world.bob.autocomplete(world.channel, "project show", "project", "")) == 25


async def test_the_capstone_is_told_of_once_half_of_the_course_is_done(group_world: World) -> None:
    world = group_world
    await follow(world)
    for lesson in ("1", "2", "3"):
        await mark(world, world.alice, lesson)
    assert "capstone" not in said(await start(world, world.alice)).lower()
    await project(world, world.alice, "drop")
    await mark(world, world.alice, "4")
    answer = await start(world, world.alice)
    assert "capstone is open: **One project, polished to the end**" in said(answer)
    assert answer.followups[-1].ephemeral
    assert "capstone" not in said(await start(world, world.bob)).lower()
    await project(world, world.alice, "ship")
    assert "capstone" not in said(await start(world, world.alice, "Cats")).lower()


async def test_two_projects_started_at_the_same_moment_are_one(group_world: World) -> None:
    world = group_world
    caller = Caller(user_id=world.alice.id, guild_id=world.guild.id)
    results = await asyncio.gather(
        *(
            world.bot.services.projects.start(
                caller=caller, group="Berlin", title=f"Bears {n}", goal="x", repo=None, answer_in=1
            )
            for n in range(4)
        ),
        return_exceptions=True,
    )
    [started] = await projects(world)
    refusals = [result for result in results if isinstance(result, ActiveProject)]
    assert [refusal.title for refusal in refusals] == [started.title] * 3


async def test_whoever_was_away_for_weeks_is_asked_how_to_go_on(group_world: World) -> None:
    world = group_world
    await start(world, world.alice)
    await world.pass_time(days=13)
    assert len((await project(world, world.alice, "update", text="x")).followups) == 0
    for verb, more in (("update", {"text": "y"}), ("pause", {}), ("resume", {}), ("ship", {})):
        await world.pass_time(days=14)
        answer = await project(world, world.alice, verb, **more)
        assert "Good to have you back" in answer.followups[-1].content
        assert answer.followups[-1].ephemeral
    async with world.bot.database.write() as session:
        await session.execute(update(Membership).values(active_at=None))
    assert (await start(world, world.bob)).followups == []


async def test_a_forged_button_shows_no_project_of_another_server(group_world: World) -> None:
    world = group_world
    await start(world, world.alice)
    for id, verb in ((987654, "show"), (2**63, "show"), (1, "explode"), (1, "update"), (1, "pause")):
        answer = await world.bob.click(await forged(world, "project", id, verb), label="Press")
        assert answer.ephemeral
        assert "tell bears apart" not in said(answer)
    assert await states(world) == ["Bears active"]
    assert len(await entries(world)) == 1


async def test_a_ship_into_a_channel_that_is_gone_succeeds_and_an_organizer_is_told(
    group_world: World,
) -> None:
    world = group_world
    lounge = world.guild.create_text_channel("lounge")
    await world.env.settle()
    await start(world, world.alice)
    world.env.backend.delete_channel(world.channel.id)
    await world.env.settle()
    assert (await world.alice.slash(lounge, "project ship")).ephemeral
    await world.pass_time(minutes=1)
    assert await states(world) == ["Bears shipped"]
    assert "I could not post news of a project of **Berlin**" in world.last_dm(world.organizer).content
    assert world.dms(world.alice) == []
