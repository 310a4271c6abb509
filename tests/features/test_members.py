"""`/timezone`: a member's own zone, in every server and for every time they type."""

import pytest

from bot.sandbox import World
from bot.services.zones import zone_names
from tests.features.reading import said


async def test_a_zone_is_set_and_shows_the_time_there(world: World) -> None:
    answer = await world.alice.slash(world.channel, "timezone", zone="Europe/Berlin")
    assert answer.ephemeral
    assert "**Europe/Berlin**, where it is 01:00 now" in said(answer)


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("europe/berlin", "Europe/Berlin"),
        (" America/New York ", "America/New_York"),
        ("utc", "UTC"),
        ("Berlin", "Europe/Berlin"),
        ("Sao Paulo", "America/Sao_Paulo"),
        ("Louisville", None),  # two zones have that city
    ],
)
async def test_a_zone_typed_by_hand_is_read_kindly(world: World, typed: str, understood: str | None) -> None:
    answer = said(await world.alice.slash(world.channel, "timezone", zone=typed))
    assert (f"**{understood}**" if understood else "pick a zone such as `Europe/Berlin`") in answer


@pytest.mark.parametrize(
    "typed", ["Berlin!", "Mars/Olympus", "../../etc/passwd", "localtime", " ", "x" * 5000, "@everyone **b**"]
)
async def test_what_is_no_zone_is_refused_and_changes_nothing(world: World, typed: str) -> None:
    await world.alice.slash(world.channel, "timezone", zone="Asia/Tokyo")
    refused = await world.alice.slash(world.channel, "timezone", zone=typed)
    assert refused.ephemeral
    assert "is no time zone I know" in said(refused)
    assert "Berlin" in said(refused)
    assert len(said(refused)) < 300
    remembered = said(await world.alice.slash(world.channel, "remind me", when="in 1 hour", what="algebra"))
    assert "Asia/Tokyo" in remembered


async def test_the_newest_choice_counts_and_is_ones_own(world: World) -> None:
    await world.alice.slash(world.channel, "timezone", zone="Asia/Tokyo")
    await world.alice.slash(world.channel, "timezone", zone="Europe/Berlin")
    await world.bob.slash(world.channel, "timezone", zone="America/Lima")
    await world.restart()
    answer = said(await world.alice.slash(world.channel, "remind me", when="tomorrow 19:00", what="algebra"))
    assert "Europe/Berlin" in answer
    assert "<t:1767376800:F>" in answer  # 2026-01-02 18:00 UTC


async def test_it_can_be_set_in_the_bots_direct_messages(world: World) -> None:
    assert "**Asia/Kathmandu**" in said(await world.alice.user.slash("timezone", zone="Asia/Kathmandu"))


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("berl", "Europe/Berlin"),
        ("new y", "America/New_York"),
        ("UTC", "UTC"),
        ("europe/b", "Europe/Belfast"),
    ],
)
async def test_cities_are_suggested_as_they_are_typed(world: World, typed: str, first: str) -> None:
    choices = await world.alice.autocomplete(world.channel, "timezone", "zone", typed)
    assert choices[0]["value"] == first
    assert len(choices) <= 25


async def test_every_suggestion_is_accepted(world: World) -> None:
    for typed in ("", "a", "zzz", "x" * 200):
        choices = await world.alice.autocomplete(world.channel, "timezone", "zone", typed)
        assert len(choices) <= 25
        assert all(choice["value"].casefold() in zone_names() for choice in choices)
