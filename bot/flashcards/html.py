"""HTML, as Anki's fields hold it, turned into Discord's markdown in which nothing is active.

The reading of tags is our own and takes time in proportion to the text: the standard library's parser needs
half a minute for 60 kB of `<a <a <a …` and raises AssertionError for some marked sections. Safety does not
rest on reading HTML like a browser: whatever is not a tag known here becomes text, and all text is escaped.
"""

import re
from dataclasses import dataclass, replace
from html import unescape
from urllib.parse import unquote, urlsplit

from bot.flashcards.markdown import (
    BOLD,
    CODE,
    ITALIC,
    SPOILER,
    STRIKE,
    UNDERLINE,
    Line,
    Run,
    Text,
    address,
    formula,
    powerful,
    visible,
    write,
)

_STYLES = {
    **dict.fromkeys(("b", "strong", "th", "dt", "h1", "h2", "h3", "h4", "h5", "h6"), BOLD),
    **dict.fromkeys(("i", "em", "cite", "dfn", "var"), ITALIC),
    **dict.fromkeys(("u", "ins"), UNDERLINE),
    **dict.fromkeys(("s", "strike", "del"), STRIKE),
    **dict.fromkeys(("code", "kbd", "samp", "tt"), CODE),
}
_CSS = (
    (re.compile(r"font-weight\s*:\s*(?:bold|[6-9]00)"), BOLD),
    (re.compile(r"font-style\s*:\s*italic"), ITALIC),
    (re.compile(r"text-decoration[a-z-]*\s*:[^;]*underline"), UNDERLINE),
    (re.compile(r"text-decoration[a-z-]*\s*:[^;]*line-through"), STRIKE),
    # Hidden until a script shows it: a script never runs here, a spoiler opens with a press.
    (re.compile(r"display\s*:\s*none"), SPOILER),
)
_PARAGRAPHS = frozenset({"dl", "h1", "h2", "h3", "h4", "h5", "h6", "p", "table"})
_BLOCKS = _PARAGRAPHS | frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "html", "li", "main", "nav", "ol",
    "pre", "section", "summary", "tr", "ul",
})  # fmt: skip
# What is inside runs, draws, plays or belongs to the page; of the first, not even tags are read.
_RAW = frozenset({"script", "style", "textarea", "title", "xmp"})
_DROPPED = frozenset({
    "applet", "audio", "canvas", "datalist", "embed", "frameset", "head", "iframe", "noembed",
    "noscript", "object", "rp", "select", "svg", "template", "video",
})  # fmt: skip
_VOID = frozenset({
    "area", "base", "br", "col", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
})  # fmt: skip
#: A second one of these directly inside the first ends it.
_ENDS_ITSELF = frozenset({"dd", "dt", "li", "p", "td", "th", "tr"})
_DEEPEST = 100
_DEEPEST_LIST = 8
_SUPERSCRIPT = str.maketrans("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ")
_SUBSCRIPT = str.maketrans("0123456789+-=()aeox", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓ")

# No tag reaches over a `<` outside of quotes, so that nothing is read twice.
_ATTRIBUTES = r"(?:[^<>\"']++|\"[^\"]*\"|'[^']*'){0,100}+"
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][^<>]*>?"
    rf"|<(?P<end>/?)(?P<tag>[a-zA-Z][a-zA-Z0-9-]*)(?P<attributes>{_ATTRIBUTES})>"
    r"|(?P<math>\\[(\[]|\[\$\$?\]|\[latex\])"
    r"|(?P<text>[^<\\\[]+|.)",
    re.DOTALL | re.IGNORECASE,
)
_START = re.compile(r"\bstart\s*=\s*[\"']?(\d{1,6})\b", re.ASCII)
_ATTRIBUTE = re.compile(r"([a-zA-Z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']+))")
_TAG = re.compile(rf"</?[a-zA-Z][a-zA-Z0-9-]*{_ATTRIBUTES}>")
_BREAK = re.compile(r"<(?:br|/?div|/?p)\b[^<>]*>", re.IGNORECASE)
_CLOSING = {r"\(": r"\)", r"\[": r"\]", "[$]": "[/$]", "[$$]": "[/$$]", "[latex]": "[/latex]"}
_DOLLARS = re.compile(r"(\$\$[^$]+\$\$|\$[^$]+\$)")
_ENVIRONMENT = re.compile(r"\\begin\{(displaymath|math)\}(.*)\\end\{\1\}", re.DOTALL)


def to_markdown(html: str) -> Text:
    """What the HTML shows, without anything that runs, loads, pings or invites. Never raises."""
    return _Page(html).read()


