"""`/cards export` and `/cards starter`: decks that go out as files, and those that come with the courses."""

import io
import zipfile

import pytest
from simcord import MemberActor

from bot.db.models import NoteState
from bot.flashcards import sheets
from bot.flashcards.anki.package import Package
from bot.flashcards.anki.worker import DeckReader
from bot.flashcards.starter import starter_decks
from bot.sandbox import World
from bot.services.cards import exporting
from bot.ui.cards import side
from tests.features.carding import BACK, FRONT, cards, decks, notes, refused, trust, write
from tests.features.learning import follow, forged, mark, offered
from tests.features.reading import said
from tests.features.test_cards_import import DECK, PICTURE, bring, everything

CODE = "What does `f(1)` give?\n```py\ndef f(x):\n    return x < 2 or x ** 2\n```"
GAPS = "{{c1::Rome}} lies on the {{c2::Tiber}}, \\(x_{i}\\) and 5 > 4"


async def take(world: World, deck: str, by: MemberActor | None = None, **options: object) -> bytes:
    """The file that `/cards export` hands out."""
    result = await cards(world, by or world.alice, "export", deck=deck, **options)
    assert result.ephemeral
    assert result.response is not None, said(result)
    [file] = result.response.attachments
    assert file.filename.endswith(str(options.get("format", "apkg")))
    return await file.read()


async def read(data: bytes) -> Package:
    reader = DeckReader()
    try:
        return await reader.read_deck(data, "deck.apkg")
    finally:
        reader.close()


@pytest.fixture
async def full_world(group_world: World) -> World:
    """A group with cards from Anki and cards of its own, in nested decks; one waits for approval."""
    world = group_world
    await follow(world)
    await bring(world, DECK)
    await trust(world)
    for front, back in ((CODE, "**True**, with *1* < 2"), (GAPS, ""), ("=1+1", "- a\n- b")):
        await cards(world, world.alice, "add", front=front, back=back, deck="Words", lesson="1")
    await cards(world, world.bob, "add", front="Elsewhere?", back="Yes, in another deck", deck="Wordsworth")
    await world.organizer.slash(world.channel, "group edit", card_approval=True)
    await write(world, world.bob, "Does it wait?", "It does", deck="Words")
    return world


async def test_a_deck_goes_out_whole_and_comes_back_unchanged(full_world: World) -> None:
    world = full_world
    data = await take(world, "Words")
    package = await read(data)
    here = {
        note.guid: note for note in await notes(world) if note.guid in {one.guid for one in package.notes}
    }
    assert len(package.notes) == len(here) == 5  # not what waits, nor another deck's
    assert {note.deck for note in package.notes} == {"Words", "Words::German"}
    assert package.media == {"p.png": PICTURE}
    assert package.skipped == ()
    dog = next(note for note in package.notes if note.guid == "guid-dog")
    assert list(dog.values) == here["guid-dog"].fields
    assert (dog.tags, [card.front.markdown for card in dog.cards]) == (("german",), ["Hund", "**dog**"])
    gaps = next(note for note in package.notes if "Rome" in note.values[0])
    assert [card.ordinal for card in gaps.cards] == [0, 1]
    # Into the same group it changes nothing; and a second export is the same deck.
    before = await everything(world)
    assert "0 new, 0 changed, 5 as they were" in await bring(world, data)
    assert await everything(world) == before
    assert await read(await take(world, "words")) == package
    # Another group gets it whole; what was written here can be edited there as well.
    await world.organizer.slash(world.channel, "group create", name="Paris", timezone="Europe/Paris")
    await world.organizer.slash(world.channel, "group join", group="Paris")
    assert "5 new" in await bring(world, data, group="Paris")
    theirs = (await notes(world))[-5:]
    assert {note.guid for note in theirs} == set(here)
    code = next(note for note in theirs if "def f" in note.fields[0])
    assert code.type_id is None
    assert "    return x < 2 or x ** 2" in code.fields[0]
    assert "0 new, 0 changed, 5 as they were" in await bring(world, data, group="Paris")


@pytest.mark.parametrize("format", ["csv", "tsv"])
async def test_a_deck_as_a_table(full_world: World, format: str) -> None:
    world = full_world
    data = await take(world, "Words", format=format)
    assert "'=1+1" in data.decode("utf-8-sig")  # no formula to a spreadsheet
    sheet = sheets.read_sheet(data)
    assert len(sheet.rows) == 7  # two notes from Anki make two cards each
    rows = {row.front: row for row in sheet.rows}
    assert rows[CODE].back == "**True**, with *1* < 2"
    assert rows["=1+1"].lesson.startswith("fastai-2019:")
    assert rows["Hund"].deck == "Words::German"
    before = await everything(world)
    words = await bring(world, data, f"words.{format}")
    assert "0 new, 0 changed, 3 as they were" in words
    assert words.count("the note came from Anki") == 4
    assert await everything(world) == before
    changed = data.replace(b"=1+1", b"=1+2")
    assert "0 new, 1 changed, 2 as they were" in await bring(world, changed, f"words.{format}")
    assert "=1+2" in [note.fields[0] for note in await notes(world)]


