"""The first minutes of a new member: Join, a zone, a goal, a first card; all of it by pressing."""

from datetime import UTC, datetime

import discord
import pytest
from simcord import InteractionResult, MemberActor
from sqlalchemy import select

from bot.db.models import Member, Review, StudyPlan
from bot.sandbox import World
from tests.features.learning import follow, forged, offered
from tests.features.meeting import dates, history, labels, schedule
from tests.features.reading import said
from tests.features.reminding import custom_id
from tests.features.reviewing import answer as graded
from tests.features.reviewing import card_shown, deck

BUTTONS = ["Join", "Set my zone", "My goal"]


@pytest.fixture
async def invited(world: World) -> World:
    """A group in Berlin that Bob is in, with a zone and a plan of his own; Alice only sees its invitation."""
    await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
    await world.bob.slash(world.channel, "group join")
    await world.bob.slash(world.channel, "timezone", zone="Asia/Tokyo")
    await fill_in(world, world.bob, "My goal", hours=["40"])
    return world


def invitation(world: World) -> discord.Message:
    return history(world)[0]


async def fill_in(world: World, by: MemberActor, label: str, **values: object) -> InteractionResult:
    form = await by.click(invitation(world), label=label)
    return await by.submit_modal(form, values)


async def zones(world: World) -> dict[int, str | None]:
    async with world.bot.database.read() as session:
        return {one.user_id: one.timezone for one in await session.scalars(select(Member))}


async def hours(world: World) -> dict[int, int | None]:
    async with world.bot.database.read() as session:
        return {one.user_id: one.hours_per_week for one in await session.scalars(select(StudyPlan))}


async def test_from_the_invitation_to_the_first_card_after_a_restart(invited: World) -> None:
    world = invited
    await deck(world, "What is a tensor?")
    await deck(world, "What is a learner?", name="Later", lesson="lesson-1")
    assert labels(invitation(world)) == BUTTONS
    await world.restart()
    began = world.now
    joined = await world.alice.click(invitation(world), label="Join")
    assert joined.ephemeral
    assert "Welcome to **Berlin**" in said(joined)
    assert "elsewhere than Europe/Berlin" in said(joined)
    assert offered(joined.response) == ["Review my first card", "Set my zone", "My goal"]  # type: ignore[arg-type]
    await world.restart()
    review = await world.alice.click(joined.response, label="Review my first card")  # type: ignore[arg-type]
    assert review.ephemeral
    assert "What is a tensor?" in card_shown(review)
    # What she was told stays readable: the review is a message of its own.
    assert "Welcome to **Berlin**" in said(joined)
    await graded(world.alice, review, "Good")
    async with world.bot.database.read() as session:
        reviews = list(await session.scalars(select(Review)))
    assert [(one.user_id, one.grade) for one in reviews] == [(world.alice.id, "good")]
    assert (world.now - began).total_seconds() < 60


async def test_without_a_card_for_them_nobody_is_sent_to_review(invited: World) -> None:
    world = invited
    await follow(world)
    await deck(world, "What is a learner?", lesson="lesson-1")
    joined = await world.alice.click(invitation(world), label="Join")
    assert "Review" not in said(joined)
    assert offered(joined.response) == ["Set my zone", "My goal"]  # type: ignore[arg-type]


async def test_a_zone_by_the_form_is_ones_own_and_read_from_then_on(invited: World) -> None:
    world = invited
    await world.restart()
    answer = await fill_in(world, world.alice, "Set my zone", zone="new york")
    assert answer.ephemeral
    assert "Your time zone is **America/New_York**, where it is 19:00 now." in said(answer)
    assert await zones(world) == {world.alice.id: "America/New_York", world.bob.id: "Asia/Tokyo"}
    # What she types is read there from then on: noon of hers is 17:00 UTC.
    await world.alice.click(invitation(world), label="Join")
    await schedule(world, world.alice, when="2026-01-08 12:00")
    [planned] = await dates(world)
    assert planned.starts_at == datetime(2026, 1, 8, 17, 0, tzinfo=UTC)


async def test_a_zone_that_is_none_says_where_to_look_and_changes_nothing(invited: World) -> None:
    world = invited
    refused = said(await fill_in(world, world.alice, "Set my zone", zone="Boston"))
    assert "“Boston” is no time zone I know" in refused
    assert "`/timezone`" in refused
    assert await zones(world) == {world.bob.id: "Asia/Tokyo"}


async def test_a_goal_is_noted_before_there_is_a_course_and_counts_once_there_is(invited: World) -> None:
    world = invited
    await world.alice.click(invitation(world), label="Join")
    noted = await fill_in(world, world.alice, "My goal", hours=["10"])
    assert noted.ephemeral
    assert "Noted: 10 hours a week." in said(noted)
    assert await hours(world) == {world.alice.id: 10, world.bob.id: 40}
    await follow(world)
    assert "You plan 10 hours a week." in said(await world.alice.slash(world.channel, "plan"))
    changed = said(await fill_in(world, world.alice, "My goal", hours=["3"]))
    assert "You plan 3 hours a week." in changed
    assert "Your plan: " in changed
    # The form knows what was planned, also a number that it would not offer by itself.
    await world.alice.slash(world.channel, "plan", hours_per_week=33)
    form = await world.alice.click(invitation(world), label="My goal")
    await world.alice.submit_modal(form, {"hours": ["33"]})
    assert await hours(world) == {world.alice.id: 33, world.bob.id: 40}


async def test_who_is_not_in_the_group_has_no_goal_there(invited: World) -> None:
    world = invited
    refused = await world.alice.click(invitation(world), label="My goal")
    assert refused.ephemeral
    assert "You are not in “Berlin”" in said(refused)
    form = await world.bob.click(invitation(world), label="My goal")
    await world.bob.slash(world.channel, "group leave")
    assert "You are not in “Berlin”" in said(await world.bob.submit_modal(form, {"hours": ["5"]}))
    assert await hours(world) == {world.bob.id: 40}


async def test_buttons_of_another_server_or_of_nothing_change_nothing(invited: World) -> None:
    world = invited
    elsewhere = world.env.create_guild("Elsewhere")
    room = elsewhere.create_text_channel("general")
    stranger = elsewhere.add_member(world.env.create_user("stranger"))
    place = world.bot.get_partial_messageable(room.id, guild_id=elsewhere.id)
    for feature, verb in (("plan", "set"), ("review", "start")):
        message = await forged(world, feature, 1, verb, place=place)
        refused = said(await stranger.click(message, label="Press"))
        assert "There is no group “1” here" in refused, feature
        assert "Berlin" not in refused
    assert set(await hours(world)) == {world.bob.id}


async def test_the_mark_of_the_delivery_stays_on_the_first_button(world: World) -> None:
    home = world.guild.create_text_channel("berlin-home")
    await world.organizer.slash(
        world.channel, "group create", name="Berlin", timezone="Europe/Berlin", channel=home
    )
    await world.pass_time(minutes=1)
    [message] = home.history()
    assert [item.label for row in message.components for item in row.children] == BUTTONS  # type: ignore[union-attr]
    assert "#" in custom_id(message, "Join")
    assert "#" not in custom_id(message, "My goal")
