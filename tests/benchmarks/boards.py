"""How long a board takes at the database, and whether it grows with its group or with the table."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
from sqlalchemy import make_url

from bot.db.engine import Database
from bot.services.boards.measures import Measure
from bot.services.boards.periods import Period, period_bounds
from bot.services.boards.queries import board
from tests.benchmarks.figures import median, ms, percentile, ratio, section, table
from tests.benchmarks.processes import Databases

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
HISTORY = timedelta(days=90)
SIZES = (1_000, 100_000, 1_000_000)
WANTED_MS = 50
MEMBERS = 500
LESSONS = 7
# Of each lesson: watched and not counted, ran, reproduced and verified.
STAGES = (("watched", 0), ("ran", 2), ("reproduced", 4))
#: The groups that are measured, by their rows in the table: 2 of each member, and 12.
MEASURED = (1_000, 6_000)
OTHERS_MEMBERS, OTHERS_ROWS = 40, 500
BOARDS = tuple(itertools.product((Measure.LESSONS, Measure.POINTS), (Period.WEEK, Period.ALL)))

GROUP_COLUMNS = ("id", "guild_id", "name", "name_key", "timezone", "channel_id", "created_by", "created_at")
MEMBER_COLUMNS = ("group_id", "user_id", "joined_at", "name")
MARK_COLUMNS = (
    "group_id", "user_id", "pack", "version", "lesson", "stage", "points", "marked_at", "counts_at",
)  # fmt: skip

#: Columns and rows by table, in the order in which they refer to each other.
Rows = dict[str, tuple[tuple[str, ...], Iterator[tuple[object, ...]]]]


@dataclass(frozen=True, kw_only=True)
class Group:
    id: int
    members: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Seconds of one board of one group, in a table of `size` completions."""

    kind: str
    size: int
    group: Group
    measure: Measure
    period: Period
    seconds: list[float]


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    section(
        "Boards, by the completions in the table",
        f"A group of {MEMBERS} members, with 2 completions each and with 12, its rows strewn among those of",
        "other groups. From the statement on its way to its rows in Python, one at a time, as the bot asks.",
    )
    sizes = (1_000, 20_000) if quick else SIZES
    timed: list[Timed] = []
    for kind in databases.kinds:
        for size in sizes:
            url = await databases.fresh(kind)
            groups = groups_for(size)
            await fill(url, groups)
            timed += await time_boards(url, kind, size, groups, rounds=10 if quick else 200)
    print(
        table(
            ("", "completions", "of the group", "board", "median, ms", "p95, ms", "to the smallest table"),
            [
                (
                    one.kind,
                    f"{one.size:,}",
                    f"{one.group.rows:,}",
                    f"{one.measure}, {one.period}",
                    ms(median(one.seconds)),
                    ms(percentile(one.seconds, 0.95)),
                    ratio(median(one.seconds), median(smallest(timed, one).seconds)),
                )
                for one in timed
            ],
        )
    )
    slowest = max(
        (one for one in timed if one.size == sizes[-1]), key=lambda one: percentile(one.seconds, 0.95)
    )
    worst = percentile(slowest.seconds, 0.95)
    print(
        f"\nA board among {sizes[-1]:,} completions in less than {WANTED_MS} ms: "
        f"{'reached' if worst * 1000 < WANTED_MS else 'MISSED'} "
        f"(the slowest, “{slowest.measure}, {slowest.period}” on {slowest.kind}: p95 {ms(worst)} ms)",
        flush=True,
    )


def groups_for(size: int) -> list[Group]:
    """The measured groups that fit into a table of so many completions, and others that fill it up."""
    numbers = itertools.count(1)
    groups = []
    for rows in MEASURED:
        if sum(group.rows for group in groups) + rows <= size:
            groups.append(Group(id=next(numbers), members=MEMBERS, rows=rows))
    while (left := size - sum(group.rows for group in groups)) > 0:
        rows = min(left, OTHERS_ROWS)
        groups.append(Group(id=next(numbers), members=OTHERS_MEMBERS, rows=rows))
    return groups


