"""`/help`: what a member may do here, by topic, out of the commands that there are."""

import re

import discord
from discord import app_commands
from simcord import InteractionResult, MemberActor

from bot.sandbox import World
from bot.ui.help import IN_MENU, OVERVIEW, TOPICS
from tests.features.learning import forged, offered
from tests.features.reading import said

# For organizers alone, says the description; with "host", a meetup's host may do it too.
FOR_ORGANIZERS = re.compile(r"for (the group's |its )?organizers\.$", re.IGNORECASE)
[ORGANIZERS] = [topic for topic in TOPICS if topic.for_organizers]


async def ask(world: World, by: MemberActor, **options: str) -> InteractionResult:
    answer = await by.slash(world.channel, "help", **options)
    assert answer.ephemeral
    return answer


def typed_commands(world: World) -> dict[str, app_commands.Command]:  # type: ignore[type-arg]
    tree = world.bot.tree
    return {
        command.qualified_name: command
        for command in tree.walk_commands()
        if isinstance(command, app_commands.Command)
    }


def menus(world: World) -> list[str]:
    kinds = (discord.AppCommandType.message, discord.AppCommandType.user)
    return [menu.name for kind in kinds for menu in world.bot.tree.walk_commands(type=kind)]


async def test_every_command_stands_in_one_topic_and_every_name_is_a_command(world: World) -> None:
    named = [name for topic in TOPICS for name in topic.commands]
    assert sorted(named) == sorted([*typed_commands(world), *menus(world)])
    assert sorted(IN_MENU) == sorted(menus(world))
    # Twenty-five choices, five buttons in each of five rows, one row for the way back.
    assert len(TOPICS) <= 20
    assert OVERVIEW not in {topic.key for topic in TOPICS}


async def test_what_is_for_organizers_by_its_own_words_stands_there(world: World) -> None:
    commands = typed_commands(world)
    theirs = {name for name, command in commands.items() if FOR_ORGANIZERS.search(command.description)}
    assert len(theirs) > 8
    assert theirs <= set(ORGANIZERS.commands)


async def test_examples_name_options_that_there_are(world: World) -> None:
    commands = typed_commands(world)
    for topic in TOPICS:
        for example in topic.examples:
            path = re.match(r"/([a-z ]+?)(?= [a-z_]+:|$)", example)
            assert path is not None, example
            assert path[1] in topic.commands
            used = set(re.findall(r" ([a-z_]+):", example))
            assert used <= {parameter.name for parameter in commands[path[1]].parameters}, example
            assert {each.name for each in commands[path[1]].parameters if each.required} <= used, example


async def test_examples_do_what_they_say(group_world: World) -> None:
    """Those that change something, typed as they stand, by whom they are for."""
    world = group_world
    await world.organizer.slash(world.channel, "group edit", course="fastai-2022")
    done = 0
    for topic in TOPICS:
        by = world.organizer if topic.for_organizers else world.alice
        for example in topic.examples:
            if example.endswith(("image:", "/setup", "/group join")):
                continue
            name, *values = re.split(r" (?=[a-z_]+:)", example.removeprefix("/"))
            options = dict(value.split(":", 1) for value in values)
            typed = {
                key: int(value) if value.isdigit() and key != "lesson" else value
                for key, value in options.items()
            }
            answer = said(await by.slash(world.channel, name, **typed))
            for trouble in (
                "can't",
                "more than one way",
                "no study group",
                "Which group",
                "wrong on my side",
                "is no ",
                "Only organizers",
            ):
                assert trouble not in answer, (example, answer)
            done += 1
    assert done > 10


