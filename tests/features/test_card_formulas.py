"""Formulas on cards: drawn under the text that says them as code."""

from typing import Any

from bot.sandbox import World
from tests.features.meeting import history
from tests.features.reviewing import card_shown, deck, press, review


def pictures(shown: Any) -> list[str]:
    return [attachment.filename for attachment in shown.attachments]


async def test_a_card_with_formulas_has_them_as_a_picture(group_world: World) -> None:
    world = group_world
    await deck(world, r"What is \(\frac{d}{dx} x^2\)?", "What costs $5 here and $6 there?")
    shown = await review(world, world.alice)
    assert shown.response is not None
    assert pictures(shown.response) == ["formulas-1.png"]
    assert "x²" in card_shown(shown)
    assert "x²" in str(shown.response.attachments[0].description)
    await press(world.alice, shown, "Show answer")
    assert pictures(shown.response) == ["formulas-1.png"]
    await press(world.alice, shown, "Easy")
    assert "costs $5" in card_shown(shown)
    assert pictures(shown.response) == []


async def test_a_formula_that_cannot_be_drawn_stands_in_the_text(group_world: World) -> None:
    world = group_world
    await deck(world, r"Read \(\unknownmacro{x}\) aloud")
    shown = await review(world, world.bob)
    assert shown.response is not None
    assert pictures(shown.response) == []
    assert "unknownmacro" in card_shown(shown)


async def test_the_daily_post_and_its_answers_show_formulas(group_world: World) -> None:
    world = group_world
    await deck(world, r"What is \(\log 1\)?", "What is a tensor?")
    await world.organizer.slash(world.channel, "cards daily", hour=9, count=2)
    await world.pass_time(days=1)
    post = history(world)[-1]
    assert pictures(post) == ["formulas-1.png"]
    answer = await world.alice.click(post, label="Show answer 1")
    assert answer.ephemeral
    assert answer.response is not None
    assert pictures(answer.response) == ["formulas-1.png"]
