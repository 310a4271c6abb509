"""`/remind me` with what cannot be: each is refused with what to type instead, and leaves nothing."""

import re
from datetime import UTC, datetime

import pytest

from bot.sandbox import World
from bot.services.reminders import OPEN_LIMIT
from bot.ui.buttons import DurableButton, buttons
from tests.features.reading import said
from tests.features.reminding import instant_in, remind


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("yesterday 7pm", "is over already"),
        ("2020-01-01 10:00", "is over already"),
        ("soonish", "can't read"),
        ("x" * 3000, "can't read"),
        ("   ", "can't read"),
        ("2026-10-25 02:30", "twice"),
        ("2026-03-29 02:30", "jump over"),
        ("2036-01-01 10:00", "more than five years"),
        ("03/04 10:00", "more than one way"),
    ],
)
async def test_an_impossible_time_is_refused_with_what_to_type(world: World, when: str, words: str) -> None:
    await world.alice.slash(world.channel, "timezone", zone="Europe/Berlin")
    refused = await remind(world, world.alice, when, "algebra")
    assert words in said(refused)
    assert len(said(refused)) < 500
    assert "no reminders" in said(await world.alice.slash(world.channel, "remind list"))


async def test_each_reading_of_a_repeated_hour_can_be_typed_as_the_refusal_shows_it(world: World) -> None:
    await world.alice.slash(world.channel, "timezone", zone="Europe/Berlin")
    refused = said(await remind(world, world.alice, "2026-10-25 02:30", "algebra"))
    first, second = re.findall(r"`([^`]+)`", refused)
    answers = [said(await remind(world, world.alice, typed, "algebra")) for typed in (first, second)]
    assert [instant_in(answer) for answer in answers] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("a" * 2000, "has 2000 characters; the most is 1000"),
        ("a" * 1001, "has 1001 characters; the most is 1000"),
        (" \u200b\u2060 ", "at least one visible character"),
        ("\u202e", "at least one visible character"),
    ],
)
async def test_a_text_that_is_too_long_or_empty_is_refused(world: World, what: str, words: str) -> None:
    refused = await remind(world, world.alice, "in 1 hour", what)
    assert words in said(refused)
    await world.pass_time(hours=2)
    assert world.dms(world.alice) == []


@pytest.mark.parametrize(
    "what",
    [
        "a" * 1000,
        "*" * 1000,
        "`" * 1000,
        "```" + "[x](https://e.example)" * 40,
        "𝔞" * 1000,
        "@everyone " * 90 + "x",
        r"\_(ツ)_/ # > - <@1> <t:1:R>",
    ],
)
async def test_every_text_arrives_whole_and_literal(world: World, what: str) -> None:
    assert "remind you" in said(await remind(world, world.alice, "in 1 hour", what))
    await world.pass_time(hours=1)
    got = world.last_dm(world.alice).content
    unescaped = re.sub(r"\\(.)", r"\1", got).replace("\u200b", "")
    assert what in unescaped or f"```\n{what.replace('`', 'ˋ')}\n```" in got
    assert world.last_dm(world.alice).mentions == []
    assert not world.last_dm(world.alice).mention_everyone


async def test_a_hundred_open_reminders_are_the_most(world: World) -> None:
    await remind(world, world.bob, "in 1 hour", "noise")
    for number in range(OPEN_LIMIT):
        assert "remind you" in said(await remind(world, world.alice, "in 1 hour", f"thing {number}"))
    refused = await remind(world, world.alice, "in 1 hour", "one too many")
    assert f"{OPEN_LIMIT} open reminders" in said(refused)
    listed = said(await world.alice.slash(world.channel, "remind list"))
    assert "thing 0" in listed
    assert len(await world.alice.autocomplete(world.channel, "remind cancel", "reminder", "")) == 25
    await world.pass_time(hours=1)
    assert len(world.dms(world.alice)) == OPEN_LIMIT
    assert "remind you" in said(await remind(world, world.alice, "in 1 hour", "room again"))


@pytest.mark.parametrize(
    ("feature", "id", "verb"),
    [
        ("remind", 1, "snooze5"),
        ("remind", 10**19, "done"),
        ("meetup", 1, "drop"),
        ("meetup", 10**19, "going"),
        ("group", 10**19, "join"),
        ("event", 10**19, "retry"),
        ("checkin", 10**19, "code"),
        ("nothing", 1, "done"),
    ],
)
async def test_a_button_that_no_message_of_ours_has_is_refused(
    group_world: World, feature: str, id: int, verb: str
) -> None:
    world = group_world
    await remind(world, world.alice, "in 1 hour", "algebra")
    await world.organizer.slash(world.channel, "meetup schedule", when="in 2 days")
    place = world.bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id)
    forged = await place.send("?", view=buttons(DurableButton(feature, id, verb, label="Press")))
    answer = await world.alice.click(forged, label="Press")
    refusal = answer.followups[-1] if answer.followups else answer.response
    assert refusal is not None
    assert refusal.ephemeral
    assert "Something went wrong" not in refusal.content