async def test_a_member_sees_what_is_theirs_and_an_organizer_more(group_world: World) -> None:
    world = group_world
    await world.organizer.slash(world.channel, "group create", name="Paris", timezone="Europe/Paris")
    answer = await ask(world, world.alice)
    text = said(answer)
    assert "You are in **Berlin**." in text
    assert "Paris" not in text
    assert "`/meetup schedule when:next thursday at 19:00 repeat:weekly`" in text
    assert "Your data" in offered(answer.response)  # type: ignore[arg-type]
    assert "For organizers" not in text + repr(offered(answer.response))  # type: ignore[arg-type]
    assert "For organizers" in said(await ask(world, world.organizer))
    # Whoever made a group organizes it.
    await world.bob.slash(world.channel, "group create", name="Algebra", timezone="UTC")
    assert "For organizers" in said(await ask(world, world.bob))


async def test_a_topic_lists_its_commands_as_they_describe_themselves(group_world: World) -> None:
    world = group_world
    answer = await ask(world, world.alice, topic="meetups")
    text = said(answer)
    commands = typed_commands(world)
    for name in ("meetup schedule", "meetup calendar", "meetup cancel"):
        assert f"`/{name}`: {commands[name].description}" in text
    assert "/remind" not in text
    assert "Try `/meetup schedule when:next thursday at 19:00 repeat:weekly`" in text
    cards = said(await ask(world, world.alice, topic="Flashcards"))
    assert "**Make flashcard**, under Apps in a message’s menu" in cards
    assert "/cards daily" not in cards
    assert "/cards daily" in said(await ask(world, world.organizer, topic="organizers"))


async def test_the_topics_are_buttons_that_turn_the_same_message_after_a_restart(group_world: World) -> None:
    world = group_world
    answer = await ask(world, world.alice)
    await world.restart()
    posts = len(world.channel.history())
    turned = await world.alice.click(answer.response, label="Your data")  # type: ignore[arg-type]
    assert turned.followups == []
    assert "`/privacy delete`" in said(answer)
    assert "`/meetup schedule" not in said(answer)
    await world.alice.click(answer.response, label="All topics")  # type: ignore[arg-type]
    assert "`/meetup schedule" in said(answer)
    assert len(world.channel.history()) == posts


async def test_what_is_for_organizers_is_refused_to_others_however_they_ask(group_world: World) -> None:
    world = group_world
    refused = said(await ask(world, world.alice, topic="organizers"))
    assert "Only organizers can do that" in refused
    assert "/doctor" not in refused
    button = await forged(world, "help", 0, "organizers")
    pressed = await world.alice.click(button, label="Press")
    assert "Only organizers can do that" in said(pressed)
    assert "/doctor" not in said(pressed)
    unknown = said(await ask(world, world.alice, topic="cooking"))
    assert "“cooking” is no topic I know" in unknown
    assert "Meetups" in unknown


async def test_topics_are_suggested_to_whom_they_concern(group_world: World) -> None:
    world = group_world
    everything = await world.alice.autocomplete(world.channel, "help", "topic", "")
    assert len(everything) == len(TOPICS) - 1
    assert {"name": "Reminders", "value": "reminders"} in [
        {"name": choice["name"], "value": choice["value"]} for choice in everything
    ]
    [found] = await world.organizer.autocomplete(world.channel, "help", "topic", "organ")
    assert found["value"] == "organizers"
    assert await world.alice.autocomplete(world.channel, "help", "topic", "organ") == []


async def test_who_is_in_no_group_hears_how_to_begin(world: World) -> None:
    assert "`/setup` makes one" in said(await ask(world, world.organizer))
    assert "`/group create` makes one" in said(await ask(world, world.bob))
    await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
    assert "`/group join` brings you in" in said(await ask(world, world.bob))


async def test_in_a_direct_message_only_what_works_there(group_world: World) -> None:
    answer = await group_world.alice.user.slash("help")
    text = said(answer)
    assert "These work here" in text
    assert "/remind me" in text
    assert "/meetup" not in text
    assert "Meetups" not in repr(offered(answer.response))  # type: ignore[arg-type]


async def test_a_bot_without_a_classifier_says_so(group_world: World) -> None:
    text = said(await ask(group_world, group_world.alice, topic="pictures"))
    assert "switched the classifier off" in text
    assert "`/classify`" in text
