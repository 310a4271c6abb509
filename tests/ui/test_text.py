"""Members' text keeps its look and loses its power, as SimCord's reading of Discord's markdown judges."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from simcord.preview._markdown import markdown_tokens

from bot.ui.text import plain, shown

HARMLESS = {"text", "link_open", "link_close", "break", "softbreak"}
SIGNS = st.sampled_from(
    [*"*_~`|[]()<>#@-+.:!\\/&\n 1ab", "https://a.b/c_d", "@everyone", "<@1>", "```", "](", "-# "]
)
PIECES = st.lists(SIGNS, max_size=40).map("".join)


def leaves(tokens: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for token in tokens:
        if token["type"] in ("paragraph", "inline"):
            yield from leaves(token.get("children", ()))
        else:
            yield token


def judged(markdown: str) -> list[dict[str, Any]]:
    """The judge's tokens; tables, which it knows and Discord does not, are left out of the question."""
    tokens = list(leaves(markdown_tokens(markdown)))
    assume(all(token["type"] != "table" for token in tokens))
    return tokens


def read(markdown: str) -> str:
    """What a reader sees, without spaces."""
    return "".join("".join(t.get("content", "") for t in judged(markdown)).split())


@given(st.one_of(PIECES, st.text(max_size=60)))
def test_no_formatting_mention_or_masked_link_survives(text: str) -> None:
    # Indented code is CommonMark's, which the judge follows, and none of Discord's.
    shown = "\n".join(line.lstrip() for line in plain(text).splitlines())
    kinds = {token["type"] for token in judged(shown)}
    assert kinds <= HARMLESS, (plain(text), kinds)


@given(PIECES)
def test_what_was_typed_is_what_is_read(text: str) -> None:
    assert unquote(read(plain(text))).replace("\u200b", "") == "".join(text.split())


@given(PIECES)
def test_an_address_shows_itself_wherever_it_leads(text: str) -> None:
    tokens = list(leaves(markdown_tokens(plain(text))))
    for link, label in pairwise(tokens):
        if link["type"] == "link_open":
            assert unquote(label["content"]) in unquote(link["href"])


@pytest.mark.parametrize(
    ("typed", "markdown"),
    [
        ("Lesson 1: your first classifier", "Lesson 1: your first classifier"),
        ("[free](https://a.b)\n[more](https://c.d)", "\\[free\\](https://a.b)\n\\[more\\](https://c.d)"),
        ("see https://a.b/snake_case_name", "see https://a.b/snake_case_name"),
        ("1. one\n- two", "1\\. one\n\\- two"),
        ("a heading?\n---", "a heading?\n--\\-"),
        ("C++ at 1.5 x", "C++ at 1.5 x"),
    ],
)
def test_examples(typed: str, markdown: str) -> None:
    assert plain(typed) == markdown


def test_names_are_one_short_line() -> None:
    assert shown("a\nb") == "a b"
    assert len(shown("x" * 500)) == 100
