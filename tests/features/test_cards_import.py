"""`/cards import`: decks from Anki and tables become the group's, all of them or nothing."""

from datetime import UTC, datetime

import pytest
from simcord import InteractionResult, MemberActor

from bot.db.models import Card, CardMedia, CardMemory, Note, NoteState, NoteType, Review
from bot.flashcards.anki.native import CLOZE
from bot.flashcards.anki.package import Card as Sides
from bot.flashcards.anki.package import Model, Package, Template
from bot.flashcards.anki.package import Note as AnkiNote
from bot.flashcards.anki.writer import write_package
from bot.flashcards.markdown import Text
from bot.sandbox import World
from bot.services.cards import merging, pictures
from tests.features.carding import BACK, FRONT, cards, decks, fronts, notes, refused, rows, trust
from tests.features.learning import follow
from tests.features.reading import said
from tests.features.reviewing import answer

THEN = datetime(2026, 1, 1, tzinfo=UTC)
PICTURE, OTHER = (b"\x89PNG\r\n\x1a\n" + bytes([byte]) * 60 for byte in (0, 1))
BOTH_WAYS = Model(
    id=1_500_000_000_001,
    name="Both ways",
    fields=("Word", "Meaning"),
    templates=(
        Template("There", "{{Word}}", "{{FrontSide}}<hr id=answer>{{Meaning}}"),
        Template("Back", "{{Meaning}}", "{{FrontSide}}<hr id=answer>{{Word}}"),
    ),
)
ONE_WAY = Model(BOTH_WAYS.id, "One way", BOTH_WAYS.fields, BOTH_WAYS.templates[:1])


def word(
    guid: str, there: str, back: str, *, model: Model = BOTH_WAYS, deck: str = "Words::German"
) -> AnkiNote:
    sides = [(there, back), (back, there)][: len(model.templates)]
    made = tuple(
        Sides(number, deck, Text(front), Text(behind)) for number, (front, behind) in enumerate(sides)
    )
    return AnkiNote(guid, model, (there, back), ("german",), made, THEN)


def package(*notes: AnkiNote, **media: bytes) -> bytes:
    named = {name.replace("_", "."): data for name, data in media.items()}
    return write_package(Package(notes, named), now=THEN)


DOG, CAT = word("guid-dog", "Hund", '<b>dog</b><img src="p.png">'), word("guid-cat", "Katze", "cat")
DECK = package(DOG, CAT, p_png=PICTURE)


async def bring(
    world: World, data: bytes | str, name: str = "words.apkg", by: MemberActor | None = None, **options: str
) -> str:
    file = (name, data.encode() if isinstance(data, str) else data)
    result = await cards(world, by or world.organizer, "import", file=file, **options)
    assert result.ephemeral
    return said(result)


async def everything(world: World) -> list[list[str]]:
    """Every row that an import could write, word for word."""
    return [
        [
            str({name: value for name, value in vars(row).items() if not name.startswith("_")})
            for row in await rows(world, kind)
        ]
        for kind in (Note, Card, CardMedia, NoteType)
    ]


async def test_a_deck_from_anki_is_added_and_a_second_time_changes_nothing(group_world: World) -> None:
    world = group_world
    await world.organizer.slash(world.channel, "group create", name="Paris", timezone="Europe/Paris")
    words = await bring(world, DECK, group="Berlin")
    assert "**words.apkg** in **Berlin**: 2 new, 0 changed, 0 as they were." in words
    assert "1 picture new or changed." in words
    assert await decks(world) == ["Words::German"]
    assert await fronts(world) == ["Hund", "**dog**", "Katze", "cat"]
    [dog, _] = await notes(world)
    assert dog.fields == ["Hund", '<b>dog</b><img src="p.png">']
    assert (dog.guid, dog.tags, dog.state, dog.created_by) == (
        "guid-dog", ["german"], NoteState.ACTIVE, world.organizer.id
    )  # fmt: skip
    made = await rows(world, Card)
    assert [card.back_media for card in made] == [["p.png"], [], [], []]
    assert [media.data for media in await rows(world, CardMedia)] == [PICTURE]
    before = await everything(world)
    await world.pass_time(hours=1)
    assert "0 new, 0 changed, 2 as they were" in await bring(world, DECK, group="Berlin")
    assert await everything(world) == before
    # What another group has of the same file is its own.
    await world.organizer.slash(world.channel, "group join", group="Paris")
    assert "2 new" in await bring(world, DECK, group="Paris")
    assert len(await notes(world)) == 4


