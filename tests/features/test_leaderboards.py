"""`/leaderboard` as members live it: public boards, one's own number, buttons that switch in place."""

from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
from simcord import InteractionResult, MemberActor
from sqlalchemy import insert

from bot.db.models import LessonMark, Membership, Stage
from bot.rendering.painter import PainterBusy
from bot.sandbox import World
from tests.features.building import project, start
from tests.features.learning import EVIDENCE, follow, forged, mark, reproduce
from tests.features.meeting import both, history, labels, read, schedule
from tests.features.reading import said
from tests.features.reminding import start_at

# Ids that nobody has who acts in these tests.
CROWD = range(900_000_000_000_000_000, 900_000_000_000_000_015)


@pytest.fixture
async def course_world(group_world: World) -> World:
    """The group of three follows a course of seven lessons."""
    await follow(group_world)
    return group_world


async def board(world: World, member: MemberActor, **options: Any) -> InteractionResult:
    return await member.slash(world.channel, "leaderboard show", **options)


async def why(world: World, member: MemberActor, **options: Any) -> str:
    answer = await member.slash(world.channel, "leaderboard why", **options)
    assert answer.ephemeral
    return said(answer)


async def edit(world: World, **options: Any) -> str:
    return said(await world.organizer.slash(world.channel, "group edit", **options))


def rows(text: str) -> list[str]:
    """The lines of a board's places, gaps included."""
    return [line for line in text.splitlines() if line.startswith(("**1", "**2", "▸", "⋯", "**3", "**9"))]


def alternative(message: discord.Message) -> str:
    [picture] = message.attachments
    assert message.embeds[0].image.url == f"attachment://{picture.filename}"
    return picture.description or ""


async def crowd(world: World, *, lessons: int = 2) -> None:
    """Fifteen more members; the first has this many lessons more than the others, who have one each."""
    async with world.bot.database.write() as session:
        members = [{"group_id": 1, "user_id": user_id, "joined_at": world.now} for user_id in CROWD]
        await session.execute(insert(Membership), members)
        done = [
            {
                "group_id": 1,
                "user_id": user_id,
                "pack": "fastai-2019",
                "version": "1",
                "lesson": f"lesson-{number}",
                "stage": Stage.RAN,
                "points": 2,
                "marked_at": world.now + timedelta(seconds=place),
                "counts_at": world.now + timedelta(seconds=place),
            }
            for place, user_id in enumerate(CROWD)
            for number in range(1 if place else 1 + lessons)
        ]
        await session.execute(insert(LessonMark), done)


async def test_the_goal_comes_first_and_the_picture_says_what_the_text_says(course_world: World) -> None:
    world = course_world
    await edit(world, goal="40 lessons a month")
    for lesson in ("1", "2"):
        await mark(world, world.alice, lesson)
    await mark(world, world.bob)
    await mark(world, world.organizer, stage="watched")
    answer = await board(world, world.alice)
    assert not answer.ephemeral
    assert answer.followups == []
    message = history(world)[-1]
    assert message.embeds[0].title == "Berlin: lessons, all time"
    assert read(message).splitlines()[2:] == [
        "**Group goal:** 3 of 40 lessons this month",
        "",
        f"▸ **1.** {world.alice.mention}: 2 lessons",
        f"**2.** {world.bob.mention}: 1 lesson",
    ]
    assert alternative(message) == (
        "Berlin, lessons, all time, 2 members. Group goal: 3 of 40 lessons this month. "
        "1. Alice, 2 lessons; 2. Bob, 1 lesson."
    )
    png = await message.attachments[0].read()
    assert png.startswith(b"\x89PNG")
    assert message.mentions == []
    # What is only watched never counts; its member is told so, and nobody else.
    answer = await board(world, world.organizer, by="points", period="week")
    assert rows(said(answer)) == [
        f"**1.** {world.alice.mention}: 4 points",
        f"**2.** {world.bob.mention}: 2 points",
    ]
    [alone] = answer.followups
    assert alone.ephemeral
    assert "You have no points this week yet." in alone.content


