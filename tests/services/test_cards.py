"""Cards without Discord: what happens when several members do something at the same moment."""

import asyncio
import hashlib
import unicodedata
from collections.abc import AsyncIterator, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Card, Deck, Group, Membership, Note, NoteState
from bot.delivery.ledger import Ledger
from bot.errors import AlreadyApproved, BadText
from bot.errors.decks import ReadersBusy
from bot.flashcards.sheets import Row, write_sheet
from bot.services.access import Caller
from bot.services.cards import CardService, DeckService, Imported
from bot.services.cards.decks import IMPORTS_AT_ONCE
from bot.services.cards.merging import Merged
from bot.services.cards.sides import clean_sides

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GUILD, CHANNEL = 10, 20
ALICE, BOB, MIRA = (
    Caller(user_id=user_id, guild_id=GUILD, channel_ids=(CHANNEL,), name=name)
    for user_id, name in ((1, "Alice"), (2, "Bob"), (3, "Mira"))
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A group whose organizer is Mira; Alice and Bob are in it, too."""
    database = Database(database_url)
    async with database.write() as session:
        group = Group(
            guild_id=GUILD,
            name="Berlin",
            name_key="berlin",
            timezone="Europe/Berlin",
            channel_id=CHANNEL,
            created_by=MIRA.user_id,
            created_at=NOW,
        )
        session.add(group)
        await session.flush()
        session.add_all(
            Membership(group_id=group.id, user_id=one.user_id, joined_at=NOW) for one in (ALICE, BOB, MIRA)
        )
    yield database
    await database.close()


@pytest.fixture
def cards(database: Database) -> CardService:
    ledger = Ledger(database, clock=lambda: NOW, owner="test")
    return CardService(database, ledger=ledger, library=CourseLibrary(), clock=lambda: NOW)


@pytest.fixture
def decks(database: Database) -> Iterable[DeckService]:
    service = DeckService(database, library=CourseLibrary(), clock=lambda: NOW)
    yield service
    service.close()


async def count(database: Database, kind: type[Card] | type[Deck] | type[Note]) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(kind)) or 0


async def test_of_two_who_approve_at_once_one_does(database: Database, cards: CardService) -> None:
    written = await cards.add(caller=ALICE, typed=None, front="Why?", back="Because", answer_in=CHANNEL)
    note = written.found.note
    pressed = await asyncio.gather(
        *(cards.approve(caller=one, note_id=note.id, revision=0) for one in (BOB, MIRA, BOB, MIRA)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, AlreadyApproved) for one in pressed) == 3
    async with database.read() as session:
        known = await session.get_one(Note, note.id)
    assert known.state is NoteState.ACTIVE
    assert {one.approved_by for one in pressed if isinstance(one, AlreadyApproved)} == {known.approved_by}


async def test_the_first_cards_of_a_deck_make_one_deck(database: Database, cards: CardService) -> None:
    await asyncio.gather(
        *(
            cards.add(caller=one, typed=None, front=f"Why {one.name}?", back="Because", deck="Basics")
            for one in (ALICE, BOB, MIRA)
        )
    )
    assert (await count(database, Deck), await count(database, Note)) == (1, 3)


async def bring(decks: DeckService, rows: list[Row]) -> Merged:
    data = write_sheet(rows)

    async def fetch() -> bytes:
        return data

    imported = await decks.import_file(caller=MIRA, typed=None, name="cards.csv", size=len(data), fetch=fetch)
    return imported.merged


async def test_two_imports_of_one_file_at_once_add_it_once(database: Database, decks: DeckService) -> None:
    rows = [Row(front=f"What is {number}?", back=str(number), deck="Numbers") for number in range(700)]
    imported = await asyncio.gather(*(bring(decks, rows) for _ in range(3)))
    assert sorted(merged.added for merged in imported) == [0, 0, 700]
    assert sorted(merged.unchanged for merged in imported) == [0, 700, 700]
    assert await count(database, Deck) == 1
    assert await count(database, Note) == await count(database, Card) == 700


async def test_so_many_files_at_once_and_no_more(database: Database, decks: DeckService) -> None:
    begun: asyncio.Queue[None] = asyncio.Queue()
    uploaded = asyncio.Event()

    async def fetch() -> bytes:
        begun.put_nowait(None)
        await uploaded.wait()
        return write_sheet([Row(front="Why?", back="Because")])

    def bring() -> Coroutine[Any, Any, Imported]:
        return decks.import_file(caller=MIRA, typed=None, name="cards.csv", size=20, fetch=fetch)

    async with asyncio.TaskGroup() as several:
        tasks = [several.create_task(bring()) for _ in range(IMPORTS_AT_ONCE)]
        for _ in tasks:
            await begun.get()
        with pytest.raises(ReadersBusy):
            await bring()
        uploaded.set()
    assert sorted(task.result().merged.added for task in tasks) == [0, 0, 1]
    assert (await bring()).merged.unchanged == 1


fronts = st.text(st.sampled_from("ab *_`\\"), min_size=1, max_size=4)
tables = st.lists(
    st.builds(Row, front=fronts, back=fronts, guid=st.sampled_from(["", "", "g1", "g2"])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=tables, second=tables)
async def test_whatever_is_imported_a_second_time_changes_nothing(
    database: Database, decks: DeckService, first: list[Row], second: list[Row]
) -> None:
    async def everything() -> str:
        async with database.read() as session:
            notes = await session.execute(select(Note.id, Note.guid, Note.fields).order_by(Note.id))
            cards = await session.execute(select(Card.id, Card.note_id, Card.front).order_by(Card.id))
            return hashlib.sha256(repr([*notes, *cards]).encode()).hexdigest()

    for rows in (first, second):
        rows = [Row("a card to begin with", "so that none is empty"), *rows]
        await bring(decks, rows)
        before = await everything()
        again = await bring(decks, rows)
        assert (again.added, again.changed) == (0, 0)
        assert await everything() == before


@given(st.text(max_size=200), st.text(max_size=40))
def test_a_side_is_cleaned_once_and_for_all(front: str, back: str) -> None:
    try:
        sides = clean_sides(front, back)
    except BadText:
        return  # nothing to be seen on it
    assert clean_sides(*sides) == sides
    assert len(sides[0]) <= len(unicodedata.normalize("NFC", front))
    assert not any("\ud800" <= sign <= "\udfff" or sign == "\0" for side in sides for sign in side)
