r"""Discord's markdown as HTML for Anki's fields: the way back from `bot.flashcards.html`.

Formulas become `\(…\)` and `\[…\]`, which Anki draws by itself.
"""

import re
from collections.abc import Iterator
from html import escape

from bot.flashcards.markdown import Text, visible
from bot.flashcards.math import segments

_CODE = re.compile(
    r"```(?:[\w+#-]*\n)?(?P<block>.+?)\n?```|(?P<ticks>`+)(?!`)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)"
    r"|\\(?P<escaped>[^0-9A-Za-z\s])"
    r"|(?P<address>https?://[^\s<>()\[\]*~|`\\]*[^\s<>()\[\]*~|`\\.,:;!?\"'])",
    re.DOTALL,
)
_STYLES = (
    (re.compile(r"\*\*(.+?)\*\*(?!\*)"), r"<b>\1</b>"),
    (re.compile(r"__(.+?)__(?!_)"), r"<u>\1</u>"),
    (re.compile(r"~~(.+?)~~"), r"<s>\1</s>"),
    (re.compile(r"\|\|(.+?)\|\|"), r"<details><summary></summary>\1</details>"),
    (re.compile(r"\*(?=\S)(.+?)\*"), r"<i>\1</i>"),
    (re.compile(r"(?<!\w)_(?=\S)(.+?)_(?!\w)"), r"<i>\1</i>"),
)
_ITEM = re.compile(r"(?P<indent> *)(?:[-*]|(?P<number>\d{1,9})\.) (?P<text>.*)")
_QUOTE = re.compile(r"> ?(.*)")
_HEADING = re.compile(r"(#{1,3}) (.*)")
# Not in any text that went through `visible`: they hold the place of what is finished.
_FIRST, _LAST = "\ue000", "\ue001"
_PLACE = re.compile(f"{_FIRST}(\\d+){_LAST}")


def to_html(text: Text) -> str:
    """The markdown as HTML, and its pictures below it."""
    finished: list[str] = []

    def put_aside(html: str) -> str:
        finished.append(html)
        return f"{_FIRST}{len(finished) - 1}{_LAST}"

    def of_token(found: re.Match[str]) -> str:
        if found["block"] is not None:
            return put_aside(f"<pre>{escape(found['block'], quote=False)}</pre>")
        if found["code"] is not None:
            code = found["code"]
            # A space each side keeps backticks inside apart from the ones around.
            return put_aside(f"<code>{escape(code.strip() if '`' in code else code, quote=False)}</code>")
        if found["address"]:
            address = escape(found["address"])
            return put_aside(f'<a href="{address}">{address}</a>')
        return put_aside(escape(found["escaped"], quote=False))

    marked = ""
    for segment in segments(visible(text.markdown)):
        if formula := segment.formula:
            opening, closing = (r"\[", r"\]") if formula.display else (r"\(", r"\)")
            marked += put_aside(opening + escape(formula.source, quote=False) + closing)
        else:
            marked += _CODE.sub(of_token, segment.written)
    html = "".join(_blocks(escape(marked, quote=False).split("\n")))
    pictures = "".join(f'<img src="{escape(name)}">' for name in text.images)
    html = _PLACE.sub(lambda found: finished[int(found[1])], html)
    return f"{html}<br>{pictures}" if html and pictures else html + pictures


def _blocks(lines: list[str]) -> Iterator[str]:
    """Lists, quotes and headings as blocks; all other lines joined by breaks."""
    lists: list[tuple[int, str]] = []  # indent and tag of the lists that are open
    broken = True  # whether the line before ends by itself
    for line in lines:
        item = _ITEM.fullmatch(line)
        here = (len(item["indent"]), "ol" if item["number"] else "ul") if item else (-1, "")
        while lists and (lists[-1][0] > here[0] or (lists[-1][0] == here[0] and lists[-1] != here)):
            yield f"</li></{lists.pop()[1]}>"
            broken = True
        if item:
            if lists and lists[-1] == here:
                yield "</li><li>"
            else:
                lists.append(here)
                start = f' start="{item["number"]}"' if item["number"] not in (None, "1") else ""
                yield f"<{here[1]}{start}><li>"
            yield _styled(item["text"])
        elif quote := _QUOTE.fullmatch(line.replace("&gt;", ">", 1)):
            yield f"<blockquote>{_styled(quote[1])}</blockquote>"
            broken = True
        elif heading := _HEADING.fullmatch(line):
            level = len(heading[1])
            yield f"<h{level}>{_styled(heading[2])}</h{level}>"
            broken = True
        else:
            yield ("" if broken else "<br>") + _styled(line)
            broken = False
    yield from (f"</li></{tag}>" for _, tag in reversed(lists))


def _styled(line: str) -> str:
    for pattern, tag in _STYLES:
        line = pattern.sub(tag, line)
    return line
