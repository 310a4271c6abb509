"""Cards that a member keeps forgetting: set aside, put to the group without a name, brought back."""

import discord
from sqlalchemy import update

from bot.db.models import CardMemory, Note, NoteState
from bot.sandbox import World
from bot.services.reviews import EXPLAIN
from tests.features.learning import forged
from tests.features.meeting import history, ledger_rows
from tests.features.meeting import labels as post_labels
from tests.features.reading import said
from tests.features.reviewing import answer, card_shown, deck, ids, labels, memories, press, review

# One lapse before a card is set aside.
LEECH = 7


def posts(world: World) -> list[discord.Message]:
    """What was said publicly, less the group's welcome."""
    return [message for message in history(world) if "Join" not in post_labels(message)]


async def lapsed(world: World, card_id: int, *, lapses: int = LEECH) -> None:
    """Everybody has forgotten the card so often, and it is due again."""
    async with world.bot.database.write() as session:
        await session.execute(
            update(CardMemory)
            .where(CardMemory.card_id == card_id)
            .values(lapses=lapses, phase="review", step=None, due=world.now, stability=2.0)
        )


async def test_a_leech_is_set_aside_and_the_group_asked_without_a_name(group_world: World) -> None:
    world = group_world
    [hard, easy] = await deck(world, "a *hard* one", "an easy one")
    shown = await review(world, world.alice)
    await answer(world.alice, shown, "Easy", "Easy")
    other = await review(world, world.bob)
    await answer(world.bob, other, "Easy", "Easy")
    await lapsed(world, hard)
    await lapsed(world, easy, lapses=0)
    shown = await review(world, world.alice)
    assert "1 of 2" in card_shown(shown)
    await answer(world.alice, shown, "Again")
    assert "You keep forgetting “a \\*hard\\* one”, so I set it aside" in card_shown(shown)
    assert "2 of 2" in card_shown(shown)
    assert "an easy one" in card_shown(shown)
    assert labels(shown)[-2:] == ["Ask the group to explain", "Keep it"]
    assert posts(world) == []
    # A press that comes twice keeps the offer and asks once.
    asked = await press(world.alice, shown, "Ask the group to explain")
    assert f"<#{world.channel.id}>" in said(asked)
    await press(world.alice, shown, "Ask the group to explain")
    await world.run_due()
    [post] = posts(world)
    assert "Explain this to us" in post.content
    assert "Alice" not in post.content
    assert str(world.alice.id) not in post.content
    assert post.embeds[0].description == "a *hard* one"
    assert post_labels(post) == ["Show answer"]
    [row] = await ledger_rows(world, EXPLAIN)
    assert row.state == "sent"
    told = await world.bob.click(post, label="Show answer")
    assert told.ephemeral
    assert "answer to a *hard* one" in said(told)
    # Bob's own copy goes on.
    assert "1 of 2" in card_shown(await review(world, world.bob))
    # Undo takes the lapse back, and the card is among the others again.
    await press(world.alice, shown, "Undo")
    assert "a *hard* one" in card_shown(shown)
    assert labels(shown) == ["Show answer", "Undo", "Stop"]
    await answer(world.alice, shown, "Again")
    assert all(one.leech_at is None for one in await memories(world, world.bob))
    # Whoever keeps it meets it again in its learning steps.
    await press(world.alice, shown, "Keep it")
    assert "Ask the group to explain" not in labels(shown)
    stale = await forged(world, "review", int(ids(shown)[0].split(":")[1]), f"ask_{hard}")
    assert "nothing to ask" in said(await world.alice.click(stale, label="Press"))
    await answer(world.alice, shown, "Easy")
    assert "a *hard* one" in card_shown(shown)
    # Set aside once more, it comes back as soon as somebody rewords it.
    await lapsed(world, hard, lapses=LEECH + 4)
    await answer(world.alice, shown, "Again")
    assert "set it aside" in card_shown(shown)
    await world.pass_time(days=1)
    assert "Nothing to review" in said(await review(world, world.alice))
    async with world.bot.database.write() as session:
        await session.execute(update(Note).where(Note.id == 1).values(updated_at=world.now))
    assert "a *hard* one" in card_shown(await review(world, world.alice))


async def test_a_card_that_was_taken_out_is_not_put_to_the_group(group_world: World) -> None:
    world = group_world
    [hard] = await deck(world, "hard")
    shown = await review(world, world.alice)
    await answer(world.alice, shown, "Easy")
    await lapsed(world, hard)
    shown = await review(world, world.alice)
    await answer(world.alice, shown, "Again")
    assert "set it aside" in card_shown(shown)
    stranger = await forged(world, "explain", hard, "show")
    async with world.bot.database.write() as session:
        await session.execute(update(Note).values(state=NoteState.REMOVED))
    await press(world.alice, shown, "Ask the group to explain")
    await world.run_due()
    assert [row.state for row in await ledger_rows(world, EXPLAIN)] == ["skipped"]
    refused = await world.bob.click(stranger, label="Press")
    assert refused.ephemeral
    assert "answer to" not in said(refused)


async def test_a_leech_under_the_daily_post_is_set_aside_and_may_be_asked_about(group_world: World) -> None:
    world = group_world
    [hard] = await deck(world, "hard")
    await answer(world.alice, await review(world, world.alice), "Easy")
    await lapsed(world, hard)
    await world.organizer.slash(world.channel, "cards daily", hour=2)
    await world.pass_time(hours=1)
    [post] = posts(world)
    shown = await world.alice.click(post, label="Show answer")
    stale = await forged(world, "daily", 1, f"ask_{hard}")
    assert "nothing to ask" in said(await world.alice.click(stale, label="Press"))
    await press(world.alice, shown, "Again")
    assert "You graded this card **Again**. You keep forgetting it, so I set it aside" in card_shown(shown)
    assert "It comes back" not in card_shown(shown)
    assert labels(shown) == ["Ask the group to explain"]
    assert "Nothing to review" in said(await review(world, world.alice))
    await press(world.alice, shown, "Ask the group to explain")
    await press(world.alice, shown, "Ask the group to explain")
    await world.run_due()
    assert [row.state for row in await ledger_rows(world, EXPLAIN)] == ["sent"]
    assert "Explain this to us" in history(world)[-1].content
    # Bob knows nothing of it.
    other = await world.bob.click(post, label="Show answer")
    assert len(labels(other)) == 4