def completions(groups: Sequence[Group]) -> Iterator[tuple[object, ...]]:
    """The marks of all groups in the order of their time, which mixes the groups."""
    chance = random.Random(1)
    marks = sorted(mark for group in groups for mark in _marks(group, chance))
    for share, group_id, user_id, lesson, (stage, points) in marks:
        at = NOW - HISTORY * (1 - share)
        yield (
            group_id,
            user_id,
            "fastai-2019",
            "1",
            f"lesson-{lesson}",
            stage,
            points,
            at,
            at if points else None,
        )


def _marks(group: Group, chance: random.Random) -> Iterator[tuple[float, int, int, int, tuple[str, int]]]:
    """As many (when, group, member, lesson, stage) as the group has rows, each member's lessons at any time
    and the stages of one a few days apart; `when` is the share of the time that is over.
    """
    begun: dict[tuple[int, int], float] = {}
    everything = itertools.product(range(LESSONS), enumerate(STAGES), range(group.members))
    for lesson, (number, stage), member in itertools.islice(everything, group.rows):
        start = begun.setdefault((member, lesson), chance.uniform(-0.05, 1))
        yield min(start + number * 0.05, 1), group.id, group.id * 1000 + member, lesson, stage


async def fill(url: str, groups: Sequence[Group]) -> None:
    """Write the groups, their members and completions."""
    rows: Rows = {
        "groups": (
            GROUP_COLUMNS,
            ((g.id, 1, f"Group {g.id}", f"group {g.id}", ZONE.key, 1, 1, NOW - HISTORY) for g in groups),
        ),
        "memberships": (
            MEMBER_COLUMNS,
            (
                (g.id, g.id * 1000 + member, NOW - HISTORY, f"Member {member}")
                for g in groups
                for member in range(g.members)
            ),
        ),
        "lesson_marks": (MARK_COLUMNS, completions(groups)),
    }
    await copied(url, rows)


async def copied(url: str, rows: Rows) -> None:
    """Write tables by the driver's fastest way, and let the database take stock, as it does in time."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        await asyncio.to_thread(_fill_sqlite, str(address.database), rows)
        return
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for name, (columns, values) in rows.items():
            await connection.copy_records_to_table(name, columns=columns, records=values)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


def _fill_sqlite(file: str, rows: Rows) -> None:
    connection = sqlite3.connect(file)
    try:
        for name, (columns, values) in rows.items():
            marks = ", ".join("?" * len(columns))
            statement = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
            connection.executemany(statement, (tuple(map(_text, row)) for row in values))
        connection.commit()
        connection.execute("PRAGMA optimize")
    finally:
        connection.close()


def _text(value: object) -> object:
    return f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value


async def time_boards(url: str, kind: str, size: int, groups: Sequence[Group], *, rounds: int) -> list[Timed]:
    database = Database(url)
    try:
        return [
            Timed(
                kind=kind,
                size=size,
                group=group,
                measure=measure,
                period=period,
                seconds=await _seconds(database, group, measure, period, rounds),
            )
            for group in groups
            if group.members == MEMBERS
            for measure, period in BOARDS
        ]
    finally:
        await database.close()


async def _seconds(
    database: Database, group: Group, measure: Measure, period: Period, rounds: int
) -> list[float]:
    span = period_bounds(period, NOW, ZONE)
    seconds = []
    async with database.read() as session:
        for number in range(rounds + 1):
            caller_id = group.id * 1000 + number % group.members
            statement = board(measure, group_id=group.id, span=span, caller_id=caller_id)
            began = time.perf_counter()
            rows = (await session.execute(statement)).all()
            seconds.append(time.perf_counter() - began)
            assert len(rows) >= 10, rows
    # The first one also pays for translating the statement and for reading what is on disk.
    return seconds[1:]


def smallest(timed: Sequence[Timed], one: Timed) -> Timed:
    """The same board of the same group in the smallest table that has it."""
    same = [
        other
        for other in timed
        if (other.kind, other.group.rows, other.measure, other.period)
        == (one.kind, one.group.rows, one.measure, one.period)
    ]
    return min(same, key=lambda other: other.size)
