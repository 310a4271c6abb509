"""Cards as members write them: in a command, a form or from a message, and approved by another."""

import pytest
from simcord import InteractionResult

from bot.db.models import Card, Deck, NoteState
from bot.sandbox import World
from tests.features.carding import BACK, FRONT, cards, decks, fronts, notes, rows, trust, waiting, write
from tests.features.learning import follow, offered
from tests.features.meeting import history, labels, ledger_rows, read
from tests.features.reading import said
from tests.features.test_meetups_crashes import broken_world

KIND = "card_approval"


def prefilled(shown: InteractionResult) -> dict[str, str]:
    """What stands in the fields of a form when it opens."""
    assert shown.modal is not None
    fields = [label["component"] for label in shown.modal["components"]]
    return {field["custom_id"]: field.get("value", "") for field in fields}


def latest(world: World, post_id: int) -> str:
    return read(next(message for message in history(world) if message.id == post_id))


async def test_a_card_joins_the_deck_when_a_second_member_has_looked_at_it(group_world: World) -> None:
    world = group_world
    await follow(world)
    post = await write(world, world.alice, lesson="1", deck="Basics")
    await write(world, world.bob, "What is a batch?", "The rows that one step of training looks at.")
    words = read(post)
    assert f"{world.alice.mention} wrote a card for **Basics**" in words
    assert "Another member of **Berlin**" in words
    assert FRONT in words
    assert f"||{BACK}||" in words
    assert world.env.backend.messages[post.channel.id][post.id].ping_user_ids == []
    [hers, _] = await notes(world)
    assert (hers.state, hers.pack, hers.fields) == (NoteState.PENDING, "fastai-2019", [FRONT, BACK])
    await world.restart()
    thanks = await world.bob.click(post, label="Approve")
    assert "in **Basics** now" in said(thanks)
    assert thanks.followups[0].ephemeral
    assert f"Approved by {world.bob.mention}" in latest(world, post.id)
    assert f"||{BACK}||" in latest(world, post.id)
    assert len(waiting(world)) == 1  # Bob's, which nobody has looked at
    assert [(note.state, note.approved_by) for note in await notes(world)] == [
        (NoteState.ACTIVE, world.bob.id), (NoteState.PENDING, None)
    ]  # fmt: skip
    assert [row.state for row in await ledger_rows(world, KIND)] == ["sent", "sent"]


async def test_a_form_asks_for_the_sides_that_are_missing(group_world: World) -> None:
    world = group_world
    shown = await cards(world, world.alice, "add", front=FRONT, deck="Basics")
    assert prefilled(shown) == {"front": FRONT, "back": ""}
    assert await notes(world) == []
    code = "def step(w):\n    return w - lr * grad"
    answer = await world.alice.submit_modal(shown, {"front": FRONT, "back": f"  \n{code}  \r\n"})
    assert code in said(answer)  # with its indent
    [note] = await notes(world)
    assert note.fields == [FRONT, code]
    assert await decks(world) == ["Basics"]


async def test_a_card_from_a_message(group_world: World) -> None:
    world = group_world
    for text, front, back in (
        ("What is a loss? How wrong the model is.\nLess is better.", "What is a loss?",
         "How wrong the model is.\nLess is better."),
        ("Momentum\nkeeps some of the last step", "Momentum", "keeps some of the last step"),
        (f"Ask {world.bob.mention}", "Ask @Bob", ""),
    ):  # fmt: skip
        message = await world.bob.send(world.channel, text)
        shown = await world.alice.context_menu(world.channel, "Make flashcard", message)
        assert prefilled(shown) == {"front": front, "back": back}
    answer = await world.alice.submit_modal(shown, {"front": "Whom to ask?", "back": "Bob"})
    assert not answer.ephemeral
    [note] = await notes(world)
    assert (note.fields, note.created_by) == (["Whom to ask?", "Bob"], world.alice.id)
    assert await decks(world) == ["Shared deck"]


async def test_hints_are_private_and_lead_to_the_form(group_world: World) -> None:
    world = group_world
    await follow(world)
    await write(world, world.bob, FRONT, BACK, lesson="1")
    answer = await cards(world, world.alice, "add", front=FRONT.upper() + "  ", back="Yes")
    assert not answer.ephemeral  # the post; the hints come behind it
    [advice] = answer.followups
    assert advice.ephemeral
    assert "Another card of the group asks the same" in advice.content
    assert "Yes or no can be guessed" in advice.content
    assert "belongs to no lesson" in advice.content
    assert offered(advice) == ["Edit"]
    await world.restart()
    shown = await world.alice.click(advice.message, label="Edit")
    assert prefilled(shown) == {"front": FRONT.upper(), "back": "Yes"}
    again = await world.alice.submit_modal(shown, {"front": "What is decay?", "back": "No"})
    assert "Yes or no can be guessed" in said(again)
    assert "asks the same" not in said(again)
    shown = await world.alice.click(again.followups[0].message, label="Edit")
    await world.alice.submit_modal(shown, {"front": "What is decay?", "back": "A pull on the weights."})
    assert (await notes(world))[1].fields == ["What is decay?", "A pull on the weights."]


