"""`python -m tests.chaos [--deliveries N] [--kills N] [--seed N] [--database NAME]`: the long form."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from bot.db.migrate import upgrade
from tests.chaos.harness import Chaos, Figure, Plan
from tests.openapi import BodyValidator
from tests.postgres import PostgresServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20, help="rounds, each ending with at least one SIGKILL")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1, 100_000))
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--processes", type=int, default=2, help="on PostgreSQL; SQLite has one")
    parser.add_argument("--lease", type=float, default=3.0, help="seconds")
    parser.add_argument("--faults", type=float, default=0.3, help="share of the requests that meet one")
    parser.add_argument("--naive", action="store_true", help="without nonce and marks: this must double")
    options = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory(prefix="cohort-chaos-") as folder:
        for database in ("sqlite", "postgresql"):
            if options.database in (database, "both"):
                place = Path(folder) / database
                place.mkdir()
                figures.append(asyncio.run(play(options, database, place)))
                print(figures[-1], flush=True)
    sys.exit(0 if all(figure.clean for figure in figures) else 1)


async def play(options: argparse.Namespace, database: str, folder: Path) -> Figure:
    plan = Plan(
        deliveries=options.deliveries,
        kills=options.kills,
        seed=options.seed,
        processes=options.processes if database == "postgresql" else 1,
        lease_seconds=options.lease,
        faults=options.faults,
        naive=options.naive,
    )
    print(f"{database}: seed {plan.seed} ...", flush=True)
    if database == "sqlite":
        return await chaos(plan, f"sqlite+aiosqlite:///{folder / 'cohort.db'}", folder)
    server = PostgresServer()
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(server.create_database, "chaos")
        return await chaos(plan, server.url("chaos"), folder)
    finally:
        await asyncio.to_thread(server.stop)


async def chaos(plan: Plan, database_url: str, folder: Path) -> Figure:
    await upgrade(database_url)
    return await Chaos(plan, database_url=database_url, folder=folder, validator=BodyValidator()).run()


if __name__ == "__main__":
    main()
