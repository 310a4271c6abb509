"""`cohort demo`: the real bot in a simulated Discord, in the browser, in real time."""

import asyncio
import contextvars
import logging
import os
import re
import shutil
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from bot.logs import set_up_logs
from bot.sandbox.reopening import reopen
from bot.sandbox.seed import Story
from bot.sandbox.server import LONGEST_SKIP, Page
from bot.sandbox.stage import Stage
from bot.sandbox.views import Views
from bot.sandbox.world import new_world
from bot.schema import CannotRun, only_process, upgrade_schema
from bot.settings import Settings

log = logging.getLogger(__name__)

DATABASE = Path("data/demo.db")
PORTS_TRIED = 20
HELP = "Type skip 1h, skip 30m or skip 1d to let time go by, or quit."
SKIP = re.compile(r"skip\s+(?:(?P<count>\d{1,4})\s*(?P<unit>[mhd]))", re.IGNORECASE)
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    stage: Stage
    views: Views
    page: Page


async def run_demo(*, port: int, fresh: bool, database: Path = DATABASE) -> int:
    """Run until `quit`, end of input at a terminal, or a signal; returns the process's exit status."""
    set_up_logs(level="WARNING", format="console")
    try:
        with ExitStack() as stack:
            listening = stack.enter_context(listen(port))
            stack.enter_context(only_process(address(database)))
            if fresh:
                forget(database)
            typer.echo("Starting. The first time takes a few seconds longer.")
            async with open_demo(database, listening) as demo:
                taken = listening.getsockname()[1]
                if port not in (0, taken):
                    typer.echo(f"Port {port} is taken by another program, so this is on {taken}.")
                typer.echo(f"\n  Cohort is at {demo.page.url}\n\n{HELP}")
                await _until_told(demo)
    except CannotRun as reason:
        typer.echo(str(reason), err=True)
        return 1
    typer.echo("The demo has stopped. Its data is kept; --fresh begins anew.")
    return 0


@asynccontextmanager
async def open_demo(
    database: Path, listening: socket.socket, *, present: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncIterator[Demo]:
    """The bot, its simulated Discord at `present`, and the page on a bound socket."""
    url = address(database)
    settings = Settings(database_url=url, models=models_of(database), _env_file=None)
    await upgrade_schema(settings)
    world = new_world(settings)
    stage = Stage(world, present=present)
    now = max(present(), stage.now)
    story = Story(stage, now=now)
    known = await reopen(world, database_url=url, now=now)
    told = known
    try:
        if known:
            story.recall()
            await world.connect(at=now)
            await world.run_due()
        else:
            await world.connect(at=story.begins)
            with world.env.time_context():
                await story.live()
            told = True
        await stage.catch_up()
        async with Views(stage) as views:
            page = Page(stage, views)
            # In a context without the simulated clock: a server has its own timeouts to keep.
            await asyncio.create_task(page.start(listening), context=contextvars.Context())
            clock = asyncio.create_task(stage.run_clock(views.publish), context=contextvars.Context())
            try:
                yield Demo(stage=stage, views=views, page=page)
            finally:
                clock.cancel()
                await asyncio.gather(clock, return_exceptions=True)
                await page.close()
    finally:
        await world.close()
        if not told:
            # A story told by half would be taken for a server that was lived in.
            forget(database)


def listen(port: int) -> socket.socket:
    """A socket on the loopback address, on this port or one of the next; raises CannotRun."""
    if not 0 <= port <= 65535:
        raise CannotRun(f"Port {port} does not exist. Choose one from 1 to 65535, or 0 for a free one.")
    for number in range(port, min(port + PORTS_TRIED, 65536)) if port else (0,):
        try:
            return socket.create_server(("127.0.0.1", number))
        except PermissionError:
            raise CannotRun(f"Port {number} needs more rights. Choose a higher one: --port 8080") from None
        except OSError:
            continue
    raise CannotRun(f"Port {port} and those after it are taken. Choose another with --port, or --port 0.")


def address(database: Path) -> str:
    return f"sqlite+aiosqlite:///{database}"


def models_of(database: Path) -> Path:
    """Where the models of the demo's groups lie."""
    return database.with_name(f"{database.stem}-models")


def forget(database: Path) -> None:
    """Delete the demo's data."""
    shutil.rmtree(models_of(database), ignore_errors=True)
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


async def obey(line: str, stage: Stage) -> str | None:
    """Do what was typed; returns what to answer, or None to stop."""
    command = line.strip().lower()
    if command in ("quit", "exit", "q"):
        return None
    found = SKIP.fullmatch(command)
    if found is None:
        return HELP
    amount = int(found["count"]) * UNITS[found["unit"]]
    if not timedelta(0) < amount <= LONGEST_SKIP:
        return f"Skip at least a minute and at most {LONGEST_SKIP.days} days."
    await stage.skip(amount)
    return f"It is now {stage.now:%A, %d %B %Y, %H:%M} UTC."


async def _until_told(demo: Demo) -> None:
    """Read the terminal until it says to stop, or until a signal does."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: Ctrl-C raises KeyboardInterrupt instead
            break
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    _read_terminal(lambda line: loop.call_soon_threadsafe(lines.put_nowait, line))
    stopped = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            typed = asyncio.create_task(lines.get())
            await asyncio.wait({typed, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not typed.done():
                typed.cancel()
                return
            line = typed.result()
            if line is None:
                # The end of a terminal's input is Ctrl-D. In the background there is nothing to read.
                if sys.stdin is not None and sys.stdin.isatty():
                    return
                await stop.wait()
                return
            if not line.strip():
                continue
            answer = await obey(line, demo.stage)
            if answer is None:
                return
            await demo.views.publish()
            typer.echo(answer)
    finally:
        stopped.cancel()


def _read_terminal(heard: Callable[[str | None], object]) -> None:
    """Hear lines from standard input in a thread of their own, and None at their end.

    Straight from the descriptor: a thread inside `sys.stdin` would hold its lock when the program ends.
    """

    def read() -> None:
        rest = b""
        try:
            descriptor = sys.stdin.fileno()
            while chunk := os.read(descriptor, 4096):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    heard(line.decode("utf-8", "replace"))
            if rest:
                heard(rest.decode("utf-8", "replace"))
            heard(None)
        except RuntimeError:
            return  # the loop is closed: nobody listens any more
        except (OSError, ValueError, AttributeError):
            heard(None)  # there is no standard input

    threading.Thread(target=read, name="terminal", daemon=True).start()
