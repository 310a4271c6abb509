"""HTML from anybody's deck as markdown that shows the same and does nothing."""

import re
from html import escape

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bot.errors import BadText
from bot.flashcards.anki.markup import to_html
from bot.flashcards.html import to_markdown
from bot.flashcards.markdown import Text, neutral
from bot.services.text import clean_text

# Discord reads an escape before anything else, then code; what is left can be active.
_INERT = re.compile(r"\\[^0-9A-Za-z\s]|```.*?```|(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_ACTIVE = re.compile(
    r"<@[!&]?\d|<#\d|<a?:\w+:\d|<t:-?\d|</\w|<id:\w|@(?:everyone|here)"
    r"|\]\(|(?:discord(?:app)?\.com/invite|discord\.gg)/\w",
    re.IGNORECASE,
)


def active(markdown: str) -> str | None:
    """What of it Discord would do more with than show it."""
    found = _ACTIVE.search(_INERT.sub("\ufffc", markdown))
    return found and found.group()


@pytest.mark.parametrize(
    "markdown",
    ["<@1>", "x <@!123> y", "<@&5>", "<#4>", "<:a:1>", "<t:1:R>", "</x:1>", "@everyone", "@HERE", "[a](http://b)",
     "[a\nb](http://c)", "`x` <@1>", "\\\\<@1>", "https://discord.gg/abc", "\\`<@1>\\`"],
)  # fmt: skip
def test_the_judge_sees_what_is_active(markdown: str) -> None:
    assert active(markdown)
    assert not active(neutral(markdown))


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("plain", "plain"),
        ("<b>bold</b> <strong>x</strong><i>it</i><em>alic</em>", "**bold x**\u200b*italic*"),
        ("<u>under</u> <s>gone</s> <del>too</del> <strike>x</strike>", "__under__ ~~gone too x~~"),
        ("<b> around </b>words<i> </i>", "**around** words"),
        ("<b>a<i>b</i></b><b></b>", "**a*b***"),
        ("<b>a<i>b</i></b><i>c</i>", "**a*b***\u200b*c*"),
        ('<span style="font-weight: 700; text-decoration:underline">x</span>', "__**x**__"),
        ('<span style="font-style:italic">x</span><span style="color:red">y</span>', "*x*y"),
        ('<div style="display: none">later</div>', "||later||"),
        ('<a class="hint" href="#">Hint</a><div class="hint" style="display: none">it is</div>',
         "Hint\n||it is||"),
        ("<details><summary>More</summary>inside</details>", "More\n||inside||"),
        ('<span class="cloze">[...]</span>(x)', "**[...]**(x)"),
        ("<code>a*b</code> <kbd>`x`</kbd> <tt>``</tt>", "`a*b` `` `x` `` `ˋˋ`"),
        ("<pre>if x:\n    y = `1`\n</pre>after", "```\nif x:\n    y = `1`\n```\nafter"),
        ("<pre><b>a</b>```<br>b`</pre>", "```\naˋ``\nb`\n```"),
        ("a<br>b<br/>c<div>d</div><div><br></div>e", "a\nb\nc\nd\n\ne"),
        ("<p>one</p><p>two<p>three", "one\n\ntwo\n\nthree"),
        ("<h2>Title</h2>text<hr>text", "**Title**\n\ntext\n———\ntext"),
        ("<ul><li>a<li>b<ol><li>c</li><li>d<br>e</li></ol></li></ul>f",
         "- a\n- b\n  1. c\n  2. d\n     e\nf"),
        ("<ul><li><p>a</p><p>b</p></li><li><div>c</div></li><li></li></ul>", "- a\n\n  b\n\n- c"),
        ("<blockquote>a<br><b>b</b></blockquote>c", "> a\n> **b**\nc"),
        ("<table><tr><th>A</th><th>B</th></tr><tr><td>1<br>2</td><td><p>3</p></td></tr></table>",
         "**A** │ **B**\n1 2 │ 3"),
        ("x<sup>2</sup> H<sub>2</sub>O e<sup>ix</sup> a<sub>k+1</sub> b<sub>i</sub>",
         "x² H₂O e^(ix) a\\_(k+1) b\\_i"),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>", "漢(かん)"),
        ("&lt;b&gt; &amp;amp; &quot;x&quot; &nbsp; &#8364; &nope; &", '\\<b> &amp; "x" € &nope; &'),
        ('<a href="https://a.b/c_(d)">text</a>.', "text https://a.b/c_%28d%29 ."),
        ('<a href="https://a.b/">a.b</a> <a href="http://c.d">http://c.d</a>', "a.b http://c.d"),
        ('<a href="javascript:alert(1)">x</a> <a href="//a.b">y</a> <a href="file:///e">z</a>', "x y z"),
        ("see https://a.b/c_d*e (or http://f.g)", "see https://a.b/c_d%2Ae (or http://f.g)"),
        ("# no *title* _x_ ~~y~~ ||z|| `c`",
         "\\# no \\*title\\* \\_x\\_ \\~\\~y\\~\\~ \\|\\|z\\|\\| \\`c\\`"),
        ("- no list<br>1. nor this<br>&gt; nor<br>-# this<br>+ x<br>-5 yes<br>1.5",
         "\\- no list\n1\\. nor this\n\\> nor\n\\-# this\n\\+ x\n-5 yes\n1.5"),
        ("<script>alert('x')</script>a<style>b {}</style><title>c</title><svg><text>d</text></svg>", "a"),
        ("<!-- no -->a<!DOCTYPE html><?php x ?>b<![CDATA[c]]>", "ab"),
        ("<script>never ends", ""),
        ("a < b and c<d <> </> <3 <!", "a \\< b and c\\<d \\<> \\</> \\<3"),
        ("<unknown-tag>kept</unknown-tag> <font color=red>too</font>", "kept too"),
        ('<b onclick="alert(1)">x</b><input value="y"><button>z</button>', "**x**z"),
        ("</b></div>x</p>", "x"),
    ],
)  # fmt: skip
def test_what_html_shows_is_shown(html: str, markdown: str) -> None:
    assert to_markdown(html) == Text(markdown)


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        (r"\(a_1 &lt; b\) and \[x<br>y\]", r"\(a_1 < b\) and \[x y\]"),
        ("[$]x^2[/$] [$$]y[/$$]", r"\(x^2\) \[y\]"),
        ("[latex]prose $a$ &amp; $$b$$[/latex]", r"prose \(a\) & \[b\]"),
        (r"[latex]\frac12[/latex] [latex]\begin{math}q\end{math}[/latex]", r"\[\frac12\] \[q\]"),
        ("<anki-mathjax>a</anki-mathjax><anki-mathjax block=\"true\">b</anki-mathjax>", r"\(a\)\[b\]"),
        (r"\(\frac{<span class=cloze>[...]</span>}{2}\)", r"\(\frac{[...]}{2}\)"),
        (r"<b>\(x\) y</b>", r"**\(x\) y**"),
        (r"\( no end", r"\\( no end"),
        (r"<code>\(x\)</code>", r"`\(x\)`"),
        (r"\(\) \( \) [$][/$]", ""),
        (r"[$]a \) b[/$]", r"\(a ) b\)"),
        (r"\(&lt;@1&gt; [a](http://b) @everyone\)", r"\(< @1> [a] (http: //b) @ everyone\)"),
    ],
)  # fmt: skip
def test_math_stays_math(html: str, markdown: str) -> None:
    assert to_markdown(html) == Text(markdown)


