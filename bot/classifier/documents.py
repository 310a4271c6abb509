"""`model.json` in and out, checked against `model.schema.json` and against what a schema cannot say."""

import dataclasses
import json
import types
import unicodedata
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from bot.classifier.manifest import Manifest

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

#: Of a value that is not what it should be, at most so many characters are repeated.
SHOWN = 60
# Controls, halves of characters, and what breaks lines.
_UNSEEN = frozenset(("Cc", "Cs", "Zl", "Zp"))


class NotAManifest(Exception):
    """This is no `model.json`; the text says in one line where and why."""


def parse(data: bytes) -> Manifest:
    """Raises NotAManifest."""
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise NotAManifest("it is not UTF-8") from None
    except RecursionError:
        raise NotAManifest("it is nested too deeply") from None
    except ValueError:  # also for a whole number of more than 4,300 digits
        raise NotAManifest("it is not JSON") from None
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(found))
    if error is not None:
        where = ".".join(str(step) for step in error.absolute_path) or "the document"
        raise NotAManifest(f"{where}: {_short(error.message)}")
    manifest: Manifest = _build(Manifest, found)
    _check(manifest)
    return manifest


def render(manifest: Manifest) -> bytes:
    """The same manifest gives the same bytes. Raises NotAManifest for one that `parse` would refuse."""
    data = json.dumps(dataclasses.asdict(manifest), ensure_ascii=False, indent=1).encode() + b"\n"
    parse(data)
    return data


@cache
def _validator() -> "Draft202012Validator":
    # Here and not above: a tenth of a second, and up to 1.2 with all its optional formats installed.
    from jsonschema import Draft202012Validator

    schema = json.loads((files("bot.classifier") / "model.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _check(manifest: Manifest) -> None:
    given = manifest.input
    if (norm := manifest.normalisation) is not None:
        # One channel normalised by three pairs of numbers makes three: so does fastai for PILImageBW.
        allowed = (1, 3) if given.mode == "L" else (3,)
        if len(norm.mean) != len(norm.std) or len(norm.mean) not in allowed:
            raise NotAManifest("normalisation: mean and std need a number for each channel")
    if given.resize is None and not given.ink:
        raise NotAManifest("input.resize: only ink makes pictures of one size without it")
    if given.crop is not None and not _fits(given.crop, given.size):
        raise NotAManifest("input.crop: larger than the picture")
    resize = manifest.batch_resize
    if resize is not None and resize.crop is not None and not _fits(resize.crop, given.crop or given.size):
        raise NotAManifest("batch_resize.crop: larger than the picture")
    if manifest.metrics is not None:
        count = len(manifest.labels)
        if {count} != {len(manifest.metrics.confusion), *map(len, manifest.metrics.confusion)}:
            raise NotAManifest(f"metrics.confusion: needs {count} rows of {count} numbers")
        if sum(map(sum, manifest.metrics.confusion)) != manifest.metrics.tested:
            raise NotAManifest("metrics.confusion: its sum is not how many were tested")


def _fits(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return inner[0] <= outer[0] and inner[1] <= outer[1]


def _build(kind: Any, value: Any) -> Any:
    """Plain data that the schema allows as `kind`, a dataclass or what its fields are made of."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{name: _build(hints[name], item) for name, item in value.items()})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _build(arguments[0], value)
    if origin is tuple:
        return tuple(_build(arguments[0], item) for item in value)
    if origin is dict:
        return {_build(str, key): _build(arguments[1], item) for key, item in value.items()}
    if isinstance(value, str) and any(unicodedata.category(letter) in _UNSEEN for letter in value):
        raise NotAManifest(f"{_short(ascii(value))} has a character that cannot be shown")
    if origin is Literal or kind in (str, bool):
        return value
    return kind(value)  # JSON has one kind of number: 1 may stand for 1.0, and 1.0 for 1


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotAManifest("it says something twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise NotAManifest(f"{text} is not a number")


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= 2 * SHOWN else f"{line[:SHOWN]} … {line[-SHOWN:]}"
