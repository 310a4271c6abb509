"""Whatever is on a card, there is a picture of it; and it can be read."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rendering.cards import (
    BoardCard,
    BoardRow,
    Card,
    Cell,
    Goal,
    GridLesson,
    LessonGrid,
    LogLine,
    Milestone,
    ProfileCard,
    ProjectTimeline,
    Theme,
)
from bot.rendering.drawing import draw
from bot.rendering.fonts import Fonts
from bot.rendering.model_cards import ClassificationCard, ConfusionCard, LabelShare, percent
from bot.rendering.palette import PALETTES
from bot.rendering.sheet import WIDTH
from tests.rendering.cards import BOARD, CLASSIFICATION, CONFUSION, LESSONS, PROFILE, PROJECT
from tests.rendering.png import size

FONTS = Fonts(system=False)
ANY = st.text(st.characters(), max_size=60)


def with_text(text: str) -> list[Card]:
    """A small card of each kind with this text wherever a member's words can stand."""
    day = date(2026, 11, 21)
    return [
        BoardCard(
            title=text, subtitle=text, unit=text, rows=(BoardRow(rank=1, name=text, score=3, is_caller=True),)
        ),
        ProfileCard(
            name=text,
            subtitle=text,
            facts=(),
            lessons_done=0,
            lessons_total=0,
            project=text,
            project_stage=text,
        ),
        LessonGrid(
            title=text,
            name=text,
            stages=(text,),
            lessons=(GridLesson(number=1, title=text, cells=(Cell.CLAIMED,)),),
        ),
        ProjectTimeline(
            title=text,
            name=text,
            state=text,
            started=day,
            until=day,
            milestones=(Milestone(label=text, reached=day),),
            log=(LogLine(day=day, text=text),),
        ),
        ClassificationCard(
            title=text, subtitle=text, guesses=(LabelShare(label=text, share=0.5),), sure=True
        ),
        ConfusionCard(title=text, subtitle=text, labels=(text, text), counts=((1, 0), (2, 3))),
    ]


@settings(max_examples=25, deadline=None)
@given(ANY, st.sampled_from(Theme))
def test_any_text_gives_a_picture(text: str, theme: Theme) -> None:
    for card in with_text(text):
        assert size(draw(card, theme, FONTS))[0] == WIDTH


@pytest.mark.parametrize(
    "card",
    [
        replace(BOARD, rows=(), goal=None),
        replace(BOARD, goal=Goal(label="", reached=0, wanted=0)),
        replace(BOARD, goal=Goal(label="", reached=-3, wanted=5)),
        replace(BOARD, rows=tuple(BoardRow(rank=1, name="A", score=0) for _ in range(3))),
        replace(
            BOARD, rows=(BoardRow(rank=10**9, name="A", score=10**18), BoardRow(rank=2, name="B", score=-4))
        ),
        replace(PROFILE, facts=(), lessons_done=9, lessons_total=7, project=None, project_stage=None),
        replace(PROFILE, lessons_total=0, project_stage=None),
        replace(LESSONS, lessons=(), planned_done=None),
        replace(LESSONS, lessons=(), stages=(), planned_done=3),
        replace(LESSONS, planned_done=0),
        replace(LESSONS, planned_done=len(LESSONS.lessons)),
        replace(PROJECT, milestones=(), log=()),
        replace(PROJECT, started=PROJECT.until),
        replace(PROJECT, started=date(2027, 1, 1)),
        replace(CLASSIFICATION, guesses=()),
        replace(CONFUSION, labels=(), counts=()),
        replace(CONFUSION, labels=("A", "B"), counts=((0, 0), (10**9, 1))),
    ],
)
def test_a_card_may_be_empty_or_out_of_bounds(card: Card) -> None:
    width, height = size(draw(card, Theme.LIGHT, FONTS))
    assert width == WIDTH
    assert 100 < height < 1500


def test_the_callers_row_and_the_pace_are_drawn() -> None:
    """Each fact of a card changes its picture."""
    board = replace(BOARD, rows=(BoardRow(rank=2, name="Ada", score=3), BoardRow(rank=5, name="Bo", score=1)))
    first, second = board.rows
    drawn = [
        draw(card, Theme.DARK, FONTS)
        for card in (
            board,
            replace(board, rows=(replace(first, is_caller=True), second)),
            replace(board, rows=(first, replace(second, is_caller=True))),
            replace(board, rows=(first, replace(second, apart=True))),
            replace(board, goal=None),
            replace(LESSONS, planned_done=None),
            *(replace(LESSONS, planned_done=done) for done in (0, 3, 7)),
            *(
                replace(LESSONS, lessons=(replace(LESSONS.lessons[0], cells=(cell,) * 5),), planned_done=None)
                for cell in Cell
            ),
            *(replace(CLASSIFICATION, sure=sure) for sure in (True, False)),
            replace(CLASSIFICATION, guesses=CLASSIFICATION.guesses[:2]),
            CONFUSION,
            replace(CONFUSION, labels=CONFUSION.labels[:2], counts=((3, 1), (0, 4))),
            replace(CONFUSION, labels=CONFUSION.labels[:2], counts=((1, 3), (0, 4))),
        )
    ]
    assert len(set(drawn)) == len(drawn)


def test_of_a_long_course_the_part_is_drawn_where_the_member_is() -> None:
    """All that is left out counts only by its number."""

    def grid(*, begun: int, of: int, pace: int | None = None) -> bytes:
        lessons = tuple(
            GridLesson(number=i, title=f"Lesson {i}", cells=(Cell.DONE if i <= begun else Cell.EMPTY,))
            for i in range(1, of + 1)
        )
        card = LessonGrid(title="Long", name="Ada", stages=("ran",), lessons=lessons, planned_done=pace)
        return draw(card, Theme.DARK, FONTS)

    assert size(grid(begun=30, of=60))[1] == size(grid(begun=20, of=40))[1] < 1700
    assert grid(begun=30, of=60) == grid(begun=30, of=60, pace=3)
    assert len({grid(begun=begun, of=60) for begun in (0, 1, 7, 30, 53, 59, 60)}) == 7
    assert size(grid(begun=0, of=14))[1] < size(grid(begun=0, of=15))[1] < size(grid(begun=30, of=60))[1]


def luminance(color: str) -> float:
    """As WCAG 2 defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", Theme)
def test_text_and_shapes_stand_out_from_their_ground(theme: Theme) -> None:
    colors = PALETTES[theme]
    for ground in (colors.paper, colors.panel):
        assert contrast(colors.ink, ground) >= 7
        assert contrast(colors.muted, ground) >= 4.5
        for shape in (colors.accent, colors.waiting, colors.line):
            assert contrast(shape, ground) >= 3
    assert contrast(colors.on_accent, colors.accent) >= 4.5
    assert contrast(colors.accent, colors.track) >= 3


def test_the_measure_of_contrast_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.0004, "under 1 %"), (0.01, "1 %"), (0.934, "93 %"), (0.9999, "over 99 %"), (1, "100 %")],
)
def test_a_probability_is_never_rounded_to_none_or_to_all(share: float, words: str) -> None:
    assert percent(share) == words
