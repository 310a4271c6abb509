"""`python -m tests.chaos.points [--database NAME]`: every pair of crash points under every kind of fault.

Both pauses after each death (the lease ends; Discord forgets the nonce), the fault once and twice, one death
and two, and a sleep through the lease at every point.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bot.db.engine import Database
from bot.db.migrate import upgrade
from tests.delivery.acting import POINTS, Killed
from tests.delivery.conftest import Clock
from tests.delivery.exploring import KINDS, Scenario, Stage, Tally, asleep, once, twice
from tests.postgres import PostgresServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.points", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    wanted = parser.parse_args().database
    right = True
    if wanted != "postgresql":
        with tempfile.TemporaryDirectory(prefix="cohort-points-") as folder:
            right = asyncio.run(explore(f"sqlite+aiosqlite:///{Path(folder) / 'points.db'}", "SQLite"))
    if wanted != "sqlite":
        with PostgresServer() as server:
            server.create_database("points")
            right = asyncio.run(explore(server.url("points"), "PostgreSQL")) and right
    sys.exit(0 if right else 1)


def unless_killed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell what nobody awaited, unless it is a death that was wanted."""
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)


async def explore(url: str, name: str) -> bool:
    began = time.monotonic()
    asyncio.get_running_loop().set_exception_handler(unless_killed)
    await upgrade(url)
    database, tally = Database(url), Tally()
    stage = Stage(database, Clock())
    try:
        for kind in KINDS:
            for pause in kind.pauses:
                for times in (1, 2) if kind.is_retried else (1,):
                    scenario = Scenario(kind, (), pause, times)
                    await once(stage, scenario, tally)
                    await twice(stage, scenario, tally)
                    await asleep(stage, scenario, tally)
            print(f"  {name}: {kind.name}: {tally.played:,} lives so far", flush=True)
    finally:
        await database.close()
    print(
        f"crash points on {name}: {tally.played:,} lives, {len(tally.stops)} of {len(POINTS)} points, "
        f"{len(KINDS)} kinds of fault, {len(tally.pairs)} pairs of both, {len(tally.wrong)} lost or doubled, "
        f"in {time.monotonic() - began:.0f} s"
    )
    for scenario, outcome in tally.wrong[:20]:
        print(f"  {scenario}: {outcome}")
    return not tally.wrong and set(tally.stops) == set(POINTS)


if __name__ == "__main__":
    main()
