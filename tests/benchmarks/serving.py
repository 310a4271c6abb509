"""What serving costs beside the model: ours, LitServe and Ray Serve with a model that costs nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.classifier.protocol import ModelRef, Readiness
from bot.classifier.serving.local import LocalClassifier
from tests.benchmarks import costless
from tests.benchmarks.figures import median, ms, percentile, ratio, section, table
from tests.benchmarks.processes import Databases
from tests.benchmarks.rivals.client import Connection
from tests.classifier import pictures
from tests.wire.process import ROOT

MANY = 64
SECONDS = 3.0
ROUNDS = 3
GOAL, GOAL_P99, GOAL_P50 = 8.0, 0.025, 0.004
RAY = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_SERVE_ENABLE_DIRECT_INGRESS": "0"}
HAPROXY = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_SERVE_ENABLE_HA_PROXY": "1"}

Ask = Callable[[], Awaitable[object]]


@dataclass
class Times:
    """Of one system at one concurrency: requests a second of each round, and every answer's seconds."""

    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return median(self.rates)


@dataclass(frozen=True)
class System:
    """`opened(n)` gives n ways to ask, each of which is used by one asker at a time."""

    name: str
    opened: Callable[[AsyncExitStack, bytes, int], Awaitable[list[Ask]]]


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    image = pictures.photo(0.3, 1)
    section(
        "Serving a model that costs nothing",
        f"A JPEG of {len(image) / 1024:.0f} KiB goes in, a label comes out; nothing is decoded. Ours: from",
        "the bot's event loop through batcher and shared memory to the worker process and back, as a command",
        f"asks. The others over HTTP on loopback: {MANY} connections that stay open, the image as a raw",
        f"body, a client of 50 lines. All make batches of up to {MANY}. {ROUNDS} rounds of {SECONDS:.0f} s",
        "each, medians of the rounds; ours runs before and after the others. LitServe: one API server, one",
        "worker, fast queue, 2 ms for a batch (which is faster than none). Ray Serve: one replica, its",
        "throughput mode, no access log, no dashboard; behind its own HTTP proxy, behind HAProxy (which Ray",
        "starts when told to), and asked at the replica's own port, past any proxy and choice of a replica.",
    )
    found: dict[str, dict[int, Times]] = {}
    seconds, rounds = (0.4, 1) if quick else (SECONDS, ROUNDS)
    systems = (
        [ours()] if quick else [ours(), litserve(), ray_serve("Ray Serve", RAY), *_more_of_ray(), ours()]
    )
    if quick:
        systems.append(litserve())
    for system in systems:
        times = found.setdefault(system.name, {1: Times(), MANY: Times()})
        async with AsyncExitStack() as stack:
            asks = await system.opened(stack, image, MANY)
            for _ in range(rounds):
                for at_once in (1, MANY):
                    await _round(asks[:at_once], seconds, times[at_once])
    _report(found)


async def _round(asks: list[Ask], seconds: float, times: Times) -> None:
    end = time.perf_counter() + seconds
    taken: list[float] = []

    async def one(ask: Ask) -> None:
        while (began := time.perf_counter()) < end:
            await ask()
            taken.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(one(ask) for ask in asks))
    times.rates.append(len(taken) / (time.perf_counter() - began))
    times.seconds += taken


def _report(found: dict[str, dict[int, Times]]) -> None:
    mine = found["ours"]
    rows = [
        (
            name,
            *(f"{times[1].rate:,.0f}", ms(percentile(times[1].seconds, 0.5))),
            f"{times[MANY].rate:,.0f}",
            *(ms(percentile(times[MANY].seconds, share)) for share in (0.5, 0.99)),
            ratio(mine[MANY].rate, times[MANY].rate),
        )
        for name, times in found.items()
    ]
    heads = (
        "",
        "1 at once: a second",
        "p50, ms",
        f"{MANY} at once: a second",
        "p50, ms",
        "p99, ms",
        "ours to it",
    )
    print(table(heads, rows))
    late, usual = percentile(mine[MANY].seconds, 0.99), percentile(mine[1].seconds, 0.5)
    print()
    for name, times in found.items():
        if name != "ours":
            reached = mine[MANY].rate >= GOAL * times[MANY].rate
            print(f"At least {GOAL:.0f}× {name}: {_verdict(reached)}")
    print(f"p99 at {MANY} at once under {ms(GOAL_P99)} ms: {_verdict(late < GOAL_P99)}")
    print(f"p50 at 1 at once under {ms(GOAL_P50)} ms: {_verdict(usual < GOAL_P50)}", flush=True)


def _verdict(reached: bool) -> str:
    return "reached" if reached else "missed"


def ours() -> System:
    async def opened(stack: AsyncExitStack, image: bytes, count: int) -> list[Ask]:
        classifier = await stack.enter_async_context(_costless())
        model = ModelRef(name="costless", digest="0" * 64)

        async def ask() -> None:
            await classifier.classify(image, model)

        await ask()
        return [ask] * count

    return System("ours", opened)


@asynccontextmanager
async def _costless() -> AsyncIterator[LocalClassifier]:
    classifier = LocalClassifier(_Anywhere(), command=costless.COMMAND)
    await classifier.start()
    try:
        for _ in range(1200):
            if classifier.status().readiness is Readiness.READY:
                break
            await asyncio.sleep(0.05)
        yield classifier
    finally:
        await classifier.close()


class _Anywhere:
    def path(self, digest: str, *, name: str = "") -> Path:
        return ROOT


def litserve() -> System:
    return _over_http("LitServe", "litserve_program", "/predict", {})


def ray_serve(name: str, environment: dict[str, str], *, port: int | None = None) -> System:
    """`port` is where to ask, if not where it was told to listen."""
    return _over_http(name, "ray_program", "/", environment, port=port)


def _more_of_ray() -> list[System]:
    return [
        ray_serve("Ray Serve behind HAProxy", HAPROXY),
        ray_serve("Ray Serve's replica itself", RAY | {"RAY_SERVE_ENABLE_DIRECT_INGRESS": "1"}, port=30_000),
    ]


def _over_http(
    name: str, program: str, path: str, environment: dict[str, str], *, port: int | None = None
) -> System:
    async def opened(stack: AsyncExitStack, image: bytes, count: int) -> list[Ask]:
        listening = _free_port()
        await stack.enter_async_context(_running(program, listening, environment))
        await _until_answering(port or listening, path, image)
        return [
            (await stack.enter_async_context(Connection(port or listening, path, image))).ask
            for _ in range(count)
        ]

    return System(name, opened)


@asynccontextmanager
async def _running(program: str, port: int, environment: dict[str, str]) -> AsyncIterator[None]:
    """The program, in a Ray that listens on loopback and tells nobody how it is used."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"tests.benchmarks.rivals.{program}",
        str(port),
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            **environment,
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 60)
        # LitServe leaves its API server behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _until_answering(port: int, path: str, image: bytes) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with Connection(port, path, image) as connection:
                for _ in range(20):
                    await connection.ask()
            return
        await asyncio.sleep(0.3)
    raise AssertionError(f"nobody answers at port {port}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
