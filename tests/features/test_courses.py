"""Courses by date: chosen, started, one meetup per lesson."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from bot.db.models import Group, Meetup
from bot.sandbox import World
from bot.services.access import Caller
from tests.features.meeting import FIRST, both, dates, ledger_rows, posts, read
from tests.features.reading import said

PRACTICAL = "Practical Deep Learning for Coders, part 1 (2019)"
WEEK = timedelta(weeks=1)


async def group_of(world: World) -> Group:
    async with world.bot.database.read() as session:
        return await session.get_one(Group, 1)


def events(world: World) -> list[str]:
    """The first word and number of what Discord's own list shows as still to come."""
    known = world.env.backend.guilds[world.guild.id].scheduled_events.values()
    return sorted(event.name.partition(":")[0] for event in known if event.status in (1, 2))


async def test_courses_are_listed_and_shown_with_what_they_ask(group_world: World) -> None:
    world = group_world
    listing = said(await world.alice.slash(world.channel, "course list"))
    assert f"**{PRACTICAL}** (`fastai-2019`, version 1)" in listing
    assert "7 lessons and a capstone, 180 hours (1.5 points)" in listing
    assert "math-prerequisites" in listing
    assert "my-course" not in listing
    shown = await world.alice.slash(world.channel, "course show", course="FASTAI-2019")
    assert not shown.ephemeral
    text = said(shown)
    assert "**4. NLP; tabular data; recommendation** · 9 hours" in text
    assert "cold start" in text
    assert "[Video of lesson 7](<https://course19.fast.ai/videos/?lesson=7>)" in text
    assert "**Capstone: One project, polished to the end** · 117 hours" in text
    assert said(await world.alice.slash(world.channel, "course show", course=PRACTICAL.upper())) == text
    assert said(await world.alice.slash(world.channel, "course show", course="fastai-2019@1")) == text
    choices = await world.alice.autocomplete(world.channel, "course show", "course", "deep learning")
    assert [choice["value"] for choice in choices] == ["fastai-2019", "fastai-2022", "math-prerequisites"]
    refused = await world.alice.slash(world.channel, "course show", course="fastai-2020")
    assert refused.ephemeral
    assert "There is no course “fastai-2020” here. The courses are: **fastai-2019**, **fastai-2022**" in said(
        refused
    )
    assert said(await world.alice.slash(world.channel, "course show", course="fastai-2019@2")).startswith(
        "There is no course"
    )


async def test_a_group_follows_the_pack_that_its_course_names(group_world: World) -> None:
    world = group_world
    edited = await world.organizer.slash(world.channel, "group edit", course="fastai-2022@1")
    assert "Practical Deep Learning for Coders, part 1 (2022)" in said(edited)
    group = await group_of(world)
    assert (group.pack, group.pack_version) == ("fastai-2022", "1")
    # Any other words are kept as they are, and name no pack.
    assert "Strang, chapter 1" in said(
        await world.organizer.slash(world.channel, "group edit", course="Strang, chapter 1")
    )
    group = await group_of(world)
    assert (group.course, group.pack, group.pack_version) == ("Strang, chapter 1", None, None)
    choices = await world.organizer.autocomplete(world.channel, "group create", "course", "math")
    assert [choice["value"] for choice in choices] == ["math-prerequisites"]


async def test_a_course_starts_with_one_meetup_per_lesson_on_the_wall_clock(group_world: World) -> None:
    world = group_world
    await world.pass_time(days=270)  # 2026-09-28, four weeks before Berlin's clocks change
    answer = await world.organizer.slash(
        world.channel, "course start", course="fastai-2019", first="2026-10-01 19:00", every="weekly"
    )
    assert not answer.ephemeral
    summer = [datetime(2026, 10, 1, 17, tzinfo=UTC) + week * WEEK for week in range(4)]
    winter = [datetime(2026, 10, 29, 18, tzinfo=UTC) + week * WEEK for week in range(3)]
    rows = await dates(world)
    assert [row.starts_at for row in rows] == [*summer, *winter]
    assert {row.ends_at - row.starts_at for row in rows} == {timedelta(minutes=90)}
    text = said(answer)
    assert f"**Lesson 1: Image classification**\n{both(summer[0])}" in text
    assert f"**Lesson 7: ResNet; U-Net; GANs; RNNs**\n{both(winter[2])}" in text
    group = await group_of(world)
    assert (group.course, group.pack, group.pack_version) == (PRACTICAL, "fastai-2019", "1")
    # Reminders for every one of them, and a post for the first alone.
    assert len(await ledger_rows(world, "meetup_reminder", state="pending")) == 21
    [post] = posts(world)
    assert "Lesson 1: Image classification" in read(post)
    await world.pass_time(days=3, hours=18, minutes=29)
    assert len(posts(world)) == 1
    await world.pass_time(minutes=2)
    assert ["Lesson 2" in read(post) for post in posts(world)] == [False, True]
    await world.pass_time(days=45)
    assert [f"Lesson {number}" in read(post) for number, post in enumerate(posts(world), 1)] == [True] * 7