@dataclass(frozen=True, slots=True)
class _State:
    """What holds at one place of the page, inherited by everything inside."""

    tag: str = ""
    styles: frozenset[str] = frozenset()
    dropped: bool = False
    pre: bool = False
    cell: bool = False
    script: str = ""
    quote: str = ""
    item: str = ""  # the sign of the list item around, with its indent
    href: str = ""


class _Page:
    def __init__(self, html: str) -> None:
        self._html = html
        self._lines = [Line()]
        self._stack = [_State()]
        self._too_deep = 0  # elements opened beyond the deepest
        self._numbers: list[int] = []  # the last number of each list around; -1 for one without numbers
        self._cells = 0  # of this row
        self._linked: list[str] = []  # the text of the link around
        self._absent: set[str] = set()  # closing signs that do not come any more
        self._images: dict[str, None] = {}

    @property
    def _here(self) -> _State:
        return self._stack[-1]

    def read(self) -> Text:
        place = 0
        while found := _TOKEN.match(self._html, place):
            place = found.end()
            if found["tag"]:
                place = self._tag(found["tag"].lower(), found["attributes"], found["end"] == "/", place)
            elif found["math"]:
                opening = found["math"].lower()
                place = self._math(found["math"], _CLOSING[opening], place)
            elif found["text"]:
                self._add(found["text"])
        return Text(write(self._lines), tuple(self._images))

    def _tag(self, tag: str, raw: str, ends: bool, place: int) -> int:
        if tag == "br":
            self._break()
        elif ends:
            self._close(tag)
        elif tag in _RAW:
            end = re.compile(rf"</{tag}\b[^>]*>?", re.IGNORECASE).search(self._html, place)
            return end.end() if end else len(self._html)
        elif tag == "anki-mathjax":
            return self._math(r"\[" if "block=" in raw else r"\(", "</anki-mathjax>", place)
        elif tag in _VOID:
            self._void(tag, raw)
        else:
            self._open(tag, raw)
        return place

    # Formulas

    def _math(self, opening: str, closing: str, place: int) -> int:
        """Take the formula that begins at `place`; where none can be, the opening is text."""
        here = self._here
        end = -1 if closing in self._absent else self._html.find(closing, place)
        if end < 0:
            self._absent.add(closing)
        if end < 0 or here.dropped or here.pre or CODE in here.styles:
            self._add(opening if not closing.startswith("</") else "")
            return place
        source = unescape(_TAG.sub("", _BREAK.sub(" ", self._html[place:end]))).strip()
        if closing == "[/latex]":
            self._latex(source)
        else:
            self._put(formula(source, display=opening in (r"\[", "[$$]")), math=True)
        return end + len(closing)

    def _latex(self, source: str) -> None:
        """A piece of a LaTeX document: prose with formulas between dollars, or one formula alone."""
        for display, opening in ((False, r"\("), (True, r"\[")):
            if source.startswith(opening) and source.endswith(_CLOSING[opening]):
                self._put(formula(source[2:-2], display=display), math=True)
                return
        if "$" not in source:
            alone = _ENVIRONMENT.fullmatch(source)
            self._put(formula(alone[2] if alone else source, display=True), math=True)
            return
        for piece in _DOLLARS.split(source):
            if _DOLLARS.fullmatch(piece):
                self._put(formula(piece.strip("$"), display=piece.startswith("$$")), math=True)
            else:
                self._put(visible(piece))

    # Text

    def _add(self, raw: str) -> None:
        here = self._here
        if here.dropped:
            return
        text = visible(unescape(raw))
        if here.pre:
            for number, line in enumerate(re.split(r"\r\n|\r|\n", text.expandtabs(4))):
                if number:
                    self._break()
                self._put(line)
        elif here.script and text.strip():
            self._put(_small(text, here.script))
        else:
            self._put(text)

    def _put(self, text: str, *, math: bool = False) -> None:
        if text:
            here = self._here
            self._lines[-1].runs.append(Run(text, here.styles, math))
            if here.href:
                self._linked.append(text)

    def _break(self) -> None:
        """A new line, as after `<br>`; inside a table's cell a space, so that the row stays one line."""
        here = self._here
        if here.dropped:
            return
        if here.cell:
            self._put(" ")
        else:
            self._lines.append(Line(here.quote + " " * len(here.item), fenced=here.pre))

    def _block(self, *, apart: bool, first: str = "") -> None:
        """A line of its own, unless this one is still empty; `apart`: with an empty line between."""
        here = self._here
        if here.cell:
            self._put(" ")
            return
        if self._lines[-1]:
            if apart:
                self._lines.append(Line(here.quote))
            self._lines.append(Line())
        elif here.item and not first and self._lines[-1].first.endswith(here.item):
            first = here.item  # a paragraph right at the beginning of a list item
        self._lines[-1] = Line(here.quote + (first or " " * len(here.item)), fenced=here.pre)

    # Tags

    def _void(self, tag: str, raw: str) -> None:
        if self._here.dropped:
            return
        if tag == "hr":
            self._block(apart=False)
            self._put("———")
            self._block(apart=False)
        elif tag == "img":
            attributes = _attributes(raw)
            name = visible(attributes.get("src", ""))
            if _scheme(name) or {"/", "\\"} & set(unquote(name)):  # elsewhere, so that it is never loaded
                self._add(attributes.get("alt", ""))
            elif name:
                self._images[name] = None

    def _open(self, tag: str, raw: str) -> None:
        if len(self._stack) >= _DEEPEST:
            self._too_deep += 1
            return
        if tag in _ENDS_ITSELF and self._here.tag == tag:
            self._close(tag)
        around = self._here
        if tag in ("td", "th") and not around.cell:
            self._put(" │ " if self._cells else "")
            self._cells += 1
        self._stack.append(_inside(around, tag, _attributes(raw)))
        if self._here.dropped or tag not in _BLOCKS:
            return
        if tag in ("ol", "ul"):
            start = _START.search(raw)
            self._numbers.append((int(start[1]) if start else 1) - 1 if tag == "ol" else -1)
        elif tag == "tr":
            self._cells = 0
        item = self._item() if tag == "li" and not around.cell else ""
        self._block(apart=tag in _PARAGRAPHS, first=item)
        if item:
            self._stack[-1] = replace(self._here, item=item)

    def _item(self) -> str:
        sign = "- "
        if self._numbers and self._numbers[-1] >= 0:
            self._numbers[-1] += 1
            sign = f"{self._numbers[-1]}. "
        return "  " * (min(len(self._numbers), _DEEPEST_LIST) - 1) + sign

    def _close(self, tag: str) -> None:
        if self._too_deep:
            self._too_deep -= 1
        elif any(state.tag == tag for state in self._stack):
            while self._leave() != tag:
                pass

    def _leave(self) -> str:
        state = self._stack.pop()
        if not state.dropped:
            if state.tag == "a" and state.href:
                self._link(state.href)
            if state.tag in ("ol", "ul"):
                self._numbers.pop()
            if state.tag in _BLOCKS:
                self._block(apart=state.tag in _PARAGRAPHS)
        return state.tag

    def _link(self, href: str) -> None:
        """The address behind the linked text, for nothing else would show where the link leads."""
        url = visible(href).strip()
        text = "".join(self._linked).strip()
        self._linked.clear()
        known = url.rstrip("/").removeprefix("http://").removeprefix("https://") in (text, text.rstrip("/"))
        known = known or url == text
        if _scheme(url) in ("http", "https") and not known and not powerful(unquote(url)):
            self._put(f" {address(url)} ")