async def test_known_notes_are_changed_and_what_members_remember_stays(group_world: World) -> None:
    world = group_world
    await bring(world, DECK)
    shown = await world.alice.slash(world.channel, "review")
    await answer(world.alice, shown, "Good", "Good")
    remembered = [(one.card_id, one.due) for one in await rows(world, CardMemory)]
    assert len(remembered) == 2
    newer = word("guid-dog", "Hund", 'the <b>dog</b><img src="p.png">')
    words = await bring(world, package(newer, word("guid-cow", "Kuh", "cow"), p_png=OTHER))
    assert "1 new, 1 changed, 0 as they were" in words
    assert await fronts(world) == ["Hund", "the **dog**", "Katze", "cat", "Kuh", "cow"]
    assert [media.data for media in await rows(world, CardMedia)] == [OTHER]  # only this deck uses it
    assert [(one.card_id, one.due) for one in await rows(world, CardMemory)] == remembered
    # A note that makes a card less: its reviews stay counted, and nobody is asked it again.
    [there, _] = [card for card in await rows(world, Card) if card.note_id == 1]
    assert "0 new, 1 changed" in await bring(world, package(word("guid-dog", "Hund", "dog", model=ONE_WAY)))
    assert [card.id for card in await rows(world, Card) if card.note_id == 1] == [there.id]
    assert len(await rows(world, Review)) == 2
    assert len(await rows(world, CardMemory)) == 2
    assert "5 cards" not in said(await cards(world, world.alice, "list"))
    asked = said(await world.bob.slash(world.channel, "review"))
    assert "Hund" in asked


async def test_a_picture_never_takes_the_place_of_another_decks(group_world: World) -> None:
    world = group_world
    await bring(world, DECK)
    other = package(word("guid-bird", "Vogel", '<img src="p.png">bird', deck="Birds"), p_png=OTHER)
    assert "1 new" in await bring(world, other, "birds.apkg")
    first, second = await rows(world, CardMedia)
    assert (first.name, first.data, second.data) == ("p.png", PICTURE, OTHER)
    assert second.name.startswith("p-")
    [bird] = [note for note in await notes(world) if note.guid == "guid-bird"]
    assert bird.fields[1] == f'<img src="{second.name}">bird'
    assert [card.back_media for card in await rows(world, Card) if card.note_id == bird.id] == [
        [second.name],
        [],
    ]
    before = await everything(world)
    for data, name in ((other, "birds.apkg"), (DECK, "words.apkg")):
        assert "0 new, 0 changed" in await bring(world, data, name)
    assert await everything(world) == before


async def test_a_deleted_note_comes_back_with_its_file(group_world: World) -> None:
    world = group_world
    await bring(world, DECK)
    await cards(world, world.organizer, "delete", card="1")
    assert "1 new, 0 changed, 1 as they were" in await bring(world, DECK, deck="Again")
    first = (await notes(world))[0]
    assert first.state is NoteState.ACTIVE
    assert await decks(world) == ["Words::German", "Again"]
    assert "Hund" in said(await cards(world, world.alice, "list", deck="Again"))


TABLE = """front,back,tags,lesson,deck,guid
What is a tensor?,An array,"a b",1,Basics,guid-1
What is a loss?,How wrong it is,,99,,
"Lines
of code",def f(): pass,,,Basics,
"""


async def test_a_table_with_and_without_guids(group_world: World) -> None:
    world = group_world
    await follow(world)
    await cards(world, world.alice, "add", front="What is a batch?", back="Some rows")
    words = await bring(world, TABLE, "cards.csv")
    assert "3 new, 0 changed" in words
    assert "No lessons of the group’s course, so left out: 99." in words
    assert await decks(world) == ["Shared deck", "Basics"]
    tensor = (await notes(world))[1]
    assert (tensor.guid, tensor.tags, tensor.pack, tensor.fields) == (
        "guid-1", ["a", "b"], "fastai-2019", ["What is a tensor?", "An array"]
    )  # fmt: skip
    before = await everything(world)
    assert "0 new, 0 changed, 3 as they were" in await bring(world, TABLE, "cards.csv")
    assert await everything(world) == before
    newer = TABLE.replace("An array", "A box of numbers").replace("How wrong it is", "A number to get down")
    newer += "what is a BATCH,Rows,,,,\nWhat is a loss?,Twice,,,,\n,no front,,,,\n"
    words = await bring(world, newer, "cards.csv")
    assert "0 new, 2 changed, 1 as they were" in words
    for line in (
        "line 6: another card asks the same", "line 7: another card asks the same", "line 8: it has no front"
    ):  # fmt: skip
        assert line in words
    assert tensor.tags == (await notes(world))[1].tags
    assert (await notes(world))[2].fields[1] == "A number to get down"


async def test_a_long_list_of_what_was_left_out_is_a_file(group_world: World) -> None:
    world = group_world
    table = "front\tback\tnotes\nWhy?\tBecause\tx\n" + "\tno front\t\n" * 20
    file = ("cards.tsv", table.encode("utf-16"))
    result = await cards(world, world.organizer, "import", file=file)
    words = said(result)
    assert "1 new" in words
    assert "Left out: 20." in words
    assert "Columns that mean nothing here: notes." in words
    assert words.count("it has no front") == 8
    assert result.response is not None
    [attached] = result.response.attachments
    assert (await attached.read()).decode().count("it has no front") == 20


