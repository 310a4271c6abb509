"""Tables of cards, as spreadsheets and people write them."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors.decks import (
    BrokenTable,
    ColumnTwice,
    DeckRefused,
    DeckTooLarge,
    Measure,
    NoCards,
    NoHeader,
    UnknownDeckFile,
    WrongEncoding,
)
from bot.flashcards import sheets
from bot.flashcards.markdown import neutral
from bot.flashcards.sheets import Row, RowReason, Sheet, SkippedRow, check_name, read_sheet, write_sheet

CARD = Row("What is loss?", "A number", line=2)


def refusal(data: bytes) -> DeckRefused:
    with pytest.raises(DeckRefused) as refused:
        read_sheet(data)
    return refused.value


# Columns


@pytest.mark.parametrize(
    "table",
    [
        "front,back\nWhat is loss?,A number\n",
        "front;back\r\nWhat is loss?;A number",
        "front\tback\nWhat is loss?\tA number\n",
        "front|back\rWhat is loss?|A number\r",
        '"Front" , " BACK "\n"What is loss?","A number"'.replace(" , ", ",").replace('," B', ',"B'),
        "back,front\nA number,What is loss?",
        "front,tags,back,guid\nWhat is loss?,,A number",
        "\ufefffront,back\nWhat is loss?,A number",
    ],
)
def test_any_usual_table_is_understood(table: str) -> None:
    assert read_sheet(table.encode()).rows == (CARD,)


def test_excel_s_note_to_itself_is_no_header() -> None:
    assert read_sheet(b"sep=;\r\nfront;back\r\na;b, c\r\n").rows == (Row("a", "b, c", line=3),)


def test_every_column_is_taken_and_others_are_told() -> None:
    table = 'GUID,Deck,Comment,Lesson,Tags,Back,Front,\nabc,Course::2,mine,3,"a  b;c,d",back,front,\n'
    row = Row("front", "back", ("a", "b", "c", "d"), lesson="3", deck="Course::2", guid="abc", line=2)
    assert read_sheet(table.encode()) == Sheet((row,), ignored=("comment",))


def test_a_table_without_its_columns_is_refused() -> None:
    assert refusal(b"question,answer\na,b\n") == NoHeader(
        missing=("front", "back"), found=("question", "answer")
    )
    assert refusal(b"front\na\n") == NoHeader(missing=("back",), found=("front",))
    assert refusal(b"") == NoHeader(missing=("front", "back"), found=())
    assert refusal(b"\n\n , \n") == NoHeader(missing=("front", "back"), found=())
    assert refusal(b"front,back,Front\na,b,c") == ColumnTwice(name="front")


def test_other_files_are_refused_by_their_names() -> None:
    for name in ("cards.csv", "CARDS.TSV"):
        check_name(name)
    with pytest.raises(UnknownDeckFile) as refused:
        check_name("cards.xlsx")
    assert refused.value == UnknownDeckFile(name="cards.xlsx", endings=(".csv", ".tsv"))


# Rows


def test_rows_that_are_no_cards_are_left_out_with_their_lines() -> None:
    table = (
        'front,back,guid\n"several\nlines",b,\n\n,b\nf,\n{{c1::gap}},\na,b,c,d\n'
        f"a,b,same\nc,d,same\ne,f,{'g' * 65}\n{'x' * 65_537},b\n{'y' * 8_000},b\n"
    )
    sheet = read_sheet(table.encode())
    assert [(row.line, row.front[:8]) for row in sheet.rows] == [
        (2, "several\n"), (7, "{{c1::ga"), (9, "a"), (13, "yyyyyyyy"),
    ]  # fmt: skip
    assert sheet.skipped == (
        SkippedRow(5, RowReason.EMPTY_FRONT),
        SkippedRow(6, RowReason.EMPTY_BACK),
        SkippedRow(8, RowReason.TOO_MANY_CELLS),
        SkippedRow(10, RowReason.SAME_GUID),
        SkippedRow(11, RowReason.TOO_LONG),
        SkippedRow(12, RowReason.TOO_LONG),
    )


def test_nothing_that_can_be_used() -> None:
    assert refusal(b"front,back\n") == NoCards(skipped=0)
    assert refusal(b"front,back\n,x\ny,\n") == NoCards(skipped=2)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (b'front,back\na,"b\nc,d\n', 2),
        (b'front,back\na,b\n"c"x,d\n', 3),
        (b'front,back\na,"b\n' + b"x" * 200_000, 2),
    ],
)
def test_quotes_that_do_not_match_are_told_with_their_line(table: bytes, line: int) -> None:
    assert refusal(table) == BrokenTable(line=line)


def test_more_than_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    too_large = DeckTooLarge(measure=Measure.FILE, limit=sheets.SHEET_BYTES)
    assert refusal(b"x" * (sheets.SHEET_BYTES + 1)) == too_large
    table = b"front,back\n" + b"a,b\n" * 200_000
    assert refusal(table) == DeckTooLarge(measure=Measure.NOTES, limit=sheets.ROWS)
    monkeypatch.setattr(sheets, "ROWS", 3)
    assert len(read_sheet(b"front,back\n" + b"a,b\n" * 3).rows) == 3


def test_cells_lose_their_power_and_nothing_else() -> None:
    table = 'front,back\n"**bold** <@1> [a](http://b) @everyone","discord.gg/x\x00 `<@1>` \u200b\u202eend "\n'
    (row,) = read_sheet(table.encode()).rows
    assert row.front == r"**bold** \<@1> [a] (http://b) @ everyone"
    assert row.back == "discord.gg /x `<@1>` end"


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_in_all_its_forms(encoding: str) -> None:
    table = "front,back\nÄhnlich – «été»,Привет 漢字 😀\n"
    assert read_sheet(table.encode(encoding)) == Sheet((Row("Ähnlich – «été»", "Привет 漢字 😀", line=2),))


@pytest.mark.parametrize(
    "text",
    ["Größe und Maß", "l’été où ça", "niño ¿qué?", "«São» Paulo", "þýðir það", "Smørrebrød på", "5 € – 10 %",
     "m² × n²", "l·l”, “x”…", "Œuvre naïve", "ÄÖÜ ß"],
)  # fmt: skip
def test_western_text_is_guessed_and_told(text: str) -> None:
    table = f"front;back\n{text};x\n".encode("cp1252")
    assert read_sheet(table) == Sheet((Row(text, "x", line=2),), guessed=True)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("привет, мир", "cp1251"),
        ("привет, мир", "koi8-r"),
        ("zażółć gęślą jaźń", "cp1250"),
        ("καλημέρα κόσμε", "cp1253"),
        ("こんにちは", "shift-jis"),
        ("你好世界", "gb18030"),
        ("für später", "cp850"),
    ],
)
def test_other_encodings_are_refused_with_the_line(text: str, encoding: str) -> None:
    assert refusal(b"front,back\na,b\n" + f'"{text}",x\n'.encode(encoding)) == WrongEncoding(line=3)


def test_half_utf_8_is_not_taken_for_another_encoding() -> None:
    assert refusal("front,back\nfür,é\n".encode() + b"\xfc,x\n") == WrongEncoding(line=2)
    assert refusal(b"\xff\xfef\0r\0o\0\n") == WrongEncoding(line=1)


# Writing


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'=1",
    "''=1",
    "＝1",
    " =1",
    "-",
    "=cmd|' /C calc'!A0",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_is_a_formula(formula: str) -> None:
    written = write_sheet([Row(formula, formula, lesson=formula, deck=formula, guid=formula)])
    table = csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""))
    assert next(table) == list(sheets.COLUMNS)
    cells = next(table)
    assert all(cell == "" or cell.startswith("'") for cell in cells)


def test_a_table_is_what_excel_expects() -> None:
    written = write_sheet([Row("a", 'b "c"\nd', ("x", "y"), "3", "D::E", "g")])
    assert written == b'\xef\xbb\xbffront,back,tags,lesson,deck,guid\r\na,"b ""c""\nd",x y,3,D::E,g\r\n'
    assert write_sheet([Row("a", "b")], tabs=True).splitlines()[1] == b"a\tb\t\t\t\t"


odd = st.lists(st.sampled_from("',;\t\n\"=|-a "), max_size=8).map("".join)
cells = st.text(max_size=30) | st.sampled_from(FORMULAS) | odd
tags = st.lists(st.from_regex(r"[\w:-]{1,5}", fullmatch=True), max_size=3).map(tuple)
rows = st.builds(Row, front=cells, back=cells, tags=tags, lesson=cells, deck=cells, guid=st.uuids().map(str))


def stored(text: str) -> str:
    """The text as it is stored here anyway: neutral, without space around it."""
    return neutral(text).replace("\r\n", "\n").replace("\r", "\n").strip()


@settings(max_examples=500, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), st.booleans())
def test_what_was_written_is_read_back(written: list[Row], tabs: bool) -> None:
    whole = [
        replace(row, **{name: stored(getattr(row, name)) for name in ("front", "back", "lesson", "deck")})
        for row in written
    ]
    usable = [row for row in whole if row.front and row.back]
    if not usable:
        return
    sheet = read_sheet(write_sheet(usable, tabs=tabs))
    assert [replace(row, line=0) for row in sheet.rows] == usable
    assert sheet.skipped == sheet.ignored == ()
    assert not sheet.guessed