async def test_equal_scores_share_a_rank_and_who_was_first_stands_first(course_world: World) -> None:
    world = course_world
    await mark(world, world.bob)
    await world.pass_time(minutes=1)
    await mark(world, world.alice)
    await world.pass_time(minutes=1)
    await mark(world, world.organizer, "1")
    assert rows(said(await board(world, world.organizer))) == [
        f"**1.** {world.bob.mention}: 1 lesson",
        f"**1.** {world.alice.mention}: 1 lesson",
        f"▸ **1.** {world.organizer.mention}: 1 lesson",
    ]
    await mark(world, world.alice, "2")
    await mark(world, world.bob, "2")
    assert rows(said(await board(world, world.organizer))) == [
        f"**1.** {world.alice.mention}: 2 lessons",
        f"**1.** {world.bob.mention}: 2 lessons",
        f"▸ **3.** {world.organizer.mention}: 1 lesson",
    ]


async def test_far_down_one_sees_oneself_between_ones_neighbours(course_world: World) -> None:
    world = course_world
    await mark(world, world.bob)
    await world.pass_time(minutes=1)
    await crowd(world)
    await world.pass_time(minutes=1)
    await mark(world, world.alice)
    everybody = rows(said(await board(world, world.alice)))
    assert everybody == [
        f"**1.** <@{CROWD[0]}>: 3 lessons",
        f"**2.** {world.bob.mention}: 1 lesson",
        *(f"**2.** <@{user_id}>: 1 lesson" for user_id in CROWD[1:9]),
        "⋯",
        f"**2.** <@{CROWD[13]}>: 1 lesson",
        f"**2.** <@{CROWD[14]}>: 1 lesson",
        f"▸ **2.** {world.alice.mention}: 1 lesson",
    ]
    # Whoever never did anything under a name is called by a number in the picture.
    assert "1. Member 0000, 3 lessons; 2. Bob, 1 lesson" in alternative(history(world)[-1])
    assert len(rows(said(await board(world, world.bob)))) == 10


async def test_who_leaves_or_hides_is_not_shown_and_hears_why(course_world: World) -> None:
    world = course_world
    await edit(world, goal="5 lessons")
    for member in (world.alice, world.bob, world.organizer):
        await mark(world, member)
    hidden = await world.alice.slash(world.channel, "leaderboard visibility", shown=False)
    assert hidden.ephemeral
    assert "don’t show you any more" in said(hidden)
    await world.bob.slash(world.channel, "group leave")
    answer = await board(world, world.alice)
    assert rows(said(answer)) == [f"**1.** {world.organizer.mention}: 1 lesson"]
    assert "Alice" not in alternative(history(world)[-1])
    assert "3 of 5 lessons" in said(answer)
    [alone] = answer.followups
    assert alone.ephemeral
    assert "as you wished" in alone.content
    assert "all time: 1" in await why(world, world.alice)
    [gone] = (await board(world, world.bob)).followups
    assert gone.ephemeral
    assert "You are not in **Berlin**" in gone.content
    assert "You are not in “Berlin”" in await why(world, world.bob)
    shown = await world.alice.slash(world.channel, "leaderboard visibility", shown=True)
    assert "show you from now on" in said(shown)
    await world.bob.slash(world.channel, "group join")
    assert len(rows(said(await board(world, world.alice)))) == 3


async def test_a_week_begins_on_the_groups_own_monday(course_world: World) -> None:
    world = course_world
    # 23:59 on Sunday in Berlin, which is not Monday in UTC either.
    await start_at(world, datetime(2026, 1, 11, 22, 59, tzinfo=UTC))
    await mark(world, world.alice)
    assert "1 lesson" in said(await board(world, world.alice, period="week"))
    await start_at(world, datetime(2026, 1, 11, 23, 0, tzinfo=UTC))
    answer = await board(world, world.alice, period="week")
    assert "Nobody has lessons this week yet." in said(answer)
    assert answer.response is not None
    assert answer.response.embeds[0].footer.text == "from Monday, 12 January 2026 in Europe/Berlin"
    assert answer.response.attachments == []
    # A lesson counts where it began to count: what is verified later counts as points alone.
    post = await reproduce(world, world.alice)
    await world.bob.click(post, label="Verify")
    assert "Nobody has lessons this week yet." in said(await board(world, world.alice, period="week"))
    assert "4 points" in said(await board(world, world.alice, by="points", period="week"))
    assert "6 points" in said(await board(world, world.alice, by="points", period="month"))


