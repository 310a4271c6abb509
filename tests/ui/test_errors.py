"""Every refusal has words: one clear message, short enough for Discord, with nothing of Python in it."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from itertools import product
from typing import Any, get_type_hints

import pytest

from bot.errors import PackFlaw, PackProblem, StudyError
from bot.ui.errors import wording

MOMENT = datetime(2026, 10, 22, 17, tzinfo=UTC)
PROBLEM = PackProblem(line=3, column=5, flaw=PackFlaw.MISSING, found="title")
SAMPLES: dict[str, tuple[Any, ...]] = {
    "bool": (True, False),
    "str": ("x" * 200,),
    "str | None": ("x" * 80, None),
    "int": (3,),
    "int | None": (3, None),
    "datetime": (MOMENT,),
    "datetime | None": (MOMENT, None),
    "tuple[str, ...]": (("Berlin", "Paris"), ()),
    "tuple[datetime, ...]": ((MOMENT, MOMENT),),
    "tuple[bot.errors.courses.PackProblem, ...]": ((PROBLEM,),),
}
#: Facts that are no free text, by their names.
NAMED = {"zone": ("Europe/Berlin",), "state": ("paused",)}


def every_refusal() -> list[type[StudyError]]:
    found = list(StudyError.__subclasses__())
    for each in found:
        found += each.__subclasses__()
    return [each for each in found if not each.__subclasses__()]


def samples(kind: type[StudyError]) -> Iterator[StudyError]:
    """One of every combination of facts, so that every branch of the wording is read."""
    assert dataclasses.is_dataclass(kind), kind
    values = {}
    for name, hint in get_type_hints(kind).items():
        written = hint.__name__ if isinstance(hint, type) else str(hint).replace("datetime.", "", 1)
        if isinstance(hint, type) and issubclass(hint, Enum):
            values[name] = tuple(hint)
        else:
            values[name] = NAMED[name] if name in NAMED else SAMPLES[written]
    for facts in product(*values.values()):
        yield kind(**dict(zip(values, facts, strict=True)))


@pytest.mark.parametrize("kind", every_refusal(), ids=lambda kind: kind.__name__)
def test_it_is_worded(kind: type[StudyError]) -> None:
    for error in samples(kind):
        words = wording(error)
        assert words[0].isupper() or words[0] in "“<`*"
        assert words.endswith((".", "?", "`"))
        assert len(words) < 700
        assert kind.__name__ not in words
        assert not re.search(r"\bNone\b(?! of)", words)
