"""Notes from outside become a group's, in the caller's transaction: new ones added, known ones changed."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import Row, Select, TableClause, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.db.models import Base, Card, Deck, Group, Note, NoteState, NoteType
from bot.db.types import name_key
from bot.errors import TooManyNotes
from bot.flashcards.anki.package import Model, Reason
from bot.services.cards.finding import DEFAULT_DECK, lock_decks
from bot.services.cards.incoming import BETWEEN, Incoming, Left, LeftOut, deck_name
from bot.services.cards.pictures import keep_pictures
from bot.services.cards.sides import Fitted, fit, retire, shown_on

#: Of one group.
NOTES_LIMIT = 100_000
# How many rows one statement takes: SQLite binds 32,766 values, and others get their turn between two.
BATCH = 500
# What an import may change of a note that is known, and of its cards.
NOTE_COLUMNS = (
    "fields", "type_id", "front_key", "tags", "pack", "lesson", "deck_id", "state", "updated_at"
)  # fmt: skip
CARD_COLUMNS = ("front", "back", "front_media", "back_media")

T = TypeVar("T")


@dataclass(kw_only=True)
class Merged:
    """What became of the notes; `kept` are those that members changed or deleted, where that is respected."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept: int = 0
    pictures: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass(kw_only=True)