async def test_every_two_weeks_in_the_group_that_was_named(group_world: World) -> None:
    world = group_world
    elsewhere = world.guild.create_text_channel("tokyo")
    await world.organizer.slash(elsewhere, "group create", name="Tokyo", timezone="Asia/Tokyo")
    await world.organizer.slash(
        world.channel,
        "course start",
        course="math-prerequisites",
        first="2026-01-08 19:00",
        every="2 weeks",
        where=(room := world.guild.create_voice_channel("reading room")),
        minutes=45,
        group="Tokyo",
    )
    first = datetime(2026, 1, 8, 10, tzinfo=UTC)
    rows = await dates(world)
    assert [row.starts_at for row in rows] == [first + 2 * at * WEEK for at in range(4)]
    assert {row.ends_at - row.starts_at for row in rows} == {timedelta(minutes=45)}
    async with world.bot.database.read() as session:
        assert set(await session.scalars(select(Meetup.where_channel_id))) == {room.id}
    await world.run_due()
    assert posts(world) == []
    assert any("Lesson 1: The derivative" in read(message) for message in elsewhere.history())
    berlin = await group_of(world)
    assert berlin.pack is None


async def test_events_of_a_course_come_four_at_a_time(group_world: World) -> None:
    world = group_world
    await world.organizer.slash(
        world.channel, "course start", course="fastai-2022", first="2026-01-08 19:00", every="weekly"
    )
    await world.pass_time(minutes=1)
    assert events(world) == ["Lesson 1", "Lesson 2", "Lesson 3", "Lesson 4"]
    await world.pass_time(days=8)
    assert events(world) == ["Lesson 2", "Lesson 3", "Lesson 4", "Lesson 5"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"first": "2025-12-24 19:00"}, "is over already"),
        ({"first": "2026-03-29 02:30"}, "The clocks in Europe/Berlin jump over that time"),
        ({"first": "2026-10-25 02:30"}, "show that time twice"),
        ({"first": "some day"}, "can't read “some day”"),
        ({"minutes": 3}, "Minutes can't be 3. Type a number from 5 to 1440"),
        ({"course": "fastai-1999"}, "There is no course “fastai-1999” here"),
        ({"group": "Atlantis"}, "There is no group “Atlantis” here"),
    ],
)
async def test_a_start_that_is_refused_plans_nothing(
    group_world: World, options: dict[str, Any], words: str
) -> None:
    world = group_world
    given = {"course": "fastai-2019", "first": "2026-01-08 19:00", "every": "weekly", **options}
    refused = await world.organizer.slash(world.channel, "course start", **given)
    assert refused.ephemeral
    assert words in said(refused)
    assert await dates(world) == []
    assert (await group_of(world)).pack is None


async def test_only_organizers_start_a_course_and_only_one_at_a_time(group_world: World) -> None:
    world = group_world
    given = {"course": "math-prerequisites", "first": "2026-01-08 19:00", "every": "weekly"}
    refused = await world.alice.slash(world.channel, "course start", **given)
    assert refused.ephemeral
    assert "Only organizers of “Berlin”" in said(refused)
    assert await dates(world) == []
    await world.organizer.slash(world.channel, "course start", **given)
    refused = await world.organizer.slash(world.channel, "course start", **{**given, "course": "fastai-2019"})
    assert refused.ephemeral
    assert f"still has meetups of a course to come, the next one {both(FIRST)}" in said(refused)
    assert len(await dates(world)) == 4
    assert (await group_of(world)).pack == "math-prerequisites"
    # Four weeks later all of them are over, and another course may begin.
    await world.pass_time(days=30)
    await world.organizer.slash(world.channel, "course start", **{**given, "first": "2026-02-05 19:00"})
    assert len(await dates(world)) == 8


async def test_of_two_starts_at_once_one_is_refused(group_world: World) -> None:
    world = group_world
    start = partial(
        world.bot.services.courses.start,
        caller=Caller(user_id=world.organizer.id, guild_id=world.guild.id, manages_server=True),
        typed_group="Berlin",
        course="math-prerequisites",
        first="2026-01-08 19:00",
        every_weeks=1,
    )
    results = await asyncio.gather(start(), start(), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["CourseUnderWay", "Started"]
    assert len(await dates(world)) == 4


async def test_a_channel_that_cannot_be_posted_to_is_told_before_anything_is_planned(
    group_world: World,
) -> None:
    world = group_world
    home = world.guild.create_text_channel("home")
    await world.organizer.slash(home, "group create", name="Paris", timezone="Europe/Paris")
    world.env.backend.delete_channel(home.id)
    refused = await world.organizer.slash(
        world.channel,
        "course start",
        course="fastai-2019",
        first="2026-01-08 19:00",
        every="weekly",
        group="Paris",
    )
    assert refused.ephemeral
    assert "the group’s channel was deleted" in said(refused)
    assert await dates(world) == []


async def test_a_lesson_moved_to_the_front_has_its_post_at_once(group_world: World) -> None:
    """Its own turn would come when the lesson before it is over, which may now be too late."""
    world = group_world
    await world.organizer.slash(
        world.channel, "course start", course="math-prerequisites", first="2026-01-08 19:00", every="weekly"
    )
    third = (await dates(world))[2]
    await world.organizer.slash(world.channel, "meetup move", meetup=str(third.id), when="2026-01-07 19:00")
    await world.run_due()
    assert ["Lesson 1" in read(posts(world)[0]), "Lesson 3" in read(posts(world)[1])] == [True, True]
    await world.pass_time(days=14)
    assert len(posts(world)) == 3
    # The second is over now, and with it what came before the fourth.
    await world.pass_time(days=1)
    assert len(posts(world)) == 4
