"""Groups, from making one to archiving it, as members live it."""

import discord
import pytest
from simcord import InteractionResult, MemberActor

from bot.sandbox import World
from tests.features.reading import said


async def create(world: World, by: MemberActor | None = None, **options: object) -> InteractionResult:
    given = {"name": "Berlin", "timezone": "Europe/Berlin", **options}
    return await (by or world.organizer).slash(world.channel, "group create", **given)


def has_role(world: World, member: MemberActor, role: discord.Role | object) -> bool:
    return role.id in world.env.backend.get_guild(world.guild.id).members[member.id].role_ids  # type: ignore[attr-defined]


async def test_a_group_is_made_and_joined_by_its_button_after_a_restart(world: World) -> None:
    welcome = await create(world, course="fastai-2019")
    assert not welcome.ephemeral
    assert "Berlin" in said(welcome)
    await world.restart()
    answer = await world.alice.click(world.channel.history()[0], label="Join")
    assert answer.ephemeral
    assert "Welcome to **Berlin**" in said(answer)
    info = said(await world.alice.slash(world.channel, "group info"))
    assert "Members 1" in info
    assert "Course Practical Deep Learning for Coders, part 1 (2019)" in info


async def test_a_welcome_for_another_channel_arrives_there_once(world: World) -> None:
    home = world.guild.create_text_channel("berlin-home")
    answer = await create(world, channel=home)
    assert answer.ephemeral
    await world.pass_time(hours=1)
    assert [len(message.components) for message in home.history()] == [1]


async def test_the_channel_then_the_only_membership_then_a_list_decide_the_group(world: World) -> None:
    paris = world.guild.create_text_channel("paris")
    elsewhere = world.guild.create_text_channel("random")
    await create(world)
    await world.organizer.slash(paris, "group create", name="Paris", timezone="Europe/Paris")
    assert "**Paris**" in said(await world.alice.slash(paris, "group join"))
    # Not in any group's channel: Alice's only group it is.
    assert "Paris" in said(await world.alice.slash(elsewhere, "group info"))
    unsure = await world.bob.slash(elsewhere, "group join")
    assert unsure.ephemeral
    assert "**Berlin**, **Paris**" in said(unsure)
    named = await world.bob.slash(elsewhere, "group join", group="berlin")
    assert "Welcome to **Berlin**" in said(named)
    listing = said(await world.bob.slash(elsewhere, "group list"))
    assert "Berlin" in listing
    assert "Paris" in listing


async def test_the_role_follows_membership(world: World) -> None:
    role = world.guild.create_role("berlin", position=0)
    await create(world, role=role)
    await world.alice.slash(world.channel, "group join")
    assert has_role(world, world.alice, role)
    assert not has_role(world, world.bob, role)
    await world.alice.slash(world.channel, "group leave")
    assert not has_role(world, world.alice, role)


async def test_a_role_that_cannot_be_given_does_not_stop_anybody_from_joining(world: World) -> None:
    role = world.guild.create_role("berlin", position=0)
    await create(world, role=role)
    world.env.inject_error("PUT", "/guilds/*/members/*/roles/*", status=403, code=50013, message="no")
    answer = said(await world.alice.slash(world.channel, "group join"))
    assert "Welcome to **Berlin**" in answer
    assert "Manage Roles" in answer


