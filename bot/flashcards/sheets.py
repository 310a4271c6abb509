"""Cards as a table: CSV and TSV with a header row, as spreadsheets write and read them."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.errors.decks import (
    BrokenTable,
    ColumnTwice,
    DeckTooLarge,
    Measure,
    NoCards,
    NoHeader,
    UnknownDeckFile,
    WrongEncoding,
)
from bot.flashcards.anki import cloze
from bot.flashcards.markdown import neutral, visible

ENDINGS = (".csv", ".tsv")
COLUMNS = ("front", "back", "tags", "lesson", "deck", "guid")
_NEEDED = ("front", "back")

SHEET_BYTES = 10 * 2**20
ROWS = 50_000
#: A longer cell is left out with its row.
CELL_CHARACTERS = 2**16
GUID_CHARACTERS = 64

_DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = "cp1252"
# What text of Western Europe does not have when it is read as Windows-1252: a sign inside a word, the first
# half of a character of UTF-8 before its second, and four letters in a row without one of the 26.
_FAR_LETTERS = "À-ÖØ-öø-ÿŒœŠšŸŽž"
_ODD = re.compile(
    rf"(?<=[a-zA-Z{_FAR_LETTERS}])[^\x00-\x7f{_FAR_LETTERS}’‘·–—…×±÷²\xa0\xad](?=[a-zA-Z{_FAR_LETTERS}])"
    rf"|Ã[^\x00-\x7f]|[Ââ][^\x00-\x7f{_FAR_LETTERS}]"
    rf"|[{_FAR_LETTERS}×÷]{{4}}"
)
# With one of these first, a spreadsheet takes the cell for a formula; an apostrophe says that it is text.
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\n＝＋－＠]")
_SEPARATOR_LINE = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)


class RowReason(StrEnum):
    """Why a row was left out."""

    EMPTY_FRONT = "empty_front"
    EMPTY_BACK = "empty_back"  # without a cloze on the front
    TOO_LONG = "too_long"
    TOO_MANY_CELLS = "too_many_cells"  # more than the header, so that none can be trusted
    SAME_GUID = "same_guid"  # as a row before it


@dataclass(frozen=True, slots=True)
class Row:
    """A card in Discord's markdown; "" where the table says nothing. `line` is where it begins."""

    front: str
    back: str
    tags: tuple[str, ...] = ()
    lesson: str = ""
    deck: str = ""
    guid: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class SkippedRow:
    line: int
    reason: RowReason


@dataclass(frozen=True, slots=True)
class Sheet:
    """`ignored` are columns that mean nothing here. `guessed`: nothing in the file told its encoding, and it
    was read as Western European (Windows-1252)."""

    rows: tuple[Row, ...]
    skipped: tuple[SkippedRow, ...] = ()
    ignored: tuple[str, ...] = ()
    guessed: bool = False


def check_name(name: str) -> None:
    """Refuse what is not named like a table. Raises UnknownDeckFile."""
    if not name.lower().endswith(ENDINGS):
        raise UnknownDeckFile(name=name, endings=ENDINGS)


def read_sheet(data: bytes) -> Sheet:
    """The cards of a table, mentions, invites and masked links in them neutralised. Raises DeckRefused."""
    if len(data) > SHEET_BYTES:
        raise DeckTooLarge(measure=Measure.FILE, limit=SHEET_BYTES)
    text, guessed = _decoded(data)
    delimiters = _DELIMITERS
    if told := _SEPARATOR_LINE.match(text):  # Excel's note to itself
        delimiters, text = told[1], "\n" + text[told.end() :]
    delimiter = max(delimiters, key=lambda candidate: len(set(_header(text, candidate)) & set(COLUMNS)))
    header = _header(text, delimiter)
    if missing := tuple(name for name in _NEEDED if name not in header):
        raise NoHeader(missing=missing, found=tuple(filter(None, header)))
    for name in COLUMNS:
        if header.count(name) > 1:
            raise ColumnTwice(name=name)
    rows, skipped = _read_rows(text, delimiter, header)
    if not rows:
        raise NoCards(skipped=len(skipped))
    ignored = tuple(name for name in header if name and name not in COLUMNS)
    return Sheet(tuple(rows), tuple(skipped), ignored, guessed)


