"""Memory of the idle bot, and what must not be in its process."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path

import psutil

from tests.benchmarks.figures import mib, ratio, section, table
from tests.benchmarks.processes import BARE, Databases, bare, cohort, until_idle
from tests.benchmarks.startup import imported
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn

FOREIGN = ("torch", "torchvision", "fastai", "onnxruntime", "ray")
IDLE_SECONDS = 5.0


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    section(
        "Memory of the idle process",
        "After READY, when nothing is being done any more, plus "
        f"{1 if quick else IDLE_SECONDS:.0f} s. RSS is all that is mapped, PSS the",
        "same with what several processes share (these run side by side) by share, USS only what is its own.",
    )
    async with StandIn() as standin, AsyncExitStack() as stack:
        programs: dict[str, BotProcess] = {}
        for name in (BARE, *databases.kinds):
            # One stand-in is enough: nobody does anything.
            if name == BARE:
                program = bare(standin, folder)
            else:
                program = cohort(standin, folder, await databases.fresh(name), name=f"cohort-{name}")
                name = f"cohort, {name}"
            programs[name] = await stack.enter_async_context(program)
        await asyncio.gather(*(until_idle(program.pid) for program in programs.values()))
        await asyncio.sleep(1 if quick else IDLE_SECONDS)
        sizes = {name: psutil.Process(program.pid).memory_full_info() for name, program in programs.items()}
        least = sizes[BARE]
        print(
            table(
                ("", "RSS, MiB", "PSS, MiB", "USS, MiB", "PSS to bare", "threads"),
                [
                    (
                        name,
                        mib(size.rss),
                        mib(size.pss),
                        mib(size.uss),
                        ratio(size.pss, least.pss),
                        psutil.Process(programs[name].pid).num_threads(),
                    )
                    for name, size in sizes.items()
                ],
            )
        )
        maps = {
            name: [entry.path for entry in psutil.Process(program.pid).memory_maps()]
            for name, program in programs.items()
            if name != BARE
        }
        await stack.aclose()
        await _without_models(standin, databases, folder, maps)


async def _without_models(
    standin: StandIn, databases: Databases, folder: Path, maps: dict[str, list[str]]
) -> None:
    home = folder / "with-decoys"
    home.mkdir()
    missing = [name for name in FOREIGN if find_spec(name) is None]
    for name in missing:
        # What is not installed here gets an empty package of that name where the bot would find it, so
        # that an attempt to import it shows.
        (home / name).mkdir()
        (home / name / "__init__.py").write_text("")
    url = await databases.fresh(databases.kinds[0])
    program = cohort(standin, home, url, "-X", "importtime", name="cohort-modules")
    async with program:
        await until_idle(program.pid)
        await program.terminate()
    modules = [name for name, _ in imported(program.log_path.read_text(encoding="utf-8", errors="replace"))]
    loaded = sorted({name for name in modules if name.partition(".")[0] in FOREIGN})
    mapped = sorted({path for paths in maps.values() for path in paths if is_foreign(path)})
    print(
        f"\nModels in the bot's process ({', '.join(FOREIGN)}):\n"
        f"  imported, of {len(modules)} modules from start to stop: {', '.join(loaded) or 'none'}\n"
        f"  mapped, of {sum(map(len, maps.values()))} files in the idle processes: "
        f"{', '.join(Path(path).name for path in mapped) or 'none'}\n"
        f"  installed here: {', '.join(set(FOREIGN) - set(missing)) or 'none'}"
        + ("; in place of the others lay empty packages that could be imported" if missing else ""),
        flush=True,
    )


def is_foreign(path: str) -> bool:
    """Whether a mapped file belongs to one of the packages that must not be there."""
    words = re.split(r"[/._-]", path.lower())
    return any(name in words or f"lib{name}" in words for name in FOREIGN)
