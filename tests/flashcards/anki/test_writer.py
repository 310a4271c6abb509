"""What we write, imported by the official package and read back by ourselves."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.flashcards.anki.native import BASIC, cards_of, note_of
from bot.flashcards.anki.package import Card, Memory, Model, Note, Package, Template
from bot.flashcards.anki.reader import read_package
from bot.flashcards.anki.writer import new_guid, write_package
from bot.flashcards.markdown import Text
from tests.flashcards.anki.official import PICTURE, Anki, Format
from tests.flashcards.anki.test_reader import DECK, fill

NOW = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
ALL_SAME = {"new": 0, "updated": 0, "conflicting": 0, "first_field_match": 0}


@pytest.fixture
def friend(tmp_path: Path) -> Iterator[Anki]:
    """Somebody else's Anki."""
    folder = tmp_path / "friend"
    folder.mkdir()
    friend = Anki(folder)
    yield friend
    friend.close()


def written(package: Package, folder: Path, *, now: datetime = NOW) -> Path:
    path = folder / "ours.apkg"
    path.write_bytes(write_package(package, now=now))
    return path


def counts(log: object) -> dict[str, int]:
    return {name: len(getattr(log, name)) for name in ALL_SAME}


def content(anki: Anki) -> dict[str, tuple[object, ...]]:
    """Everything that a member sees of each note."""
    decks = anki.collection.decks
    return {
        guid: (
            dict(note.items()),
            note.tags,
            [(card.ord, decks.name(card.did), anki.seen(card)) for card in note.cards()],
        )
        for guid, note in anki.notes().items()
    }


def test_a_deck_goes_through_us_from_one_anki_to_another(anki: Anki, friend: Anki, tmp_path: Path) -> None:
    fill(anki)
    anki.add_medium("a cat.png", PICTURE)
    anki.add("Basic", '<img src="a cat.png">', "purrs &lt; roars", deck="Another::Deck")
    original = content(anki)
    package = read_package(anki.export(Format.NEWEST))
    log = friend.imported(written(package, tmp_path))
    assert counts(log) == ALL_SAME | {"new": len(original)}
    assert content(friend) == original
    assert (Path(friend.collection.media.dir()) / "a cat.png").read_bytes() == PICTURE
    # Its own owner gains nothing by it: every note is known by its guid.
    before = content(anki)
    assert counts(anki.imported(written(package, tmp_path))) == ALL_SAME
    assert content(anki) == before


def test_notes_written_here_look_in_anki_as_they_do_here(friend: Anki, tmp_path: Path) -> None:
    front, back = Text("**Bold** & `a < b` with \\(x_1 < y\\)", ("p.png",)), Text("- one\n- *two*\n$$z$$")
    cloze = Text("A {{c1::__lazy__::how?}} dog\nand a {{c2::`fox`}}")
    notes = (
        note_of("basic", front, back, tags=("tag", "two words"), deck=DECK),
        note_of("cloze", cloze, Text("extra"), tags=(), deck="Course"),
    )
    friend.imported(written(Package(notes, {"p.png": PICTURE}), tmp_path))
    found = content(friend)
    fields, tags, _ = found["basic"]
    assert fields == {
        "Front": r'<b>Bold</b> &amp; <code>a &lt; b</code> with \(x_1 &lt; y\)<br><img src="p.png">',
        "Back": r"<ul><li>one</li><li><i>two</i></li></ul>\[z\]",
    }
    assert tags == ["tag", "two_words"]
    names = {guid: note.note_type()["name"] for guid, note in friend.notes().items()}
    assert names == {"basic": "Cohort", "cloze": "Cohort Cloze"}
    _, _, cards = found["cloze"]
    assert [deck for _, deck, _ in cards] == ["Course", "Course"]
    # Read again, they are the cards that they were.
    again = read_package(written(Package(notes, {"p.png": PICTURE}), tmp_path))
    basic, clozes = again.notes
    assert basic.cards == (Card(0, DECK, front, replace(back, markdown="- one\n- *two*\n\\[z\\]")),)
    assert [card.front.markdown for card in clozes.cards] == [
        "A **[how?]** dog\nand a `fox`",
        "A __lazy__ dog\nand a **[...]**",
    ]
    assert [card.front for card in cards_of(cloze, Text("extra"), deck="Course")] == [
        card.front for card in clozes.cards
    ]


