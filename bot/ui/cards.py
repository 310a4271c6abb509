"""How a flashcard looks: its sides, the post that asks others to look, and hints on writing better ones."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import discord

from bot.db.models import NoteState
from bot.flashcards.linter import Problem, Rule, Side
from bot.flashcards.markdown import neutral
from bot.flashcards.math import in_unicode, readable, segments
from bot.locales import N_, _, ngettext
from bot.services.cards import Entry, Found, Page
from bot.ui.answers import Reply
from bot.ui.buttons import DurableButton, buttons
from bot.ui.text import DESCRIPTION_LIMIT, ZERO_WIDTH_SPACE, fitting, person, shown

#: The features of the buttons under a card, and of those that turn the pages of a list.
FEATURE = "card"
PAGES = "cards"
EDIT = "edit"
# Approve, and which words were looked at: "approve", and after a change "approve_1".
APPROVE = re.compile(r"approve(?:_(\d{1,9}))?")
TURN = re.compile(r"of_(\d{1,19})(?:_(\d{1,19}))?")

OPEN = discord.Colour(0x2F6FED)
APPROVED = discord.Colour(0x2E9E5B)
# All embeds of a message together take 6,000 characters.
FRONT_ROOM, BACK_ROOM = 2500, 3000
LINE_ROOM = 80
ESCAPED = re.compile(r"\\([^\w\s])")

CUT = "…"
FENCE = "```"
# Cutting looks so far back for the end of a line or word.
LOOKED_BACK = 200
BAR = re.compile(r"\|(?=\|)")


def side(text: str, *, room: int = DESCRIPTION_LIMIT) -> str:
    """One side of a card in at most `room` characters: its formatting works, its formulas are readable, but
    nothing in it mentions anybody, invites anywhere or hides where a link leads.
    """
    whole, length = readable(neutral(text)), room
    while len(whole) > room:
        # Cut first, then made harmless: what was code is none without its end.
        whole = readable(neutral(_cut(text, length)))
        length -= max(1, len(whole) - room)
    return whole


def _cut(text: str, length: int) -> str:
    """The beginning of a text, up to the end of a word and of a block of code."""
    kept = text[: max(0, length - len(CUT) - len(FENCE) - 1)]
    end = max(kept.rfind(" ", -LOOKED_BACK), kept.rfind("\n", -LOOKED_BACK))
    kept = kept[:end] if end > 0 else kept
    closing = f"\n{FENCE}" if kept.count(FENCE) % 2 else ""
    return kept + closing + CUT


def spoiler(text: str) -> str:
    """A side behind a bar that opens with a press, whatever is written in it. For the end of an embed."""
    inner = BAR.sub(f"|{ZERO_WIDTH_SPACE}", text)
    first = ZERO_WIDTH_SPACE if inner.startswith("|") else ""
    last = ZERO_WIDTH_SPACE if inner.endswith(("|", "\\")) else ""
    return f"||{first}{inner}{last}||"


# The post that asks a second member to look


def card_post(found: Found, *, delivery: int | None = None) -> Reply:
    """A new card, with the Approve button for as long as it waits."""
    note, card = found.note, found.cards[0]
    waits = note.state is NoteState.PENDING
    author, deck = person(note.created_by), shown(found.deck.name)
    words = [_("{author} wrote a card for **{deck}**.", author=author, deck=deck)]
    if len(found.cards) > 1:
        words.append(_("It makes {count} cards; this is the first.", count=len(found.cards)))
    if waits:
        group = shown(found.group.name)
        words.append(_("Another member of **{group}** can look at it and press Approve.", group=group))
    elif note.approved_by is not None:
        words.append(_("Approved by {member}: it is in the deck.", member=person(note.approved_by)))
    else:
        words.append(_("It is in the deck."))
    colour = OPEN if waits else APPROVED
    sides = [
        discord.Embed(description=side(card.front, room=FRONT_ROOM), colour=colour),
        discord.Embed(description=spoiler(side(card.back, room=BACK_ROOM)), colour=colour),
    ]
    view = buttons(approve_button(note.id, note.revision, delivery=delivery)) if waits else None
    return Reply(" ".join(words), embeds=sides, view=view)


def approve_button(note_id: int, revision: int, *, delivery: int | None) -> DurableButton:
    verb = f"approve_{revision}" if revision else "approve"
    style = discord.ButtonStyle.success
    return DurableButton(FEATURE, note_id, verb, label=_("Approve"), style=style, delivery=delivery)


# What is left of a post


def deleted() -> Reply:
    return Reply(_("The card that stood here is not in the group’s decks any more."))


def reworded() -> Reply:
    return Reply(_("The card that stood here was changed; its new words stand in a newer post."))


# Hints

_HINTS: Mapping[tuple[Rule, Side | None], str] = {
    (
        Rule.SEVERAL_FACTS,
        Side.FRONT,
    ): N_("The front asks for more than one thing. One fact a card is remembered best."),
    (
        Rule.SEVERAL_FACTS,
        Side.BACK,
    ): N_("The back is a list, and lists are hard to remember. A card for each is easier."),
    (Rule.YES_NO, Side.FRONT): N_("Yes or no can be guessed. Ask what, why or how instead."),
    (Rule.YES_NO, Side.BACK): N_("Yes or no can be guessed. Ask what, why or how instead."),
    (Rule.GIVEN_AWAY, Side.BACK): N_("The front says the answer already. Leave it out there."),
    (Rule.DUPLICATE, Side.FRONT): N_("Another card of the group asks the same."),
    (
        Rule.NO_LESSON,
        None,
    ): N_("It belongs to no lesson. With one, it comes up once a member has run that lesson."),
    (Rule.NO_GAP, Side.FRONT): N_("The gap is not complete: write it as `{{c1::hidden words}}`."),
}
_TOO_LONG = {
    Side.FRONT: N_(
        "The front has {length} characters; {limit} are read at a glance. "
        "Shorten it, or make two cards of it."
    ),
    Side.BACK: N_(
        "The back has {length} characters; {limit} are read at a glance. Shorten it, or make two cards of it."
    ),
}
_EMPTY = {Side.FRONT: N_("The front has no words."), Side.BACK: N_("The back has no words.")}


def hint(problem: Problem) -> str:
    """What could be better about a card, and how."""
    if problem.rule is Rule.TOO_LONG and problem.side is not None:
        return _(_TOO_LONG[problem.side], length=problem.length, limit=problem.limit)
    if problem.rule is Rule.EMPTY and problem.side is not None:
        return _(_EMPTY[problem.side])
    return _(_HINTS[problem.rule, problem.side])


def hints(problems: Sequence[Problem]) -> str:
    """As lines for the author; "" for a good card."""
    if not problems:
        return ""
    return "\n".join(
        [_("It is saved. What could make it easier to learn:"), *(f"- {hint(one)}" for one in problems)]
    )


def edit_button(note_id: int) -> DurableButton:
    return DurableButton(FEATURE, note_id, EDIT, label=_("Edit"))


# Lists


def listing(page: Page) -> Reply:
    """A page of a group's cards, with buttons to the ones before and after."""
    what = page.deck.name if page.deck is not None else page.group.name
    embed = discord.Embed(title=_("Cards: {where}", where=shown(what, most=200)), colour=OPEN)
    lines = [line(entry, with_deck=page.deck is None) for entry in page.entries]
    if not lines:
        embed.description = _(
            "No cards yet. `/cards add` writes the first one, `/cards starter` brings a whole deck."
        )
    else:
        embed.description = "\n".join(fitting(lines))
    footer = counted(page.size, "note")
    if page.pending:
        footer = _("{notes}, {count} waiting for approval", notes=footer, count=page.pending)
    if page.pages > 1:
        footer = " · ".join([footer, _("page {number} of {all}", number=page.number, all=page.pages)])
    embed.set_footer(text=footer)
    place = f"of_{page.group.id}" + (f"_{page.deck.id}" if page.deck is not None else "")
    turns = [(_("Previous"), page.number - 1), (_("Next"), page.number + 1)]
    shown_turns = [
        DurableButton(PAGES, number, place, label=label)
        for label, number in turns
        if 1 <= number <= page.pages
    ]
    return Reply(embeds=[embed], view=buttons(*shown_turns) if shown_turns else None)