@pytest.mark.parametrize(
    ("html", "images", "markdown"),
    [
        ('<img src="a b.png"><img src=c.jpg alt="x"><img src="a b.png">', ("a b.png", "c.jpg"), ""),
        ('<img src="http://a.b/c.png" alt="a map"><img src="//a.b/c.png">', (), "a map"),
        ('<img src="data:image/png;base64,AAAA"><img src="../x.png"><img src="a%2fb.png"><img>', (), ""),
        ('<svg><image href="x.png"/><img src="x.png"></svg>', (), ""),
        ('text<br><img src="caf&eacute;.png">', ("café.png",), "text"),
    ],
)
def test_local_pictures_are_named_and_remote_ones_are_not(
    html: str, images: tuple[str, ...], markdown: str
) -> None:
    assert to_markdown(html) == Text(markdown, images)


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("&lt;@1&gt; &lt;#2&gt; @everyone", r"\<@1> \<#2> @ everyone"),
        ("@<b></b>everyone @&#8203;here @\u2060everyone", "@ everyone @ here @ everyone"),
        ("[press](http://evil.example)", "[press] (http://evil.example)"),
        ("[press<br>here](https://evil.example)", "[press\nhere] (https://evil.example)"),
        ("[a]<span>(</span>http://x)", "[a] (http://x)"),
        ("discord.gg/abc https://discord.com/invite/abc", "discord.gg /abc https://discord.com/invite /abc"),
        ("discord.<i></i>gg/a DISCORD.GG/b", "discord.gg /a DISCORD.GG /b"),
        ('<a href="https://discord.gg/abc">join</a> <a href="https://x/discord%2egg/a">y</a>', "join y"),
        ("\\&lt;@1> \\\\[a](http://b)", r"\\\<@1> \\\\[a] (http://b)"),
        ("`[a](http://b)", r"\`[a] (http://b)"),
        ("<a href='http://a'>]</a>(http://b)", "] http://a (http://b)"),
    ],
)
def test_nothing_pings_invites_or_hides_a_link(html: str, markdown: str) -> None:
    assert to_markdown(html) == Text(markdown)


