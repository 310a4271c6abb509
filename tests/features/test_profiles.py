"""`/profile`: what a member has done, for their own eyes unless they wish otherwise."""

from datetime import UTC, datetime

import pytest
from simcord import InteractionResult, MemberActor, ResponseMessage
from sqlalchemy import select

from bot.db.models import Member
from bot.sandbox import World
from tests.features.building import project, start
from tests.features.learning import follow, forged, mark, offered, reproduce
from tests.features.meeting import FIRST, history, schedule
from tests.features.reading import said
from tests.features.reminding import start_at
from tests.features.test_kudos import thank

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
async def course_world(group_world: World) -> World:
    """The group follows a course; Bob has done more of it than anybody else, and everything else too."""
    world = group_world
    await follow(world)
    for lesson in "1234567":
        await mark(world, world.bob, lesson)
    await start(world, world.bob, "Birds", "tell crows from ravens")
    await thank(world, world.organizer, world.bob)
    return world


async def profile(world: World, by: MemberActor, **options: object) -> InteractionResult:
    return await by.slash(world.channel, "profile", **options)


async def facts(world: World, by: MemberActor, **options: object) -> dict[str, str]:
    """What a private profile says, by its label."""
    answer = await profile(world, by, **options)
    assert answer.ephemeral, said(answer)
    lines = (answer.response.embeds[0].description or "").splitlines()
    named = [line.removeprefix("**").partition(":** ") for line in lines if ":** " in line]
    return {label: value for label, _, value in named}


async def toggle(world: World, by: MemberActor, label: str = "Count my streak") -> ResponseMessage:
    """Press the button under one's own profile."""
    shown = await profile(world, by)
    assert shown.response is not None
    await by.click(shown.response.message, label=label)
    return shown.response


async def streaks(world: World) -> dict[int, bool]:
    async with world.bot.database.read() as session:
        return {row.user_id: row.streak for row in await session.scalars(select(Member))}


async def test_a_profile_tells_what_its_member_has_done(course_world: World) -> None:
    world = course_world
    empty = {
        "Lessons": "0 of 7",
        "Points": "0",
        "Reviews": "0",
        "Meetups": "0",
        "Kudos": "0",
        "Projects shipped": "0",
        "Capstone": "4 lessons to go",
    }
    assert await facts(world, world.alice) == empty

    await mark(world, world.alice, "1")
    await mark(world, world.alice, "2", "watched")
    post = await reproduce(world, world.alice, "2")
    assert (await facts(world, world.alice))["Points"] == "2"
    await world.bob.click(post, label="Verify")
    for lesson in ("3", "4"):
        await mark(world, world.alice, lesson)
    await thank(world, world.bob, world.alice)
    await thank(world, world.organizer, world.alice)
    answer = await profile(world, world.alice)
    assert "Your capstone is open: **One project, polished to the end**" in said(answer)
    await start(world, world.alice, "Bears *and* cubs")
    await project(world, world.alice, "update", text="x", stage="written_up")
    assert await facts(world, world.alice) == {
        **empty,
        "Lessons": "4 of 7",
        "Points": "10",
        "Kudos": "2",
        "Capstone": "open",
        "Project": r"Bears \*and\* cubs, stage written up",
    }
    assert "Your capstone is open" not in said(await profile(world, world.alice))
    await project(world, world.alice, "ship")
    shipped = await facts(world, world.alice)
    assert (shipped["Capstone"], shipped["Projects shipped"]) == ("done", "1")
    assert "Project" not in shipped

    [file] = (await profile(world, world.alice)).response.attachments
    alt = file.description or ""
    assert alt.startswith("Alice, Berlin, since 1 Jan 2026. lessons: 4 of 7, points: 10")
    assert "kudos: 2" in alt
    assert "Birds" not in alt


