"""Every refusal has words: one clear message, short enough for Discord, with nothing of Python in it."""

import dataclasses
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest

from bot.errors import StudyError
from bot.ui.errors import wording

MOMENT = datetime(2026, 10, 22, 17, tzinfo=UTC)
SAMPLES: dict[str, Any] = {
    "str": "x" * 200,
    "int": 3,
    "int | None": 3,
    "datetime": MOMENT,
    "datetime | None": MOMENT,
    "tuple[str, ...]": ("Berlin", "Paris"),
    "tuple[datetime, ...]": (MOMENT, MOMENT),
}


def every_refusal() -> list[type[StudyError]]:
    found = list(StudyError.__subclasses__())
    for each in found:
        found += each.__subclasses__()
    return found


def sample(kind: type[StudyError]) -> StudyError:
    assert dataclasses.is_dataclass(kind), kind
    values = {}
    for name, hint in get_type_hints(kind).items():
        written = hint.__name__ if isinstance(hint, type) else str(hint).replace("datetime.", "", 1)
        values[name] = "Europe/Berlin" if name == "zone" else SAMPLES[written]
    return kind(**values)


@pytest.mark.parametrize("kind", every_refusal(), ids=lambda kind: kind.__name__)
def test_it_is_worded(kind: type[StudyError]) -> None:
    words = wording(sample(kind))
    assert words[0].isupper() or words[0] in "“<`*"
    assert words.endswith((".", "?", "`"))
    assert len(words) < 700
    assert kind.__name__ not in words
    assert "None" not in words
