"""Databases, rows and templates that are broken, or made to break us: refused or left out, and told."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors.decks import (
    Damage,
    DeckDamaged,
    DeckTooSlow,
    Measure,
    NoCards,
)
from bot.flashcards.anki import collection, limits
from bot.flashcards.anki.package import Reason, Skipped
from bot.flashcards.anki.reader import read_package
from tests.flashcards.anki.hostile import (
    MEBI,
    damaged,
    refusal,
    skipped,
    spoil,
    too_large,
)
from tests.flashcards.anki.official import Format, database, entry, rewrite

ADD_CARD = "INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


# The database


def test_a_collection_that_is_no_database(deck: Path) -> None:
    for data in (b"", b"x" * 5000, b"SQLite format 3\0" + bytes(10), b"SQLite format 3\0" + b"\xff" * 5000):
        rewrite(deck, {Format.OLDEST: data})
        assert refusal(deck) == damaged(Damage.COLLECTION)


def test_a_database_of_something_else(deck: Path) -> None:
    with database(deck) as tables:
        tables.execute("ALTER TABLE notes RENAME TO letters")
    assert refusal(deck) == damaged(Damage.COLLECTION)


def test_corrupt_pages(deck: Path) -> None:
    """Each page in turn: what can still be read is whole, the rest is refused."""
    data = entry(deck, Format.OLDEST)
    size = int.from_bytes(data[16:18], "big")
    results = []
    for page in range(1, len(data) // size):
        spoilt = bytearray(data)
        spoilt[page * size : page * size + 40] = b"\xde\xad\xbe\xef" * 10
        rewrite(deck, {Format.OLDEST: bytes(spoilt)})
        try:
            results.append(len(read_package(deck).notes))
        except DeckDamaged as error:
            results.append(error.part)
    assert set(results) == {3, Damage.COLLECTION, Damage.NOTE_TYPES}


def test_half_a_database(deck: Path) -> None:
    data = entry(deck, Format.OLDEST)
    rewrite(deck, {Format.OLDEST: data[: len(data) // 3]})
    assert refusal(deck) == damaged(Damage.COLLECTION)


def test_a_header_that_asks_for_a_write_ahead_log(deck: Path) -> None:
    data = bytearray(entry(deck, Format.OLDEST))
    data[18:20] = b"\2\2"
    rewrite(deck, {Format.OLDEST: bytes(data)})
    assert len(read_package(deck).notes) == 3


ENDLESS = """
CREATE VIEW {name} AS
WITH RECURSIVE endless(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM endless)
SELECT id, id guid, id mid, id tags, id flds, id nid, id ord, id did, id odid FROM endless
"""


@pytest.mark.parametrize("name", ["notes", "cards"])
def test_views_in_the_place_of_tables(deck: Path, name: str) -> None:
    with database(deck) as tables:
        tables.execute(f"DROP TABLE {name}")
        tables.execute(ENDLESS.format(name=name))
    assert refusal(deck) == damaged(Damage.COLLECTION)


def test_a_virtual_table_in_the_place_of_a_table(deck: Path) -> None:
    with database(deck) as tables:
        tables.execute("DROP TABLE notes")
        tables.execute("CREATE VIRTUAL TABLE notes USING fts4(id, guid, mid, tags, flds)")
    assert refusal(deck) == damaged(Damage.COLLECTION)


@pytest.mark.parametrize("kind", ["VIRTUAL", "STORED"])
def test_a_table_that_computes(deck: Path, kind: str) -> None:
    """A generated column may compute for minutes, where no deadline reaches."""
    with database(deck) as tables:
        tables.execute("ALTER TABLE notes RENAME TO old")
        computed = "flds AS (replace(hex(zeroblob(1000)), '0', guid)) " + kind
        tables.execute(f"CREATE TABLE notes (id INTEGER PRIMARY KEY, guid, mid, tags, {computed})")
        tables.execute("INSERT INTO notes SELECT id, guid, mid, tags FROM old")
    assert refusal(deck) == damaged(Damage.COLLECTION)


def test_a_schema_that_is_not_text(deck: Path) -> None:
    with database(deck) as tables:
        tables.execute("PRAGMA writable_schema = ON")
        tables.execute("UPDATE sqlite_master SET sql = CAST(x'435245415445ff' AS TEXT) WHERE name = 'notes'")
    assert refusal(deck) == damaged(Damage.COLLECTION)


def test_200_000_notes(deck: Path) -> None:
    with database(deck) as tables:
        _, _, *rest = tables.execute("SELECT * FROM notes").fetchone()
        rows = [(number, f"g{number}", *rest) for number in range(1, 200_001)]
        tables.execute("BEGIN")
        tables.executemany("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        tables.execute("COMMIT")
    assert refusal(deck) == too_large(Measure.NOTES, limits.NOTES)


def test_more_cards_than_the_limit(deck: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CARDS", 3)
    assert refusal(deck) == too_large(Measure.CARDS, 3)


def test_a_value_of_9_mb(deck: Path) -> None:
    with database(deck) as tables:
        tables.execute("UPDATE notes SET flds = ? WHERE guid = 'guid-2'", ("x" * 9 * MEBI,))
    assert refusal(deck) == too_large(Measure.CELL, limits.CELL_BYTES)


def test_more_text_than_the_limit(deck: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TEXT_CHARACTERS", 60)
    assert refusal(deck) == too_large(Measure.TEXT, 60)


def test_time_runs_out(deck: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0)
    assert refusal(deck) == DeckTooSlow(seconds=0)


# Rows


def test_wrong_encoding_costs_the_note_only(deck: Path) -> None:
    spoil(deck, "UPDATE notes SET flds = CAST(x'66fc72' AS TEXT) || char(31) WHERE guid = 'guid-1'")
    package = read_package(deck)
    assert [note.guid for note in package.notes] == ["guid-2", "guid-3"]
    assert package.skipped == (Skipped("", Reason.UNREADABLE_TEXT),)


def test_rows_that_belong_to_nothing(deck: Path) -> None:
    with database(deck) as tables:
        _, _, *rest = tables.execute("SELECT * FROM cards").fetchone()
        tables.execute(ADD_CARD, (7, 99, *rest))
    spoil(deck, "UPDATE notes SET mid = 42 WHERE guid = 'guid-1'")
    spoil(deck, "DELETE FROM cards WHERE nid = (SELECT id FROM notes WHERE guid = 'guid-3')")
    spoil(deck, "UPDATE cards SET did = 12345, odid = 'x'")
    package = read_package(deck)
    assert [note.guid for note in package.notes] == ["guid-2"]
    assert package.decks == ("Default",)
    assert skipped(deck) == {"What is a tensor?": Reason.NO_MODEL, "Another": Reason.NO_CARDS}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("guid = ''", Reason.NO_GUID),
        ("guid = printf('%.*c', 65, 'g')", Reason.NO_GUID),
        ("guid = x'ff'", Reason.NO_GUID),
        ("guid = 'guid-2'", Reason.SAME_GUID),
        ("flds = flds || char(31) || 'third'", Reason.WRONG_FIELDS),
        ("flds = 'Another'", Reason.WRONG_FIELDS),
        ("flds = 'Another' || char(31) || printf('%.*c', 70000, 'x')", Reason.TOO_LONG),
        ("tags = x'fe'", Reason.UNREADABLE_TEXT),
        ("mid = 'none'", Reason.NO_MODEL),
        ("flds = '<br>' || char(31) || 'Another'", Reason.EMPTY_FRONT),
        ("flds = '<script>x</script>' || char(31) || 'Another'", Reason.EMPTY_FRONT),
    ],
)
def test_a_note_that_cannot_be_used_is_left_out_and_told(deck: Path, change: str, reason: Reason) -> None:
    spoil(deck, f"UPDATE notes SET {change} WHERE guid = 'guid-3'")  # noqa: S608
    package = read_package(deck)
    assert [note.guid for note in package.notes] == ["guid-1", "guid-2"]
    assert [found.reason for found in package.skipped] == [reason]


def test_long_fields_are_kept_whole(deck: Path) -> None:
    spoil(deck, "UPDATE notes SET flds = ? || char(31) || 'b' WHERE guid = 'guid-3'", "x" * 8_000)
    assert read_package(deck).notes[2].cards[0].front.markdown == "x" * 8_000


def test_nothing_that_can_be_used(deck: Path) -> None:
    spoil(deck, "UPDATE notes SET mid = 1")
    assert refusal(deck) == NoCards(skipped=3)
    spoil(deck, "DELETE FROM notes")
    assert refusal(deck) == NoCards(skipped=0)


def test_a_note_with_too_many_cards(deck: Path) -> None:
    with database(deck) as tables:
        (note_id,) = tables.execute("SELECT id FROM notes WHERE guid = 'guid-2'").fetchone()
        _, _, _, _, *rest = tables.execute("SELECT * FROM cards").fetchone()
        rows = [(number, note_id, 1, number, *rest) for number in range(2, 300)]
        tables.executemany(ADD_CARD, rows)
    assert list(skipped(deck).values()) == [Reason.TOO_MANY_CARDS]


# Note types and templates


def change_models(deck: Path, change: Callable[[dict[str, dict]], object]) -> None:
    with database(deck) as tables:
        models = json.loads(tables.execute("SELECT models FROM col").fetchone()[0])
        changed = change(models)
        tables.execute("UPDATE col SET models = ?", (json.dumps(changed if changed is not None else models),))


def set_front(template: str) -> Callable[[dict[str, dict]], None]:
    def change(models: dict[str, dict]) -> None:
        for model in models.values():
            if model["name"] == "Cohort":
                model["tmpls"][0]["qfmt"] = template

    return change


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{Nothing}}", Reason.BROKEN_TEMPLATE),
        ("{{#Front}}never closed", Reason.BROKEN_TEMPLATE),
        ("{{#Front}}{{/Back}}", Reason.BROKEN_TEMPLATE),
        ("{{/Front}}", Reason.BROKEN_TEMPLATE),
        ("{{#Front}}" * 1000 + "{{/Front}}" * 1000, Reason.BROKEN_TEMPLATE),
        ("{{Front}}" + " " * 300_000, Reason.BROKEN_TEMPLATE),
        ("{{Front}}" * 20_000, Reason.TOO_LONG),
        ("no field at all", Reason.EMPTY_FRONT),
    ],
)
def test_a_template_that_makes_no_card(deck: Path, template: str, reason: Reason) -> None:
    change_models(deck, set_front(template))
    assert skipped(deck) == {"What is a tensor?": reason, "Another": reason}


def test_an_image_occlusion_is_left_out(deck: Path) -> None:
    spoil(deck, "UPDATE notes SET flds = ? || char(31) WHERE guid = 'guid-2'",
          "{{c1::image-occlusion:rect:left=.1:top=.2:width=.3:height=.4}}")  # fmt: skip
    assert set(skipped(deck).values()) == {Reason.IMAGE_OCCLUSION}


@pytest.mark.parametrize(
    "models",
    ["", "[]", "null", "{", '{"x": {}}', '{"1": null}', '{"1": {"name": 5}}', "[" * 100_000, '{"1":' * 50_000,
     "9" * 5_000, '{"99999999999999999999": {"name": "n", "flds": [], "tmpls": []}}',
     '{"1": {"name": "n", "flds": {}, "tmpls": 7}}', b"\xff\xfe", 12],
)  # fmt: skip
def test_note_types_that_are_none(deck: Path, models: object) -> None:
    spoil(deck, "UPDATE col SET models = ?", models)
    assert refusal(deck) == damaged(Damage.NOTE_TYPES)


def test_decks_that_are_none(deck: Path) -> None:
    for decks in ("", "[]", '{"1": {}}', '{"1": {"name": 1}}', "[" * 100_000):
        spoil(deck, "UPDATE col SET decks = ?", decks)
        assert refusal(deck) == damaged(Damage.DECKS)


def test_half_characters_and_nulls_become_harmless(deck: Path) -> None:
    with database(deck) as tables:
        tables.execute("UPDATE col SET decks = replace(decks, 'Course', 'Co\\ud800\\u0000urse')")
        tables.execute(
            "UPDATE notes SET flds = 'a' || char(0) || 'b&#0;&#xD800;c' || char(31) WHERE guid = 'guid-1'"
        )
    package = read_package(deck)
    assert package.decks == ("Co?urse", "Co?urse::2")
    assert package.notes[0].cards[0].front.markdown == "ab\ufffd\ufffdc"


def test_more_note_types_and_decks_than_the_limits(deck: Path) -> None:
    with database(deck) as tables:
        many = {str(number): {"name": "deck"} for number in range(limits.DECKS + 1)}
        tables.execute("UPDATE col SET decks = ?", (json.dumps(many),))
    assert refusal(deck) == too_large(Measure.DECKS, limits.DECKS)
    change_models(deck, lambda models: {str(number): next(iter(models.values())) for number in range(1_001)})
    assert refusal(deck) == too_large(Measure.NOTE_TYPES, limits.NOTE_TYPES)


def test_note_types_in_foreign_protobuf(deck: Path) -> None:
    with database(deck) as tables:
        tables.execute("CREATE TABLE notetypes (id, name, config)")
        tables.execute("CREATE TABLE fields (ntid, ord, name)")
        tables.execute("CREATE TABLE templates (ntid, ord, name, config)")
        tables.execute("INSERT INTO notetypes VALUES (1, 'n', x'ffff')")
    assert refusal(deck) == damaged(Damage.NOTE_TYPES)
    for config in (5, None, "text", b"\x1a\x05x", b"\x1a\x01\xff"):
        spoil(deck, "UPDATE notetypes SET config = ?", config)
        assert refusal(deck) == damaged(Damage.NOTE_TYPES)
    spoil(deck, "UPDATE notetypes SET config = x'', name = x'ff'")
    assert refusal(deck) == damaged(Damage.NOTE_TYPES)
    spoil(deck, "UPDATE notetypes SET name = 'n'")
    assert refusal(deck) == NoCards(skipped=3)


def test_the_database_in_hand_is_only_read(deck: Path) -> None:
    """The connection may read tables; nothing else, however it is asked."""
    path = deck.with_suffix(".db")
    path.write_bytes(entry(deck, Format.OLDEST))
    with collection.opened(path, collection.Deadline(5)) as tables:
        for statement in (
            "DELETE FROM notes", "ATTACH ':memory:' AS other", "PRAGMA writable_schema = ON",
            "SELECT load_extension('x')", "CREATE TABLE x (y)", "SELECT hex(flds) FROM notes",
        ):  # fmt: skip
            with pytest.raises(sqlite3.DatabaseError):
                tables._connection.execute(statement)
        assert len(list(tables.notes())) == 3