PIECES = [
    "<b>", "</b>", "<i>", "</i>", "<u>", "</u>", "<code>", "</code>", "<pre>", "</pre>",
    "<a href='http://e.x'>", "</a>", "<a href='https://discord.gg/x'>", "<div>", "</div>", "<br>",
    "<ul>", "<ol>", "<li>", "</li>", "</ul>", "<p>", "<blockquote>", "<table>", "<tr>", "<td>", "</td>",
    "<sup>", "</sup>", "<sub>", "<ruby>", "<rt>", "<script>", "</script>", "<!--", "-->",
    "<span style='display:none'>", "</span>", "<img src='http://x/y.png' alt='](http://z)'>",
    "<img src=a.png>", "<details>", "<summary>", "</", "<", ">", "'", '"', "=", "&", ";", "&lt;",
    "&gt;", "&#64;", "&#x5d;", "[", "]", "(", ")", "](", "](http://e.x)", "http://", "https://e.x/a_b",
    "e.x", "discord", ".", "gg", "/abc", "discord.gg/abc", "@", "everyone", "here", "<@123>", "<@",
    "123", "#", "<:a:1>", "a", "b c", "\\", "`", "```", "*", "**", "_", "__", "~~", "|", "||", "-",
    "- ", "1. ", "# ", "> ", "-# ", " ", "\n", "\t", "\0", "\u200b", "\u200d", "\u202e", "\u2060",
    "\ue000", "\ud800", "&#8203;", "&#xe000;", "&nbsp;", "\\(", "\\)", "\\[", "\\]", "[$]", "[/$]",
    "[$$]", "[/$$]", "[latex]", "[/latex]", "$", "$$", "<anki-mathjax>", "</anki-mathjax>", "{{c1::",
    "}}", "é", "漢", "😀",
]  # fmt: skip
html_texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60)
often = settings(max_examples=1500, deadline=None)


@often
@example("<b>@</b>everyone")
@example("[a](<b>http://x</b>)")
@given(html_texts)
def test_no_html_is_ever_active_or_too_much(html: str) -> None:
    text = to_markdown(html)
    assert active(text.markdown) is None
    assert neutral(text.markdown) == text.markdown.replace("\u200b", "")
    assert not set(text.markdown) & set("\0\u202e\u2060\ue000\ud800")
    assert all(name and not {"/", "\\"} & set(name) and "http" not in name for name in text.images)
    # Whoever stores it cleans it once more.
    try:
        assert active(clean_text("front", text.markdown, limit=10_000, lines=True)) is None
    except BadText:
        assert not any(character.isalnum() for character in text.markdown)


@often
@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_no_markdown_stays_active_when_it_is_neutral(markdown: str) -> None:
    once = neutral(markdown)
    assert active(once) is None
    assert neutral(once) == once


@often
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    """Without its backslashes, the markdown of any text is the text, but for what was taken apart."""
    html = escape(text).replace("\\", "&#92;").replace("[", "&#91;")  # no formulas
    shown = re.sub(r"\\([^0-9A-Za-z\s])", r"\1", to_markdown(html).markdown)
    assert "".join(shown.split()) == "".join(text.split()) or "://" in text


@pytest.mark.parametrize(
    "markdown",
    [
        "**a** *b* __c__ ~~d~~ `e<f` **x *y***",
        "||spoiler||",
        "3. c\n4. d\n- a\n- **b**\n  1. c\n  2. d\ne\n> q\n> r\nf",
        "```\nx = 1 < 2 and `y`\n  z\n```",
        r"\*no\* \_style\_ \<@1> 2 \* 3 snake\_case \\",
        r"\(x_1 < y\) and \[\frac{a}{b}\] **\(z\)**",
        "see https://a.b/c_d?e=f&g=h, then https://h.i.",
        "one\ntwo\n\nthree",
        "`` a`b ``",
    ],
)
def test_the_way_to_anki_and_back_changes_nothing(markdown: str) -> None:
    text = Text(markdown, ("a b.png", "ü&<.png"))
    assert to_markdown(to_html(text)) == text


@often
@given(html_texts)
def test_the_way_to_anki_and_back_loses_no_word(html: str) -> None:
    text = to_markdown(html)
    assume("http" not in text.markdown)  # an address ends where the text around it says so
    back = to_markdown(to_html(text))
    assert back.images == text.images
    assert [*filter(str.isalnum, back.markdown)] == [*filter(str.isalnum, text.markdown)]
    assert active(back.markdown) is None