async def test_every_board_counts_its_own(course_world: World) -> None:
    world = course_world
    post = await reproduce(world, world.alice)
    assert "Nobody has lessons yet." in said(await board(world, world.bob))
    await world.bob.click(post, label="Verify")
    await world.bob.slash(world.channel, "kudos", member=world.alice, reason="explained SGD")
    await schedule(world, when="in 1 hour", title="Algebra")
    await world.pass_time(hours=1)
    checked = await world.organizer.slash(world.channel, "meetup checkin")
    code = said(checked).split("# ")[1].split()[0]
    await world.alice.slash(world.channel, "meetup checkin", code=code)
    await start(world, world.alice, title="Bears")
    await project(world, world.alice, "ship")
    for by, score, reason in (
        (
            "lessons",
            "1 lesson",
            f"1 lesson · **Image classification** · {both(post.created_at)} · {EVIDENCE}",
        ),
        ("points", "4 points", f"4 points · **Image classification**, reproduced · {both(post.created_at)}"),
        ("meetups", "1 meetup", "1 meetup · **Algebra** · "),
        ("projects", "1 project", "1 project · **Bears** · "),
        ("kudos", "1 kudos", f"1 kudos · from {world.bob.mention}: explained SGD · "),
    ):
        for period in ("week", "month", "all"):
            text = said(await board(world, world.bob, by=by, period=period))
            assert f"**1.** {world.alice.mention}: {score}" in text
            assert reason in await why(world, world.alice, by=by, period=period)


async def test_why_cuts_a_long_list_and_still_adds_up(course_world: World) -> None:
    world = course_world
    async with world.bot.database.write() as session:
        marks = [
            {
                "group_id": 1,
                "user_id": user_id,
                "pack": "gone",
                "version": "1",
                "lesson": f"lesson-{number}",
                "stage": Stage.RAN,
                "points": 2,
                "marked_at": world.now,
                "counts_at": world.now - timedelta(hours=number),
                "evidence": "https://example.com/" + "x" * 150,
            }
            for number in range(50)
            for user_id in (world.alice.id, world.bob.id)
        ]
        await session.execute(insert(LessonMark), marks)
    text = await why(world, world.alice, by="points")
    assert "Your points, all time: 100" in text
    lines = text.splitlines()
    counted = [line for line in lines if line.startswith("2 points · ")]
    assert "**lesson-0**" in counted[0]
    assert lines[-1] == f"and {50 - len(counted)} more: {100 - 2 * len(counted)} points"


async def test_buttons_switch_the_board_in_place_even_after_a_restart(course_world: World) -> None:
    world = course_world
    await crowd(world)
    await world.pass_time(minutes=1)
    await mark(world, world.alice)
    await board(world, world.alice)
    before = history(world)[-1]
    assert labels(before) == [
        "Lessons", "Points", "Reviews", "Meetups", "Projects", "Kudos", "Week", "Month", "All time",
    ]  # fmt: skip
    await world.restart()
    pressed = await world.bob.click(before, label="Points")
    assert pressed.followups == []
    [now] = [message for message in history(world) if message.id == before.id]
    assert now.embeds[0].title == "Berlin: points, all time"
    # Bob's press neither shows Alice's place any more nor his own.
    assert len(rows(read(now))) == 10
    assert "▸" not in read(now)
    assert alternative(now).startswith("Berlin, points, all time, 16 members.")
    await world.alice.click(now, label="Week")
    [now] = [message for message in history(world) if message.id == before.id]
    assert now.embeds[0].title == "Berlin: points this week"
    assert rows(read(now))[-1] == f"▸ **2.** {world.alice.mention}: 2 points"
    assert len(rows(read(now))) == 14
    # The present one shows what is new; a board without rows has no picture.
    await mark(world, world.alice, "2")
    await world.alice.click(now, label="Points")
    [now] = [message for message in history(world) if message.id == before.id]
    assert f"▸ **2.** {world.alice.mention}: 4 points" in read(now)
    await world.bob.click(now, label="Kudos")
    [now] = [message for message in history(world) if message.id == before.id]
    assert now.attachments == []
    assert "Nobody has kudos this week yet." in read(now)


