"""What members type, wherever it is read or shown: times, names in sentences and lists, course packs."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import yaml
from hypothesis import given
from hypothesis import strategies as st
from simcord.preview._markdown import markdown_tokens

from bot.courses.checking import read_pack
from bot.errors import BadPack, PackTooLarge, StudyError
from bot.scheduling.when import parse_when
from bot.services.text import clean_text
from bot.ui.pack_problems import summary
from bot.ui.text import LIST_ROOM, fitting, listed, plain, shown
from tests.fuzz import values
from tests.fuzz.profiles import examples

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the day before the clocks of Europe change
ZONES = sorted(available_timezones())
WHEN = re.findall(
    r"\S+|\s",
    "tomorrow 7pm next thursday at 18:30 in 2 hours 2026-10-22T19:00+02:00 half past 7 on the 31st of "
    "february "
    "<t:1790000000:R> noon midnight 25.10. 02:30 utc this evening 5 days ago every",
)
HARMLESS = {"text", "link_open", "link_close", "break", "softbreak"}
BOLD = {"strong_open", "strong_close"}
PACK = Path(__file__).resolve().parents[1] / "courses" / "study-plan.yaml"


def leaves(tokens: Any) -> Iterator[dict[str, Any]]:
    for token in tokens:
        if token["type"] in ("paragraph", "inline"):
            yield from leaves(token.get("children", ()))
        else:
            yield token


def kinds(markdown: str) -> set[str]:
    return {token["type"] for token in leaves(markdown_tokens(markdown))}


def test_any_typed_time_is_an_instant_or_a_refusal(record_property: Callable[[str, object], None]) -> None:
    slowest = [0.0, ""]
    sentences = st.lists(st.sampled_from(WHEN) | values.texts, max_size=12).map(" ".join)

    @examples(80)
    @given(typed=values.texts | sentences, zone=st.sampled_from(ZONES).map(ZoneInfo))
    def read(typed: str, zone: ZoneInfo) -> None:
        began = time.process_time()
        try:
            instant = parse_when(typed, zone=zone, now=NOW)
        except StudyError:
            pass
        else:
            assert NOW < instant <= NOW + timedelta(days=1827)
        slowest[:] = max(slowest, [time.process_time() - began, f"{typed:.60}"])

    read()
    record_property("figure", f"fuzz: the slowest typed time took {slowest[0] * 1000:.0f} ms: {slowest[1]!r}")


@examples(80)
@given(texts=st.lists(values.texts, min_size=1, max_size=20))
def test_names_keep_to_their_place(texts: list[str]) -> None:
    """In a sentence, in a list of bold names, in lines of an embed: as they are, within Discord's limits."""
    for text in texts:
        name = shown(text)
        assert "\n" not in name
        # An escape doubles a character; in an address one becomes three.
        assert len(name) <= 300
        assert kinds(f"There is “{name}” here.") <= HARMLESS
        assert not re.search(r"@(everyone|here)\b", name)
    names = listed(texts)
    assert len(names) <= LIST_ROOM + 20
    lines = fitting([f"1 · {shown(text)}" for text in texts])
    assert len("\n".join(lines)) <= 4096


@examples(80)
@given(typed=values.texts)
def test_what_is_kept_is_visible_and_shows_nothing_else(typed: str) -> None:
    try:
        kept = clean_text("title", typed, limit=4000, lines=True)
    except StudyError:
        return
    kept.encode()  # no half of a character
    assert kept.strip() == kept != ""
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069]", kept)
    assert kinds("\n".join(line.lstrip() for line in plain(kept).splitlines())) <= HARMLESS


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document, containers among them."""
    if path:
        yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


GOOD = yaml.safe_load(PACK.read_text("utf-8"))
PLACES = list(places(GOOD))
ODD = st.one_of(
    values.texts.map(lambda text: text.encode("utf-8", "replace").decode()),
    values.integers,
    st.sampled_from([None, True, [], {}, [[]], {"id": {}}, 1.5, float("inf"), "2026-02-30", ["a"] * 300]),
    st.sampled_from(PLACES).map(lambda path: value_at(GOOD, path)),
)


def value_at(node: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        node = node[key]
    return node


def mutated(changes: list[tuple[tuple[Any, ...], str, Any]]) -> Any:
    pack = yaml.safe_load(PACK.read_text("utf-8"))
    for path, how, value in changes:
        try:
            parent = value_at(pack, path[:-1])
            if how == "set":
                parent[path[-1]] = value
            elif how == "drop":
                del parent[path[-1]]
            elif how == "rename" and isinstance(parent, dict):
                parent[str(value)[:50]] = parent.pop(path[-1])
            elif isinstance(parent, list):
                parent.insert(path[-1], parent[path[-1]])
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return pack


@examples(25)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "set", "drop", "rename", "twice"]), ODD),
        min_size=1,
        max_size=4,
    ),
    cut=st.integers(0, 40),
)
def test_a_pack_with_anything_in_its_places_is_read_or_told_what_is_wrong(changes: Any, cut: int) -> None:
    data = yaml.safe_dump(mutated(changes), allow_unicode=True, sort_keys=False).encode()
    if cut == 0:
        data = data[: len(data) // 2]
    try:
        pack = read_pack(data)
    except BadPack as refusal:
        problems = refusal.problems
    except PackTooLarge:
        return
    else:
        assert pack["lessons"]
        return
    assert problems
    assert len(summary(problems)) <= 2000
