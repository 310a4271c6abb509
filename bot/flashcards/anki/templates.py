"""Anki's card templates: fields, filters and conditions in, HTML out, as Anki itself shows it.

Instead of a box to type into, the front has nothing and the back has the answer. Speech leaves nothing;
scripts stay in the HTML, for whoever reads that to drop.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

from bot.flashcards.anki import cloze, limits
from bot.flashcards.anki.package import Model

_TOO_DEEP = 50
_OTHER_SIGNS = "{{=<% %>=}}"
_OPENING = re.compile(r"\{\{|<!--")
_EMPTY = re.compile(r"(?:\s|</?(?:br|div) ?/?>)*", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
# Looked for only where a run of such characters begins, so that each is read once.
_READING = re.compile(r" ?(?<![^ >\[\]])([^ >\[\]]++)\[(?!sound:)([^\[\]]+)\]")
_FURIGANA = {"furigana": r"<ruby>\1<rt>\2</rt></ruby>", "kanji": r"\1", "kana": r"\2"}
_HINT = '<a class="hint">{}</a><div class="hint" style="display: none">{}</div>'
_CLOZE = '<span class="cloze">{}</span>'
_CLOZE_CONDITION = re.compile(r"c\d+")
_FRONT_SIDE = "FrontSide"
# What every template may show besides its fields; {{tts-voices:}} asks for no field at all.
_SPECIAL = ("Tags", "Type", "Deck", "Subdeck", "Card", "CardFlag", "CardID", _FRONT_SIDE)


class BrokenTemplate(Exception):
    """A template that Anki would show an error for instead of a card."""


class SideTooLong(Exception):
    """Fields of more characters than the limit on one side."""


@dataclass(frozen=True, slots=True)
class Field:
    key: str
    filters: tuple[str, ...]  # in the order in which they are applied


@dataclass(frozen=True, slots=True)
class Condition:
    key: str
    wanted: bool
    parts: tuple["Part", ...]


Part = Field | Condition | str


def parse(template: str) -> tuple[Part, ...]:
    """The template's parts. Raises BrokenTemplate."""
    if len(template) > limits.TEMPLATE_CHARACTERS:
        raise BrokenTemplate("too long")
    if template.lstrip().startswith(_OTHER_SIGNS):
        template = template.replace(_OTHER_SIGNS, "", 1).replace("<%", "{{").replace("%>", "}}")
    around: list[tuple[str, bool, list[Part]]] = [("", True, [])]
    for is_tag, text in _tokens(template):
        sign, key = (text[:1], text[1:].strip()) if is_tag else ("", "")
        if not is_tag:
            around[-1][2].append(text)
        elif sign in ("#", "^"):
            if len(around) > _TOO_DEEP:
                raise BrokenTemplate("conditions too deep")
            around.append((key, sign == "#", []))
        elif sign == "/":
            opened, wanted, parts = around.pop()
            if not around or opened != key:
                raise BrokenTemplate(f"{key!r} was not opened")
            around[-1][2].append(Condition(key, wanted, tuple(parts)))
        else:
            *filters, key = (piece.strip() for piece in text.split(":"))
            around[-1][2].append(Field(key, tuple(reversed(filters))))
    if len(around) > 1:
        raise BrokenTemplate(f"{around[-1][0]!r} is not closed")
    return tuple(around[0][2])


def _tokens(template: str) -> Iterator[tuple[bool, str]]:
    """Pieces of text, and what stands between double braces; comments of HTML are text."""
    last_comment = template.rfind("-->")
    start = place = 0
    while found := _OPENING.search(template, place):
        place = found.end()
        if found.group() == "<!--":
            place = template.find("-->", place) if place <= last_comment else place
            continue
        end = template.find("}}", place)
        if end < 0:
            break
        yield False, template[start : found.start()]
        yield True, template[place:end].lstrip("{").strip()
        start = place = end + 2
    yield False, template[start:]


def _keys(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Condition):
            yield part.key
            yield from _keys(part.parts)
        elif isinstance(part, Field) and (part.key or not part.filters):
            yield part.key