async def test_buttons_of_an_archived_or_foreign_group_and_unknown_ones_are_refused(
    course_world: World,
) -> None:
    world = course_world
    await mark(world, world.alice)
    await board(world, world.alice)
    message = history(world)[-1]
    elsewhere = world.env.create_guild("Elsewhere")
    channel = elsewhere.create_text_channel("general")
    stranger = elsewhere.add_member(world.env.create_user("stranger"))
    place = world.bot.get_partial_messageable(channel.id, guild_id=elsewhere.id)
    for verb in ("lessons_all", "show"):
        refused = await stranger.click(await forged(world, "board", 1, verb, place=place), label="Press")
        assert "There is no group “1” here" in said(refused)
        assert "Berlin" not in said(refused)
    for verb in ("lessons", "lessons_year", "lessons_points", "all_all", "lessons_all_all", "drop_table"):
        refused = await world.bob.click(await forged(world, "board", 1, verb), label="Press")
        assert refused.followups[-1].ephemeral
        assert "is no board I know" in said(refused)
    await edit(world, name="Old times")
    await world.organizer.slash(world.channel, "group archive")
    refused = await world.bob.click(message, label="Points")
    assert "“Old times” is archived" in said(refused)
    assert [read(one) for one in history(world) if one.id == message.id] == [read(message)]


async def test_without_a_group_everything_is_refused(world: World) -> None:
    for command, options in (("show", {}), ("why", {}), ("visibility", {"shown": False})):
        refused = await world.alice.slash(world.channel, f"leaderboard {command}", **options)
        assert refused.ephemeral
        assert "no study group yet" in said(refused)
    await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="UTC")
    unknown = await board(world, world.alice, group="Atlantis")
    assert unknown.ephemeral
    assert "There is no group “Atlantis” here" in said(unknown)
    for command, options in (("why", {}), ("visibility", {"shown": False})):
        refused = await world.alice.slash(world.channel, f"leaderboard {command}", **options)
        assert "You are not in “Berlin”" in said(refused)


async def test_organizers_set_a_goal_that_everybody_sees(course_world: World) -> None:
    world = course_world
    refused = await world.alice.slash(world.channel, "group edit", goal="1 lesson")
    assert refused.ephemeral
    assert "Only organizers" in said(refused)
    unreadable = await edit(world, goal="finish by June")
    assert "I can't read “finish by June” as a goal." in unreadable
    assert "`40 lessons a month`" in unreadable
    assert "goal" not in said(await world.bob.slash(world.channel, "group info"))
    assert "Group goal 0 of 1 meetup this week" in await edit(world, goal="1 meetup a week")
    await mark(world, world.alice)
    assert "Group goal 1 of 1 lesson, reached" in await edit(world, goal="1")
    assert "**Group goal:** 1 of 1 lesson, reached" in said(await board(world, world.bob, by="kudos"))
    assert "Group goal" not in await edit(world, goal="none")
    assert "Group goal" not in said(await board(world, world.bob))


async def test_a_group_chooses_the_colours_of_its_pictures(course_world: World) -> None:
    world = course_world
    await mark(world, world.alice)
    pictures = []
    for theme in ("dark", "light"):
        await edit(world, theme=theme)
        await board(world, world.alice)
        pictures.append(await history(world)[-1].attachments[0].read())
    assert pictures[0] != pictures[1]


async def test_a_board_goes_out_without_its_picture(
    course_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = course_world
    await mark(world, world.alice)

    async def busy(*_args: object) -> bytes:
        raise PainterBusy

    monkeypatch.setattr(world.bot.painter, "draw", busy)
    await board(world, world.alice)
    message = history(world)[-1]
    assert message.attachments == []
    assert message.embeds[0].image.url is None
    assert f"▸ **1.** {world.alice.mention}: 1 lesson" in read(message)
