"""What became of a deck that came as a file or with the bot, in words."""

from collections.abc import Mapping, Sequence

from bot.flashcards.anki.package import Reason
from bot.flashcards.sheets import RowReason
from bot.locales import N_, _, ngettext
from bot.services.cards import Imported, Left, LeftOut, Started
from bot.ui.cards import in_short
from bot.ui.text import all_of, fitting, shown

REPORT_NAME = "left-out.txt"
# As many stand in the answer itself.
MOST_LISTED = 8
LIST_ROOM = 1200

_REASONS: Mapping[Reason | RowReason | Left, str] = {
    Reason.NO_GUID: N_("it has no id by which Anki would know it again"),
    Reason.SAME_GUID: N_("another note of the file has the same id"),
    Reason.NO_MODEL: N_("its note type is missing"),
    Reason.NO_CARDS: N_("it makes no card"),
    Reason.WRONG_FIELDS: N_("it does not have the fields of its note type"),
    Reason.UNREADABLE_TEXT: N_("its text cannot be read"),
    Reason.TOO_LONG: N_("it is too long"),
    Reason.TOO_MANY_CARDS: N_("it makes too many cards"),
    Reason.BROKEN_TEMPLATE: N_("its template is broken"),
    Reason.IMAGE_OCCLUSION: N_("it covers parts of a picture, which needs Anki"),
    Reason.EMPTY_FRONT: N_("nothing is left of its front"),
    Reason.MISSING: N_("the file does not hold this picture"),
    Reason.DAMAGED: N_("this picture is damaged"),
    Reason.NOT_A_PICTURE: N_("it is no picture that Discord shows"),
    Reason.TOO_LARGE: N_("this picture is too large"),
    RowReason.EMPTY_FRONT: N_("it has no front"),
    RowReason.EMPTY_BACK: N_("it has no back"),
    RowReason.TOO_LONG: N_("it is too long"),
    RowReason.TOO_MANY_CELLS: N_("it has more cells than the header"),
    RowReason.SAME_GUID: N_("another row has the same guid"),
    Left.DUPLICATE: N_("another card asks the same"),
    Left.FROM_ANKI: N_("the note came from Anki, so an `.apkg` changes its words"),
}


def imported_words(imported: Imported, name: str) -> str:
    """What became of a file, and what was left out of it as far as it fits."""
    merged = imported.merged
    lines = [
        _(
            "**{file}** in **{group}**: {added:,} new, {changed:,} changed, {unchanged:,} as they were.",
            file=shown(name),
            group=shown(imported.group.name),
            added=merged.added,
            changed=merged.changed,
            unchanged=merged.unchanged,
        )
    ]
    if merged.pictures:
        lines.append(
            ngettext("{n:,} picture new or changed.", "{n:,} pictures new or changed.", merged.pictures)
        )
    if imported.lessons:
        unknown = shown(", ".join(imported.lessons), most=200)
        lines.append(_("No lessons of the group’s course, so left out: {names}.", names=unknown))
    if imported.ignored:
        ignored = shown(", ".join(imported.ignored), most=200)
        lines.append(_("Columns that mean nothing here: {names}.", names=ignored))
    if imported.guessed:
        lines.append(_("It was read as Western European; if letters look wrong, save it as UTF-8."))
    if merged.left_out:
        lines.append(_("Left out: {count:,}.", count=len(merged.left_out)))
        listed = [f"- {shown(left_out_line(one), most=200)}" for one in merged.left_out[:MOST_LISTED]]
        kept = fitting(listed, room=LIST_ROOM)
        lines += kept
        if len(kept) < len(merged.left_out):
            lines.append(_("All of them stand in `{file}`.", file=REPORT_NAME))
    return "\n".join(lines)


def report(left_out: Sequence[LeftOut]) -> bytes | None:
    """Everything that was left out as a text file; None when the answer itself has room for it."""
    if len(left_out) <= MOST_LISTED:
        return None
    return "\n".join(map(left_out_line, left_out)).encode()


def left_out_line(one: LeftOut) -> str:
    what = _("line {line}", line=one.line) if one.line else in_short(one.what)
    return f"{what}: {_(_REASONS[one.reason])}"


def started_words(started: Started) -> str:
    """What a group has of the starter decks now."""
    merged = started.merged
    decks = [
        ngettext(
            "**{deck}** ({n:,} card)", "**{deck}** ({n:,} cards)", len(deck.cards), deck=shown(deck.title)
        )
        for deck in started.decks
    ]
    text = _(
        "**{group}** has {decks}: {added:,} new, {changed:,} changed, {unchanged:,} as they were.",
        group=shown(started.group.name),
        decks=all_of(decks),
        added=merged.added,
        changed=merged.changed,
        unchanged=merged.unchanged,
    )
    if merged.kept:
        text += " " + _("{count:,} that you have changed or deleted stay so.", count=merged.kept)
    hint = _("Cards of a lesson come up once a member has run it. `/review` shows the first ones.")
    return f"{text} {hint}"
