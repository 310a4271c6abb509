"""`python -m tests.benchmarks [--only NAME] [--quick]`: measure the bot, beside a bare program."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    acknowledgement,
    boards,
    claims,
    decks,
    flood,
    hostile_images,
    memory,
    pictures,
    pipeline,
    presses,
    reviews,
    scaling,
    serving,
    startup,
    throughput,
)
from tests.benchmarks.processes import Databases
from tests.postgres import NoPostgres, PostgresServer

SECTIONS: dict[str, Callable[..., Awaitable[Any]]] = {
    "startup": startup.measure,
    "memory": memory.measure,
    "acknowledgement": acknowledgement.measure,
    "ledger": throughput.measure,
    "claims": claims.measure,
    "scaling": scaling.measure,
    "pictures": pictures.measure,
    "boards": boards.measure,
    "reviews": reviews.measure,
    "presses": presses.measure,
    "decks": decks.measure,
    "pipeline": pipeline.measure,
    "serving": serving.measure,
    "hostile": hostile_images.measure,
    "flood": flood.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=sorted(SECTIONS), help="may be given several times"
    )
    parser.add_argument("--quick", action="store_true", help="few samples, SQLite only: to see that it runs")
    options = parser.parse_args()
    began = time.monotonic()
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    print(
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}{load}", flush=True
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cohort-benchmarks-")))
        server = None
        if not options.quick:
            server = PostgresServer(fsync=True)
            try:
                stack.enter_context(server)
            except NoPostgres as reason:
                print(f"Only SQLite: {reason}")
                server = None
        databases = Databases(folder, server)
        for name, measure in SECTIONS.items():
            if not options.only or name in options.only:
                place = folder / name
                place.mkdir()
                start = time.monotonic()
                asyncio.run(measure(databases, place, quick=options.quick))
                print(f"({name}: {time.monotonic() - start:.0f} s)", flush=True)
    print(f"\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
