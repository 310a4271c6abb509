"""How long the next card takes among a million memories, and a press of a grade with all that it writes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Group
from bot.delivery.ledger import Ledger
from bot.flashcards.memory import Grade
from bot.services.access import Caller
from bot.services.reviews import ReviewService, queue
from tests.benchmarks.boards import Rows, copied
from tests.benchmarks.figures import median, ms, percentile, section, table
from tests.benchmarks.processes import Databases

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
SIZE = 1_000_000
WANTED_MS = 20
MEMBERS = 40
#: The cards of the measured group, of which every member knows all.
CARDS, QUICK_CARDS = 5_000, 200
#: And of each other group.
OTHERS_CARDS = 500
# What is due for the members of the measured group in turn: a tenth, all, and nothing. Who knows every card
# and has nothing due makes all four queries run to their end.
DUE = {"a tenth is due": 10, "all is due": 1, "nothing is due": 0}

GROUP_COLUMNS = ("id", "guild_id", "name", "name_key", "timezone", "channel_id", "created_by", "created_at")
MEMBER_COLUMNS = ("group_id", "user_id", "joined_at")
DECK_COLUMNS = ("id", "group_id", "name", "name_key", "created_by", "created_at")
NOTE_COLUMNS = (
    "id", "group_id", "deck_id", "guid", "fields", "tags", "front_key", "state", "revision", "created_by",
    "created_at", "updated_at",
)  # fmt: skip
CARD_COLUMNS = ("id", "group_id", "note_id", "ordinal", "front", "back", "front_media", "back_media")
MEMORY_COLUMNS = (
    "user_id", "card_id", "group_id", "due", "stability", "difficulty", "phase", "reps", "lapses",
    "last_review",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Home:
    """A group and its cards; the ids of its cards begin at `first`."""

    id: int
    cards: int
    first: int

    def user(self, member: int) -> int:
        return self.id * 1000 + member


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    size = 20_000 if quick else SIZE
    cards = QUICK_CARDS if quick else CARDS
    section(
        f"Reviewing, with {size:,} memories in the table",
        f"A group of {MEMBERS} members who each know {cards:,} cards, among others with {OTHERS_CARDS}.",
        "The next card: from its statements on their way to its id. A press: all of a grade's transaction,",
        "committed, with the next card, its four intervals and what is left, as the message shows them.",
    )
    rows = []
    worst: dict[str, float] = {}
    for kind in databases.kinds:
        url = await databases.fresh(kind)
        await copied(url, tables(homes_for(size, cards)))
        rounds = 10 if quick else 200
        for situation in DUE:
            seconds = await time_next(url, situation, rounds=rounds)
            worst[f"{kind}, {situation}"] = percentile(seconds, 0.95)
            rows.append((kind, f"next card, {situation}", *figures(seconds)))
        seconds = await time_presses(url, rounds=rounds)
        rows.append((kind, "a press, of those with all due", *figures(seconds)))
    print(table(("", "", "median, ms", "p95, ms"), rows))
    slowest = max(worst, key=lambda name: worst[name])
    print(
        f"\nThe next card among {size:,} memories in less than {WANTED_MS} ms: "
        f"{'reached' if worst[slowest] * 1000 < WANTED_MS else 'MISSED'} "
        f"(the slowest, {slowest}: p95 {ms(worst[slowest])} ms)",
        flush=True,
    )


def figures(seconds: list[float]) -> tuple[str, str]:
    return ms(median(seconds)), ms(percentile(seconds, 0.95))


def homes_for(size: int, cards: int) -> list[Home]:
    """The measured group, and so many others that all their members' memories are `size`."""
    homes = [Home(id=1, cards=cards, first=1)]
    while (left := size // MEMBERS - sum(home.cards for home in homes)) > 0:
        last = homes[-1]
        homes.append(Home(id=last.id + 1, cards=min(left, OTHERS_CARDS), first=last.first + last.cards))
    return homes


def tables(homes: list[Home]) -> Rows:
    cards = [(home, home.first + i) for home in homes for i in range(home.cards)]
    groups = ((h.id, 1, f"Group {h.id}", f"group {h.id}", "Europe/Berlin", 1, 1, NOW) for h in homes)
    members = ((home.id, home.user(member), NOW) for home in homes for member in range(MEMBERS))
    decks = ((home.id, home.id, "Deck", "deck", 1, NOW) for home in homes)
    notes = (
        (n, home.id, home.id, str(n), '["f", "b"]', "[]", str(n), "active", 0, 1, NOW, NOW)
        for home, n in cards
    )
    sides = ((n, home.id, n, 0, "A question?", "Its answer.", "[]", "[]") for home, n in cards)
    return {
        "groups": (GROUP_COLUMNS, groups),
        "memberships": (MEMBER_COLUMNS, members),
        "decks": (DECK_COLUMNS, decks),
        "notes": (NOTE_COLUMNS, notes),
        "cards": (CARD_COLUMNS, sides),
        "card_memories": (MEMORY_COLUMNS, memories(cards)),
    }


def memories(cards: list[tuple[Home, int]]) -> Iterator[tuple[object, ...]]:
    """Card by card, so that a member's memories lie strewn among the others'."""
    one_in = list(DUE.values())
    for number, (home, card_id) in enumerate(cards):
        for member in range(MEMBERS):
            every = one_in[member % len(one_in)]
            is_due = every and number % every == 0
            due = NOW + timedelta(days=-1 if is_due else 3, seconds=number)
            last = NOW - timedelta(days=10)
            yield home.user(member), card_id, home.id, due, 10.0, 5.0, "review", 5, 0, last


async def time_next(url: str, situation: str, *, rounds: int) -> list[float]:
    database = Database(url)
    members = itertools.cycle(range(list(DUE).index(situation), MEMBERS, len(DUE)))
    try:
        async with database.read() as session:
            group = await session.get_one(Group, 1)

            async def once() -> None:
                user_id = 1000 + next(members)
                desk = await queue.desk_of(session, user_id=user_id, group=group, deck_id=None, now=NOW)
                found = await queue.next_card(session, desk)
                assert (found is None) == (situation == "nothing is due")

            return await timed(once, rounds=rounds)
    finally:
        await database.close()


async def time_presses(url: str, *, rounds: int) -> list[float]:
    database = Database(url)
    ledger = Ledger(database, clock=lambda: NOW, owner="benchmark")
    reviews = ReviewService(database, ledger=ledger, library=CourseLibrary(), clock=lambda: NOW)
    caller = Caller(user_id=1000 + list(DUE).index("all is due"), guild_id=1)
    try:
        opened = await reviews.open(caller=caller, typed="1", deck=None)
        assert opened.session is not None
        id_, turns = opened.session.id, itertools.count()

        async def once() -> None:
            turn = next(turns)
            sitting = await reviews.grade(caller=caller, session_id=id_, turn=turn, given=Grade.GOOD)
            assert sitting.done == turn + 1
            assert sitting.question is not None

        return await timed(once, rounds=rounds)
    finally:
        await database.close()


async def timed(once: Callable[[], Awaitable[Any]], *, rounds: int) -> list[float]:
    """Seconds of each; the first one also pays for translating the statements and is left out."""
    seconds = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        await once()
        seconds.append(time.perf_counter() - began)
    return seconds[1:]