def write_sheet(rows: Iterable[Row], *, tabs: bool = False) -> bytes:
    """The table as UTF-8 with a byte order mark, without which Excel takes it for another encoding.

    No cell is a formula to a spreadsheet; `read_sheet` gives back the same cells.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter="\t" if tabs else ",")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = (row.front, row.back, " ".join(row.tags), row.lesson, row.deck, row.guid)
        writer.writerow(map(no_formula, cells))
    return file.getvalue().encode("utf-8-sig")


def no_formula(cell: str) -> str:
    """The cell, with an apostrophe before it if a spreadsheet would calculate it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _read_rows(text: str, delimiter: str, header: list[str]) -> tuple[list[Row], list[SkippedRow]]:
    rows: list[Row] = []
    skipped: list[SkippedRow] = []
    guids: set[str] = set()
    lines = _lines(text, delimiter)
    next(lines)  # the header
    for line, cells in lines:
        if len(rows) + len(skipped) >= ROWS:
            raise DeckTooLarge(measure=Measure.NOTES, limit=ROWS)
        row = _row(dict(zip(header, map(_cell, cells), strict=False)), line)
        reason = _flaw(row, guids)
        if any(cells[len(header) :]):
            reason = RowReason.TOO_MANY_CELLS
        elif max(map(len, cells)) > CELL_CHARACTERS or len(row.guid) > GUID_CHARACTERS:
            reason = RowReason.TOO_LONG
        if reason is None:
            rows.append(row)
            guids.add(row.guid)
        else:
            skipped.append(SkippedRow(line, reason))
    return rows, skipped


def _row(cells: dict[str, str], line: int) -> Row:
    return Row(
        front=neutral(cells.get("front", "")),
        back=neutral(cells.get("back", "")),
        tags=tuple(re.findall(r"[^\s,;]+", cells.get("tags", ""))),
        lesson=cells.get("lesson", ""),
        deck=cells.get("deck", ""),
        guid=cells.get("guid", ""),
        line=line,
    )


def _flaw(row: Row, guids: set[str]) -> RowReason | None:
    if not row.front:
        return RowReason.EMPTY_FRONT
    if not row.back and not cloze.numbers(row.front):
        return RowReason.EMPTY_BACK
    if row.guid and row.guid in guids:
        return RowReason.SAME_GUID
    return None


def _cell(raw: str) -> str:
    text = visible(raw).replace("\r\n", "\n").replace("\r", "\n").strip()
    return text[1:].strip() if text.startswith("'") and _FORMULA.match(text) else text


def _header(text: str, delimiter: str) -> list[str]:
    """The names of the columns in small letters; empty when the first row cannot be read this way."""
    try:
        return [_cell(name).casefold() for name in next(_lines(text, delimiter))[1]]
    except (BrokenTable, StopIteration):
        return []


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, with the line it begins on; a cell may hold several lines."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BrokenTable(line=line) from error
        if any(cell.strip() for cell in cells):
            yield line, cells
        line = reader.line_num + 1


def _decoded(data: bytes) -> tuple[str, bool]:
    """The text, and whether its encoding was guessed. Raises WrongEncoding."""
    named = _encoding(data)
    try:
        return data.decode(named), False
    except UnicodeDecodeError as error:
        if named != "utf-8":
            raise WrongEncoding(line=_line_of(data, error.start)) from error
    try:
        text = data.decode(_WESTERN)
    except UnicodeDecodeError as error:
        raise WrongEncoding(line=_line_of(data, error.start)) from error
    if odd := _ODD.search(text):
        raise WrongEncoding(line=text.count("\n", 0, odd.start()) + 1)
    return text, True


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    # A header begins with a letter or a quote, of which UTF-16 makes two bytes.
    if data[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" else "utf-8"


def _line_of(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1
