"""Random templates and clozes, rendered by us and by the official package."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.flashcards.anki import cloze
from bot.flashcards.anki.package import Model, Template
from bot.flashcards.anki.templates import BrokenTemplate, Renderer
from tests.flashcards.anki.official import Anki, text_of

CLOZES = [
    "{{c1::", "{{c2::", "{{c1,2::", "{{c0::", "}}", "}}", "}}", "::", ":", "a", "b c", "<b>", "</b>", "{",
    "}", "{{", "{{c::", "<br>", "7", "{{c12::",
]  # fmt: skip
TEMPLATES = [
    "{{A}}", "{{B}}", "{{ A }}", "{{{A}}}", "{{#A}}", "{{/A}}", "{{^A}}", "{{#B}}", "{{/B}}", "{{^B}}",
    "{{hint:A}}", "{{hint:B}}", "{{text:A}}", "{{kanji:B}}", "{{kana:B}}", "{{furigana:B}}",
    "{{text:hint:A}}", "{{Tags}}", "{{unheard:A}}", "{{# A }}", "<!--", "-->", "{{", "}}", "x", "<i>", " ",
    "{{No}}", "{{#No}}", "{{/No}}", "{{c1}}",
]  # fmt: skip
FIELDS = [
    "",
    " ",
    "<br>",
    "<div></div>",
    "some <b>text</b>",
    "漢[かん]字[じ] x[y]",
    "0",
    "{{A}}",
    "<!-- z -->",
]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anki]:
    anki = Anki(tmp_path_factory.mktemp("judge"))
    anki.note_type("Two fields", ("A", "B"), "{{A}}", "{{B}}")
    yield anki
    anki.close()


def of(pieces: list[str], most: int = 12) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), max_size=most).map("".join)


often = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def solid(markup: str) -> str:
    """The text without any space: where tags stand, there may or may not be one."""
    return "".join(text_of(markup).split())


ERROR = "templates/errors.html"


@often
@given(text=of(CLOZES, 20))
def test_clozes_are_those_of_anki(judge: Anki, text: str) -> None:
    text += "}}" * text.count("{{c")  # Anki loses the text behind a cloze without an end; here it stays
    note = judge.blank("Cloze", text)
    numbers = [number for number in note.cloze_numbers_in_fields() if number]
    assert sorted(cloze.numbers(text)) == sorted(numbers)
    for number in (*numbers, 3):
        output = note.ephemeral_card(number - 1).render_output()
        for asking, theirs in (
            (True, output.question_text),
            (False, output.answer_text.removesuffix("<br>\n")),
        ):
            ours = cloze.revealed(text, number, asking=asking, mark="<b>{}</b>".format)
            assert solid(ours) == ("" if ERROR in theirs else solid(theirs))


@often
@given(front=of(TEMPLATES), back=of(TEMPLATES), a=st.sampled_from(FIELDS), b=st.sampled_from(FIELDS))
def test_templates_render_as_in_anki(judge: Anki, front: str, back: str, a: str, b: str) -> None:
    note = judge.blank("Two fields", a, b)
    model = note.note_type()
    assert model is not None
    template = {**model["tmpls"][0], "qfmt": front, "afmt": back}
    output = note.ephemeral_card(custom_note_type=model, custom_template=template).render_output()
    ours = Model(1, model["name"], ("A", "B"), (Template("The card", front, back),))
    fields = {"A": a, "B": b}
    try:
        shown = Renderer(ours).render(fields, 0, tags="", deck="Default")
    except BrokenTemplate:
        assert ERROR in output.question_text
    else:
        if shown == ("", ""):
            assert "front of this card is blank" in output.question_text
        else:
            assert tuple(map(solid, shown)) == (solid(output.question_text), solid(output.answer_text))
