"""What became of a deck that came as a file or with the bot, in words."""

from collections.abc import Mapping, Sequence

from bot.flashcards.anki.package import Reason
from bot.flashcards.sheets import RowReason
from bot.services.cards import Imported, Left, LeftOut, Started
from bot.ui.cards import counted, in_short
from bot.ui.text import fitting, shown

REPORT_NAME = "left-out.txt"
# As many stand in the answer itself.
MOST_LISTED = 8
LIST_ROOM = 1200

_REASONS: Mapping[Reason | RowReason | Left, str] = {
    Reason.NO_GUID: "it has no id by which Anki would know it again",
    Reason.SAME_GUID: "another note of the file has the same id",
    Reason.NO_MODEL: "its note type is missing",
    Reason.NO_CARDS: "it makes no card",
    Reason.WRONG_FIELDS: "it does not have the fields of its note type",
    Reason.UNREADABLE_TEXT: "its text cannot be read",
    Reason.TOO_LONG: "it is too long",
    Reason.TOO_MANY_CARDS: "it makes too many cards",
    Reason.BROKEN_TEMPLATE: "its template is broken",
    Reason.IMAGE_OCCLUSION: "it covers parts of a picture, which needs Anki",
    Reason.EMPTY_FRONT: "nothing is left of its front",
    Reason.MISSING: "the file does not hold this picture",
    Reason.DAMAGED: "this picture is damaged",
    Reason.NOT_A_PICTURE: "it is no picture that Discord shows",
    Reason.TOO_LARGE: "this picture is too large",
    RowReason.EMPTY_FRONT: "it has no front",
    RowReason.EMPTY_BACK: "it has no back",
    RowReason.TOO_LONG: "it is too long",
    RowReason.TOO_MANY_CELLS: "it has more cells than the header",
    RowReason.SAME_GUID: "another row has the same guid",
    Left.DUPLICATE: "another card asks the same",
    Left.FROM_ANKI: "the note came from Anki, so an `.apkg` changes its words",
}


def imported_words(imported: Imported, name: str) -> str:
    """What became of a file, and what was left out of it as far as it fits."""
    merged = imported.merged
    lines = [
        f"**{shown(name)}** in **{shown(imported.group.name)}**: {merged.added:,} new, "
        f"{merged.changed:,} changed, {merged.unchanged:,} as they were."
    ]
    if merged.pictures:
        lines.append(f"{counted(merged.pictures, 'picture')} new or changed.")
    if imported.lessons:
        unknown = shown(", ".join(imported.lessons), most=200)
        lines.append(f"No lessons of the group’s course, so left out: {unknown}.")
    if imported.ignored:
        lines.append(f"Columns that mean nothing here: {shown(', '.join(imported.ignored), most=200)}.")
    if imported.guessed:
        lines.append("It was read as Western European; if letters look wrong, save it as UTF-8.")
    if merged.left_out:
        lines.append(f"Left out: {len(merged.left_out):,}.")
        listed = [f"- {shown(left_out_line(one), most=200)}" for one in merged.left_out[:MOST_LISTED]]
        kept = fitting(listed, room=LIST_ROOM)
        lines += kept
        if len(kept) < len(merged.left_out):
            lines.append(f"All of them stand in `{REPORT_NAME}`.")
    return "\n".join(lines)


def report(left_out: Sequence[LeftOut]) -> bytes | None:
    """Everything that was left out as a text file; None when the answer itself has room for it."""
    if len(left_out) <= MOST_LISTED:
        return None
    return "\n".join(map(left_out_line, left_out)).encode()


def left_out_line(one: LeftOut) -> str:
    what = f"line {one.line}" if one.line else in_short(one.what)
    return f"{what}: {_REASONS[one.reason]}"


def started_words(started: Started) -> str:
    """What a group has of the starter decks now."""
    merged = started.merged
    decks = [f"**{shown(deck.title)}** ({counted(len(deck.cards), 'card')})" for deck in started.decks]
    text = (
        f"**{shown(started.group.name)}** has {' and '.join(decks)}: {merged.added:,} new, "
        f"{merged.changed:,} changed, {merged.unchanged:,} as they were."
    )
    if merged.kept:
        text += f" {merged.kept:,} that you have changed or deleted stay so."
    return text + " Cards of a lesson come up once a member has run it. `/review` shows the first ones."
