"""How long a deck of 20,000 notes takes to come in, and how much memory."""

from __future__ import annotations

import os
import resource
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Group, Membership
from bot.flashcards.anki.native import note_of
from bot.flashcards.anki.package import Package
from bot.flashcards.anki.writer import write_package
from bot.flashcards.markdown import Text
from bot.services.access import Caller
from bot.services.cards import DeckService
from tests.benchmarks.figures import mib, section, table
from tests.benchmarks.processes import Databases

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
NOTES = 20_000
ORGANIZER = Caller(user_id=1, guild_id=1, channel_ids=(2,), manages_server=True)


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    notes = 500 if quick else NOTES
    data = package(notes)
    section(
        f"Importing a deck of {notes:,} notes",
        f"An .apkg of {mib(len(data))} MiB, from its bytes to the commit: read in a process of its own, then",
        "merged in one transaction; and the same file again. Memory: what the reading process needed at most",
        "(Linux counts in what its parent had when it began), and by how much the bot's own had grown.",
    )
    rows = []
    for kind in databases.kinds:
        database = Database(await databases.fresh(kind))
        async with database.write() as session:
            group = Group(
                guild_id=1,
                name="Berlin",
                name_key="berlin",
                timezone="Europe/Berlin",
                channel_id=2,
                created_by=1,
                created_at=NOW,
            )
            session.add(group)
            await session.flush()
            session.add(Membership(group_id=group.id, user_id=ORGANIZER.user_id, joined_at=NOW))
        service = DeckService(database, library=CourseLibrary(), clock=lambda: NOW)
        try:
            before = psutil.Process(os.getpid()).memory_info().rss
            for what in ("first", "again"):
                start = time.perf_counter()
                await bring(service, data)
                rows.append((kind, what, f"{time.perf_counter() - start:.1f}", *memory(before)))
        finally:
            service.close()
            await database.close()
    print(table(("", "import", "seconds", "reader, MiB", "bot, MiB more"), rows), flush=True)


def package(notes: int) -> bytes:
    made = [
        note_of(
            f"guid-{number}",
            Text(f"What is the derivative of **f({number})**?"),
            Text(f"The slope of its tangent there, of {number} in all."),
            tags=("calculus",),
            deck="Mathematics::Derivatives",
            changed_at=NOW,
        )
        for number in range(notes)
    ]
    return write_package(Package(notes=tuple(made)), now=NOW)


async def bring(service: DeckService, data: bytes) -> None:
    async def fetch() -> bytes:
        return data

    await service.import_file(caller=ORGANIZER, typed="1", name="deck.apkg", size=len(data), fetch=fetch)


def memory(before: int) -> tuple[str, str]:
    """Of the largest child so far, whose peak Linux counts in KiB; and of this process."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return mib(peak), mib(psutil.Process(os.getpid()).memory_info().rss - before)
