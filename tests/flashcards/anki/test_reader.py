"""Decks written by the official package, in each of its formats, read as it shows them itself."""

from pathlib import Path

import pytest

from bot.flashcards.anki.package import Package, Reason, Skipped
from bot.flashcards.anki.reader import read_package
from bot.flashcards.anki.templates import Renderer
from tests.flashcards.anki.official import PICTURE, Anki, Format, letters, text_of

FORMATS = pytest.mark.parametrize("format", Format)
DECK = "Course::Lesson 1::Words"

# note type, its fields
KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "basic": (("Basic", "What is <b>bold</b> &amp; 1 &lt; 2?", "This,<br>and <i>that</i>"),),
    "reversed": (("Basic (and reversed card)", "der Hund", "the dog"),),
    "optional reversed": (
        ("Basic (optional reversed card)", "one way", "only", ""),
        ("Basic (optional reversed card)", "both", "ways", "y"),
    ),
    "type in": (("Basic (type in the answer)", "Type the word", "gradient"),),
    "cloze": (
        (
            "Cloze",
            "{{c1::Adam}} keeps {{c2::two moments::how many?}} of the {{c1::gradient}}",
            "An optimiser",
        ),
        ("Cloze", r"{{c1::nested {{c2::inside}} out}} and \(\frac{ {{c3::a}} }{2}\) {{c9::}}"),
    ),
    "type in cloze": (("Typed cloze", "{{c1::a}} {{c2::b::hint}} {{c1::c}}"),),
    "conditional": (("Conditional", "front", "shown", ""), ("Conditional", "front", "", "hidden")),
    "special": (("Special", "猫[ねこ] text", "the hint", "<b>back</b> [sound:gone.mp3]"),),
}


def fill(anki: Anki) -> None:
    """A deck of every kind of card."""
    anki.note_type(
        "Typed cloze", ("Text",), "{{cloze:Text}}{{type:cloze:Text}}", "{{type:cloze:Text}}", cloze=True
    )
    anki.note_type(
        "Conditional",
        ("A", "B", "C"),
        "{{A}}{{#B}} has B {{^C}}without C{{/C}}{{/B}}{{^B}} no B{{/B}}<!-- {{Nothing}} -->",
        "{{FrontSide}}<hr id=answer>{{#C}}{{C}}{{/C}}{{B}}",
    )
    anki.note_type(
        "Special",
        ("A", "The hint", "C"),
        "{{furigana:A}} {{hint:The hint}} {{Tags}} {{Deck}} {{Subdeck}} {{Card}} {{Type}}",
        "{{text:FrontSide}} {{kanji:A}} {{kana:A}} {{text:C}} {{add-on:C}} {{tts en_US:C}}",
    )
    for kind, notes in KINDS.items():
        for name, *values in notes:
            anki.add(name, *values, deck=DECK, tags=("second", f"kind::{kind.replace(' ', '_')}"))


@FORMATS
def test_every_kind_of_card_reads_as_anki_shows_it(anki: Anki, format: Format) -> None:
    fill(anki)
    package = read_package(anki.export(format))
    theirs = anki.notes()
    assert [note.guid for note in package.notes] == list(theirs)  # all of them, in the order they were made
    assert {note.tags[0] for note in package.notes} == {f"kind::{kind.replace(' ', '_')}" for kind in KINDS}
    cards = 0
    for note in package.notes:
        judge = theirs[note.guid]
        assert note.fields == dict(judge.items())
        assert list(note.tags) == judge.tags
        assert [card.ordinal for card in note.cards] == [card.ord for card in judge.cards()]
        for card, judged in zip(note.cards, judge.cards(), strict=True):
            cards += 1
            seen = anki.seen(judged)
            shown = Renderer(note.model).render(
                note.fields, card.ordinal, tags=" ".join(judge.tags), deck=card.deck
            )
            assert [text_of(side) for side in shown] == [text_of(seen.front), text_of(seen.back)]
            # In markdown too, where the back leaves out the front.
            assert letters(card.front.markdown) == letters(text_of(seen.front))
            answer = seen.back.rpartition("<hr id=answer>")[2]
            if "FrontSide" not in note.model.templates[0].back or "<hr" in seen.back:
                assert letters(card.back.markdown) == letters(text_of(answer))
            assert card.deck == DECK
    assert cards == 18
    assert package.decks == (DECK,)


@FORMATS
def test_pictures_come_along_and_what_is_missing_is_told(anki: Anki, format: Format) -> None:
    anki.add_medium("a cat.png", PICTURE)
    anki.add_medium("unused.png", PICTURE)
    anki.add_medium("drawing.svg", b"<svg/>")
    anki.add_medium("noise.mp3", b"ID3")
    anki.add("Basic", '<img src="a cat.png">', 'It purrs <img src="a cat.png"><img src="gone.png">')
    anki.add("Basic", "Hear [sound:noise.mp3]", '<img src="drawing.svg">drawn <img src="../up.png">')
    anki.add("Basic", '<img src="gone.png">', "nothing left to see")
    package = read_package(anki.export(format))
    first, second = package.notes
    assert first.cards[0].front.markdown == ""
    assert first.cards[0].front.images == first.cards[0].back.images == ("a cat.png",)
    assert second.cards[0].back.images == ()
    assert package.media == {"a cat.png": PICTURE}
    assert set(package.skipped) == {
        Skipped("", Reason.EMPTY_FRONT),
        Skipped("gone.png", Reason.MISSING),
        Skipped("noise.mp3", Reason.NOT_A_PICTURE),
        Skipped("drawing.svg", Reason.NOT_A_PICTURE),
    }


@FORMATS
def test_math_keeps_its_markers(anki: Anki, format: Format) -> None:
    anki.add("Basic", r"Inline \(a_1 &lt; b\), shown \[x^2<br>y\]", "[$]c*d*[/$] [$$]e[/$$]")
    anki.add(
        "Basic",
        r"[latex]the sum $s$ of $$\sum x$$[/latex]",
        r"[latex]\begin{displaymath}q\end{displaymath}[/latex]",
    )
    package = read_package(anki.export(format))
    first, second = (note.cards[0] for note in package.notes)
    assert first.front.markdown == r"Inline \(a_1 < b\), shown \[x^2 y\]"
    assert first.back.markdown == r"\(c*d*\) \[e\]"
    assert second.front.markdown == r"the sum \(s\) of \[\sum x\]"
    assert second.back.markdown == r"\[q\]"


@FORMATS
def test_a_card_in_a_filtered_deck_belongs_to_its_own(anki: Anki, format: Format) -> None:
    anki.add("Basic", "front", "back", deck="Home")
    filtered = anki.collection.sched.get_or_create_filtered_deck(0)
    filtered.name = "Cram"
    filtered.config.search_terms[0].search = "deck:Home"
    anki.collection.sched.add_or_update_filtered_deck(filtered)
    assert [card.odid for note in anki.notes().values() for card in note.cards()] != [0]
    assert read_package(anki.export(format)).decks == ("Home",)


def test_today_s_anki_takes_our_oldest_format_for_its_own(anki: Anki, tmp_path: Path) -> None:
    """The file of the oldest format is made from a newer one here: it must be one."""
    anki.add("Cloze", "{{c1::a}}")
    path = anki.export(Format.OLDEST)
    (tmp_path / "other").mkdir()
    other = Anki(tmp_path / "other")
    assert len(other.imported(path).new) == 1
    other.close()


def test_the_same_file_gives_the_same_package(anki: Anki) -> None:
    fill(anki)
    path = anki.export(Format.NEWEST)
    first: Package = read_package(path)
    assert first == read_package(path)
