"""Forms that stood open too long: their sender is told so, and loses nothing that they typed."""

import pytest

from bot.sandbox import World
from tests.features.carding import fronts
from tests.features.reading import said

FRONT = "What does `fit_one_cycle` do?"


@pytest.mark.parametrize("what", ["a restart", "an hour"])
async def test_a_form_that_is_not_known_any_more_gives_back_what_was_typed(
    group_world: World, what: str
) -> None:
    world = group_world
    before = await fronts(world)
    shown = await world.alice.slash(world.channel, "cards add")
    if what == "a restart":
        await world.restart()
    else:
        await world.pass_time(hours=1, seconds=1)
    answer = await world.alice.submit_modal(shown, {"front": FRONT, "back": "It warms up, @everyone."})
    assert answer.ephemeral
    assert "don't know this form any more" in said(answer)
    assert "What does \\`fit\\_one\\_cycle\\` do?" in said(answer)
    assert "It warms up" in said(answer)
    assert "@everyone" not in said(answer)
    assert await fronts(world) == before
    # Opened anew, it works.
    again = await world.alice.slash(world.channel, "cards add")
    await world.alice.submit_modal(again, {"front": FRONT, "back": "It warms up."})
    assert sorted(await fronts(world)) == sorted([*before, FRONT])


async def test_a_long_text_comes_back_as_a_file(group_world: World) -> None:
    world = group_world
    shown = await world.alice.slash(world.channel, "cards add")
    await world.restart()
    long = "A gradient. " * 80
    answer = await world.alice.submit_modal(shown, {"front": long, "back": long})
    assert answer.response is not None
    [file] = answer.response.attachments
    assert file.filename == "form.txt"
    assert (await file.read()).decode().count("A gradient.") == 160


async def test_a_form_without_words_is_only_told_about(group_world: World) -> None:
    world = group_world
    shown = await world.organizer.slash(world.channel, "setup")
    form = await world.organizer.click(shown.response, label="Daily cards")
    await world.restart()
    answer = await world.organizer.submit_modal(form, {"hour": ["18"], "count": ["3"]})
    assert "don't know this form any more" in said(answer)
    assert "typed" not in said(answer)