def line(entry: Entry, *, with_deck: bool) -> str:
    facts = [counted(entry.cards, "card")] if entry.cards > 1 else []
    if entry.note.state is NoteState.PENDING:
        facts.append(_("by {author}, waits for approval", author=person(entry.note.created_by)))
    if with_deck:
        facts.append(shown(entry.deck, most=40))
    text = f"`#{entry.note.id}` {shown(in_short(entry.card.front))}"
    return " · ".join([text, *facts])


def in_short(text: str, *, most: int = LINE_ROOM) -> str:
    """The beginning of a side on one line, as it is read: formulas in Unicode, what was escaped as itself.
    For autocomplete; inside a message it goes through `shown`.
    """
    read = "".join(
        piece.written if piece.formula is None else in_unicode(piece.formula.source)
        for piece in segments(text)
    )
    words = " ".join(ESCAPED.sub(r"\1", read).split()) or _("(a picture)")
    return words if len(words) <= most else words[: most - 1] + "…"


def counted(number: int, what: Literal["note", "card", "picture", "correction"]) -> str:
    """So many of them, such as "1 card" and "1,204 cards"."""
    match what:
        case "note":
            return ngettext("{n:,} note", "{n:,} notes", number)
        case "card":
            return ngettext("{n:,} card", "{n:,} cards", number)
        case "picture":
            return ngettext("{n:,} picture", "{n:,} pictures", number)
        case "correction":
            return ngettext("{n:,} correction", "{n:,} corrections", number)