async def test_without_approval_a_card_is_in_the_deck_at_once_and_the_answer_private(
    group_world: World,
) -> None:
    world = group_world
    post = await write(world, world.alice)
    await trust(world)  # what waited is let in
    assert "Join the deck without approval" in said(await world.alice.slash(world.channel, "group info"))
    said_privately = await cards(
        world, world.bob, "add", front="What is an epoch?", back="One pass over all rows."
    )
    assert said_privately.ephemeral
    assert "Saved in **Shared deck** of **Berlin**." in said(said_privately)
    assert {note.state for note in await notes(world)} == {NoteState.ACTIVE}
    late = said(await world.bob.click(post, label="Approve"))
    assert "in the deck already" in late
    assert waiting(world) == []
    assert "It is in the deck." in latest(world, post.id)


async def test_new_words_wait_for_approval_again(group_world: World) -> None:
    world = group_world
    post = await write(world, world.alice)
    [choice] = await world.alice.autocomplete(world.channel, "cards edit", "card", "learning RATE")
    assert choice["name"] == FRONT
    again = await cards(world, world.alice, "edit", card=choice["value"], back="A step's length")
    assert not again.ephemeral
    assert "newer post" in latest(world, post.id)
    [second] = waiting(world)
    assert "A step's length" in read(second)
    await world.bob.click(second, label="Approve")
    # Approved words that their author changes are new words; organizers have looked when they change them.
    await cards(world, world.alice, "edit", card=choice["value"], front="What is a learning rate?")
    assert "Approved by" in latest(world, second.id)
    [third] = waiting(world)
    await world.organizer.click(third, label="Approve")
    changed = await cards(world, world.organizer, "edit", card=choice["value"], back="The length of a step")
    assert changed.ephemeral
    # A deck or lesson is no new wording, and neither are the same words.
    for options in ({"deck": "Basics"}, {"back": "The length of a step"}):
        assert (await cards(world, world.alice, "edit", card=choice["value"], **options)).ephemeral
    [note] = await notes(world)
    assert (note.state, note.revision, note.approved_by) == (NoteState.ACTIVE, 3, world.organizer.id)
    assert await decks(world) == ["Shared deck", "Basics"]


async def test_an_approval_is_for_the_words_that_were_looked_at(group_world: World) -> None:
    world = group_world
    post = await write(world, world.alice)
    stored = world.env.backend.messages[post.channel.id][post.id]
    before = (stored.components, stored.embeds)
    [note] = await notes(world)
    await cards(world, world.alice, "edit", card=str(note.id), back="Anything else")
    # Bob's client has not seen the change yet.
    stored.components, stored.embeds = before
    late = said(await world.bob.click(post, label="Approve"))
    assert "has changed this card since" in late
    assert "Anything else" in latest(world, post.id)
    assert (await notes(world))[0].state is NoteState.PENDING
    await world.bob.click(post, label="Approve")
    assert (await notes(world))[0].state is NoteState.ACTIVE


async def test_a_deleted_card_is_gone_and_its_post_says_so(group_world: World) -> None:
    world = group_world
    post = await write(world, world.alice)
    other = await write(world, world.bob, "What is a batch?", "Some rows")
    hers, his = await notes(world)
    deleted = await cards(world, world.alice, "delete", card=str(hers.id))
    assert deleted.ephemeral
    assert f"Deleted: {FRONT}" in said(deleted)
    assert latest(world, post.id).strip() == "The card that stood here is not in the group’s decks any more."
    assert [message.id for message in waiting(world)] == [other.id]
    assert [note.state for note in await notes(world)] == [NoteState.REMOVED, NoteState.PENDING]
    listed = said(await cards(world, world.alice, "list"))
    assert FRONT not in listed
    assert "What is a batch?" in listed
    # Organizers look after everybody's.
    await cards(world, world.organizer, "delete", card=f"#{his.id}")
    assert "No cards yet" in said(await cards(world, world.alice, "list"))


