"""`python -m tests.chaos [--preset full|medium|short] [--database NAME] [--seed N] ...`: the long form."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys
import tempfile
from pathlib import Path
from random import SystemRandom
from typing import get_args

from bot.db.migrate import upgrade
from tests.chaos.harness import Chaos
from tests.chaos.plan import Figure, Naive, Plan
from tests.openapi import BodyValidator
from tests.postgres import PostgresServer

PRESETS = {
    "full": Plan(
        deliveries=10_000,
        kills=1_000,
        stops=100,
        outages=20,
        database_crashes=50,
        processes=3,
        calm=1_200,
        calm_seconds=60,
        measured_crashes=40,
    ),
    "medium": Plan(
        deliveries=2_000,
        kills=200,
        stops=20,
        outages=5,
        database_crashes=15,
        processes=3,
        calm=400,
        calm_seconds=20,
        measured_crashes=10,
    ),
    "short": Plan(
        deliveries=100,
        kills=10,
        stops=1,
        outages=1,
        database_crashes=1,
        processes=2,
        calm=60,
        measured_crashes=2,
    ),
}
#: Seconds that a kill, a stop, an outage, a crash and a measured crash cost on two free cores, about.
COSTS = {"kills": 2.5, "stops": 3.8, "outages": 3.2, "database_crashes": 4.0, "measured_crashes": 7.0}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, default="full")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1, 100_000))
    parser.add_argument("--naive", choices=get_args(Naive)[1:], default="", help="this must double")
    parser.add_argument("--cold", action="store_true", help="every process imports for itself")
    parser.add_argument("--processes", type=int, help="on PostgreSQL; SQLite has one")
    for name in ("deliveries", "kills", "stops", "outages", "database_crashes", "calm", "measured_crashes"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help="instead of the preset's")
    parser.add_argument("--lease", dest="lease_seconds", type=float, help="seconds")
    parser.add_argument("--faults", type=float, help="share of the requests that meet one")
    parser.add_argument("--minutes", type=float, help="end the rounds after so long, whatever is left to do")
    options = vars(parser.parse_args())
    preset, database = PRESETS[options.pop("preset")], options.pop("database")
    plan = dataclasses.replace(preset, **{k: v for k, v in options.items() if v is not None})
    databases = ("sqlite", "postgresql") if database == "both" else (database,)
    clean = True
    with tempfile.TemporaryDirectory(prefix="cohort-chaos-") as folder:
        for name in databases:
            place = Path(folder) / name
            place.mkdir()
            figure = asyncio.run(play(plan, name, place))
            print(figure, flush=True)
            clean = clean and figure.clean
    sys.exit(0 if clean else 1)


async def play(plan: Plan, database: str, folder: Path) -> Figure:
    if database == "sqlite":
        plan = dataclasses.replace(plan, processes=1, database_crashes=0)
    minutes = (sum(getattr(plan, what) * cost for what, cost in COSTS.items()) + plan.calm_seconds) / 60
    print(f"{database}: seed {plan.seed}, about {minutes:.0f} min on two free cores ...", flush=True)
    if database == "sqlite":
        return await chaos(plan, f"sqlite+aiosqlite:///{folder / 'cohort.db'}", folder)
    server = PostgresServer()
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(server.create_database, "chaos")
        return await chaos(plan, server.url("chaos"), folder, server)
    finally:
        await asyncio.to_thread(server.stop)


async def chaos(plan: Plan, database_url: str, folder: Path, server: PostgresServer | None = None) -> Figure:
    await upgrade(database_url)
    run = Chaos(plan, database_url=database_url, folder=folder, validator=BodyValidator(), server=server)
    return await run.run()


if __name__ == "__main__":
    main()
