"""`/setup`: from an empty server to a group that meets, in one private message that may be left any time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import discord
import pytest
from simcord import InteractionResult, MemberActor
from sqlalchemy import select

from bot.db.models import DailyCards, Group, Meetup
from bot.sandbox import World
from tests.features.learning import COURSE, forged, offered
from tests.features.meeting import dates, full, history, posts
from tests.features.reading import said
from tests.features.reviewing import deck

STEPS = ["Channel", "Course", "First meetup", "Time zone", "Daily cards"]
STARTER = "Bring starter cards"


async def set_up(world: World, by: MemberActor | None = None, *, channel: object = None) -> InteractionResult:
    answer = await (by or world.organizer).slash(channel or world.channel, "setup")  # type: ignore[arg-type]
    assert answer.ephemeral
    return answer


async def step(
    world: World, wizard: InteractionResult, label: str, *, by: MemberActor | None = None, **values: object
) -> InteractionResult:
    """Press a step under the wizard, fill in its form and send it."""
    form = await (by or world.organizer).click(wizard.response, label=label)  # type: ignore[arg-type]
    return await (by or world.organizer).submit_modal(form, values)


def primary(wizard: InteractionResult) -> list[str]:
    """The labels of what is to be done next."""
    rows = wizard.response.components  # type: ignore[union-attr]
    return [item["label"] for row in rows for item in row["components"] if item["style"] == 1]


async def groups(world: World) -> list[Group]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(Group).order_by(Group.id)))


async def dailies(world: World) -> list[DailyCards]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(DailyCards).order_by(DailyCards.group_id)))


async def meetups(world: World) -> list[Meetup]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(Meetup).order_by(Meetup.id)))


async def test_from_an_empty_server_to_a_group_that_meets_with_a_restart_before_each_step(
    world: World,
) -> None:
    home = world.guild.create_text_channel("berlin-home")
    wizard = await set_up(world)
    assert "no study group yet" in said(wizard)
    await world.restart()
    await step(world, wizard, "Make the group", name="Berlin", zone="berlin", channel=[world.channel])
    assert "**Berlin** is made" in said(wizard)
    assert "2 of 5 steps are done. Next: **Course**." in said(wizard)
    assert offered(wizard.response) == [*STEPS, STARTER]  # type: ignore[arg-type]
    assert primary(wizard) == ["Course"]
    await world.restart()
    await step(world, wizard, "Channel", channel=[home])
    await world.restart()
    await step(world, wizard, "Course", pack=[COURSE])
    assert "follows **Practical Deep Learning for Coders" in said(wizard)
    assert primary(wizard) == ["First meetup"]
    await world.restart()
    await step(world, wizard, "First meetup", when="2026-01-08 19:00", rhythm=["weekly"], title="Hello")
    assert full(datetime(2026, 1, 8, 18, 0, tzinfo=UTC)) in said(wizard)
    await world.restart()
    await step(world, wizard, "Time zone", zone="Europe/Paris")
    await world.restart()
    answer = await step(world, wizard, "Daily cards", hour=["8"], count=["5"])
    assert "All 5 steps are done." in said(wizard)
    assert primary(wizard) == []
    assert answer.followups == []
    for later in ("/group edit channel:", "/group edit course:", "/meetup edit", "/group edit timezone:"):
        assert f"`{later}`" in said(wizard)
    assert "`/cards daily hour:`" in said(wizard)

    [group] = await groups(world)
    assert (group.name, group.timezone, group.channel_id) == ("Berlin", "Europe/Paris", home.id)
    assert group.pack == COURSE
    [meetup] = await meetups(world)
    assert (meetup.title, meetup.repeat, meetup.timezone) == ("Hello", "weekly", "Europe/Berlin")
    [daily] = await dailies(world)
    assert (daily.hour, daily.count) == (8, 5)
    # The invitation went where the group lived when it was made, the meetup's post to where it lives now.
    await world.pass_time(minutes=2)
    assert [message.embeds[0].title for message in history(world)] == ["Berlin"]
    assert "Hello" in [message.embeds[0].title for message in home.history()]


async def test_running_it_again_shows_what_is_set_and_what_is_left(group_world: World) -> None:
    world = group_world
    await deck(world, "What is a tensor?")
    [into] = await world.organizer.autocomplete(world.channel, "cards daily", "deck", "Deck")
    await world.organizer.slash(world.channel, "cards daily", hour=7, count=4, deck=into["value"])
    wizard = await set_up(world)
    assert "3 of 5 steps are done. Next: **Course**." in said(wizard)
    assert "4 cards every day at 07:00" in said(wizard)
    assert offered(wizard.response) == STEPS  # type: ignore[arg-type]
    # What the wizard does not ask for stays as the command set it.
    await step(world, wizard, "Daily cards", hour=["9"], count=["2"])
    [daily] = await dailies(world)
    assert (daily.hour, daily.count, str(daily.deck_id)) == (9, 2, into["value"])
    await step(world, wizard, "Daily cards", hour=["off"], count=["2"])
    assert await dailies(world) == []
    await step(world, wizard, "Course", other="Linear algebra")
    again = await set_up(world)
    assert "3 of 5 steps are done. Next: **First meetup**." in said(again)
    assert "Linear algebra" in said(again)
    assert len(await groups(world)) == 1


async def test_one_meetup_for_each_lesson_of_the_course(group_world: World) -> None:
    world = group_world
    wizard = await set_up(world)
    form = await world.organizer.click(wizard.response, label="First meetup")  # type: ignore[arg-type]
    assert "fortnightly" in repr(form.modal)
    assert "lesson_1" not in repr(form.modal)  # without a course there is no lesson
    await step(world, wizard, "Course", pack=[COURSE])
    await step(world, wizard, "First meetup", when="2026-01-08 19:00", rhythm=["lesson_2"])
    assert "7 meetups are planned, the first for" in said(wizard)
    berlin = ZoneInfo("Europe/Berlin")
    starts = [one.starts_at.astimezone(berlin) for one in await dates(world)]
    assert [(one.date() - starts[0].date()).days for one in starts] == [14 * lesson for lesson in range(7)]
    assert {one.hour for one in starts} == {19}
    assert "Another meetup" in offered(wizard.response)  # type: ignore[arg-type]
    refused = await step(world, wizard, "Another meetup", when="2026-01-09 19:00", rhythm=["lesson_1"])
    assert "still has meetups of a course to come" in said(refused)
    assert len(await dates(world)) == 7
    await world.pass_time(minutes=2)
    assert len(posts(world)) == 1


async def test_starter_cards_are_one_press_and_open_at_once(group_world: World) -> None:
    world = group_world
    wizard = await set_up(world)
    await world.restart()
    await world.organizer.click(wizard.response, label=STARTER)  # type: ignore[arg-type]
    assert "**Berlin** has" in said(wizard)
    assert offered(wizard.response) == STEPS  # type: ignore[arg-type]
    card = await world.alice.slash(world.channel, "review")
    assert "Show answer" in offered(card.response)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("label", "values", "sentence"),
    [
        ("Time zone", {"zone": "Atlantis"}, "no time zone I know"),
        ("First meetup", {"when": "2025-01-01 10:00", "rhythm": ["once"]}, "is over already"),
        ("First meetup", {"when": "soonish", "rhythm": ["once"]}, "can't read"),
        ("Course", {}, "Nothing to change"),
    ],
)
async def test_a_step_that_goes_wrong_changes_nothing_and_can_be_done_again(
    group_world: World, label: str, values: dict[str, object], sentence: str
) -> None:
    world = group_world
    wizard = await set_up(world)
    before = said(wizard)
    answer = await step(world, wizard, label, **values)
    assert sentence in said(answer)
    [refusal] = answer.followups
    assert refusal.ephemeral
    [group] = await groups(world)
    assert (group.timezone, group.course) == ("Europe/Berlin", None)
    assert await dates(world) == []
    assert said(wizard) == before
    await step(world, wizard, "Time zone", zone="UTC")
    assert (await groups(world))[0].timezone == "UTC"


async def test_a_channel_that_i_cannot_write_in_is_refused_and_one_that_is_gone_is_to_be_done(
    group_world: World,
) -> None:
    world = group_world
    quiet = world.guild.create_text_channel(
        "quiet", overwrites={world.guild.me: discord.PermissionOverwrite(send_messages=False)}
    )
    wizard = await set_up(world)
    refused = await step(world, wizard, "Channel", channel=[quiet])
    assert "**Send Messages**" in said(refused)
    assert (await groups(world))[0].channel_id == world.channel.id
    home = world.guild.create_text_channel("home")
    await step(world, wizard, "Channel", channel=[home])
    world.env.backend.delete_channel(home.id)
    again = await set_up(world)
    assert "the group’s channel was deleted" in said(again)
    assert primary(again) == ["Channel"]
    refused = await step(world, again, "First meetup", when="2026-01-08 19:00", rhythm=["once"])
    assert "was deleted" in said(refused)
    assert await dates(world) == []


async def test_a_name_that_is_taken_makes_no_second_group(world: World) -> None:
    wizard = await set_up(world)
    values = {"name": "Berlin", "zone": "UTC", "channel": [world.channel]}
    first = await world.organizer.click(wizard.response, label="Make the group")  # type: ignore[arg-type]
    second = await world.organizer.click(wizard.response, label="Make the group")  # type: ignore[arg-type]
    await world.organizer.submit_modal(first, values)
    refused = await world.organizer.submit_modal(second, values)
    assert "a group called “Berlin” already" in said(refused)
    assert len(await groups(world)) == 1
    assert offered(wizard.response) == [*STEPS, STARTER]  # type: ignore[arg-type]


async def test_several_groups_are_told_apart_by_channel_or_by_a_press(group_world: World) -> None:
    world = group_world
    paris = world.guild.create_text_channel("paris")
    await world.organizer.slash(paris, "group create", name="Paris", timezone="Europe/Paris")
    office = world.guild.create_text_channel("office")
    assert "Setting up Paris" in said(await set_up(world, channel=paris))
    which = await set_up(world, channel=office)
    assert offered(which.response) == ["Berlin", "Paris"]  # type: ignore[arg-type]
    await world.restart()
    await world.organizer.click(which.response, label="Paris")  # type: ignore[arg-type]
    assert "Setting up Paris" in said(which)
    await step(world, which, "Time zone", zone="UTC")
    assert [group.timezone for group in await groups(world)] == ["Europe/Berlin", "UTC"]


async def test_every_one_of_many_groups_in_a_channel_can_be_reached(world: World) -> None:
    names = [f"Group {number:02}" for number in range(43)]
    for name in names:
        await world.organizer.slash(world.channel, "group create", name=name, timezone="UTC")
    first = await set_up(world)
    assert "page 1 of 3" in said(first)
    assert offered(first.response) == [*names[:20], "Next"]  # type: ignore[arg-type]
    for page in (2, 3):
        await world.restart()
        await world.organizer.click(first.response, label="Next")  # type: ignore[arg-type]
        assert f"page {page} of 3" in said(first)
    assert offered(first.response) == [*names[40:], "Back"]  # type: ignore[arg-type]
    await world.organizer.click(first.response, label="Group 42")  # type: ignore[arg-type]
    assert "Setting up Group 42" in said(first)
    assert "Only organizers" in said(
        await world.alice.click(await forged(world, "setup", 2, "others"), label="Press")
    )


async def test_only_organizers_set_up(world: World) -> None:
    for by in (world.alice, world.bob):
        refused = await set_up(world, by)
        assert "Only organizers can do that" in said(refused)
        assert offered(refused.response) == []  # type: ignore[arg-type]
    make = await forged(world, "setup", 0, "create")
    assert "Only organizers" in said(await world.alice.click(make, label="Press"))
    await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
    await world.alice.slash(world.channel, "group join")
    [group] = await groups(world)
    assert "Only organizers" in said(await set_up(world, world.alice))
    for verb in ("show", "channel", "course", "meetup", "zone", "daily", "starter"):
        press = await forged(world, "setup", group.id, verb)
        answer = await world.alice.click(press, label="Press")
        assert "Only organizers of “Berlin”" in said(answer), verb
    # Whoever has the group's own role may, with no right in the server.
    helpers = world.guild.create_role("Helpers", position=0)
    await world.organizer.slash(world.channel, "group edit", organizer_role=helpers)
    roles = world.env.backend.get_guild(world.guild.id).members[world.bob.id].role_ids
    roles.append(helpers.id)
    wizard = await set_up(world, world.bob)
    assert "Setting up Berlin" in said(wizard)
    # And not with a form that stayed open while the role was taken away.
    zone = await world.bob.click(wizard.response, label="Time zone")  # type: ignore[arg-type]
    meetup = await world.bob.click(wizard.response, label="First meetup")  # type: ignore[arg-type]
    roles.remove(helpers.id)
    assert "Only organizers" in said(await world.bob.submit_modal(zone, {"zone": "UTC"}))
    late = await world.bob.submit_modal(meetup, {"when": "2026-01-08 19:00", "rhythm": ["once"]})
    assert "Only organizers" in said(late)
    assert (await groups(world))[0].timezone == "Europe/Berlin"
    assert await dates(world) == []
    assert await dailies(world) == []


async def test_a_group_of_another_server_is_unknown_here(group_world: World) -> None:
    world = group_world
    [group] = await groups(world)
    elsewhere = world.env.create_guild("Elsewhere")
    room = elsewhere.create_text_channel("general")
    owner = elsewhere.add_member(
        world.env.create_user("owner"),
        roles=[elsewhere.create_role("Boss", permissions=discord.Permissions(manage_guild=True))],
    )
    place = world.bot.get_partial_messageable(room.id, guild_id=elsewhere.id)
    press = await forged(world, "setup", group.id, "zone", place=place)
    refused = said(await owner.click(press, label="Press"))
    assert "There is no group" in refused
    assert "Berlin" not in refused
    nonsense = await forged(world, "setup", group.id, "nonsense")
    assert "no step I know" in said(await world.organizer.click(nonsense, label="Press"))