def test_a_later_export_updates_what_changed_and_only_that(friend: Anki, tmp_path: Path) -> None:
    notes = [
        note_of(name, Text(name), Text("old"), tags=(), deck="D", changed_at=NOW)
        for name in ("kept", "changed")
    ]
    friend.imported(written(Package(tuple(notes)), tmp_path))
    kept = friend.notes()["kept"]
    kept["Back"] = "the friend's own words"
    friend.collection.update_note(kept)
    notes[1] = note_of(
        "changed", Text("changed"), Text("new"), tags=("t",), deck="D", changed_at=NOW + timedelta(1)
    )
    log = friend.imported(written(Package(tuple(notes)), tmp_path, now=NOW + timedelta(days=2)))
    assert counts(log) == ALL_SAME | {"updated": 1}
    assert friend.notes()["kept"]["Back"] == "the friend's own words"
    assert friend.notes()["changed"]["Back"] == "new"


def test_memories_go_along(friend: Anki, tmp_path: Path) -> None:
    today = datetime.now(UTC)
    memory = Memory(12.3456, 4.567, today - timedelta(days=3), today + timedelta(days=9), reps=5, lapses=1)
    note = note_of("known", Text("q"), Text("a"), tags=(), deck="D")
    other = note_of("new", Text("q2"), Text("a"), tags=(), deck="D")
    note = replace(note, cards=tuple(replace(card, memory=memory) for card in note.cards))
    friend.imported(written(Package((note, other)), tmp_path, now=today))
    (card,), (new,) = (friend.notes()[guid].cards() for guid in ("known", "new"))
    assert card.memory_state is not None
    assert card.memory_state.stability == pytest.approx(12.3456)
    assert card.memory_state.difficulty == pytest.approx(4.567)
    assert card.last_review_time == int(memory.last_review.timestamp())
    assert (card.ivl, card.reps, card.lapses) == (12, 5, 1)
    assert card.due - friend.collection.sched.today in (8, 9, 10)  # Anki's day begins at four in the morning
    assert (new.type, new.memory_state) == (0, None)


def test_cards_of_one_note_may_lie_in_two_decks(friend: Anki, tmp_path: Path) -> None:
    model = Model(
        7, "Both ways", ("A", "B"), (Template("to", "{{A}}", "{{B}}"), Template("fro", "{{B}}", "{{A}}"))
    )
    cards = tuple(Card(ordinal, f"Deck {ordinal}", Text("x"), Text("y")) for ordinal in (0, 1))
    friend.imported(written(Package((Note("n", model, ("x", "y"), (), cards),)), tmp_path))
    _, _, found = content(friend)["n"]
    assert [deck for _, deck, _ in found] == ["Deck 0", "Deck 1"]


def test_order_and_ids_are_the_same_every_time(tmp_path: Path) -> None:
    notes = tuple(
        note_of(f"g{number}", Text(str(number)), Text("a"), tags=(), deck=f"D{number % 3}")
        for number in range(9)
    )
    first = read_package(written(Package(notes), tmp_path))
    assert [note.guid for note in first.notes] == [note.guid for note in notes]
    assert write_package(Package(notes), now=NOW) == write_package(Package(notes), now=NOW)
    assert {note.model for note in first.notes} == {BASIC}


def test_guids_are_like_anki_s_and_all_different() -> None:
    guids = {new_guid() for _ in range(1000)}
    assert len(guids) == 1000
    assert all(8 <= len(guid) <= 10 and guid.isascii() for guid in guids)


def test_a_model_survives_json() -> None:
    assert Model.defined(BASIC.definition()) == BASIC