async def test_everything_goes_into_the_deck_that_is_named(group_world: World) -> None:
    world = group_world
    await bring(world, TABLE, "cards.csv", deck="Mine")
    await bring(world, DECK, deck="mine ")
    assert await decks(world) == ["Mine"]
    listed = said(await cards(world, world.alice, "list", deck="Mine"))
    assert "Hund" in listed
    assert "What is a tensor?" in listed


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("words.colpkg", DECK, "somebody’s whole collection"),
        ("words.txt", DECK, "ends in `.apkg` or `.csv` or `.tsv`"),
        ("words.apkg", b"no zip file", "no package that can be unpacked"),
        ("words.apkg", DECK[: len(DECK) // 2], "no package that can be unpacked"),
        ("cards.csv", "question,answer\na,b\n", "`front` and `back` are missing"),
        ("cards.csv", "front,back\n", "no card in this file"),
        ("cards.csv", 'front,back\n"a,b\n', "quotes of this table do not match"),
        ("cards.csv", "front,back,front\na,b,c\n", "two columns called `front`"),
        ("cards.csv", "front,back\n" + "a,b\n" * 50_001, "more than 50,000 notes"),
        ("cards.csv", b"x" * (10 * 2**20 + 1), "larger than 10 MB"),
    ],
)
async def test_a_file_that_is_refused_leaves_nothing(
    group_world: World, name: str, data: bytes | str, why: str
) -> None:
    world = group_world
    await bring(world, "front,back\nWhy?,Because\n", "before.csv")
    before = await everything(world)
    words = await bring(world, data, name)
    assert why in words
    assert "wrong on my side" not in words
    assert await everything(world) == before
    assert await decks(world) == ["Shared deck"]


async def test_only_organizers_import_where_cards_need_approval(group_world: World) -> None:
    world = group_world
    carol = world.guild.add_member(world.env.create_user("carol"))
    await world.env.settle()
    assert "only organizers import whole decks" in await bring(world, DECK, by=world.alice)
    assert "You are not in “Berlin”" in await bring(world, DECK, by=carol)
    assert await notes(world) == []
    await trust(world)
    assert "You are not in “Berlin”" in await bring(world, DECK, by=carol)
    assert "2 new" in await bring(world, DECK, by=world.alice)
    assert {note.created_by for note in await notes(world)} == {world.alice.id}
    # A note from Anki is reworded there.
    for options in ({}, {"front": "Hase"}):
        result: InteractionResult = await cards(world, world.alice, "edit", card="1", **options)
        assert "came from Anki" in refused(result)
    assert "Saved" in said(await cards(world, world.alice, "edit", card="1", deck="Mine"))


async def test_a_group_has_room_for_so_much(group_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = group_world
    await cards(world, world.alice, "add", front=FRONT, back=BACK)
    before = await everything(world)
    monkeypatch.setattr(merging, "NOTES_LIMIT", 2)
    words = await bring(world, DECK)
    assert "The group has 1 notes, and 2 more would go beyond the 2" in words
    monkeypatch.setattr(merging, "NOTES_LIMIT", 3)
    monkeypatch.setattr(pictures, "PICTURES_LIMIT", len(PICTURE) - 1)
    assert "MB of pictures" in await bring(world, DECK)
    assert await everything(world) == before
    assert await decks(world) == ["Shared deck"]
    monkeypatch.setattr(pictures, "PICTURES_LIMIT", len(PICTURE))
    assert "2 new" in await bring(world, DECK)


async def test_gaps_are_no_way_to_fill_the_memory(group_world: World) -> None:
    world = group_world
    gaps = "".join(f"{{{{c{number}::x}}}}" for number in range(1, 301))
    words = await bring(world, f"front,back\n{gaps},\nWhy?,Because\n", "cards.csv")
    assert "1 new" in words
    assert "line 2: it makes too many cards" in words
    # A package that claims one card, and whose text makes three hundred.
    claimed = AnkiNote("guid-gaps", CLOZE, (gaps, ""), (), (Sides(0, "Gaps", Text("x"), Text("")),), THEN)
    assert "it makes too many cards" in await bring(world, package(claimed, DOG), "gaps.apkg")
    text = "{{c1::a}}" * 190 + "".join(f"{{{{c{number}::x}}}}" for number in range(2, 200)) + "y" * 60_000
    table = "front,back\n" + "".join(f"{number} {text},\n" for number in range(4))
    assert "more than 33,554,432 characters" in await bring(world, table, "cards.csv")
    assert len(await notes(world)) == 2