async def test_gaps_make_a_card_each(group_world: World) -> None:
    world = group_world
    await trust(world)
    text = "{{c1::Rome}} lies on the {{c2::Tiber}}, and \\(a_{{c3::1}}\\) is math"
    await cards(world, world.alice, "add", front=text, back="")
    await cards(world, world.bob, "add", front="Another?", back="card")
    made = [card for card in await rows(world, Card) if card.note_id == 1]
    assert [card.ordinal for card in made] == [0, 1, 2]
    assert made[0].front.startswith("**[...]** lies on the Tiber")
    assert made[1].back.startswith("Rome lies on the **Tiber**")
    # A gap less is a card less; the others stay the same cards.
    await cards(world, world.alice, "edit", card="1", front="{{c1::Rome}} lies on the {{c3::Tiber}}", back="")
    after = [card for card in await rows(world, Card) if card.note_id == 1]
    assert [(card.id, card.ordinal) for card in after] == [(made[0].id, 0), (made[2].id, 2)]
    listed = said(await cards(world, world.bob, "list"))
    assert "2 cards" in listed
    assert len(await fronts(world)) == 4  # the retired one keeps its reviews


async def test_the_list_turns_its_pages_and_marks_what_waits(group_world: World) -> None:
    world = group_world
    await trust(world)
    for number in range(12):
        deck = "Odd" if number % 2 else "Even"
        await cards(world, world.alice, "add", front=f"Question {number}?", back="Answer", deck=deck)
    await world.organizer.slash(world.channel, "group edit", card_approval=True)
    await write(world, world.bob, "Does it wait?", "It waits.", deck="Odd")
    listed = await cards(world, world.alice, "list")
    assert listed.ephemeral
    words = said(listed)
    assert words.index("Does it wait?") < words.index("Question 11?") < words.index("Question 3?")
    assert f"by {world.bob.mention}, waits for approval" in words
    assert "Question 2?" not in words
    assert listed.response is not None
    assert "13 notes, 1 waiting for approval · page 1 of 2" in str(listed.response.embeds[0].footer.text)
    await world.restart()
    turned = await world.alice.click(listed.response.message, label="Next")
    assert "Question 2?" in said(turned)
    assert labels(listed.response.message) == ["Previous"]
    [choice] = await world.alice.autocomplete(world.channel, "cards list", "deck", "od")
    odd = said(await cards(world, world.alice, "list", deck=choice["value"], page=9))
    assert "Question 1?" in odd
    assert "Question 2?" not in odd


async def test_an_answer_that_got_lost_is_posted_once(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with broken_world(database_url, caplog) as world:
        for member in (world.alice, world.bob):
            await member.slash(world.channel, "group join")
        world.env.inject_error("POST", "/interactions/*/*/callback", status=500, times=2)
        lost = await cards(world, world.alice, "add", front=FRONT, back=BACK)
        assert lost.response is None
        assert waiting(world) == []
        await world.pass_time(minutes=2)
        [post] = waiting(world)
        await world.bob.click(post, label="Approve")
        await world.pass_time(hours=1)
        assert [note.state for note in await notes(world)] == [NoteState.ACTIVE]
        assert len(history(world)) == 2  # the group's welcome and the card


async def test_a_card_written_elsewhere_is_looked_at_in_the_groups_channel(group_world: World) -> None:
    world = group_world
    elsewhere = world.guild.create_text_channel("general")
    thread = await world.alice.send(world.channel, "a thread's beginning")
    await world.env.settle()
    answer = await world.alice.slash(elsewhere, "cards add", front=FRONT, back=BACK)
    assert answer.ephemeral
    assert f"waits in <#{world.channel.id}>" in said(answer)
    await world.pass_time(minutes=1)
    [post] = waiting(world)
    assert post.channel.id == world.channel.id != elsewhere.id
    assert post.id > thread.id
    await world.bob.click(post, label="Approve")
    assert "Approved by" in latest(world, post.id)


async def test_ones_wishes_for_reviewing(group_world: World) -> None:
    world = group_world
    await cards(world, world.bob, "settings", retention=80, new_per_day=0)
    looked = await cards(world, world.alice, "settings")
    assert looked.ephemeral
    assert "**90%** sure" in said(looked)
    assert "**10** new ones" in said(looked)
    changed = said(await cards(world, world.alice, "settings", retention=95))
    assert "**95%** sure" in changed
    assert "**10** new ones" in changed
    assert "**80%** sure" in said(await cards(world, world.bob, "settings"))


async def test_two_members_write_the_first_card_of_a_deck(group_world: World) -> None:
    world = group_world
    for member in (world.alice, world.bob):
        await write(world, member, f"What does {member.name} ask?", "That.", deck=" BASICS ")
    assert [deck.name for deck in await rows(world, Deck)] == ["BASICS"]
