"""Names fit where they stand, are cut between characters, and hold no empty box."""

import unicodedata

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rendering.fonts import Fonts
from bot.rendering.text import CHARACTERS_AT_MOST, ELLIPSIS, Line, Typesetter
from tests.rendering.cards import HOSTILE

FONTS = Fonts(system=False)
SETTER = Typesetter(FONTS)
WIDE = 100_000.0
# Every character there is, halves of pairs too, and the troublesome ones often.
TEXTS = st.text(
    st.one_of(
        st.characters(), st.sampled_from("".join(HOSTILE)), st.sampled_from("\u200d\ufe0f\u0300אע1 (🇩🚀क्")
    )
)


def fit(text: str, *, width: float = WIDE, bold: bool = False) -> Line:
    return SETTER.fit(text, size=30, width=width, bold=bold)


def read(line: Line) -> str:
    """The faces and glyphs of a line: two texts that read the same look the same."""
    return " ".join(
        part.emoji or f"{part.face.path.stem}:" + ",".join(str(glyph.id) for glyph in part.glyphs)
        for part in line.parts
    )


def test_a_text_that_fits_is_left_alone() -> None:
    line = fit("Katharina")
    assert fit("Katharina", width=line.width) == line
    assert fit("Katharina", width=line.width - 1) != line


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("width", [30, 60, 150, 400])
def test_a_name_never_leaves_its_room(name: str, width: float, bold: bool) -> None:
    line = fit(name, width=width, bold=bold)
    assert 0 < line.width <= width
    assert line.parts


def test_where_not_even_an_ellipsis_fits_there_is_nothing() -> None:
    assert fit("Katharina", width=5) == Line(0, ())


@settings(deadline=None)
@given(TEXTS, st.floats(0, 500), st.booleans())
def test_any_text_stays_in_its_room_without_an_empty_box(text: str, width: float, bold: bool) -> None:
    line = fit(text, width=width, bold=bold)
    assert line.width <= width
    for part in line.parts:
        assert all(glyph.id for glyph in part.glyphs)
        assert part.x >= 0
        assert not regex.search(r"[\p{Cc}\p{Cs}]", part.emoji)


@settings(deadline=None)
@given(TEXTS, st.integers(1, 3))
def test_any_text_is_wrapped_into_its_lines(text: str, lines: int) -> None:
    wrapped = SETTER.wrap(text, size=30, width=200, lines=lines)
    assert 1 <= len(wrapped) <= lines
    assert all(line.width <= 200 for line in wrapped)


@settings(deadline=None)
@given(TEXTS.filter(lambda text: text.strip()))
def test_a_name_is_never_drawn_as_nothing(text: str) -> None:
    assert any(part.emoji or part.face.outline(part.glyphs).count("m") for part in fit(text).parts)


@pytest.mark.parametrize(
    "text", ["cafe\u0301s", "क्षत्रिय क्षत्रिय", "👩🏽‍🔬👨‍👩‍👧‍👦🇩🇪🏴󠁧󠁢󠁥󠁮󠁧󠁿1️⃣", "Ngọc Ánh", "한국어 이름"]
)
def test_a_name_is_cut_between_what_a_reader_takes_for_characters(text: str) -> None:
    """Whatever the room, what is drawn is some whole characters of the name and an ellipsis."""
    clusters = regex.findall(r"\X", unicodedata.normalize("NFC", text))
    whole = {read(fit("".join(clusters[:count]).rstrip() + ELLIPSIS)) for count in range(len(clusters))}
    for width in range(26, int(fit(text).width), 7):
        assert read(fit(text, width=width)) in whole


def test_words_are_kept_together_where_they_can_be() -> None:
    def lines(text: str, count: int) -> list[str]:
        return [read(line) for line in SETTER.wrap(text, size=30, width=200, lines=count)]

    assert lines("neural nets from scratch", 2) == [read(fit("neural nets")), read(fit("from scratch"))]
    assert lines("neural nets from scratch", 3) == lines("neural nets from scratch", 2)
    assert lines("neural nets from scratch again", 2)[1] == read(fit("from scratch a…", width=200))
    long_word = lines("Donaudampfschifffahrt", 2)
    assert len(long_word) == 2
    assert read(fit("Donau")).removeprefix("NotoSans-Regular:") in long_word[0]


def test_a_line_from_the_right_is_set_from_the_right() -> None:
    line = fit("דנה (Dana) 42")
    glyphs = read(line)
    assert glyphs.index("NotoSansHebrew") > glyphs.index("NotoSans-Regular")
    assert read(fit("Dana (דנה)")).startswith("NotoSans-Regular")


def test_the_second_line_goes_on_in_the_direction_of_the_first() -> None:
    _, second = SETTER.wrap("דנה כהן מתל אביב (Dana)!", size=30, width=240, lines=2)
    # By itself it would begin with its bracket, from the left.
    assert read(second).startswith(read(fit("!")))
    assert read(second) != read(fit("(Dana)!"))


@pytest.mark.parametrize(
    ("typed", "drawn"),
    [
        ("★ 𝓐𝓵𝓲𝓬𝓮 ★", "★ Alice ★"),
        ("ＡＢＣ", "ABC"),
        ("李明 (Ming)", "… (Ming)"),
        ("김철수", "…"),
        ("꧁ŁØVË꧂", "ŁØVË"),
        ("Ming 李", "Ming …"),
        ("꧁ Ming ꧂", "Ming"),
        ("a ꧁ b", "a b"),
        ("\u202eevil\u202c", "evil"),
        ("\x00a\x1b[0m\ud800\ufffd\ufffc\ue000", "a[0m"),
        ("a\nb\t\u00a0\u3000c", "a b c"),
        ("\u0301\u200da", "a"),
        ("a" + 50 * "\u0316" + "b", "a" + 3 * "\u0316" + "b"),
        ("a\u0489b", "ab"),
        ("1\ufe0f", "1"),
        (" \u200d \u0301\u20e3 ", "…"),
        ("\u3164\u2800", "…"),
        ("", ""),
    ],
)
def test_what_no_font_has_is_replaced(typed: str, drawn: str) -> None:
    assert read(fit(typed)) == read(fit(drawn))


def test_a_text_that_never_ends_is_cut() -> None:
    assert read(fit("i" * 10_000)) == read(fit("i" * CHARACTERS_AT_MOST + ELLIPSIS))


def test_joined_emoji_that_are_no_picture_are_drawn_one_by_one() -> None:
    assert [part.emoji for part in fit("👩‍🚀").parts] == ["👩‍🚀"]
    assert [part.emoji for part in fit("🧠‍🚀‍🧠").parts] == ["🧠", "🚀", "🧠"]
    assert len(fit("\u200d".join("🧠" * 32), width=400).parts) > 5


@pytest.mark.parametrize("text", ["❤\ufe0f", "⭐", "1\ufe0f\u20e3", "🇩🇪", "😀"])
def test_emoji_are_pictures(text: str) -> None:
    assert [part.emoji for part in fit(text).parts] == [text]


@pytest.mark.parametrize("text", ["❤", "©", "7", "#", "→", "✓"])
def test_signs_are_drawn_in_the_colour_of_the_text(text: str) -> None:
    assert [part.emoji for part in fit(text).parts] == [""]
