"""The real bot as a process of its own, connected to the stand-in: to start, to kill and to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

from tests.wire.standin import StandIn

ROOT = Path(__file__).resolve().parents[2]


class Running(Protocol):
    """A process as asyncio shows it: `returncode` is None while it runs, and negative for a signal."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def send_signal(self, signal: int, /) -> None: ...

    async def wait(self) -> int: ...


class BotProcess:
    """`python -m bot run` against a stand-in; one object may be started again after it ended.

    As a context manager it starts, waits for READY, and kills what is left at the end; an error in the block
    gets the log's tail as a note.
    """

    def __init__(
        self,
        standin: StandIn,
        folder: Path,
        *,
        database_url: str,
        name: str = "bot",
        env: Mapping[str, str] | None = None,
        program: tuple[str, ...] = ("-m", "bot", "run"),
    ) -> None:
        """`folder` is the working directory and holds the log; `name` is unique among a test's processes."""
        self.standin = standin
        self.folder = folder
        self.name = name
        self.log_path = folder / f"{name}.log"
        self.starts = 0
        self._program = program
        self._env = {
            "DISCORD_TOKEN": standin.token,
            "COHORT_DATABASE_URL": database_url,
            **(env or {}),
        }
        self._process: Running | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def client(self) -> str:
        """The name under which the stand-in knows this start of the process."""
        return f"{self.name}-{self.starts}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.returncode

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def ready(self) -> bool:
        """Every shard is connected and the commands were put."""
        shards = {session.shard for session in self.standin.gateway.sessions_of(self.client)}
        own, _, _ = self._env.get("COHORT_SHARDS", "").partition("/")
        expected = len(own.split(",")) if own else self.standin.gateway.shards
        return len(shards) == expected and any(
            r.method == "PUT" and r.path.endswith("/commands") and r.client == self.client and r.status == 200
            for r in self.standin.requests
        )

    def log(self, lines: int = 60) -> str:
        """The last lines of all that the process printed, over all its starts."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    async def launch(self) -> None:
        """Start without waiting for anything."""
        assert not self.running, f"{self.name} is running"
        self.starts += 1
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("COHORT_", "DISCORD_"))}
        env = (
            inherited
            # Many processes run at once here: they share one machine's ports, and classify nothing.
            | {"COHORT_HEALTH": "off", "COHORT_CLASSIFIER": "off"}
            | self._env
            | {
                "COHORT_DISCORD_API_URL": self.standin.api_url_for(self.client),
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
            }
        )
        self._process = await self._spawn(env)
        self._watch = asyncio.create_task(self._notify_at_end(self._process))

    async def _spawn(self, env: Mapping[str, str]) -> Running:
        with self.log_path.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, *self._program, cwd=self.folder, env=env, stdout=log, stderr=log
            )

    async def _notify_at_end(self, process: Running) -> None:
        await process.wait()
        self.standin.notify()

    async def start(self, seconds: float = 60.0) -> None:
        """Start and wait for READY; AssertionError with the log when it ends or takes longer."""
        await self.launch()
        try:
            await self.standin.wait_until(
                lambda: self.ready or not self.running, seconds, f"READY of {self.client}"
            )
        except AssertionError as error:
            error.add_note(self.log())
            raise
        assert self.ready, f"{self.client} ended with status {self.returncode}\n{self.log()}"

    async def kill(self) -> None:
        """SIGKILL: the process gets no chance to tidy up. Returns when its connections are gone too."""
        if self.running:
            self.send_signal(signal.SIGKILL)
        await self.wait()
        await self.standin.wait_until(lambda: not self.standin.gateway.sessions_of(self.client))
        self.standin.gateway.forget_sessions(self.client)  # nobody is left to resume them

    async def terminate(self, seconds: float = 20.0) -> None:
        """SIGTERM, as a container or systemd sends it; AssertionError unless it ends well and in time."""
        self.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(self.wait(), seconds)
        except TimeoutError:
            raise AssertionError(f"{self.client} did not stop in {seconds} s\n{self.log()}") from None
        assert status == 0, f"{self.client} stopped with status {status}\n{self.log()}"

    def send_signal(self, number: signal.Signals) -> None:
        """Any signal, such as SIGSTOP and SIGCONT."""
        assert self._process is not None, "not started"
        self._process.send_signal(number)

    async def wait(self) -> int:
        """The exit status, negative for a signal."""
        assert self._process is not None, "not started"
        status = await self._process.wait()
        if self._watch is not None:
            await self._watch
        return status

    async def __aenter__(self) -> BotProcess:
        try:
            await self.start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()
        if error is not None:
            error.add_note(f"log of {self.name}:\n{self.log()}")

    async def _end(self) -> None:
        if self.running:
            self.send_signal(signal.SIGKILL)
        if self._process is not None:
            await self.wait()
