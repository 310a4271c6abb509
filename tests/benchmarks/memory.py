"""Memory of the idle bot and of one in a thousand servers, and what must not be in its process."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.crowds import MEMBERS, add_servers
from tests.benchmarks.figures import mib, ratio, section, table
from tests.benchmarks.processes import BARE, Databases, bare, cohort, until_idle
from tests.benchmarks.startup import imported
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn, payloads

FOREIGN = ("torch", "torchvision", "fastai", "onnxruntime", "ray")
IDLE_SECONDS = 5.0
SERVERS = 1000
WANTED_IDLE_MB, WANTED_SERVERS_MB = 120, 250


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
        for name in databases.kinds:
            print_goal(f"The idle bot, {name}", sizes[f"cohort, {name}"], WANTED_IDLE_MB)
        maps = {
            name: [entry.path for entry in psutil.Process(program.pid).memory_maps()]
            for name, program in programs.items()
            if name != BARE
        }
        await stack.aclose()
        await _without_models(standin, databases, folder, maps)
    await _in_servers(databases, folder, count=20 if quick else SERVERS)
    await _with_worker(databases, folder)


def print_goal(what: str, size: Any, wanted_mb: int) -> None:
    """Against a goal in megabytes of 10^6 bytes, by PSS."""
    verdict = "reached" if size.pss < wanted_mb * 10**6 else "MISSED"
    print(
        f"{what} in less than {wanted_mb} MB: {verdict} "
        f"(PSS {size.pss / 10**6:.0f} MB, RSS {size.rss / 10**6:.0f} MB)",
        flush=True,
    )


async def _in_servers(databases: Databases, folder: Path, *, count: int) -> None:
    section(
        f"Memory in {count:,} servers of {MEMBERS} members",
        "Each has 26 channels in 5 categories, 25 roles, 25 emojis, 4 open threads, 6 members in voice and",
        "an event, and sends them as Discord does to a bot without the members intent. Measured when idle.",
    )
    rows, sizes = [], []
    for servers in (0, count):
        async with StandIn() as standin:
            servers_there = add_servers(standin.world, servers)
            url = await databases.fresh(databases.kinds[0])
            program = cohort(standin, folder, url, name=f"cohort-in-{servers}")
            try:
                await program.start(300)
                await until_idle(program.pid, longest=120)
                await asyncio.sleep(IDLE_SECONDS)
                size = psutil.Process(program.pid).memory_full_info()
            finally:
                await program.kill()
            sizes.append(size)
            rows.append((f"{servers + 1:,} servers", mib(size.rss), mib(size.pss), mib(size.uss)))
            if servers_there:
                intents = 1 | 1 << 7 | 1 << 16
                sent = payloads.guild(standin.world, servers_there[0], create=True, intents=intents)
                bytes_each = len(json.dumps(sent))
    print(table(("", "RSS, MiB", "PSS, MiB", "USS, MiB"), rows))
    idle, full = sizes
    print(
        f"\nOne server more: {(full.uss - idle.uss) / count / 1000:.0f} KB of memory, "
        f"from {bytes_each / 1000:.0f} KB of JSON."
    )
    print_goal(f"A bot in {count:,} servers of {MEMBERS} members", full, WANTED_SERVERS_MB)


async def _with_worker(databases: Databases, folder: Path) -> None:
    if find_spec("onnxruntime") is None:
        print("\nNo process for pictures: onnxruntime is not installed here.")
        return
    url = await databases.fresh(databases.kinds[0])
    env = {"COHORT_CLASSIFIER": "auto", "COHORT_CLASSIFIER_DEVICE": "cpu"}
    async with (
        StandIn() as standin,
        BotProcess(standin, folder, database_url=url, name="with-worker", env=env) as program,
    ):
        await until_idle(program.pid)
        await asyncio.sleep(IDLE_SECONDS)
        main = psutil.Process(program.pid)
        family = {"the bot": main} | {
            f"its child {number}": child for number, child in enumerate(main.children(recursive=True), 1)
        }
        sizes = {name: process.memory_full_info() for name, process in family.items()}
    print("\nWith the extra `classify` there is a process for the pictures, without a model in it yet:\n")
    rows = [(name, mib(size.rss), mib(size.pss), mib(size.uss)) for name, size in sizes.items()]
    print(table(("", "RSS, MiB", "PSS, MiB", "USS, MiB"), rows), flush=True)


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
