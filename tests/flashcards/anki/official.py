"""The judge: the official `anki` package, writing decks for our reader and reading what we wrote."""

import html
import re
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from anki.collection import (  # first, and the card from here: their modules import each other
    Card,
    Collection,
    ExportAnkiPackageOptions,
    ImportAnkiPackageOptions,
    ImportAnkiPackageRequest,
    ImportLogWithChanges,
)
from anki.notes import Note

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(100))


class Format(StrEnum):
    """The three formats in use, by the name of the collection inside."""

    OLDEST = "collection.anki2"
    OLD = "collection.anki21"
    NEWEST = "collection.anki21b"


@dataclass(frozen=True)
class Seen:
    """A card as Anki shows it, as HTML without the boxes to type into."""

    front: str
    back: str


class Anki:
    """A member's own Anki."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.collection = Collection(str(folder / "collection.anki2"))

    def close(self) -> None:
        self.collection.close()

    def note_type(
        self, name: str, fields: tuple[str, ...], front: str, back: str, *, cloze: bool = False
    ) -> None:
        models = self.collection.models
        model = models.new(name)
        if cloze:
            model["type"] = 1
        for field in fields:
            models.add_field(model, models.new_field(field))
        template = models.new_template("The card")
        template["qfmt"], template["afmt"] = front, back
        models.add_template(model, template)
        models.add(model)

    def blank(self, note_type: str, *values: str) -> Note:
        """A note that is in no deck yet."""
        model = self.collection.models.by_name(note_type)
        assert model is not None
        note = self.collection.new_note(model)
        note.fields = [*values, *[""] * (len(note.fields) - len(values))]
        return note

    def add(self, note_type: str, *values: str, deck: str = "Default", tags: tuple[str, ...] = ()) -> Note:
        note = self.blank(note_type, *values)
        note.tags = list(tags)
        deck_id = self.collection.decks.id(deck)
        assert deck_id is not None
        self.collection.add_note(note, deck_id)
        return note

    def add_medium(self, name: str, data: bytes) -> None:
        assert self.collection.media.write_data(name, data) == name

    def export(self, format: Format) -> Path:
        """A package with everything, in that format."""
        path = self.folder / f"{format}.apkg"
        options = ExportAnkiPackageOptions(
            with_scheduling=True, with_media=True, legacy=format is not Format.NEWEST
        )
        self.collection.export_anki_package(out_path=str(path), limit=None, options=options)
        if format is Format.OLDEST:  # today's Anki writes the second oldest: the same tables, other names
            rewrite(path, {"meta": None, Format.OLDEST: entry(path, Format.OLD), Format.OLD: None})
        return path

    def imported(self, path: Path) -> ImportLogWithChanges.Log:
        options = ImportAnkiPackageOptions(with_scheduling=True)
        request = ImportAnkiPackageRequest(package_path=str(path), options=options)
        return self.collection.import_anki_package(request).log

    def notes(self) -> dict[str, Note]:
        found = [self.collection.get_note(note_id) for note_id in self.collection.find_notes("")]
        return {note.guid: note for note in found}

    def seen(self, card: Card) -> Seen:
        """What the card shows; where there is a box to type into, the back shows what had to be typed."""
        output = card.render_output()
        fields = dict(card.note().items())

        def typed(box: re.Match[str]) -> str:
            field = box[1].rpartition(":")[2]
            return ", ".join(clozes(fields[field], card.ord + 1)) if "cloze:" in box[1] else fields[field]

        front = re.sub(r"\[\[type:[^\]]*\]\]", "", output.question_text)
        back = re.sub(r"\[\[type:([^\]]*)\]\]", typed, output.answer_text)
        return Seen(front, back)


def clozes(text: str, number: int) -> list[str]:
    """The text of simple clozes of that number."""
    return re.findall(rf"\{{\{{c{number}::(.*?)(?:::.*?)?\}}\}}", text)


def text_of(markup: str) -> str:
    """What is left of HTML when its tags are gone, the marks of sounds too."""
    stripped = re.sub(r"\[(?:sound|anki):[^\]]*\]|<!--.*?-->|<[^>]*>", " ", markup, flags=re.DOTALL)
    return " ".join(html.unescape(stripped).split())


def letters(text: str) -> str:
    """Only the letters and digits, for comparing HTML with markdown."""
    return "".join(character for character in text if character.isalnum())


def entry(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def rewrite(path: Path, entries: Mapping[str, bytes | None]) -> None:
    """Replace entries of a package, add them, or (None) take them out."""
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name not in entries}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**kept, **entries}.items():
            if data is not None:
                archive.writestr(name, data)


@contextmanager
def database(path: Path, name: str = Format.OLDEST) -> Iterator[sqlite3.Connection]:
    """The collection inside a package without zstd, to be changed in place."""
    file = path.with_suffix(".db")
    file.write_bytes(entry(path, name))
    connection = sqlite3.connect(file, isolation_level=None)
    connection.create_collation("unicase", lambda a, b: (a > b) - (a < b))
    try:
        yield connection
    finally:
        connection.close()
        rewrite(path, {name: file.read_bytes()})
