"""How many deliveries PostgreSQL hands out a second, with more and more history in the table."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from bot.db.engine import Database
from bot.delivery.ledger import Ledger, Share
from tests.benchmarks.boards import copied
from tests.benchmarks.figures import median, ms, percentile, section, table
from tests.benchmarks.processes import POSTGRESQL, Databases

SIZES = (10_000, 100_000, 1_000_000)
#: What is open in every table: due now, and planned for the next days.
DUE, PLANNED = 4_000, 20_000
#: As many as a process asks for at once when nothing is on its way.
BATCH = 16
PROCESSES = 4
SECONDS = 5.0
NOW = datetime.now(UTC).replace(microsecond=0)

COLUMNS = (
    "dedupe_key", "kind", "subject", "guild_id", "channel_id", "refs", "created_at", "due_at",
    "next_attempt_at", "state", "attempts", "errors", "fence", "settled_at",
)  # fmt: skip

# The open rows alone, split by whose they are: what the claim would look like with a partition for each of
# four shares. A scratch table in the measured database; the bot has none of it.
PARTITIONED = """
CREATE TABLE parted (LIKE deliveries INCLUDING DEFAULTS) PARTITION BY LIST (state);
CREATE TABLE parted_settled PARTITION OF parted DEFAULT;
CREATE TABLE parted_open PARTITION OF parted FOR VALUES IN ('pending', 'claimed')
    PARTITION BY HASH (guild_id);
CREATE TABLE parted_open_0 PARTITION OF parted_open FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE parted_open_1 PARTITION OF parted_open FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE parted_open_2 PARTITION OF parted_open FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE parted_open_3 PARTITION OF parted_open FOR VALUES WITH (MODULUS 4, REMAINDER 3);
INSERT INTO parted SELECT * FROM deliveries;
CREATE INDEX ON parted_open (next_attempt_at);
CREATE INDEX ON parted (id);
ANALYZE parted;
"""
# The partial index of the schema, once for each of four shares.
SPLIT_INDEX = "".join(
    f"CREATE INDEX split_{share} ON deliveries (next_attempt_at) WHERE state IN ('pending', 'claimed') "
    f"AND (COALESCE(user_id, guild_id, channel_id) >> 22) % 4 = {share};\n"
    for share in range(PROCESSES)
)
CLAIM = """
WITH due AS (
    SELECT id FROM {source} WHERE state IN ('pending', 'claimed') AND next_attempt_at <= now() {mine}
    ORDER BY next_attempt_at, id LIMIT {batch} FOR UPDATE SKIP LOCKED
)
UPDATE {table} SET state = 'claimed', attempts = attempts + 1, fence = fence + 1,
    next_attempt_at = now() + interval '30 seconds'
WHERE {again} id IN (SELECT id FROM due) RETURNING *
"""
SETTLE = "UPDATE {table} SET state = 'sent', settled_at = now() WHERE {again} id = ANY($1)"
# Without it PostgreSQL would look through every partition for an id.
OPEN = "state IN ('pending', 'claimed') AND"


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Claims handed out and settled in so many seconds, and how long each claim took."""

    rows: int
    claims: list[float]
    seconds: float

    def line(self, *names: object) -> tuple[object, ...]:
        return (
            *names,
            f"{len(self.claims) / self.seconds:,.0f}",
            f"{self.rows / self.seconds:,.0f}",
            ms(median(self.claims)),
            ms(percentile(self.claims, 0.99)),
        )


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    section(
        "Claims on PostgreSQL, by the rows in the ledger",
        f"Settled deliveries are the history; besides, {DUE:,} are due and {PLANNED:,} planned. A claim",
        f"takes up to {BATCH}, commits, and each is settled in a transaction of its own, as the bot does.",
        f"{PROCESSES} at a time: each claims for a quarter of the servers, from one Python process.",
    )
    if POSTGRESQL not in databases.kinds:
        print("Not measured: this needs PostgreSQL.")
        return
    rows: list[tuple[object, ...]] = []
    trials: list[tuple[object, ...]] = []
    sizes = SIZES[:1] if quick else SIZES
    for size in sizes:
        url = await databases.fresh(POSTGRESQL)
        await filled(url, size)
        bytes_each = await _bytes_each(url)
        for processes in (1, PROCESSES):
            rate = await the_bots(url, processes=processes, seconds=SECONDS / 5 if quick else SECONDS)
            rows.append(rate.line(f"{size:,}", processes))
        trials += await tried(url, size, seconds=SECONDS / 5 if quick else SECONDS)
    heads = ("history", "at a time", "claims/s", "deliveries/s", "p50, ms", "p99, ms")
    print(table(heads, rows))
    print(f"\nA row takes {bytes_each:,.0f} bytes with its indexes.")
    print(
        "\nThe claim alone, as plain SQL and its rows settled by one statement, four at a time: with the\n"
        "schema's partial index, with one such index for each share, and with a partition for each share.\n"
    )
    print(table(("history", "", *heads[2:]), trials), flush=True)


async def filled(url: str, size: int) -> None:
    await copied(url, {"deliveries": (COLUMNS, deliveries(size))})