class Merger:
    """One import into one group. With `respects_members`, what they changed or deleted here stays so; else a
    known note becomes what the file says, and a deleted one comes back.
    """

    session: AsyncSession
    group: Group
    by: int
    now: datetime
    respects_members: bool = False
    merged: Merged = field(default_factory=Merged)

    async def merge(self, incoming: Sequence[Incoming], pictures: Mapping[str, bytes]) -> Merged:
        """Raises TooManyNotes and TooManyPictures."""
        await lock_decks(self.session, self.group.id)
        incoming = self._once_each(incoming)
        known = await self._known(incoming)
        incoming, self.merged.pictures = await keep_pictures(self.session, self.group, incoming, pictures)
        types = await self._types({one.model for one in incoming if one.model is not None})
        await self._change([one for one in incoming if one.guid in known], known, types)
        # After the changes, which may have made some question free.
        new = await self._without_duplicates([one for one in incoming if one.guid not in known])
        await self._add(new, types)
        return self.merged

    def _once_each(self, incoming: Sequence[Incoming]) -> list[Incoming]:
        seen: set[str] = set()
        kept = []
        for one in incoming:
            if one.guid in seen:
                self._leave_out(one, Left.DUPLICATE if one.is_guid_made else Reason.SAME_GUID)
            else:
                seen.add(one.guid)
                kept.append(one)
        return kept

    async def _known(self, incoming: Sequence[Incoming]) -> dict[str, int]:
        """The ids of the group's notes of these guids. A row for one card of a note from Anki is about that
        note.
        """
        guids = {one.guid for one in incoming}
        wholes = {guid: guid.rpartition(BETWEEN)[0] for guid in guids if BETWEEN in guid}
        query = select(Note.guid, Note.id, Note.type_id).where(Note.group_id == self.group.id)
        rows = await self._among(query, Note.guid, {*guids, *wholes.values()})
        known = {guid: id for guid, id, _ in rows}
        from_anki = {guid for guid, _, type_id in rows if type_id is not None}
        for guid, whole in wholes.items():
            if guid not in known and whole in from_anki:
                known[guid] = known[whole]
        return known

    async def _without_duplicates(self, new: Sequence[Incoming]) -> list[Incoming]:
        """All but rows without a guid that ask what another card asks, of the group or of the file."""
        query = select(Note.front_key).where(Note.group_id == self.group.id, Note.state != NoteState.REMOVED)
        made = {one.front_key for one in new if one.is_guid_made}
        asked = {key for (key,) in await self._among(query, Note.front_key, made)}
        asked |= {one.front_key for one in new if not one.is_guid_made}
        asked.discard("")
        kept = []
        for one in new:
            if one.is_guid_made and one.front_key in asked:
                self._leave_out(one, Left.DUPLICATE)
            else:
                kept.append(one)
        return kept

    async def _among(
        self, query: Select[*tuple[Any, ...]], column: InstrumentedAttribute[str], values: Collection[str]
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """The rows with one of these values; and others as well when the values are too many to name: a
        database looks for hundreds in each of thousands of rows.
        """
        if not values:
            return ()
        some = query.where(column.in_(values)) if len(values) <= BATCH else query
        return (await self.session.execute(some)).all()

    async def _require_room(self, wanted: int) -> None:
        count = select(func.count()).select_from(Note).where(Note.group_id == self.group.id)
        there = await self.session.scalar(count) or 0
        if there + wanted > NOTES_LIMIT:
            raise TooManyNotes(there=there, wanted=wanted, limit=NOTES_LIMIT)

    async def _types(self, models: Collection[Model]) -> dict[Model, int]:
        """The ids of the group's note types. Another definition is another type, though Anki's id may be the
        same: notes that are not in the file keep theirs.
        """
        keys = {f"{model.id}{BETWEEN}{_digest(model)}": model for model in models}
        found: dict[Model, int] = {}
        for some in batches(list(keys)):
            rows = await self.session.execute(
                select(NoteType.key, NoteType.id).where(
                    NoteType.group_id == self.group.id, NoteType.key.in_(some)
                )
            )
            found |= {keys[key]: id for key, id in rows}
        for key, model in keys.items():
            if model not in found:
                made = NoteType(group_id=self.group.id, key=key, definition=model.definition())
                self.session.add(made)
                await self.session.flush()
                found[model] = made.id
        return found

    async def _decks(self, incoming: Sequence[Incoming]) -> dict[str, int]:
        """The ids of the decks that are named, by key; "" is the one that everybody shares."""
        there = {
            deck.name_key: deck
            for deck in await self.session.scalars(select(Deck).where(Deck.group_id == self.group.id))
        }
        names = {name_key(name): name for one in incoming if (name := deck_name(one.deck))}
        if any(not deck_name(one.deck) for one in incoming) and not there:
            names.setdefault(name_key(DEFAULT_DECK), DEFAULT_DECK)
        for key, name in names.items():
            if key not in there:
                there[key] = Deck(
                    group_id=self.group.id,
                    name=name,
                    name_key=key,
                    created_by=self.by,
                    created_at=self.now,
                )
                self.session.add(there[key])
        await self.session.flush()
        ids = {key: deck.id for key, deck in there.items()}
        return ids | {"": min(ids.values())} if ids else ids

    async def _change(
        self, incoming: Sequence[Incoming], known: Mapping[str, int], types: Mapping[Model, int]
    ) -> None:
        for some in batches(incoming):
            ids = {known[one.guid] for one in some}
            # Locked, so that nothing that a member does meanwhile gets lost.
            query = select(Note).where(Note.id.in_(ids)).order_by(Note.id).with_for_update()
            found = await self.session.scalars(query)
            notes = {note.id: note for note in found}
            cards: dict[int, list[Card]] = defaultdict(list)
            for card in await self.session.scalars(select(Card).where(Card.note_id.in_(ids))):
                cards[card.note_id].append(card)
            # The session would write row by row: these are written below, all of one kind at once.
            self.session.expunge_all()
            changed: list[Note] = []
            reworded: list[Card] = []
            for one in some:
                note = notes[known[one.guid]]
                if self.respects_members and (note.revision or note.state is NoteState.REMOVED):
                    self.merged.kept += 1
                elif one.line and note.type_id is not None:
                    self._leave_out(one, Left.FROM_ANKI)
                else:
                    fitted = await self._rewrite(note, cards[note.id], one, types)
                    changed += [note] if fitted is not None else []
                    reworded += fitted.reworded if fitted is not None else []
            await self._write(Note, NOTE_COLUMNS, changed)
            await self._write(Card, CARD_COLUMNS, reworded)
            await self.session.flush()

    async def _rewrite(
        self, note: Note, cards: Collection[Card], one: Incoming, types: Mapping[Model, int]
    ) -> Fitted | None:
        """Let the note be what the file says; what became of its cards, None when there was nothing to do."""
        type_id = types[one.model] if one.model is not None else None
        words, lesson = (note.fields, note.type_id, note.tags), (note.pack, note.lesson)
        fitted = Fitted()
        if not one.was_exported_from(note):
            note.fields, note.type_id, note.front_key = list(one.fields), type_id, one.front_key
            fitted = fit(note, cards, one.cards)
            self.session.add_all(fitted.added)
            await retire(self.session, note, fitted.surplus, now=self.now)
        note.tags = list(one.tags) if one.tags is not None else note.tags
        note.pack, note.lesson = one.lesson or lesson
        is_new = fitted.changed or words != (note.fields, note.type_id, note.tags)
        if is_new:
            note.updated_at = self.now
        is_new |= lesson != (note.pack, note.lesson)
        if note.state is NoteState.REMOVED:
            note.deck_id = (await self._decks([one]))[name_key(deck_name(one.deck))]
            self.merged.added += 1
        elif is_new:
            self.merged.changed += 1
        else:
            self.merged.unchanged += 1
        was_active, note.state = note.state is NoteState.ACTIVE, NoteState.ACTIVE
        return fitted if is_new or not was_active else None

    async def _write(self, kind: type[Base], columns: Sequence[str], rows: Sequence[Note | Card]) -> None:
        if rows:
            values = [{name: getattr(row, name) for name in ("id", *columns)} for row in rows]
            await self.session.execute(update(kind), values)

    async def _add(self, incoming: Sequence[Incoming], types: Mapping[Model, int]) -> None:
        if not incoming:
            return
        await self._require_room(len(incoming))
        decks = await self._decks(incoming)
        notes, cards = (cast(TableClause, kind.__table__) for kind in (Note, Card))
        for some in batches(incoming):
            rows = [self._row(one, decks, types) for one in some]
            added = await self.session.execute(insert(notes).returning(notes.c.guid, notes.c.id), rows)
            ids = {guid: id for guid, id in added}
            await self.session.execute(
                insert(cards),
                [
                    {
                        "group_id": self.group.id,
                        "note_id": ids[one.guid],
                        "ordinal": card.ordinal,
                        **shown_on(card),
                    }
                    for one in some
                    for card in one.cards
                ],
            )
        self.merged.added += len(incoming)

    def _row(self, one: Incoming, decks: Mapping[str, int], types: Mapping[Model, int]) -> dict[str, Any]:
        pack, lesson = one.lesson or (None, None)
        return {
            "group_id": self.group.id,
            "deck_id": decks[name_key(deck_name(one.deck))],
            "type_id": types[one.model] if one.model is not None else None,
            "guid": one.guid,
            "fields": list(one.fields),
            "tags": list(one.tags or ()),
            "front_key": one.front_key,
            "pack": pack,
            "lesson": lesson,
            "state": NoteState.ACTIVE,
            "revision": 0,
            "created_by": self.by,
            "created_at": self.now,
            "updated_at": self.now,
            "approved_by": None,
        }

    def _leave_out(self, one: Incoming, reason: Left | Reason) -> None:
        what = "" if one.line else one.cards[0].front.markdown[:80]
        self.merged.left_out.append(LeftOut(what=what, line=one.line, reason=reason))


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _digest(model: Model) -> str:
    return hashlib.sha256(repr(model).encode()).hexdigest()[:32]
