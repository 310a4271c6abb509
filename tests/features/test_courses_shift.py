"""A course moved by whole weeks, and moved back."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
from simcord import InteractionResult, MemberActor

from bot import errors
from bot.sandbox import World
from bot.services.access import Caller
from bot.ui.buttons import DurableButton, buttons
from tests.features.meeting import both, dates, full, history, labels, ledger_rows, posts, read
from tests.features.reading import said

WEEK = timedelta(weeks=1)
# Thursdays at 19:00 in Berlin: the clocks change between the second and the third.
AUTUMN = [
    datetime(2026, 10, 15, 17, tzinfo=UTC),
    datetime(2026, 10, 22, 17, tzinfo=UTC),
    datetime(2026, 10, 29, 18, tzinfo=UTC),
    datetime(2026, 11, 5, 18, tzinfo=UTC),
]


@pytest.fixture
async def course_world(group_world: World) -> World:
    """Berlin takes the four lessons of mathematics from 2026-10-15 on; it is the 14th. Tokyo has a meetup."""
    world = group_world
    await world.pass_time(days=286)
    elsewhere = world.guild.create_text_channel("tokyo")
    await world.organizer.slash(elsewhere, "group create", name="Tokyo", timezone="Asia/Tokyo")
    await world.organizer.slash(
        world.channel, "course start", course="math-prerequisites", first="2026-10-15 19:00", every="weekly"
    )
    await world.bob.slash(elsewhere, "group join")
    await world.bob.slash(elsewhere, "meetup schedule", when="2026-10-22 09:00", title="Noise")
    return world


async def starts(world: World) -> list[datetime]:
    """When the lessons' meetups start, in their order."""
    return [row.starts_at for row in sorted(await dates(world), key=lambda row: row.id) if row.id <= 4]


async def shift(
    world: World, lesson: str, weeks: int, by: MemberActor | None = None, **options: Any
) -> InteractionResult:
    member = by or world.organizer
    return await member.slash(world.channel, "course shift", from_lesson=lesson, weeks=weeks, **options)


def notice(world: World) -> discord.Message:
    """The message with the Undo button."""
    return next(message for message in reversed(history(world)) if labels(message) == ["Undo"])


async def test_a_shift_moves_every_later_meetup_once_and_undo_moves_them_back(course_world: World) -> None:
    world = course_world
    third = (await dates(world))[3]
    assert third.starts_at == AUTUMN[2]
    shown = await world.alice.slash(world.channel, "meetup show", meetup=str(third.id))
    assert shown.response is not None
    await world.alice.click(shown.response, label="Going")
    answer = await shift(world, "2", 1)
    assert not answer.ephemeral
    moved = [AUTUMN[0], AUTUMN[1] + WEEK + timedelta(hours=1), AUTUMN[2] + WEEK, AUTUMN[3] + WEEK]
    assert await starts(world) == moved
    text = said(answer)
    assert "**Lesson 2: Logarithm and exponential** and the 2 after it move a week later." in text
    assert f"{full(AUTUMN[1])} → {both(moved[1])}" in text
    assert "Lesson 1" not in text
    assert "Noise" not in text
    assert world.alice.mention in text
    # Reminders follow, and each post still waits for the meetup before it.
    due = [row.due_at for row in await ledger_rows(world, "meetup_reminder", state="pending")]
    assert max(due) == moved[3] - timedelta(minutes=10)
    waiting = [row.due_at for row in await ledger_rows(world, "meetup_post", state="pending")]
    assert waiting == [start + timedelta(minutes=90) for start in moved[:3]]
    await world.restart()
    undone = await world.organizer.click(notice(world), label="Undo")
    assert await starts(world) == AUTUMN
    assert not undone.ephemeral
    assert "Taken back: 3 meetups are back at their old times." in said(undone)
    assert world.alice.mention in said(undone)
    waiting = [row.due_at for row in await ledger_rows(world, "meetup_post", state="pending")]
    assert waiting == [start + timedelta(minutes=90) for start in AUTUMN[:3]]
    assert "Taken back" in notice(world).content
    assert notice(world).components[0].children[0].disabled  # type: ignore[union-attr]
    # The button rests, and a press on a copy of it is refused.
    forged = await forge(world, DurableButton("course", 1, "undo", label="Undo"))
    again = await world.organizer.click(forged, label="Undo")
    assert again.ephemeral
    assert "taken back <t:" in said(again)
    assert await starts(world) == AUTUMN
    await world.pass_time(days=30)
    assert len(posts(world)) == 5  # the card that Alice looked at, and one post for each lesson