def deliveries(size: int) -> Iterator[tuple[object, ...]]:
    """History of the last year, and what is open; servers over all four shares."""
    for number in range(size):
        at = NOW - timedelta(days=365) * (1 - number / size) - timedelta(minutes=1)
        yield _row(f"old {number}", number, at, at, "sent", 1, at)
    for number in range(DUE):
        at = NOW - timedelta(seconds=number % 30)
        yield _row(f"due {number}", number, at, at, "pending", 0, None)
    for number in range(PLANNED):
        at = NOW + timedelta(hours=1, seconds=10 * number)
        yield _row(f"planned {number}", number, at, at, "pending", 0, None)


def _row(
    key: str,
    number: int,
    created: datetime,
    due: datetime,
    state: str,
    attempts: int,
    settled: datetime | None,
) -> tuple[object, ...]:
    guild = (number % 5_000 + 1) << 22
    return (
        key, "k", f"s {number}", guild, guild + 1 + number % 7, "{}", created, due, due, state, attempts, 0,
        attempts, settled,
    )  # fmt: skip


async def the_bots(url: str, *, processes: int, seconds: float) -> Rate:
    """Through the bot's own ledger; what was claimed becomes due again before the next measurement."""
    await _run(
        url,
        "UPDATE deliveries SET state = 'pending', attempts = 0, first_attempt_at = NULL, owner = NULL, "
        "next_attempt_at = due_at, settled_at = NULL WHERE dedupe_key LIKE 'due %'",
    )
    database = Database(url)
    claims: list[float] = []
    rows = 0
    ledgers = [
        Ledger(
            database,
            clock=lambda: datetime.now(UTC),
            owner=f"benchmark {number}",
            database_clock=True,
            share=Share(shards=(number,), count=processes) if processes > 1 else None,
        )
        for number in range(processes)
    ]
    # The first one also pays for connecting and for translating the statements.
    await asyncio.gather(*(ledger.claim(1) for ledger in ledgers))

    async def work(ledger: Ledger) -> None:
        nonlocal rows
        while time.perf_counter() < ends:
            began = time.perf_counter()
            claimed = await ledger.claim(BATCH)
            claims.append(time.perf_counter() - began)
            if not claimed:
                return
            for one in claimed:
                await ledger.sent(one, channel_id=one.channel_id or 0, message_id=1)
            rows += len(claimed)

    began = time.perf_counter()
    ends = began + seconds
    try:
        await asyncio.gather(*map(work, ledgers))
    finally:
        await database.close()
    return Rate(rows=rows, claims=claims, seconds=time.perf_counter() - began)


async def tried(url: str, size: int, *, seconds: float) -> list[tuple[object, ...]]:
    """The claim as plain SQL on the three layouts."""
    mine = "AND (COALESCE(user_id, guild_id, channel_id) >> 22) % 4 = {share}"
    plain = {"source": "deliveries", "table": "deliveries", "mine": mine, "again": ""}
    lines = [(await _plain(url, plain, seconds=seconds)).line(f"{size:,}", "partial index")]
    await _run(url, SPLIT_INDEX)
    lines.append((await _plain(url, plain, seconds=seconds)).line(f"{size:,}", "split index"))
    await _run(url, PARTITIONED)
    parted = {"source": "parted_open_{share}", "table": "parted_open_{share}", "mine": "", "again": OPEN}
    settled = {**parted, "table": "parted"}
    lines.append((await _plain(url, parted, settled, seconds=seconds)).line(f"{size:,}", "partitions"))
    return lines


async def _plain(
    url: str, layout: dict[str, str], settled: dict[str, str] | None = None, *, seconds: float
) -> Rate:
    settled = settled or layout
    await _run(url, f"UPDATE {settled['table']} SET state = 'pending', next_attempt_at = due_at "  # noqa: S608
               "WHERE dedupe_key LIKE 'due %'")  # fmt: skip
    claims: list[float] = []
    rows = 0

    async def work(share: int) -> None:
        nonlocal rows
        claim = CLAIM.format(**layout, batch=BATCH).format(share=share)
        settle = SETTLE.format(**settled).format(share=share)
        connection = await _connected(url)
        try:
            while time.perf_counter() < ends:
                began = time.perf_counter()
                found = [row["id"] for row in await connection.fetch(claim)]
                claims.append(time.perf_counter() - began)
                if not found:
                    return
                await connection.execute(settle, found)
                rows += len(found)
        finally:
            await connection.close()

    began = time.perf_counter()
    ends = began + seconds
    await asyncio.gather(*map(work, range(PROCESSES)))
    return Rate(rows=rows, claims=claims, seconds=time.perf_counter() - began)


async def _bytes_each(url: str) -> float:
    connection = await _connected(url)
    try:
        sizes = "SELECT pg_total_relation_size('deliveries')::float8 / count(*) FROM deliveries"
        return float(await connection.fetchval(sizes))
    finally:
        await connection.close()


async def _connected(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", ""))


async def _run(url: str, statements: str) -> None:
    connection = await _connected(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
