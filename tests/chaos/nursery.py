"""Bot processes without the price of their imports: one process has imported everything and forks the others.

Each child is a process of its own that runs `cohort run` from its first line to its last, and is killed,
stopped and awaited like any other; only importing some thousand modules, two seconds of processor time, is
spared. Run as a program, this module is that parent. It reads orders and writes events, a line of JSON each.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import functools
import importlib
import importlib.machinery
import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.wire.process import ROOT, BotProcess, Running
from tests.wire.standin import StandIn

COMMAND = ["cohort", "run"]
#: What `cohort run` imports late, each by its own time.
MODULES = ("bot.__main__", "bot.running")


class Child:
    """A forked process, as asyncio would show one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    def send_signal(self, number: int, /) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and the event is on its way
                os.kill(self.pid, number)

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def ended(self, status: int) -> None:
        self.returncode = status
        self._ended.set()


class Nursery:
    """The parent, as a context manager; when it ends, so do all its children."""

    def __init__(self) -> None:
        self._parent: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._born: asyncio.Queue[Child] = asyncio.Queue()
        self._children: dict[int, Child] = {}
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Nursery:
        self._parent = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.chaos.nursery",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._parent is not None
        assert self._parent.stdin is not None
        assert self._reader is not None
        self._parent.stdin.close()
        await self._parent.wait()
        await self._reader

    async def spawn(self, *, cwd: Path, env: Mapping[str, str], log: Path) -> Child:
        """Fork a child in this folder with this environment, all that it prints going to the log."""
        assert self._parent is not None
        assert self._parent.stdin is not None
        order = {"cwd": str(cwd), "env": dict(env), "log": str(log)}
        async with self._turn:
            self._parent.stdin.write(json.dumps(order).encode() + b"\n")
            return await self._born.get()

    async def _read(self) -> None:
        assert self._parent is not None
        assert self._parent.stdout is not None
        async for line in self._parent.stdout:
            event = json.loads(line)
            if "status" not in event:
                child = self._children[event["pid"]] = Child(event["pid"])
                self._born.put_nowait(child)
            else:
                self._children.pop(event["pid"]).ended(event["status"])
        for child in self._children.values():  # the parent took them with it
            child.ended(-signal.SIGKILL)


class ForkedBot(BotProcess):
    """A bot process whose starts a nursery forks; `cold` makes the next one import for itself."""

    def __init__(self, standin: StandIn, folder: Path, *, nursery: Nursery, **rest: Any) -> None:
        super().__init__(standin, folder, **rest)
        self.cold = False
        self._nursery = nursery

    async def _spawn(self, env: Mapping[str, str]) -> Running:
        if self.cold:
            return await super()._spawn(env)
        return await self._nursery.spawn(cwd=self.folder, env=env, log=self.log_path)


# The parent's side.


def serve() -> dict[str, Any] | None:
    """Fork a child for each order; returns the order in a child, None in the parent when they end."""
    # Each child executes the cogs anew, for discord.py loads them so; to compile them once is enough.
    loader: Any = importlib.machinery.SourceFileLoader
    compiled = functools.cache(loader.get_code)
    loader.get_code = lambda self, name: compiled(self, name)
    for name in MODULES:
        importlib.import_module(name)
    for name in importlib.import_module("bot.client").COGS:
        importlib.import_module(name)
    importlib.import_module("bot.scheduling.when").warm_up()  # what a bot loads once it is ready
    # A fork takes one thread along: what the others hold would stay locked for ever.
    threads = len(os.listdir("/proc/self/task")) if Path("/proc/self/task").exists() else 1
    assert threads == 1, f"importing the bot started {threads - 1} threads"
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: set[int] = set()
    pending = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report_the_dead(children)
        if 0 not in ready:
            continue
        read = os.read(0, 1 << 20)
        if not read:
            break
        *orders, pending = (pending + read).split(b"\n")
        for order in orders:
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(woken)
                os.close(waker)
                return json.loads(order)
            children.add(pid)
            _tell(pid=pid)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    return None


def _report_the_dead(children: set[int]) -> None:
    for pid in list(children):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            children.discard(pid)
            _tell(pid=pid, status=os.waitstatus_to_exitcode(status))


def _tell(**event: int) -> None:
    os.write(1, json.dumps(event).encode() + b"\n")


def become(order: dict[str, Any]) -> None:
    """Turn this child into what was ordered, and run it."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)
    faulthandler.register(signal.SIGUSR1)  # one that does not come up shows where it hangs
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = list(COMMAND)
    importlib.import_module("bot.__main__").main()


if __name__ == "__main__":
    ordered = serve()
    if ordered is not None:
        become(ordered)