async def test_who_came_to_a_meetup_has_it_on_their_profile(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await start_at(world, FIRST)
    code = said(await world.organizer.slash(world.channel, "meetup checkin")).partition("# ")[2][:6]
    await world.alice.slash(world.channel, "meetup checkin", code=code)
    assert (await facts(world, world.alice))["Meetups"] == "1"
    assert (await facts(world, world.bob))["Meetups"] == "0"


async def test_a_profile_is_private_until_its_member_shows_it(course_world: World) -> None:
    world = course_world
    before = len(history(world))
    assert (await profile(world, world.alice)).ephemeral
    assert (await profile(world, world.alice, member=world.bob)).ephemeral
    assert len(history(world)) == before
    shown = await profile(world, world.alice, public=True)
    assert not shown.ephemeral
    assert "**Lessons:** 0 of 7" in said(shown)
    assert offered(shown.response) == []
    assert len(history(world)) == before + 1
    refused = await profile(world, world.alice, member=world.bob, public=True)
    assert refused.ephemeral
    assert "Only its own member can show a profile to everybody" in said(refused)
    assert not (await profile(world, world.bob, member=world.bob, public=True)).ephemeral


async def test_others_are_seen_only_while_they_are_in_the_group_and_want_it(course_world: World) -> None:
    world = course_world
    assert (await facts(world, world.alice, member=world.bob))["Lessons"] == "7 of 7"
    assert offered((await profile(world, world.alice, member=world.bob)).response) == []
    await world.bob.slash(world.channel, "leaderboard visibility", shown=False)
    hidden = await profile(world, world.alice, member=world.bob)
    assert hidden.ephemeral
    assert f"{world.bob.mention} has no profile to show in “Berlin”" in said(hidden)
    assert "Birds" not in said(hidden)
    assert (await facts(world, world.bob))["Lessons"] == "7 of 7"
    await world.bob.slash(world.channel, "leaderboard visibility", shown=True)
    await world.bob.slash(world.channel, "group leave")
    assert "has no profile to show" in said(await profile(world, world.alice, member=world.bob))
    assert "You are not in “Berlin”" in said(await profile(world, world.bob))
    stranger = world.guild.add_member(world.env.create_user("eve"))
    await world.env.settle()
    assert "has no profile to show" in said(await profile(world, world.alice, member=stranger))
    assert "There is no group “Paris”" in said(await profile(world, world.alice, group="Paris"))


async def test_a_streak_is_counted_only_for_those_who_want_it(course_world: World) -> None:
    world = course_world
    await start_at(world, MONDAY)
    for step in (1, 1, 2, 1):  # Monday, Tuesday, Wednesday, and Friday after a free Thursday
        await thank(world, world.alice, world.bob)
        await thank(world, world.bob, world.alice)
        await world.pass_time(days=step)
    assert "Streak" not in await facts(world, world.alice)
    shown = await toggle(world, world.alice)
    assert "**Streak:** 4 days" in (shown.message.embeds[0].description or "")
    assert offered(shown) == ["Stop counting my streak"]
    assert await streaks(world) == {world.alice.id: True}
    await world.restart()
    assert (await facts(world, world.alice))["Streak"] == "4 days"  # Saturday: nothing yet, nothing lost
    assert (await facts(world, world.bob, member=world.alice))["Streak"] == "4 days"
    assert "Streak" not in await facts(world, world.bob)
    assert "Streak" not in await facts(world, world.alice, member=world.bob)
    await world.pass_time(days=1)
    # Saturday was the week's second day off: the days before the first are over.
    assert (await facts(world, world.alice))["Streak"] == "1 day"
    await start(world, world.alice)
    assert (await facts(world, world.alice))["Streak"] == "2 days"
    await toggle(world, world.alice, "Stop counting my streak")
    assert "Streak" not in await facts(world, world.alice)
    assert await streaks(world) == {world.alice.id: False}


async def test_a_streak_goes_by_the_members_own_days(group_world: World) -> None:
    world = group_world
    await follow(world)
    await start_at(world, MONDAY.replace(hour=3))
    await toggle(world, world.alice)
    await mark(world, world.alice, "1")  # Monday in Berlin, still Sunday evening in New York
    post = await reproduce(world, world.bob, "1")
    await world.pass_time(days=1, hours=6)
    await world.alice.click(post, label="Verify")  # Tuesday in both
    await world.pass_time(days=2)
    await world.alice.slash(world.channel, "timezone", zone="Europe/Berlin")
    assert (await facts(world, world.alice))["Streak"] == "2 days"
    await world.alice.slash(world.channel, "timezone", zone="America/New_York")
    assert (await facts(world, world.alice))["Streak"] == "1 day"  # Monday and Wednesday were days off


async def test_a_forged_button_changes_only_whoever_presses_it(course_world: World) -> None:
    world = course_world
    await toggle(world, world.bob)
    for id, verb in ((987654, "streak_off"), (world.bob.id, "streak_off"), (1, "explode")):
        answer = await world.alice.click(await forged(world, "profile", id, verb), label="Press")
        assert (answer.followups[-1] if answer.followups else answer).ephemeral
    assert await streaks(world) == {world.bob.id: True}
    await world.alice.slash(world.channel, "group leave")
    refused = await world.alice.click(await forged(world, "profile", 1, "streak_on"), label="Press")
    assert "You are not in “Berlin”" in said(refused)
    assert await streaks(world) == {world.bob.id: True}


async def test_a_group_without_a_course_has_profiles_too(group_world: World) -> None:
    world = group_world
    shown = await facts(world, world.alice)
    assert "Lessons" not in shown
    assert "Capstone" not in shown
    assert shown["Points"] == "0"
