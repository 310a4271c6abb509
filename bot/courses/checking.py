"""A course pack checked against its schema and against what a schema cannot say; every problem at once."""

import json
import unicodedata
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bot.courses.documents import SHOWN, Document, Path, read_document
from bot.db.types import name_key
from bot.errors import BadPack, PackFlaw, PackProblem

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

_LIMITS = {
    "maxItems": PackFlaw.TOO_MANY,
    "maxLength": PackFlaw.TOO_LONG,
    "maximum": PackFlaw.TOO_LARGE,
    "minItems": PackFlaw.TOO_FEW,
    "minLength": PackFlaw.TOO_SHORT,
    "minimum": PackFlaw.TOO_SMALL,
    "type": PackFlaw.WRONG_KIND,
}
_PATTERNS = {"id": PackFlaw.BAD_ID, "version": PackFlaw.BAD_VERSION, "url": PackFlaw.BAD_LINK}
# Joiners, which Persian, Indic scripts and emoji need; every other character without a shape can only hide
# or reorder what stands beside it, and the rest cannot be stored or sent.
_JOINERS = "\u200c\u200d"
_UNSEEN = frozenset(("Cc", "Cf", "Cn", "Co", "Cs"))


def read_pack(data: bytes, *, is_ours: bool = False) -> dict[str, Any]:
    """A pack's file as the plain data that `pack_from` takes. It may take seconds: call it in a thread.

    What is ours was checked against the schema before it was shipped: that is left out, and a start need not
    load what does it. Raises PackTooLarge, and BadPack with all that is wrong, by line.
    """
    document = read_document(data)
    document.root = _clean(document, document.root, ())
    problems = {*document.problems, *_beyond_schema(document)}
    if not is_ours:
        problems.update(_against_schema(document))
    if problems:
        raise BadPack(tuple(sorted(problems, key=lambda one: (one.line, one.column, one.flaw, one.found))))
    found: dict[str, Any] = document.root
    return found


@cache
def _validator() -> "Draft202012Validator":
    # Here and not above: a tenth of a second, and up to 1.2 with all its optional formats installed.
    from jsonschema import Draft202012Validator

    schema = json.loads((files("bot.courses") / "pack.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _clean(document: Document, value: Any, path: Path) -> Any:
    """The same with every text on one line, and a problem for each that holds what nobody sees."""
    if isinstance(value, dict):
        return {key: _clean(document, item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(document, item, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    text = " ".join(unicodedata.normalize("NFC", value).split())
    unseen = next((c for c in text if unicodedata.category(c) in _UNSEEN and c not in _JOINERS), None)
    if unseen is not None:
        document.unread.add(path)
        document.problems.append(
            document.problem(PackFlaw.HIDDEN_CHARACTER, path, found=f"U+{ord(unseen):04X}")
        )
    return text


def _against_schema(document: Document) -> Iterator[PackProblem]:
    for error in _validator().iter_errors(document.root):
        path: Path = tuple(error.absolute_path)
        if not any(path[:depth] in document.unread for depth in range(len(path) + 1)):
            yield from _of_error(document, error, path)


def _of_error(document: Document, error: "ValidationError", path: Path) -> Iterator[PackProblem]:
    schema: Any = error.schema
    value: Any = error.instance
    match error.validator:
        case "required":
            # One error for each key that lacks, and it names the key in its message alone.
            missing = next(key for key in schema["required"] if error.message.startswith(f"'{key}'"))
            yield document.problem(PackFlaw.MISSING, path, found=missing)
        case "additionalProperties":
            for key in value.keys() - schema["properties"].keys():
                near = get_close_matches(key[:SHOWN], schema["properties"], n=1)
                yield document.problem(
                    PackFlaw.UNKNOWN_KEY,
                    path,
                    place=document.keys[*path, key],
                    found=key,
                    wanted="".join(near),
                )
        case "oneOf":
            if isinstance(value, dict):  # else its kind is the problem
                both = "hours" in value and "points" in value
                yield document.problem(PackFlaw.TWO_EFFORTS if both else PackFlaw.NO_EFFORT, path)
        case "pattern":
            yield document.problem(_PATTERNS[str(path[-1])], path, found=value)
        case str(keyword):
            found = _kind(value) if keyword == "type" else f"{_size(value):g}"
            yield document.problem(_LIMITS[keyword], path, found=found, wanted=str(error.validator_value))


def _size(value: Any) -> float:
    return len(value) if isinstance(value, list | str) else float(value)


def _kind(value: Any) -> str:
    """As the schema would call it."""
    return {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}.get(
        type(value), "number"
    )


def _beyond_schema(document: Document) -> Iterator[PackProblem]:
    root = document.root
    lessons = root.get("lessons") if isinstance(root, dict) else None
    if not isinstance(lessons, list):
        return
    for key in ("id", "title"):
        yield from _repeated(
            document,
            [
                (("lessons", index, key), lesson[key])
                for index, lesson in enumerate(lessons)
                if isinstance(lesson, dict) and isinstance(lesson.get(key), str)
            ],
        )
    for index, lesson in enumerate(lessons):
        topics = lesson.get("topics") if isinstance(lesson, dict) else None
        if isinstance(topics, list):
            named = [(("lessons", index, "topics", at), topic) for at, topic in enumerate(topics)]
            yield from _repeated(document, [(path, topic) for path, topic in named if isinstance(topic, str)])


def _repeated(document: Document, named: list[tuple[Path, str]]) -> Iterator[PackProblem]:
    first: dict[str, Path] = {}
    for path, name in named:
        earlier = first.setdefault(name_key(name), path)
        if earlier != path and name:
            line = document.places[earlier].line
            yield document.problem(PackFlaw.REPEATED, path, found=name, wanted=str(line))
