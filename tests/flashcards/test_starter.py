"""The shipped decks are whole, pass our own linter and belong to lessons that exist."""

from collections import Counter

import pytest

from bot.courses.library import CourseLibrary
from bot.flashcards.linter import lint, normalised
from bot.flashcards.starter import BadDeck, StarterCard, StarterDeck, read_deck, starter_decks
from bot.services.text import clean_text

DECK = """\
pack: short
title: A short deck
lessons:
  - lesson: first
    cards:
      - id: one
        front: What is \\(1 + 1\\)?
        back: '2'
        tags: [calculation]
  - lesson: second
    cards:
      - id: two
        front: >-
          A question of
          two lines?
        back: An answer
"""


@pytest.fixture(scope="module")
def decks() -> dict[str, StarterDeck]:
    return starter_decks()


@pytest.fixture(scope="module")
def cards(decks: dict[str, StarterDeck]) -> list[StarterCard]:
    return [card for deck in decks.values() for card in deck.cards]


@pytest.mark.parametrize(("pack", "each", "total"), [("fastai-2019", 16, 112), ("math-prerequisites", 8, 34)])
def test_every_lesson_has_its_cards_in_the_order_of_the_course(decks, pack, each, total):
    course = next(shipped for shipped in CourseLibrary().shipped if shipped.id == pack)
    counted = Counter(card.lesson for card in decks[pack].cards)
    assert list(counted) == [lesson.id for lesson in course.lessons]
    assert min(counted.values()) >= each
    assert counted.total() >= total


def test_our_own_linter_has_nothing_to_say(cards):
    fronts = Counter(normalised(card.front) for card in cards)
    for card in cards:
        others = fronts - Counter([normalised(card.front)])
        assert lint(card.front, card.back, lesson=card.lesson, known_fronts=others) == [], card.guid


def test_no_two_cards_have_the_same_answer(cards):
    answers = Counter(normalised(card.back) for card in cards)
    assert [answer for answer, count in answers.items() if count > 1] == []


def test_a_guid_names_one_card_for_ever(decks, cards):
    assert len({card.guid for card in cards}) == len(cards)
    assert decks["fastai-2019"].cards[0].guid == "fastai-2019:top-down"


def test_every_text_is_as_a_member_could_have_typed_it(cards):
    for card in cards:
        for text in (card.front, card.back):
            assert clean_text("card", text, limit=400) == text
            assert text.count(r"\(") == text.count(r"\)")
            assert text.count("`") % 2 == 0


def test_a_deck_is_read():
    deck = read_deck(DECK, source="short.yaml")
    assert deck == StarterDeck(
        pack="short",
        title="A short deck",
        cards=(
            StarterCard(
                guid="short:one",
                lesson="first",
                front=r"What is \(1 + 1\)?",
                back="2",
                tags=("calculation",),
            ),
            StarterCard(
                guid="short:two",
                lesson="second",
                front="A question of two lines?",
                back="An answer",
                tags=(),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (DECK, "", "line 1: expected pack, title, lessons"),
        (DECK, "- pack", "line 1: expected pack"),
        ("title: A short deck", "title: [", "line 4: expected"),
        ("title: A short deck", "title: A\ntitle: B", "line 3: title is repeated"),
        ("title: A short deck", "name: A short deck", "line 2: name is unknown"),
        ("title: A short deck\n", "", "line 1: title is missing"),
        ("title: A short deck", "title:", "line 2: expected text"),
        ("pack: short", "pack: Short Deck", "line 1: Short Deck is not made of"),
        ("        back: An answer\n", "", "line 12: back is missing"),
        ("back: An answer", "back: ''", "line 16: expected text"),
        ("back: '2'", "back: 2", "line 8: expected text; put numbers"),
        ("back: '2'", "back: [2]", "line 8: expected text"),
        ("id: two", "id: one", "line 12: short:one is there already"),
        ("id: two", f"id: {'x' * 60}", "is longer than 64 characters"),
        ("tags: [calculation]", "tags: calculation", "line 9: expected a list"),
        ("tags: [calculation]", "tags: []", "line 9: expected a list"),
        ("tags: [calculation]", "tags: [Two Words]", "line 9: Two Words is not made of"),
        ("lesson: second", "lesson: 2", "line 10: expected text"),
        ("id: two", "id: two\x00", "line 12: special characters are not allowed"),
    ],
)
def test_a_broken_deck_is_refused_with_its_line(right, wrong, told):
    assert right in DECK
    with pytest.raises(BadDeck) as refusal:
        read_deck(DECK.replace(right, wrong), source="short.yaml")
    assert str(refusal.value).startswith("short.yaml, line ")
    assert told in str(refusal.value)
