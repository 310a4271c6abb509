"""How a worker's result comes to the bot: lines of JSON, and the bytes of pictures between them.

The worker has read a file from anybody. So its answer is data and never pickled code, it is bounded, and its
values are looked at; and it comes in lines, so that no single step holds up the bot.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import IO, Any

from bot.errors import decks as errors
from bot.errors.decks import Damage, DeckDamaged, DeckRefused, Measure
from bot.flashcards.anki import limits
from bot.flashcards.anki.package import Card, Model, Note, Package, Reason, Skipped
from bot.flashcards.markdown import Text
from bot.flashcards.sheets import Row, RowReason, Sheet, SkippedRow

_REFUSALS = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, DeckRefused)
}
_FACTS = {"measure": Measure, "part": Damage, "endings": tuple, "missing": tuple, "found": tuple}


def send(result: Package | Sheet | DeckRefused, stream: IO[bytes]) -> None:
    """Write what was read or why it was not; a card's memory is nothing that is read."""
    if isinstance(result, Package):
        stream.writelines(_package(result))
    elif isinstance(result, Sheet):
        stream.writelines(_sheet(result))
    else:
        stream.write(_line("refused", type(result).__name__, vars(result)))


def _line(*values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _package(package: Package) -> Iterator[bytes]:
    models: dict[Model, int] = {}
    for note in package.notes:
        if note.model not in models:
            models[note.model] = len(models)
            yield _line("model", note.model.definition())
        for card in note.cards:
            sides = (card.front.markdown, card.front.images, card.back.markdown, card.back.images)
            yield _line("card", card.ordinal, card.deck, *sides)
        yield _line("note", note.guid, models[note.model], note.values, note.tags)
    for name, data in package.media.items():
        yield _line("medium", name, len(data))
        yield data
    for skipped in package.skipped:
        yield _line("skipped", skipped.what, skipped.reason)
    yield _line("package")


def _sheet(sheet: Sheet) -> Iterator[bytes]:
    for row in sheet.rows:
        yield _line("row", asdict(row))
    for skipped in sheet.skipped:
        yield _line("skipped_row", skipped.line, skipped.reason)
    yield _line("sheet", sheet.ignored, sheet.guessed)


def receive(stream: IO[bytes]) -> Package | Sheet:
    """What was sent. Raises the refusal that was sent, and DeckDamaged for what `send` does not write."""
    try:
        return _Receiver(stream).result()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise DeckDamaged(part=Damage.READING) from error


class _Receiver:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = limits.ANSWER_BYTES
        self._models: list[Model] = []
        self._cards: list[Card] = []
        self._notes: list[Note] = []
        self._media: dict[str, bytes] = {}
        self._skipped: list[Skipped] = []
        self._rows: list[Row] = []
        self._skipped_rows: list[SkippedRow] = []

    def result(self) -> Package | Sheet:
        while True:
            line = self._stream.readline(self._spend(limits.ANSWER_LINE_BYTES))
            self._left += limits.ANSWER_LINE_BYTES - len(line)
            if not line.endswith(b"\n"):
                raise ValueError("the answer ends too early")
            kind, *values = json.loads(line)
            if kind == "package":
                return Package(tuple(self._notes), self._media, tuple(self._skipped))
            if kind == "sheet":
                ignored, guessed = values
                return Sheet(tuple(self._rows), tuple(self._skipped_rows), _texts(ignored), guessed is True)
            if kind == "refused":
                name, facts = values
                raise _REFUSALS[name](
                    **{key: _FACTS.get(key, type(fact))(fact) for key, fact in facts.items()}
                )
            self._take(kind, values)

    def _take(self, kind: str, values: list[Any]) -> None:
        match kind, values:
            case "model", [definition]:
                model = Model.defined(definition)
                _texts((model.name, model.css, *model.fields))
                for template in model.templates:
                    _texts((template.name, template.front, template.back))
                self._models.append(model)
            case "card", [ordinal, deck, front, front_images, back, back_images]:
                sides = Text(_text(front), _texts(front_images)), Text(_text(back), _texts(back_images))
                self._cards.append(Card(_number(ordinal), _text(deck), *sides))
            case "note", [guid, model, fields, tags]:
                cards = tuple(self._cards)
                self._cards.clear()
                if not cards or len(fields) != len(self._models[model].fields):
                    raise ValueError("a note that is not whole")
                self._notes.append(
                    Note(_text(guid), self._models[model], _texts(fields), _texts(tags), cards)
                )
            case "medium", [name, size]:
                data = self._stream.read(self._spend(_number(size)))
                if len(data) != size:
                    raise ValueError("a picture ends too early")
                self._media[_text(name)] = data
            case "skipped", [what, reason]:
                self._skipped.append(Skipped(_text(what), Reason(reason)))
            case "row", [row]:
                row = {key: value if key in ("line", "tags") else _text(value) for key, value in row.items()}
                self._rows.append(Row(**{**row, "line": _number(row["line"]), "tags": _texts(row["tags"])}))
            case "skipped_row", [line, reason]:
                self._skipped_rows.append(SkippedRow(_number(line), RowReason(reason)))
            case _:
                raise ValueError(f"no such message: {kind!r}")

    def _spend(self, size: int) -> int:
        """So many bytes may be asked for; ValueError when they are more than are left."""
        self._left -= size
        if self._left < 0:
            raise ValueError("too long an answer")
        return size


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(map(_text, values))


def _number(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError("no number")
    return value
