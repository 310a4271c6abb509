r"""Discord's markdown, written from runs of styled text so that nothing in it pings, invites or hides a link.

Text from outside is escaped, and what escaping cannot stop is taken apart with visible spaces, which no
later cleaning removes. Formulas stand as `\(…\)` within a line and as `\[…\]` on their own;
`bot.flashcards.math` finds them again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

BOLD, ITALIC, UNDERLINE, STRIKE, SPOILER, CODE = "**", "*", "__", "~~", "||", "`"
# How styles nest, from the outside in.
_ORDER = (SPOILER, UNDERLINE, BOLD, STRIKE, ITALIC)

_CODE = r"```.*?```|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
_EVERYONE = r"@(?=everyone|here)"
_INVITE = r"(?:discord(?:app)?\.com/+invite|discord\.(?:gg|me|io|li)|dsc\.gg|invite\.gg)(?=[/\\:?#])"
_HOST = re.compile(r"\.(?:com|gg|io|li|me)", re.IGNORECASE)
_MASKED = r"\](?=\()"
_POWERFUL = re.compile(rf"{_EVERYONE}|{_INVITE}|{_MASKED}", re.IGNORECASE)
_MENTION = r"<(?=[@#:/]|a:|t:|id:)"
# Escapes and code first, which are nothing but themselves.
_WRITTEN = re.compile(
    rf"(?P<apart>\\?{_MASKED}|{_EVERYONE}|{_INVITE})|\\[^0-9A-Za-z\s]|{_CODE}|(?P<mention>{_MENTION})",
    re.DOTALL | re.IGNORECASE,
)
_SPECIAL = re.compile(r"([\\*_~`|<])")
_LINE_START = re.compile(r"(#{1,3}(?=\s|$)|>|-#|[-+](?=\s|$)|\d{1,9}[.)](?=\s|$))")
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]]+", re.IGNORECASE)
_NOT_IN_ADDRESS = re.compile(r"[\s\\*~`|<>()\[\]]")
# Controls except tab and line breaks, halves of characters, private and no characters, and those that show
# nothing or turn the reading direction; the joiners that scripts and emoji need are not among them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff"
    "\U000e0000-\U000e007f\U000f0000-\U0010ffff"
    "\xad\u115f\u1160\u180e\u200b\u2060\u3164\ufeff\uffa0\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class Text:
    """Discord's markdown, and the names of the pictures that belong under it, in their order."""

    markdown: str
    images: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.markdown or self.images)


def neutral(markdown: str) -> str:
    """Markdown that somebody wrote, with its formatting, but no mention, invite or masked link."""
    return _WRITTEN.sub(_calmed, visible(markdown))


def _calmed(found: re.Match[str]) -> str:
    if found["mention"]:
        return "\\" + found.group()
    return found.group() + (" " if found["apart"] else "")


def visible(text: str) -> str:
    """Without what shows nothing but can hide, reorder or take apart what stands beside it."""
    return _HIDDEN.sub("", text)


def powerful(text: str) -> bool:
    return _POWERFUL.search(text) is not None


def address(url: str) -> str:
    """The address with everything encoded that markdown would read."""
    return _NOT_IN_ADDRESS.sub(lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), url)


def formula(source: str, *, display: bool) -> str:
    """LaTeX between its markers; "" when nothing is left of it.

    Space means nothing in a formula, so it takes apart what would mean something to Discord.
    """
    source = " ".join(visible(source).split()).replace("`", "'")
    source = re.sub(r"\\+(?=\])" if display else r"\\+(?=\))", "", source)  # would end the formula
    source = re.sub(rf"{_MENTION}|:(?=//)", r"\g<0> ", _powerless(source)).strip().rstrip("\\ ")
    if not source:
        return ""
    return rf"\[{source}\]" if display else rf"\({source}\)"


# Writing


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one style, as it should be seen; `math`: a `formula`, written as it is."""

    text: str
    styles: frozenset[str] = frozenset()
    math: bool = False


@dataclass(slots=True)
class Line:
    """`first` is written before the runs: quote and list signs. Fenced lines together are a code block."""

    first: str = ""
    runs: list[Run] = field(default_factory=list)
    fenced: bool = False

    def __bool__(self) -> bool:
        return any(not run.text.isspace() for run in self.runs)


def write(lines: Iterable[Line]) -> str:
    """The lines as markdown, with at most one empty line between two that are not."""
    written: list[str] = []
    for fenced, group in groupby(lines, key=lambda line: line.fenced):
        if not fenced:
            written += map(_line, group)
        elif code := "\n".join("".join(run.text for run in line.runs) for line in group).strip("\n"):
            # Three backticks would end the block.
            written.append("```\n" + re.sub(r"`(?=``)", "ˋ", code) + "\n```")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(written)).strip("\n")


def _line(line: Line) -> str:
    """Each style opened and closed at visible text only, however many tags stood between."""
    text = space = ""
    opened: list[str] = []
    for (styles, math), runs in groupby(line.runs, key=lambda run: (run.styles, run.math)):
        raw = "".join(run.text for run in runs)
        inner = " ".join(raw.split())
        if raw[:1].isspace():
            space = " "
        if not inner:
            continue
        wanted = [style for style in _ORDER if style in styles]
        kept = 0
        while kept < min(len(opened), len(wanted)) and opened[kept] == wanted[kept]:
            kept += 1
        closing, opening = "".join(reversed(opened[kept:])), "".join(wanted[kept:])
        # "**a****b**" would be read otherwise than meant: a space without width keeps the signs apart.
        apart = "\u200b" if closing and opening and not space and closing[-1] == opening[0] else ""
        text += closing + (space if text else "") + apart + opening
        if math:
            text += inner
        elif CODE in styles:
            text += _code(inner)
        else:
            text += _escaped(_powerless(inner), starts_line=not text)
        opened = wanted
        space = " " if raw[-1].isspace() else ""
    if not text:
        return ">" if line.first.startswith(">") else ""
    return line.first + text + "".join(reversed(opened))


def _code(text: str) -> str:
    if "`" not in text:
        return f"`{text}`"
    if "``" not in text:
        return f"`` {text} ``"
    return "`" + text.replace("`", "ˋ") + "`"


def _powerless(text: str) -> str:
    """A space behind whatever would make an address an invite, brackets a link, or a name a ping."""
    if "@" in text or "](" in text or _HOST.search(text):  # a quick look, for most texts have none
        return _POWERFUL.sub(r"\g<0> ", text)
    return text


def _escaped(text: str, *, starts_line: bool) -> str:
    """The text as Discord shows it literally; addresses stay whole and can be pressed."""
    if starts_line and (found := _LINE_START.match(text)):
        sign = found.end() - 1 if found.group()[0].isdigit() else 0
        return _escaped(text[:sign], starts_line=False) + "\\" + text[sign] + _escaped(
            text[sign + 1 :], starts_line=False
        )  # fmt: skip
    pieces = []
    end = 0
    for found in _ADDRESS.finditer(text):
        pieces += [_SPECIAL.sub(r"\\\1", text[end : found.start()]), address(found.group())]
        end = found.end()
    pieces.append(_SPECIAL.sub(r"\\\1", text[end:]))
    return "".join(pieces)