async def test_nobody_becomes_a_moderator_by_joining(world: World) -> None:
    moderators = world.guild.create_role(
        "Mods", permissions=discord.Permissions(ban_members=True), position=0
    )
    refused = await create(world, role=moderators)
    assert refused.ephemeral
    assert "moderation rights" in said(refused)
    friends = world.guild.create_role("Friends", position=0)
    refused = await create(world, by=world.alice, role=friends)
    assert "Manage Roles" in said(refused)
    assert "no study group yet" in said(await world.bob.slash(world.channel, "group list"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"timezone": "Berlin time"}, "no time zone I know"),
        ({"name": "   "}, "at least one visible character"),
        ({"name": "\u200b\u2066"}, "at least one visible character"),
        ({"name": "x" * 81}, "81 characters; the most is 80"),
        ({"course": "y" * 200}, "the most is 80"),
    ],
)
async def test_bad_input_gets_one_sentence_and_makes_nothing(
    world: World, options: dict[str, str], sentence: str
) -> None:
    refused = await create(world, **options)
    assert refused.ephemeral
    assert sentence in said(refused)
    assert "no study group yet" in said(await world.bob.slash(world.channel, "group list"))


async def test_two_groups_cannot_share_a_name_until_one_is_archived(world: World) -> None:
    await create(world)
    assert "already" in said(await create(world, name="  BERLIN "))
    await world.organizer.slash(world.channel, "group archive")
    assert "Berlin" in said(await create(world))


async def test_only_organizers_edit_and_archive(world: World) -> None:
    await create(world)
    helpers = world.guild.create_role("Helpers", position=0)
    for name, options in (("group edit", {"name": "Mine"}), ("group archive", {})):
        refused = await world.bob.slash(world.channel, name, **options)
        assert refused.ephemeral
        assert "Only organizers" in said(refused)
    await world.organizer.slash(world.channel, "group edit", organizer_role=helpers)
    world.env.backend.get_guild(world.guild.id).members[world.bob.id].role_ids.append(helpers.id)
    saved = said(await world.bob.slash(world.channel, "group edit", name="Berlin Mitte"))
    assert "Berlin Mitte" in saved
    # Whoever made a group organizes it, with no rights in the server at all.
    await world.alice.slash(world.channel, "group create", name="Algebra", timezone="UTC")
    assert "Saved" in said(
        await world.alice.slash(world.channel, "group edit", group="Algebra", course="Strang")
    )


async def test_an_edit_without_a_new_value_says_so(group_world: World) -> None:
    answer = await group_world.organizer.slash(group_world.channel, "group edit")
    assert answer.ephemeral
    assert "Nothing to change" in said(answer)


async def test_leaving_twice_and_joining_twice_are_told_apart(group_world: World) -> None:
    world = group_world
    assert "in “Berlin” already" in said(await world.alice.slash(world.channel, "group join"))
    assert "You have left" in said(await world.alice.slash(world.channel, "group leave"))
    assert "You are not in “Berlin”" in said(await world.alice.slash(world.channel, "group leave"))
    assert "Members 2" in said(await world.bob.slash(world.channel, "group info"))


async def test_an_archived_group_is_gone_from_everywhere_and_its_button_says_why(world: World) -> None:
    await create(world)
    welcome = world.channel.history()[0]
    await world.organizer.slash(world.channel, "group archive")
    assert "archived" in said(await world.alice.click(welcome, label="Join"))
    assert "no study group yet" in said(await world.alice.slash(world.channel, "group list"))
    assert not await world.alice.autocomplete(world.channel, "group join", "group", "")


async def test_an_archived_group_can_be_left_and_its_role_goes(world: World) -> None:
    role = world.guild.create_role("berlin", position=0)
    elsewhere = world.guild.create_text_channel("random")
    await create(world, role=role)
    for member in (world.alice, world.bob):
        await member.slash(world.channel, "group join")
    await world.organizer.slash(world.channel, "group archive")
    # A later group of the same name and place, which Bob alone joins.
    await create(world)
    await world.bob.slash(elsewhere, "group join", group="Berlin")
    [choice] = await world.alice.autocomplete(elsewhere, "group leave", "group", "ber")
    assert choice["name"] == "Berlin (archived)"
    offered = await world.bob.autocomplete(elsewhere, "group leave", "group", "")
    assert [choice["name"] for choice in offered] == ["Berlin", "Berlin (archived)"]
    left = said(await world.alice.slash(elsewhere, "group leave", group="Berlin"))
    assert "You have left **Berlin**" in left
    assert not has_role(world, world.alice, role)
    assert has_role(world, world.bob, role)
    assert "You are not in “Berlin”" in said(await world.alice.slash(world.channel, "group leave"))
    # Bob means the open one first.
    assert "You have left" in said(await world.bob.slash(world.channel, "group leave"))
    assert has_role(world, world.bob, role)
    assert "You have left" in said(await world.bob.slash(world.channel, "group leave"))
    assert not has_role(world, world.bob, role)


