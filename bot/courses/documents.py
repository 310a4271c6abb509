"""YAML into plain data that knows its lines; bounded, for the file may be anybody's and meant to harm.

Only PyYAML's events are read, never its constructors: nothing is instantiated, and an alias is one event
however much it stands for. Scalars are read as YAML 1.2 reads them, as editors do, so `yes` is a word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from bot.errors import BadPack, PackFlaw, PackProblem, PackTooLarge

#: Bytes; sixty lessons with long summaries, topics and links take a third of it.
SIZE_LIMIT = 256 * 1024
#: Mappings inside lists inside mappings: a pack needs five.
DEPTH_LIMIT = 8
#: Keys, values, lists and mappings; the schema allows some 5,000.
VALUES_LIMIT = 10_000
#: So much of a text that stands in the wrong place is quoted.
SHOWN = 40

Path = tuple[str | int, ...]

_INT = re.compile(r"[-+]?[0-9]{1,15}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,15}|[0-9]{1,15}(?:\.[0-9]{0,15})?)(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass
class Document:
    """A YAML file as plain data. `places` says where each value begins, `keys` where its key does.

    What `unread` names has problems of its own already: what stands there says nothing.
    """

    root: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    unread: set[Path] = field(default_factory=set)
    problems: list[PackProblem] = field(default_factory=list)

    def problem(
        self, flaw: PackFlaw, path: Path, *, place: Place | None = None, found: str = "", wanted: str = ""
    ) -> PackProblem:
        """A problem of the value at this path, or of what stands at `place` in it."""
        place = place or self.places[path]
        where = tuple(step + 1 if isinstance(step, int) else _cut(step) for step in path)
        return PackProblem(
            line=place.line,
            column=place.column,
            flaw=flaw,
            where=where,
            found=_cut(found),
            wanted=_cut(wanted),
        )


def read_document(data: bytes) -> Document:
    """Read one document. It may take seconds: call it in a thread.

    Raises PackTooLarge, and BadPack for what leaves nothing to look at.
    """
    if len(data) > SIZE_LIMIT:
        raise PackTooLarge(size=len(data), limit=SIZE_LIMIT)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _broken(PackFlaw.NOT_UTF8, _after(data[: error.start].decode(errors="replace"))) from None
    try:
        return _Reading(text).document()
    except yaml.reader.ReaderError as error:
        place = _after(text[: error.position])
        raise _broken(PackFlaw.HIDDEN_CHARACTER, place, found=f"U+{ord(text[error.position]):04X}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
        raise _broken(PackFlaw.NOT_YAML, place, found=error.problem or "") from None
    except (ValueError, OverflowError):  # an escape or a directive with a number beyond all bounds
        raise _broken(PackFlaw.NOT_YAML, Place(1, 1)) from None


class _Reading:
    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.BaseLoader)
        self._document = Document()
        self._values = 0

    def document(self) -> Document:
        started = False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if started:
                    raise _broken(PackFlaw.SEVERAL_DOCUMENTS, _at(event))
                started = True
            elif isinstance(event, yaml.NodeEvent):
                self._document.root = self._value(event, ())
        if not started:
            raise _broken(PackFlaw.EMPTY, Place(1, 1))
        return self._document

    def _value(self, event: Any, path: Path) -> Any:
        self._count(event, depth=len(path))
        self._document.places[path] = _at(event)
        self._refuse(event, path)
        if isinstance(event, yaml.AliasEvent):
            return None
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(item, (*path, index)) for index, item in enumerate(self._items())]
        return event.value if event.style is not None else _plain(event.value)

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        keys = self._document.keys
        for event in self._items():
            if not isinstance(event, yaml.ScalarEvent):
                self._note(PackFlaw.KEY_NOT_TEXT, event, path)
                self._skip(event, len(path) + 1)
                self._skip(next(self._events), len(path) + 1)
                continue
            self._count(event, depth=len(path) + 1)
            to = (*path, event.value)
            self._refuse(event, to)
            if event.value in found:
                self._note(PackFlaw.REPEATED_KEY, event, to, wanted=str(keys[to].line))
                self._skip(next(self._events), len(to))
                continue
            keys[to] = _at(event)
            found[event.value] = self._value(next(self._events), to)
        return found

    def _items(self) -> Iterator[Any]:
        """The events that begin what the open list or mapping holds; whoever takes one reads its value."""
        for event in self._events:
            if isinstance(event, yaml.CollectionEndEvent):
                return
            yield event

    def _skip(self, event: Any, depth: int) -> None:
        """Read past a value without looking at it."""
        self._count(event, depth=depth)
        if isinstance(event, yaml.CollectionStartEvent):
            for item in self._items():
                self._skip(item, depth + 1)

    def _count(self, event: Any, *, depth: int) -> None:
        self._values += 1
        if self._values > VALUES_LIMIT:
            raise _broken(PackFlaw.TOO_MANY_VALUES, _at(event), wanted=str(VALUES_LIMIT))
        if depth > DEPTH_LIMIT:
            raise _broken(PackFlaw.TOO_DEEP, _at(event), wanted=str(DEPTH_LIMIT))

    def _refuse(self, event: Any, path: Path) -> None:
        """Note what no pack needs and every bomb does: an alias, its anchor, a tag."""
        is_alias = isinstance(event, yaml.AliasEvent)
        tag = None if is_alias else event.tag
        if event.anchor is not None:
            self._note(PackFlaw.ALIAS, event, path, found=f"{'*' if is_alias else '&'}{event.anchor}")
        if tag is not None:
            self._note(PackFlaw.TAG, event, path, found=tag.replace("tag:yaml.org,2002:", "!!"))
        if is_alias or (tag is not None and isinstance(event, yaml.ScalarEvent)):
            self._document.unread.add(path)

    def _note(self, flaw: PackFlaw, event: Any, path: Path, *, found: str = "", wanted: str = "") -> None:
        problem = self._document.problem(flaw, path, place=_at(event), found=found, wanted=wanted)
        self._document.problems.append(problem)


def _cut(text: str) -> str:
    """For quoting: short, and without what could hide or reorder the words around it."""
    seen = "".join(character if character.isprintable() else "\ufffd" for character in text[:SHOWN])
    return seen if len(text) <= SHOWN else f"{seen}…"


def _plain(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar is in YAML 1.2's core schema, which here knows only decimal, finite numbers."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _at(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _after(text: str) -> Place:
    """The place of what follows this text."""
    return Place(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _broken(flaw: PackFlaw, place: Place, *, found: str = "", wanted: str = "") -> BadPack:
    problem = PackProblem(line=place.line, column=place.column, flaw=flaw, found=found, wanted=wanted)
    return BadPack((problem,))
