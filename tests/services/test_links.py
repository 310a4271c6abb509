"""Which links are fit to be shown to others, and in which form."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import BadLink, LinkProblem
from bot.services.links import LINK_LIMIT, checked_link
from bot.ui.text import plain


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://github.com/alice/bears", "https://github.com/alice/bears"),
        ("  http://example.com:8080/a_b?q=1&r=%20#top ", "http://example.com:8080/a_b?q=1&r=%20#top"),
        ("HTTPS://Example.COM/Case", "https://example.com/Case"),
        ("https://example.com?x", "https://example.com?x"),
        ("https://example.com//two//", "https://example.com//two//"),
        ("https://en.wikipedia.org/wiki/Bear_(animal)", "https://en.wikipedia.org/wiki/Bear_%28animal%29"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://ｅｘａｍｐｌｅ.com/", "https://example.com/"),
    ],
)
def test_a_link_keeps_its_meaning_in_plain_letters(typed: str, kept: str) -> None:
    assert checked_link("evidence", typed) == kept


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", LinkProblem.SCHEME),
        ("javascript:alert(1)", LinkProblem.SCHEME),
        ("data:text/html,x", LinkProblem.SCHEME),
        ("ftp://example.com/x", LinkProblem.SCHEME),
        ("github.com/alice/bears", LinkProblem.SCHEME),
        ("//example.com/x", LinkProblem.SCHEME),
        ("see my notebook", LinkProblem.SPACES),
        ("https://example.com/a b", LinkProblem.SPACES),
        ("https://example.com/a\nb", LinkProblem.SPACES),
        ("https://example.com/\u202egnp.exe", LinkProblem.SPACES),
        ("https://exam\u200bple.com", LinkProblem.SPACES),
        ("https://", LinkProblem.HOST),
        ("https:///notebook", LinkProblem.HOST),
        ("https:example.com", LinkProblem.HOST),
        ("https://jupyter/notebook", LinkProblem.HOST),
        ("https://localhost:8888/lab", LinkProblem.HOST),
        ("https://notes.localhost/x", LinkProblem.HOST),
        ("https://printer.local/x", LinkProblem.HOST),
        ("http://127.0.0.1/x", LinkProblem.HOST),
        ("http://127.1/x", LinkProblem.HOST),
        ("http://2130706433/x", LinkProblem.HOST),
        ("http://0x7f.0.0.0x1/x", LinkProblem.HOST),
        ("http://[::1]/x", LinkProblem.HOST),
        ("http://192.168.0.7:8888/lab", LinkProblem.HOST),
        ("http://１２７.０.０.１/x", LinkProblem.HOST),
        ("https://-a.example.com/", LinkProblem.HOST),
        ("https://exa_mple.com\\.good.example/", LinkProblem.HOST),
        ("https://alice:secret@example.com/x", LinkProblem.CREDENTIALS),
        ("https://example.com\\@evil.example/x", LinkProblem.CREDENTIALS),
        ("https://example.com:99999/x", LinkProblem.FORM),
        ("https://[example.com/x", LinkProblem.FORM),
        ("https://example..com/x", LinkProblem.FORM),
        ("https://" + "a" * 64 + ".com/", LinkProblem.FORM),
        ("https://example.com/" + "a" * 600, LinkProblem.LENGTH),
        # Six characters each, once they are plain letters.
        ("https://example.com/" + "ü" * 100, LinkProblem.LENGTH),
    ],
)
def test_what_is_no_public_address_is_refused_for_its_reason(typed: str, problem: LinkProblem) -> None:
    with pytest.raises(BadLink) as refusal:
        checked_link("evidence", typed)
    assert refusal.value.problem is problem


@given(st.text() | st.from_regex(r"https?://[^\s/]{1,20}\.[a-z]{2,3}(/.*)?"))
def test_whatever_passes_is_one_word_that_no_text_can_bend(typed: str) -> None:
    try:
        link = checked_link("evidence", typed)
    except BadLink:
        return
    assert link.isascii()
    assert link.isprintable()
    assert not set(link) & set(' <>()[]{}|*`\\"')
    assert len(link) <= LINK_LIMIT
    assert checked_link("evidence", link) == link
    assert urlsplit(link).username is None
    # Shown in a message it leads to the same place.
    assert plain(link).replace("\u200b", "").replace("%7E", "~") == link
