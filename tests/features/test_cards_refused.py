"""What nobody may do with cards, whatever they type or press."""

import pytest
from simcord import InteractionResult

from bot.db.models import NoteState
from bot.sandbox import World
from tests.features.carding import BACK, FRONT, cards, decks, fronts, notes, refused, trust, waiting, write
from tests.features.learning import follow, forged
from tests.features.meeting import history, read
from tests.features.reading import said


async def test_a_card_needs_a_group_and_its_members(group_world: World) -> None:
    world = group_world
    carol = world.guild.add_member(world.env.create_user("carol"))
    await world.env.settle()
    for options in ({}, {"front": FRONT}, {"front": FRONT, "back": BACK}):
        answer = await cards(world, carol, "add", **options)
        assert "You are not in “Berlin”" in refused(answer)
        assert answer.modal is None
    message = await world.alice.send(world.channel, "Is she in? No.")
    asked = await carol.context_menu(world.channel, "Make flashcard", message)
    assert "You are not in “Berlin”" in refused(asked)
    assert "You are not in “Berlin”" in refused(await cards(world, carol, "list"))
    assert "no group “Paris”" in refused(await cards(world, world.alice, "add", group="Paris"))
    assert await notes(world) == []
    assert await decks(world) == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"front": "\u200b \u2060", "back": BACK}, "The front needs at least one visible character"),
        ({"front": FRONT, "back": " \n "}, "The back needs at least one visible character"),
        ({"front": "x" * 1501, "back": BACK}, "The front has 1501 characters; the most is 1500"),
        ({"front": FRONT, "back": BACK, "deck": "d" * 101}, "The deck’s name has 101 characters"),
        ({"front": FRONT, "back": BACK, "lesson": "99"}, "“99” is no lesson of"),
        ({"front": FRONT, "back": BACK, "lesson": "fastai-2022:99"}, "is no lesson of"),
        ({"front": FRONT, "lesson": "99"}, "“99” is no lesson of"),
    ],
)
async def test_what_cannot_be_a_card(group_world: World, options: dict[str, str], why: str) -> None:
    world = group_world
    await follow(world)
    answer = await cards(world, world.alice, "add", **options)
    assert why in refused(answer)
    assert await notes(world) == []
    assert waiting(world) == []


async def test_a_lesson_needs_a_course(group_world: World) -> None:
    world = group_world
    answer = await cards(world, world.alice, "add", front=FRONT, back=BACK, lesson="1")
    assert "follows no course pack yet" in refused(answer)
    assert await notes(world) == []
    # A lesson of another course may be named in full.
    await write(world, world.alice, lesson="math-prerequisites:1")
    assert [note.pack for note in await notes(world)] == ["math-prerequisites"]


async def test_nobody_approves_their_own_card_nor_what_is_not_theirs_to_see(group_world: World) -> None:
    world = group_world
    post = await write(world, world.alice)
    [note] = await notes(world)
    fake = await forged(world, "card", note.id, "approve")
    for message, label in ((post, "Approve"), (fake, "Press")):
        assert "Nobody approves their own card" in refused(await world.alice.click(message, label=label))
    carol = world.guild.add_member(world.env.create_user("carol"))
    elsewhere = world.env.create_guild("Elsewhere")
    channel = elsewhere.create_text_channel("general")
    eve = elsewhere.add_member(world.env.create_user("eve"))
    await world.env.settle()
    assert "You are not in" in refused(await carol.click(post, label="Approve"))
    await world.bob.slash(world.channel, "group leave")
    assert "You are not in" in refused(await world.bob.click(post, label="Approve"))
    place = world.bot.get_partial_messageable(channel.id, guild_id=elsewhere.id)
    theirs = await forged(world, "card", note.id, "approve", place=place)
    pressed = await eve.click(theirs, label="Press")
    assert "not in the group’s decks" in refused(pressed)
    assert FRONT not in said(pressed)
    for id, verb in (
        (987654, "approve"), (10**19, "approve"), (note.id, "approve_7"), (note.id, "approve_x"),
        (note.id, "burn"), (987654, "edit"),
    ):  # fmt: skip
        fake = await forged(world, "card", id, verb)
        refused(await world.organizer.click(fake, label="Press"))
    [note] = await notes(world)
    assert (note.state, note.approved_by) == (NoteState.PENDING, None)
    await world.organizer.click(post, label="Approve")
    again = await forged(world, "card", note.id, "approve")
    await world.bob.slash(world.channel, "group join")
    late = refused(await world.bob.click(again, label="Press"))
    assert f"{world.organizer.mention} has approved this card already" in late
    # Of an archived group nothing is approved any more, and its posts stay as they are.
    second = await write(world, world.alice, "What is a batch?", "Some rows")
    stood = read(second)
    await world.organizer.slash(world.channel, "group archive")
    assert "is archived" in refused(await world.bob.click(second, label="Approve"))
    assert [read(message) for message in history(world) if message.id == second.id] == [stood]


