"""Mixed directions stand in the order in which Unicode's algorithm puts them."""

import pytest

from bot.rendering.bidi import base_level, levels, visual


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("Dana Cohen", "Dana Cohen"),
        ("", ""),
        ("123 !?", "123 !?"),
        ("שלום", "םולש"),
        ("Dana שלום!", "Dana םולש!"),
        ("שלום Dana!", "!Dana םולש"),
        ("דנה (Dana) 42", "42 )Dana( הנד"),
        ("see (דנה) now", "see (הנד) now"),
        ("a (ב) ג", "a (ב) ג"),
        ("a [(ב) ג", "a [(ב) ג"),
        ("a ב (ג) b", "a )ג( ב b"),
        ("עד 10-20 ב", "ב 10-20 דע"),
        ("שקל 3,5% ב", "ב 3,5% לקש"),
        ("مرحبا 12-13", "13-12 ابحرم"),
        ("ل ١٢ $", "$ ١٢ ل"),
        ("ab ١٢ cd", "ab ١٢ cd"),
        ("ab 12 אב 34 cd", "ab 12 34 בא cd"),
        ("אב ab 1 cd גד", "דג ab 1 cd בא"),
        ("-5 א", "א 5-"),
    ],
)
def test_a_line_is_read_in_its_order(typed: str, seen: str) -> None:
    depths = levels(typed, base_level(typed))
    # Brackets are turned over by the font, so they stand here as they were typed.
    assert "".join(typed[i] for i in visual(depths)) == seen


def test_a_line_goes_on_in_the_direction_of_its_paragraph() -> None:
    assert levels("ab.", 0) == [0, 0, 0]
    assert levels("ab.", 1) == [2, 2, 1]
    assert visual([2, 2, 1]) == [2, 0, 1]


def test_marks_go_with_the_letter_before_them() -> None:
    assert levels("א\u05b0\u05b0", 1) == [1, 1, 1]
    assert levels("\u0300a", 0) == [0, 0]
