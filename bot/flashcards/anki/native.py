"""Notes that were written here: a front and a back, or a text with clozes, as cards and as notes for Anki."""

import re
from datetime import datetime

from bot.flashcards.anki import cloze
from bot.flashcards.anki.markup import to_html
from bot.flashcards.anki.package import Card, Model, Note, Template
from bot.flashcards.markdown import Text, visible
from bot.flashcards.math import segments

# Anki knows note types by their ids: these never change, whatever else about them does.
BASIC = Model(
    id=1_767_200_000_001,
    name="Cohort",
    fields=("Front", "Back"),
    templates=(Template("Card 1", "{{Front}}", "{{FrontSide}}\n\n<hr id=answer>\n\n{{Back}}"),),
    css=".card { font-family: sans-serif; font-size: 20px; text-align: center; }",
)
CLOZE = Model(
    id=1_767_200_000_002,
    name="Cohort Cloze",
    fields=("Text", "Back"),
    templates=(Template("Cloze", "{{cloze:Text}}", "{{cloze:Text}}<br>\n{{Back}}"),),
    cloze=True,
    css=BASIC.css + "\n.cloze { font-weight: bold; }",
)
_CODE = re.compile(r"```.*?```|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)", re.DOTALL)
_FIRST, _LAST = "\ue000", "\ue001"
_MARKED = re.compile(f"{_FIRST}(\\s*)([^{_FIRST}{_LAST}]*?)(\\s*){_LAST}")
_MARKS = re.compile(f"[{_FIRST}{_LAST}]")


def cards_of(front: Text, back: Text, *, deck: str) -> tuple[Card, ...]:
    """One card, or one for each cloze number on the front."""
    numbers = sorted(cloze.numbers(front.markdown))
    if not numbers:
        return (Card(0, deck, front, back),)
    return tuple(
        Card(
            number - 1,
            deck,
            Text(_revealed(front.markdown, number, asking=True), front.images),
            Text(
                "\n".join(filter(None, (_revealed(front.markdown, number, asking=False), back.markdown))),
                back.images,
            ),
        )
        for number in numbers
    )


def note_of(
    guid: str,
    front: Text,
    back: Text,
    *,
    tags: tuple[str, ...],
    deck: str,
    changed_at: datetime | None = None,
) -> Note:
    """The note as Anki has it, to be written into a package."""
    model = CLOZE if cloze.numbers(front.markdown) else BASIC
    fields = (to_html(front), to_html(back))
    return Note(guid, model, fields, tags, cards_of(front, back, deck=deck), changed_at)


def _revealed(text: str, number: int, *, asking: bool) -> str:
    """The text on this number's card, its clozes bold, except in formulas and code, where stars are stars."""
    marked = cloze.revealed(
        visible(text), number, asking=asking, mark=lambda inner: f"{_FIRST}{inner}{_LAST}"
    )
    plain = "".join(
        _CODE.sub(_unmarked, segment.written) if segment.formula is None else _MARKS.sub("", segment.written)
        for segment in segments(marked)
    )
    return _MARKS.sub(
        "", _MARKED.sub(lambda found: f"{found[1]}**{found[2]}**{found[3]}" if found[2] else "", plain)
    )


def _unmarked(found: re.Match[str]) -> str:
    return _MARKS.sub("", found.group())