def _inside(around: _State, tag: str, attributes: dict[str, str]) -> _State:
    css = attributes.get("style", "").lower()
    styles = {style for pattern, style in _CSS if pattern.search(css)} | {_STYLES.get(tag, "")}
    if attributes.get("class") == "cloze":
        styles.add(BOLD)
    if tag == "details":
        styles.add(SPOILER)
    return replace(
        around,
        tag=tag,
        styles=(around.styles | styles) - ({"", SPOILER} if tag == "summary" else {""}),
        dropped=around.dropped or tag in _DROPPED,
        pre=around.pre or tag == "pre",
        cell=around.cell or tag in ("td", "th"),
        script=tag if tag in ("rt", "sub", "sup") else around.script,
        quote="> " if tag == "blockquote" else around.quote,
        href=attributes.get("href", "") if tag == "a" else around.href,
    )


def _attributes(raw: str) -> dict[str, str]:
    if "=" not in raw:
        return {}
    return {
        name.lower(): unescape(double or single or bare)
        for name, double, single, bare in _ATTRIBUTE.findall(raw)
    }


def _scheme(url: str) -> str:
    """The part before the colon, in small letters; "" for a name without one, "?" for what is no address."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return "?"


def _small(text: str, script: str) -> str:
    """Powers and indices in characters of their own where all exist, else behind a sign; how a character
    is read (`rt`) in brackets."""
    inner = text.strip()
    if script == "rt":
        return f"({inner})"
    small = inner.translate(_SUPERSCRIPT if script == "sup" else _SUBSCRIPT)
    if any(before == after and before != " " for before, after in zip(inner, small, strict=True)):
        small = ("^" if script == "sup" else "_") + (inner if len(inner) == 1 else f"({inner})")
    return small