async def forge(world: World, button: DurableButton) -> discord.Message:
    place = world.bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id)
    return await place.send("?", view=buttons(button))


async def test_undo_moves_back_only_what_still_stands_there(course_world: World) -> None:
    world = course_world
    await shift(world, "lesson 2", 2)
    second, third, fourth = sorted(await dates(world), key=lambda row: row.id)[1:4]
    await world.organizer.slash(world.channel, "meetup move", meetup=str(third.id), when="2026-11-13 18:00")
    await world.organizer.slash(world.channel, "meetup cancel", meetup=str(fourth.id))
    undone = said(await world.organizer.click(notice(world), label="Undo"))
    assert f"**Lesson 2: Logarithm and exponential**\n{full(second.starts_at)} → {both(AUTUMN[1])}" in undone
    stayed = undone.partition("Not moved back")[2]
    assert "Lesson 3: The matrix product" in stayed
    assert "Lesson 4: Broadcasting" in stayed
    assert "Lesson 2" not in stayed
    assert await starts(world) == [
        *AUTUMN[:2],
        datetime(2026, 11, 13, 17, tzinfo=UTC),
        AUTUMN[3] + 2 * WEEK,
    ]


async def test_what_cannot_go_back_is_refused(course_world: World) -> None:
    world = course_world
    await shift(world, "4", 1)
    await world.pass_time(days=23)  # its old date is over
    refused = await world.organizer.click(notice(world), label="Undo")
    assert refused.ephemeral
    assert "None of these meetups can go back" in said(refused)
    assert (await starts(world))[3] == AUTUMN[3] + WEEK


async def test_earlier_is_possible_as_long_as_nothing_is_overtaken(course_world: World) -> None:
    world = course_world
    await shift(world, "4", 3)
    await shift(world, "broadcasting", -1)
    assert await starts(world) == [*AUTUMN[:3], AUTUMN[3] + 2 * WEEK]
    refused = await shift(world, "4", -3)
    assert refused.ephemeral
    assert "before “Lesson 3: The matrix product” ends" in said(refused)


@pytest.mark.parametrize(
    ("lesson", "weeks", "words"),
    [
        ("5", 1, "no lesson"),
        ("fastai-2019:image-classification", 1, "no lesson"),
        ("image-classification", 1, "no lesson"),
        ("2", 0, "Weeks can't be 0. Type a number from -26 to 26."),
        ("1", -1, "which is over already"),
        ("2", -1, "before “Lesson 1: The derivative” ends"),
    ],
)
async def test_a_shift_that_is_refused_moves_nothing(
    course_world: World, lesson: str, weeks: int, words: str
) -> None:
    world = course_world
    planned = await ledger_rows(world, "meetup_post")
    refused = await shift(world, lesson, weeks)
    assert refused.ephemeral
    assert words in said(refused)
    assert await starts(world) == AUTUMN
    assert await ledger_rows(world, "meetup_post") == planned


async def test_only_organizers_move_a_course_and_take_it_back(course_world: World) -> None:
    world = course_world
    refused = await shift(world, "2", 1, by=world.alice)
    assert refused.ephemeral
    assert "Only organizers of “Berlin”" in said(refused)
    assert await starts(world) == AUTUMN
    await shift(world, "2", 1)
    moved = await starts(world)
    refused = await world.alice.click(notice(world), label="Undo")
    assert refused.ephemeral
    assert "Only organizers of “Berlin”" in said(refused)
    for button in (
        DurableButton("course", 99, "undo", label="Undo"),
        DurableButton("course", 1, "redo", label="Undo"),
    ):
        refused = await world.organizer.click(await forge(world, button), label="Undo")
        assert refused.ephemeral
        assert "There is no such move of a course" in said(refused)
    assert await starts(world) == moved
    # Another server's organizer knows the number, and that is all.
    stranger = Caller(user_id=world.organizer.id, guild_id=world.guild.id + 1, manages_server=True)
    with pytest.raises(errors.UnknownShift):
        await world.bot.services.courses.undo_shift(caller=stranger, shift_id=1)


