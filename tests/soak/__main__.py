"""`python -m tests.soak [--figure N] [--seed N] [--database NAME] [--minutes N]`: the long forms."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from random import SystemRandom

from bot.db.migrate import upgrade
from tests.postgres import PostgresServer
from tests.soak import drops, memory, rate, starts

FIGURES = (3, 6, 8, 10)
DATABASES = ("sqlite", "postgresql")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--figure", type=int, choices=FIGURES, action="append", help="all when left out")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1, 100_000))
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--minutes", type=float, default=10.0, help="of figure 3")
    parser.add_argument("--rate", type=float, default=200.0, help="of figure 3, interactions a second")
    parser.add_argument(
        "--ladder", action="store_true", help="figure 3: look for the highest rate that holds"
    )
    parser.add_argument("--drops", type=int, default=500, help="of figure 6")
    parser.add_argument("--rounds", type=int, default=100, help="of figure 8")
    parser.add_argument("--interactions", type=int, default=100_000, help="of figure 10")
    options = parser.parse_args()
    met = True
    for figure in options.figure or FIGURES:
        for database in DATABASES:
            if options.database in (database, "both"):
                with tempfile.TemporaryDirectory(prefix="cohort-soak-") as folder:
                    met &= asyncio.run(measure(figure, database, options, Path(folder)))
    sys.exit(0 if met else 1)


async def measure(figure: int, database: str, options: argparse.Namespace, folder: Path) -> bool:
    """One figure on one database, printed; whether its goal is met."""
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    say(f"\nfigure {figure} on {database}, seed {options.seed}; load of the machine before: {load}")
    async with fresh(database, folder) as (url, server):
        if figure == 3:
            return await figure_3(options, url, server, folder)
        if figure == 6:
            six = await drops.Drops(_drops(options), url, folder).run()
            say(six)
            return six.clean
        if figure == 8:
            eight = await starts.Starts(
                starts.Plan(rounds=options.rounds, seed=options.seed), folder, server
            ).run()
            say(eight)
            return eight.clean
        plan = memory.Plan(
            interactions=options.interactions, warm_up=options.interactions // 10, seed=options.seed
        )
        ten = await memory.soak(plan, url, folder, seen=say)
        say(ten)
        return ten.clean and ten.met


def _drops(options: argparse.Namespace) -> drops.Plan:
    return drops.Plan(drops=options.drops, zombies=options.drops // 50, seed=options.seed)


async def figure_3(
    options: argparse.Namespace, url: str, server: PostgresServer | None, folder: Path
) -> bool:
    plan = rate.Plan(rate=options.rate, seconds=options.minutes * 60, seed=options.seed)
    if not options.ladder:
        three = await rate.steady(plan, url, folder, server=server)
        say(three)
        return three.clean and three.in_time
    found, table = await rate.highest_rate(plan, url, folder)
    say(table)
    say(f"the highest rate that meets the goal here: {f'{found:g} a second' if found else 'none of these'}")
    return found is not None and found >= options.rate


@contextlib.asynccontextmanager
async def fresh(database: str, folder: Path) -> AsyncIterator[tuple[str, PostgresServer | None]]:
    """A database with the newest schema, and its server if it has one: a server that syncs to the disk."""
    if database == "sqlite":
        url = f"sqlite+aiosqlite:///{folder / 'cohort.db'}"
        await upgrade(url)
        yield url, None
        return
    server = PostgresServer(fsync=True)
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(server.create_database, "soak")
        await upgrade(server.url("soak"))
        yield server.url("soak"), server
    finally:
        await asyncio.to_thread(server.stop)


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