class Renderer:
    """The cards of one model. Templates are read once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._parsed: dict[int, tuple[tuple[Part, ...], tuple[Part, ...]] | BrokenTemplate] = {}

    def _sides(self, ordinal: int) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        index = 0 if self.model.cloze else ordinal
        if index not in self._parsed:
            if not 0 <= index < len(self.model.templates):
                raise BrokenTemplate(f"no template {index}")
            template = self.model.templates[index]
            try:
                self._parsed[index] = self._parse(template.front), self._parse(template.back)
            except BrokenTemplate as error:
                self._parsed[index] = error
        sides = self._parsed[index]
        if isinstance(sides, BrokenTemplate):
            raise sides
        return sides

    def _parse(self, template: str) -> tuple[Part, ...]:
        parts = parse(template)
        for key in _keys(parts):
            if not (key in self.model.fields or key in _SPECIAL or _CLOZE_CONDITION.fullmatch(key)):
                raise BrokenTemplate(f"no field {key!r}")
        return parts

    def render(
        self, fields: Mapping[str, str], ordinal: int, *, tags: str, deck: str, with_front: bool = True
    ) -> tuple[str, str]:
        """Front and back as HTML; both "" when no field shows on the front, for which Anki makes no card.

        The back has the front where its template asks for `FrontSide`, unless `with_front` is off.
        Raises BrokenTemplate and SideTooLong.
        """
        front, back = self._sides(ordinal)
        card = self.model.templates[0 if self.model.cloze else ordinal].name
        special = (tags, self.model.name, deck, deck.rpartition("::")[2], card, "flag0", "", "")
        values = {**dict(zip(_SPECIAL, special, strict=True)), f"c{ordinal + 1}": "1", **fields}
        question = _Side(values, ordinal + 1, asking=True)
        html = question.write(front)
        if not question.shows_anything(cloze=self.model.cloze):
            return "", ""
        if with_front:
            values[_FRONT_SIDE] = html
        return html, _Side(values, ordinal + 1, asking=False).write(back)


class _Side:
    """One side of one card being written, up to the limit."""

    def __init__(self, values: Mapping[str, str], number: int, *, asking: bool) -> None:
        self._values = values
        self._number = number
        self._asking = asking
        self._left = limits.SIDE_CHARACTERS
        self._shown: list[tuple[Field, str]] = []

    def write(self, parts: tuple[Part, ...]) -> str:
        return "".join(self._written(parts))

    def shows_anything(self, *, cloze: bool) -> bool:
        """Whether a field that is not empty, for a cloze model a cloze of this number, can be seen."""
        if cloze:
            return any(text for part, text in self._shown if "cloze" in part.filters)
        return any(self._filled(part.key) for part, _ in self._shown)

    def _written(self, parts: tuple[Part, ...]) -> Iterator[str]:
        for part in parts:
            if isinstance(part, Condition):
                if self._filled(part.key) is part.wanted:
                    yield from self._written(part.parts)
                continue
            if isinstance(part, Field):
                yield (text := self._field(part))
                self._shown.append((part, text))
                self._left -= len(text)
                if self._left < 0:
                    raise SideTooLong
            else:
                yield part

    def _filled(self, key: str) -> bool:
        return _EMPTY.fullmatch(self._values.get(key, "")) is None

    def _field(self, part: Field) -> str:
        text = self._values.get(part.key, "")
        if "type" in part.filters:
            if self._asking:
                return ""
            return cloze.hidden(text, self._number) if "cloze" in part.filters else text
        for name in part.filters if part.key != _FRONT_SIDE else ():  # Anki knows none for it either
            text = self._filtered(name, text, part.key)
        return text

    def _filtered(self, name: str, text: str, key: str) -> str:
        """Filters of add-ons, which only their owners have, change nothing."""
        if name == "text":
            return _TAG.sub("", text)
        if name in _FURIGANA:
            return _READING.sub(_FURIGANA[name], text.replace("&nbsp;", " "))
        if name == "hint":
            return _HINT.format(escape(key), text) if text.strip() else ""
        if name == "cloze":
            return cloze.revealed(text, self._number, asking=self._asking, mark=_CLOZE.format)
        if name == "cloze-only":
            return cloze.hidden(text, self._number)
        return "" if name.startswith("tts ") else text
