"""Cold start: from the start of the process to READY, and what the imports take of it."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.figures import median, ratio, section, table
from tests.benchmarks.processes import BARE, Databases, bare, cohort, cpu_seconds
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn

IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|( *)(\S+)")
MOST_LISTED = 12


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    section(
        "Cold start",
        "From the start of the process until its gateway session and its commands are there. Files are in",
        "the system's cache, and the schema is the newest but in the rows “first start”. “Until the first",
        "request” is Python, the imports and the database; CPU is the process's own processor time by READY.",
    )
    rounds = 1 if quick else 5
    async with StandIn() as standin:
        urls = {kind: await databases.fresh(kind) for kind in databases.kinds}
        programs = {BARE: bare(standin, folder)} | {
            f"cohort, {kind}": cohort(standin, folder, url, name=f"cohort-{kind}")
            for kind, url in urls.items()
        }
        for program in programs.values():
            await started(standin, program)  # warms the system's cache, writes what Python compiled
        taken: dict[str, list[Start]] = {name: [] for name in programs}
        for _ in range(rounds):
            for name, program in programs.items():
                taken[name].append(await started(standin, program))
        for kind in databases.kinds:
            once = cohort(standin, folder, await databases.empty(kind), name=f"first-{kind}")
            taken[f"cohort, {kind}, first start"] = [await started(standin, once)]
        least = median([start.ready for start in taken[BARE]])
        print(
            table(
                (
                    "",
                    "starts",
                    "until the first request, s",
                    "READY, s",
                    "slowest, s",
                    "CPU, s",
                    "READY to bare",
                ),
                [
                    (
                        name,
                        len(starts),
                        f"{median([start.first_request for start in starts]):.2f}",
                        f"{median([start.ready for start in starts]):.2f}",
                        f"{max(start.ready for start in starts):.2f}",
                        f"{median([start.cpu for start in starts]):.2f}",
                        ratio(median([start.ready for start in starts]), least),
                    )
                    for name, starts in taken.items()
                ],
            )
        )
        await _imports(standin, databases, folder)


@dataclass(frozen=True, kw_only=True)
class Start:
    """Seconds from the start of the process; `cpu` are seconds of processor time until READY."""

    first_request: float
    ready: float
    cpu: float


async def started(standin: StandIn, program: BotProcess) -> Start:
    """Start it once and stop it."""
    begin = time.monotonic()
    async with program:
        ready, cpu = time.monotonic() - begin, cpu_seconds(program.pid)
        first = next(r.at for r in standin.requests if r.client == program.client)
        await program.terminate()
    return Start(first_request=first - begin, ready=ready, cpu=cpu)


async def _imports(standin: StandIn, databases: Databases, folder: Path) -> None:
    found = []
    for make in (
        bare(standin, folder, "-X", "importtime", name="bare-imports"),
        cohort(
            standin,
            folder,
            await databases.fresh(databases.kinds[0]),
            "-X",
            "importtime",
            name="cohort-imports",
        ),
    ):
        await started(standin, make)
        found.append(own_seconds(make.log_path.read_text(encoding="utf-8", errors="replace")))
    least, ours = found
    print(
        "\nImports by package, from `python -X importtime` in one start (which slows them down itself): "
        f"bare {least.total():.2f} s, cohort {ours.total():.2f} s.\n"
    )
    rows = [(name, f"{ours[name]:.3f}", f"{least[name]:.3f}") for name, _ in ours.most_common(MOST_LISTED)]
    print(table(("package", "cohort, s", "bare, s"), rows), flush=True)


def imported(log: str) -> list[tuple[str, float]]:
    """The modules that `-X importtime` printed, with the seconds of each without its own imports."""
    return [(match[4], int(match[1]) / 1e6) for match in IMPORT.finditer(log)]


def own_seconds(log: str) -> Counter[str]:
    """Seconds by top-level package; the standard library counts as one."""
    total: Counter[str] = Counter()
    for module, seconds in imported(log):
        top = module.partition(".")[0]
        total["the standard library" if top in sys.stdlib_module_names else top] += seconds
    return total
