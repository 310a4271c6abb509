"""How cards are shown, and what became of files: within Discord's limits, without power, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flashcards.anki.package import Reason
from bot.flashcards.linter import Problem, Rule, Side, lint
from bot.flashcards.markdown import neutral
from bot.flashcards.sheets import RowReason
from bot.services.cards import Left, LeftOut
from bot.ui.cards import hint, in_short, side, spoiler
from bot.ui.deck_files import left_out_line, report

SIGNS = [*"ab *_`|\\[]()<>@#\n$^{}", "@everyone", "||", "```", "\\(x^2\\)", "](http://x.y)"]
written = st.lists(st.sampled_from(SIGNS)).map("".join)


@given(written, st.integers(100, 4096))
def test_a_side_fits_and_has_no_power(text: str, room: int) -> None:
    shown = side(text * 20, room=room)
    assert len(shown) <= room
    assert neutral(shown) == shown  # nothing is left to take away


@given(written)
def test_nothing_inside_ends_a_spoiler(text: str) -> None:
    shown = spoiler(text)
    assert shown.startswith("||")
    assert shown.endswith("||")
    assert "||" not in shown[2:-2]
    assert not shown.endswith("\\||")


def test_a_side_that_is_cut_leaves_no_code_open() -> None:
    shown = side("Look:\n```py\n" + "x = 1\n" * 100, room=200)
    assert shown.count("```") == 2
    assert shown.endswith("…")
    assert side(r"Why \(\frac{a}{b}\)?") == "Why `a/b`?"


@given(written, st.integers(10, 100))
def test_in_short_is_one_line(text: str, most: int) -> None:
    assert 0 < len(in_short(text, most=most)) <= most
    assert "\n" not in in_short(text, most=most)


def test_every_hint_has_words() -> None:
    problems = [
        *lint("Is it true?", "Yes", lesson=None, known_fronts=["is it true"]),
        *lint("", "x" * 400, lesson="1", known_fronts=[]),
        *lint("What is it? Why?", "1. a\n2. b", lesson="1", known_fronts=[]),
        *lint("The {{c1: gap", "no", lesson="1", known_fronts=[]),
        *lint("What does a neural network learn?", "a neural network", lesson="1", known_fronts=[]),
        Problem(Rule.YES_NO, Side.FRONT),
    ]
    assert {problem.rule for problem in problems} == set(Rule)
    assert all(hint(problem).endswith(".") for problem in problems)


@pytest.mark.parametrize("reason", [*Reason, *RowReason, *Left])
def test_every_reason_to_leave_something_out_has_words(reason: Reason | RowReason | Left) -> None:
    assert left_out_line(LeftOut(line=7, reason=reason)).startswith("line 7: ")
    assert left_out_line(LeftOut(what="Hund", reason=reason)).startswith("Hund: ")


def test_a_short_list_needs_no_file() -> None:
    one = LeftOut(what="Hund", reason=Left.DUPLICATE)
    assert report([one] * 8) is None
    assert report([one] * 9) == b"\n".join([b"Hund: another card asks the same"] * 9)
