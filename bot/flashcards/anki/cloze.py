"""Cloze deletions: `{{c1::text::hint}}` hides its text on the first card, and so on; they may be nested."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

# Anki's own bound: what is opened deeper than this opens nothing.
_DEEPEST = 10
_TOKEN = re.compile(r"\{\{c(?P<numbers>\d{1,4}(?:,\d{1,4}){0,20})::|(?P<end>\}\})")
_HINT = "::"
_DEFAULT_HINT = "..."


@dataclass(slots=True)
class Cloze:
    numbers: tuple[int, ...]
    parts: list["Cloze | str"] = field(default_factory=list)
    hint: str | None = None
    opening: str = ""  # as it was written, should the end never come

    def add(self, text: str) -> None:
        if self.numbers and _HINT in text:
            text, _, self.hint = text.partition(_HINT)
        if text:
            self.parts.append(text)


@lru_cache(maxsize=4)  # every card of a note asks for the same texts
def parse(text: str) -> Cloze:
    """The whole text as a cloze without a number; its parts are not to be changed.

    What begins as a cloze and has no end stays text, where Anki loses it.
    """
    root = Cloze(())
    around = [root]
    place = 0
    for found in _TOKEN.finditer(text):
        if found["end"] and len(around) == 1:
            continue
        around[-1].add(text[place : found.start()])
        place = found.end()
        if found["end"]:
            around[-2].parts.append(around.pop())
        elif len(around) <= _DEEPEST:
            numbers = tuple(int(number) for number in found["numbers"].split(","))
            around.append(Cloze(numbers, opening=found.group()))
    around[-1].add(text[place:])
    while len(around) > 1:
        unended = around.pop()
        hint = [] if unended.hint is None else [_HINT + unended.hint]
        around[-1].parts += [unended.opening, *unended.parts, *hint]
    return root


def numbers(text: str) -> set[int]:
    """The cloze numbers in the text: each is a card."""
    return {number for cloze in _clozes(parse(text)) for number in cloze.numbers if number > 0}


def revealed(text: str, number: int, *, asking: bool, mark: Callable[[str], str]) -> str:
    """The text on the card of this number: its clozes marked, and hidden when `asking`; the others open.

    "" when it has no cloze of this number, as Anki has it.
    """
    if number not in numbers(text):
        return ""
    return _open(parse(text), number, asking, mark)


def hidden(text: str, number: int) -> str:
    """What has to be known on the card of this number: the text of its clozes, joined by commas."""
    found = (cloze for cloze in _clozes(parse(text)) if number in cloze.numbers)
    return ", ".join("".join(_open(part, 0, False, str) for part in cloze.parts) for cloze in found)


def _open(part: Cloze | str, number: int, asking: bool, mark: Callable[[str], str]) -> str:
    if isinstance(part, str):
        return part
    active = number in part.numbers
    if active and asking:
        return mark(f"[{_DEFAULT_HINT if part.hint is None else part.hint}]")
    text = "".join(_open(inner, number, asking, mark) for inner in part.parts)
    return mark(text) if active else text


def _clozes(cloze: Cloze) -> Iterator[Cloze]:
    for part in cloze.parts:
        if isinstance(part, Cloze):
            yield part
            yield from _clozes(part)
