"""What is written on a card: checked, and turned into the cards that a note makes."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Card, Note, NoteState
from bot.errors import BadText
from bot.flashcards.anki import cloze, native
from bot.flashcards.anki.package import Card as Sides
from bot.flashcards.linter import normalised
from bot.flashcards.markdown import Text, visible

#: Of one side that a member types.
SIDE_LIMIT = 1500
KEY_LIMIT = 200


def clean_sides(front: str, back: str) -> tuple[str, str]:
    """Both sides without what nobody sees; the indent of code stays. A front with gaps, such as
    `{{c1::Rome}}`, needs no back. Raises BadText.
    """
    front = _clean("front", front)
    if cloze.numbers(front) and not back.strip():
        return front, ""
    return front, _clean("back", back)


def front_key(front: str) -> str:
    """Two cards with the same one ask the same. "" for a front of nothing but signs."""
    return normalised(front)[:KEY_LIMIT]


def sides_of(front: str, back: str) -> Sequence[Sides]:
    """The cards of a note that was written here: one, or one for each gap."""
    return native.cards_of(Text(front), Text(back), deck="")


def shown_on(sides: Sides) -> dict[str, Any]:
    """The columns of a card that shows these sides."""
    return {
        "front": sides.front.markdown,
        "back": sides.back.markdown,
        "front_media": list(sides.front.images),
        "back_media": list(sides.back.images),
    }


@dataclass(kw_only=True)
class Fitted:
    """What became of a note's cards: those that say something else now, those to be added, and those that
    the note no longer makes.
    """

    reworded: list[Card] = field(default_factory=list)
    added: list[Card] = field(default_factory=list)
    surplus: list[Card] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.reworded or self.added or self.surplus)


def fit(note: Note, cards: Collection[Card], wanted: Sequence[Sides]) -> Fitted:
    """Make a note's cards show these sides. A card stays the same one, with all that members remember of it,
    as long as the note makes a card of its ordinal.
    """
    known = {card.ordinal: card for card in cards}
    fitted = Fitted()
    for sides in wanted:
        card = known.pop(sides.ordinal, None)
        values = shown_on(sides)
        if card is None:
            fitted.added.append(
                Card(group_id=note.group_id, note_id=note.id, ordinal=sides.ordinal, **values)
            )
        elif any(getattr(card, name) != value for name, value in values.items()):
            fitted.reworded.append(card)
            for name, value in values.items():
                setattr(card, name, value)
    fitted.surplus += known.values()
    return fitted


async def retire(session: AsyncSession, note: Note, cards: Collection[Card], *, now: datetime) -> None:
    """Take cards away from a note that no longer makes them. They go to a removed note of their own, so that
    nobody is asked them again and the reviews that were made of them stay counted.
    """
    if not cards:
        return
    attic = Note(
        group_id=note.group_id,
        deck_id=note.deck_id,
        type_id=note.type_id,
        guid=uuid4().hex,
        fields=note.fields,
        tags=note.tags,
        front_key="",
        state=NoteState.REMOVED,
        revision=0,
        created_by=note.created_by,
        created_at=note.created_at,
        updated_at=now,
    )
    session.add(attic)
    await session.flush()
    theirs = Card.id.in_([card.id for card in cards])
    await session.execute(update(Card).where(theirs).values(note_id=attic.id))


def _clean(side: str, typed: str) -> str:
    lines = visible(unicodedata.normalize("NFC", typed)).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    text = text.strip() if "\n" not in text else text
    seen = any(unicodedata.category(character)[0] not in "ZCM" for character in text)
    if not seen or len(text) > SIDE_LIMIT:
        raise BadText(field=side, limit=SIDE_LIMIT, length=len(text) if seen else 0)
    return text