async def test_only_its_author_and_organizers_change_a_card(group_world: World) -> None:
    world = group_world
    await trust(world)
    await cards(world, world.alice, "add", front=FRONT, back=BACK)
    [note] = await notes(world)
    edit = await forged(world, "card", note.id, "edit")
    attempts: list[InteractionResult] = [
        await cards(world, world.bob, "edit", card=str(note.id)),
        await cards(world, world.bob, "edit", card=str(note.id), front="Mine?"),
        await cards(world, world.bob, "delete", card=str(note.id)),
        await world.bob.click(edit, label="Press"),
    ]
    for answer in attempts:
        assert "Only its author and the group’s organizers" in refused(answer)
        assert answer.modal is None
    assert await world.bob.autocomplete(world.channel, "cards edit", "card", "") == []
    for typed in ("987654", "9" * 100, "-1", "０", "²", FRONT, "#"):
        for verb in ("edit", "delete"):
            assert "can't find a card" in refused(await cards(world, world.alice, verb, card=typed))
    await world.alice.slash(world.channel, "group leave")
    assert "You are not in" in refused(await cards(world, world.alice, "delete", card=str(note.id)))
    assert await fronts(world) == [FRONT]
    assert [note.state for note in await notes(world)] == [NoteState.ACTIVE]


async def test_a_list_of_somebody_elses(group_world: World) -> None:
    world = group_world
    await trust(world)
    await cards(world, world.alice, "add", front=FRONT, back=BACK)
    carol = world.guild.add_member(world.env.create_user("carol"))
    await world.env.settle()
    [note] = await notes(world)
    for verb in (f"of_{note.group_id}", f"of_{note.group_id}_{note.deck_id}"):
        fake = await forged(world, "cards", 1, verb)
        pressed = await carol.click(fake, label="Press")
        assert "You are not in" in refused(pressed)
        assert FRONT not in said(pressed)
    for verb in ("of_987654", f"of_{note.group_id}_987654", "of_", "everything"):
        fake = await forged(world, "cards", 1, verb)
        refused(await world.alice.click(fake, label="Press"))
    assert "The decks are: **Shared deck**" in refused(await cards(world, world.alice, "list", deck="Nope"))
    assert await carol.autocomplete(world.channel, "cards list", "deck", "") == []


async def test_a_message_without_words_is_no_card(group_world: World) -> None:
    world = group_world
    picture = await world.alice.send(
        world.channel, attachments=[("bear.png", b"\x89PNG\r\n\x1a\n" + bytes(60))]
    )
    asked = await world.bob.context_menu(world.channel, "Make flashcard", picture)
    assert asked.modal is None
    assert "no text to make a card of" in refused(asked)


async def test_words_have_no_power(group_world: World) -> None:
    world = group_world
    trick = f"{world.bob.mention} @everyone [free](https://evil.example) discord.gg/evil <@&1> ||shown"
    post = await write(world, world.alice, trick, trick + "||")
    shown = "\n".join(embed.description or "" for embed in post.embeds)
    stored = world.env.backend.messages[post.channel.id][post.id]
    assert (stored.ping_user_ids, stored.ping_role_ids, stored.mention_everyone) == ([], [], False)
    for power in (f" {world.bob.mention}", "@everyone", "](https", "discord.gg/evil"):
        assert power not in shown
    back = post.embeds[1].description or ""
    assert back.count("||") == 2  # one bar, which nothing inside ends
    listed = said(await cards(world, world.bob, "list"))
    for power in ("[free](", " @everyone", f" {world.bob.mention}"):
        assert power not in listed


async def test_a_card_that_waits_comes_up_in_nobodys_review(group_world: World) -> None:
    world = group_world
    post = await write(world, world.alice)
    for member in (world.alice, world.bob):
        assert FRONT not in said(await member.slash(world.channel, "review"))
    await world.bob.click(post, label="Approve")
    assert FRONT in said(await world.bob.slash(world.channel, "review"))
    # New words of hers wait again, even in a review that shows the card.
    await cards(world, world.alice, "edit", card="1", front="Anything?")
    assert "Anything?" not in said(await world.organizer.slash(world.channel, "review"))
    [second] = waiting(world)
    await world.bob.click(second, label="Approve")
    assert "Anything?" in said(await world.organizer.slash(world.channel, "review"))


async def test_cards_of_another_course_wait_for_no_lesson(group_world: World) -> None:
    world = group_world
    await follow(world)
    await trust(world)
    await cards(world, world.alice, "add", front="Of the course?", back="Yes", lesson="1")
    await cards(world, world.alice, "add", front="From before it?", back="Yes", lesson="math-prerequisites:1")
    assert "From before it?" in said(await world.bob.slash(world.channel, "review"))
    await world.bob.slash(world.channel, "lesson done", lesson="1")
    listed = said(await cards(world, world.bob, "list"))
    assert "Of the course?" in listed