async def test_lessons_that_are_over_or_cancelled_stay(course_world: World) -> None:
    world = course_world
    await world.organizer.slash(world.channel, "meetup cancel", meetup="Lesson 3: The matrix product")
    refused = await shift(world, "matrix-product", 1)
    assert refused.ephemeral
    assert "does not take place" in said(refused)
    await world.pass_time(days=2)
    refused = await shift(world, "1", 1)
    assert refused.ephemeral
    assert "“Lesson 1: The derivative” ended" in said(refused)
    choices = await world.organizer.autocomplete(world.channel, "course shift", "from_lesson", "")
    assert [choice["value"] for choice in choices] == [
        "math-prerequisites:log-exp",
        "math-prerequisites:broadcasting",
    ]
    await shift(world, choices[0]["value"], 1)
    assert await starts(world) == [
        AUTUMN[0],
        AUTUMN[1] + WEEK + timedelta(hours=1),
        AUTUMN[2],
        AUTUMN[3] + WEEK,
    ]
    # Its post was never sent, and is not sent for a meetup that does not take place.
    await world.pass_time(days=30)
    assert [
        f"Lesson {number}:" in read(post) for number, post in zip((1, 2, 4), posts(world), strict=True)
    ] == [True] * 3


async def test_the_same_interaction_arriving_twice_moves_once(course_world: World) -> None:
    world = course_world
    courses = world.bot.services.courses
    given: dict[str, Any] = {
        "caller": Caller(user_id=world.organizer.id, guild_id=world.guild.id, manages_server=True),
        "typed_group": "Berlin",
        "from_lesson": "4",
        "weeks": 1,
        "interaction_id": 4711,
        "channel_id": None,
    }
    (first, _), (again, claimed) = await asyncio.gather(courses.shift(**given), courses.shift(**given))
    assert (again.row.id, claimed) == (first.row.id, None)
    assert (await starts(world))[3] == AUTUMN[3] + WEEK
    await world.pass_time(seconds=1)
    assert [labels(message) for message in history(world)].count(["Undo"]) == 1


async def test_a_shift_from_elsewhere_is_told_where_the_group_is(course_world: World) -> None:
    world = course_world
    office = world.guild.create_text_channel("office")
    answer = await world.organizer.slash(office, "course shift", from_lesson="2", weeks=1, group="Berlin")
    assert answer.ephemeral
    assert f"<#{world.channel.id}>" in said(answer)
    await world.pass_time(seconds=1)
    await world.organizer.click(notice(world), label="Undo")
    assert await starts(world) == AUTUMN


async def test_a_group_without_a_course_has_nothing_to_move(course_world: World) -> None:
    world = course_world
    refused = await shift(world, "1", 1, group="Tokyo")
    assert refused.ephemeral
    assert "“Tokyo” has no course meetups to move" in said(refused)
    assert (
        await world.organizer.autocomplete(world.channel, "course shift", "from_lesson", "", group="Tokyo")
        == []
    )


async def test_a_lesson_that_moves_alone_waits_for_the_one_before_it(course_world: World) -> None:
    world = course_world
    standing = len(posts(world))
    third, fourth = (await dates(world))[3:5]
    await world.organizer.slash(world.channel, "meetup move", meetup=str(fourth.id), when="2026-11-06 19:00")
    await world.pass_time(seconds=10)
    assert len(posts(world)) == standing
    waiting = [row.due_at for row in await ledger_rows(world, "meetup_post", state="pending")]
    assert waiting == [start + timedelta(minutes=90) for start in AUTUMN[:3]]
    # The one after it waits for it where it is now.
    await world.organizer.slash(world.channel, "meetup move", meetup=str(third.id), when="2026-10-30 19:00")
    waiting = [row.due_at for row in await ledger_rows(world, "meetup_post", state="pending")]
    friday = AUTUMN[2] + timedelta(days=1)
    assert waiting == [start + timedelta(minutes=90) for start in (*AUTUMN[:2], friday)]
    await world.pass_time(days=30)
    assert len(posts(world)) == 4


async def test_a_skipped_hour_leaves_the_wall_clock_as_it_was(group_world: World) -> None:
    world = group_world
    await world.organizer.slash(
        world.channel, "course start", course="math-prerequisites", first="2026-03-22 02:30", every="weekly"
    )
    first = datetime(2026, 3, 22, 1, 30, tzinfo=UTC)
    # On 29 March there is no 02:30 in Berlin: that night it is 03:30. Afterwards it is 02:30 again.
    summer = [datetime(2026, 4, day, 0, 30, tzinfo=UTC) for day in (5, 12)]
    standing = [first, first + WEEK, *summer]
    assert await starts(world) == standing
    await shift(world, "2", 1)
    assert await starts(world) == [first, *summer, summer[1] + WEEK]
    await world.organizer.click(notice(world), label="Undo")
    assert await starts(world) == standing
    for _ in range(2):
        await shift(world, "1", 1)
    assert await starts(world) == [summer[0] + index * WEEK for index in range(4)]
    [rule, *_] = [row.slot for row in await dates(world)]
    assert rule == summer[0].date()