async def test_what_is_not_handed_out(full_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = full_world
    carol = world.guild.add_member(world.env.create_user("carol"))
    await world.env.settle()

    async def why(deck: str, by: MemberActor, **options: object) -> str:
        result = await cards(world, by, "export", deck=deck, **options)
        assert result.response is not None
        assert result.response.attachments == []
        return refused(result)

    assert "You are not in “Berlin”" in await why("Words", carol)
    assert "There is no deck “Nope” here" in await why("Nope", world.alice)
    await cards(world, world.bob, "add", front="Only this?", back="It waits", deck="Waiting")
    assert "no card to export" in await why("Waiting", world.alice)
    monkeypatch.setattr(exporting, "write", lambda *_args, **_more: b"x" * (30 * 2**20))
    assert "pictures:False` leaves them out" in await why("Words", world.alice)
    assert "moves cards to smaller decks" in await why("Words", world.alice, pictures=False)
    monkeypatch.undo()
    without = await take(world, "Words", pictures=False)
    with zipfile.ZipFile(io.BytesIO(without)) as archive:
        assert archive.read("media") == b"{}"
    async with world.bot.services.decks._writing:
        assert "Another deck is being written" in await why("Words", world.alice)


async def test_the_starter_decks_of_a_course(group_world: World) -> None:
    world = group_world
    await follow(world)
    known = starter_decks()
    sizes = [len(known[pack].cards) for pack in ("fastai-2019", "math-prerequisites")]
    result = await cards(world, world.organizer, "starter")
    assert result.ephemeral
    assert f"{sum(sizes)} new, 0 changed, 0 as they were" in said(result)
    assert await decks(world) == [known["fastai-2019"].title, known["math-prerequisites"].title]
    found = await notes(world)
    assert {note.state for note in found} == {NoteState.ACTIVE}
    assert {(note.pack, note.lesson) for note in found} == {
        (deck.pack, card.lesson) for deck in known.values() for card in deck.cards
    }
    # The course's cards unlock with its lessons; nobody has to run a lesson before the prerequisites.
    asked = said(await world.bob.slash(world.channel, "review"))
    assert side(found[sizes[0]].fields[0]) in asked
    await mark(world, world.alice)
    # Again: nothing is doubled, and what members changed or deleted stays so.
    first, second, third = found[:3]
    await cards(world, world.organizer, "edit", card=str(first.id), back="Our own words for it")
    await cards(world, world.organizer, "delete", card=str(second.id))
    async with world.bot.database.write() as session:
        stale = await session.get_one(type(third), third.id)
        stale.fields = ["An older wording?", "Yes"]
    again = said(await cards(world, world.organizer, "starter"))
    assert f"0 new, 1 changed, {sum(sizes) - 3} as they were. 2 that you have changed or deleted" in again
    after = await notes(world)
    assert len(after) == len(found)
    assert after[0].fields[1] == "Our own words for it"
    assert (after[1].state, after[2].fields) == (NoteState.REMOVED, third.fields)


async def test_a_course_without_a_starter_deck_is_offered_the_prerequisites(group_world: World) -> None:
    world = group_world
    without = await cards(world, world.organizer, "starter")
    assert "follows no course yet" in said(without)
    await follow(world, "fastai-2022")
    await write(world, world.alice, FRONT, BACK)
    missing = await cards(world, world.organizer, "starter")
    assert "No deck comes with" in said(missing)
    assert missing.response is not None
    assert offered(missing.response) == ["Add the prerequisites"]
    [note] = await notes(world)
    for member in (world.alice, world.bob):
        assert "Only organizers" in refused(await cards(world, member, "starter"))
        fake = await forged(world, "starter", note.group_id, "add")
        assert "Only organizers" in refused(await member.click(fake, label="Press"))
    for id, verb in ((987654, "add"), (note.group_id, "everything")):
        fake = await forged(world, "starter", id, verb)
        refused(await world.organizer.click(fake, label="Press"))
    assert len(await notes(world)) == 1
    await world.restart()
    added = said(await world.organizer.click(missing.response.message, label="Add the prerequisites"))
    assert f"{len(starter_decks()['math-prerequisites'].cards)} new" in added
    assert len(await decks(world)) == 2