async def test_what_was_offered_before_the_group_was_archived_says_so(world: World) -> None:
    await create(world)
    welcome = await world.alice.slash(world.channel, "group join")
    wizard = await world.organizer.slash(world.channel, "setup")
    form = await world.organizer.click(wizard.response, label="Time zone")  # type: ignore[arg-type]
    [choice] = await world.alice.autocomplete(world.channel, "group info", "group", "")
    await world.organizer.slash(world.channel, "group archive")
    goal = await world.alice.click(welcome.response, label="My goal")  # type: ignore[arg-type]
    for answer in (
        goal,
        await world.alice.slash(world.channel, "group info", group=choice["value"]),
        await world.organizer.click(wizard.response, label="Channel"),  # type: ignore[arg-type]
        await world.organizer.submit_modal(form, {"zone": "UTC"}),
    ):
        assert "“Berlin” is archived" in said(answer)


async def test_autocomplete_suggests_names_and_carries_ids(world: World) -> None:
    await create(world)
    await create(world, name="Paris", timezone="Europe/Paris")
    [choice] = await world.alice.autocomplete(world.channel, "group join", "group", "par")
    assert choice["name"] == "Paris"
    assert "Welcome to **Paris**" in said(
        await world.alice.slash(world.channel, "group join", group=choice["value"])
    )
    zones = await world.alice.autocomplete(world.channel, "group create", "timezone", "berl")
    assert zones[0]["value"] == "Europe/Berlin"


async def test_a_group_of_another_server_is_unknown_here(world: World) -> None:
    await create(world)
    other = world.env.create_guild("Elsewhere")
    channel = other.create_text_channel("general")
    stranger = other.add_member(world.env.create_user("stranger"))
    refused = said(await stranger.slash(channel, "group join", group="1"))
    assert "There is no group “1” here" in refused
    assert "Berlin" not in refused


async def test_a_channel_the_bot_cannot_write_in_is_refused_by_name(world: World) -> None:
    closed = world.guild.create_text_channel(
        "closed", overwrites={world.guild.me: discord.PermissionOverwrite(send_messages=False)}
    )
    refused = await create(world, channel=closed)
    assert refused.ephemeral
    assert "**Send Messages**" in said(refused)
    assert closed.history() == []


async def test_names_have_no_power_over_the_messages_that_show_them(world: World) -> None:
    welcome = await create(world, name="@everyone [win](https://x.y)")
    for request in world.env.http_requests:
        body = request.json if isinstance(request.json, dict) else {}
        mentions = (body.get("data") or body).get("allowed_mentions")
        assert mentions is None or mentions.get("parse") == []
    assert "](https" not in said(welcome).replace("\\[win\\](https", "")


async def test_many_long_names_still_fit_into_an_answer(world: World) -> None:
    for number in range(32):
        await create(world, name=f"{number:02d} {'_*' * 38}", timezone="UTC")
    everything = await world.alice.slash(world.channel, "group list")
    assert "00 \\_\\*" in said(everything)
    assert "more; /group info finds them by name" in str(everything.response.embeds[0].footer.text)  # type: ignore[union-attr]
    refused = await world.alice.slash(world.channel, "group info", group="Atlantis")
    assert refused.ephemeral
    assert "There is no group “Atlantis” here. The groups are: **00 " in said(refused)
    assert " more." in said(refused)
