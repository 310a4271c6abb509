"""Reads decks and tables in a process of their own: bounded, without a secret, and gone afterwards.

A new process for every file is the simplest one to trust: nothing of one file is left for the next, and one
that dies or hangs takes nothing with it. It is given a folder and the file, no token and no environment. On
Linux and macOS it also limits its own memory and processor time (macOS does not keep to the memory limit); on
Windows the clock alone ends it.
"""

import asyncio
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from bot.errors.decks import (
    Damage,
    DeckDamaged,
    DeckRefused,
    DeckTooLarge,
    DeckTooSlow,
    Measure,
    ReadersBusy,
)
from bot.flashcards import sheets
from bot.flashcards.anki import limits, reader, transfer
from bot.flashcards.anki.package import Package

if sys.platform == "win32":
    _FLAGS = subprocess.CREATE_NO_WINDOW
else:
    import resource

    _FLAGS = 0

log = logging.getLogger(__name__)

PROGRAM = (sys.executable, "-I", "-X", "utf8", "-m", "bot.flashcards.anki.worker")
AT_ONCE = 1
WAITING_AT_MOST = 8
# Python does not start without these, where they are set at all.
_PASSED_ON = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_LOGGED = 2_000


class DeckReader:
    """Owns the processes. `program` is what is run, with the file's path behind it."""

    def __init__(
        self,
        *,
        program: Sequence[str] = PROGRAM,
        at_once: int = AT_ONCE,
        waiting_at_most: int = WAITING_AT_MOST,
        seconds: int = limits.KILLED_AFTER,
    ) -> None:
        self._program = program
        self._threads = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="decks")
        self._most = at_once + waiting_at_most
        self._seconds = seconds
        self._jobs: set[_Job] = set()

    async def read_deck(self, data: bytes, name: str) -> Package:
        """The package that a member called `name`. Raises DeckRefused and ReadersBusy."""
        reader.check_name(name)
        package = await self._read(data, reader.ENDING, limits.FILE_BYTES)
        if not isinstance(package, Package):
            raise DeckDamaged(part=Damage.READING)
        return package

    async def read_sheet(self, data: bytes, name: str) -> sheets.Sheet:
        """The table that a member called `name`. Raises DeckRefused and ReadersBusy."""
        sheets.check_name(name)
        sheet = await self._read(data, sheets.ENDINGS[0], sheets.SHEET_BYTES)
        if not isinstance(sheet, sheets.Sheet):
            raise DeckDamaged(part=Damage.READING)
        return sheet

    async def _read(self, data: bytes, ending: str, limit: int) -> Package | sheets.Sheet:
        if len(data) > limit:
            raise DeckTooLarge(measure=Measure.FILE, limit=limit)
        if len(self._jobs) >= self._most:
            raise ReadersBusy
        job = _Job(self._program, data, ending, self._seconds)
        self._jobs.add(job)
        try:
            # One thread waits for one process: asyncio's own subprocesses need an event loop that Windows
            # does not always have.
            return await asyncio.get_running_loop().run_in_executor(self._threads, job.run)
        finally:
            self._jobs.discard(job)
            job.stop()

    def close(self) -> None:
        """End what is being read, and read nothing more."""
        for job in self._jobs:
            job.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)


class _Job:
    """One file and its process."""

    def __init__(self, program: Sequence[str], data: bytes, ending: str, seconds: int) -> None:
        self._program = program
        self._data = data
        self._ending = ending
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._late = False

    def stop(self) -> None:
        """Kill the process, or see to it that none is started."""
        with self._lock:
            self._stopped = True
            if self._process:
                self._process.kill()

    def _time_out(self) -> None:
        self._late = True
        self.stop()

    def run(self) -> Package | sheets.Sheet:
        # The folder is the worker's only place, and goes with it: a killed process cannot tidy up.
        with tempfile.TemporaryDirectory(prefix="cohort-reading-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / f"deck{self._ending}"
            path.write_bytes(self._data)
            with (Path(folder) / "errors").open("w+b") as complaints:
                process = self._start(path, complaints)
                clock = threading.Timer(self._seconds, self._time_out)
                clock.start()
                try:
                    return self._answer(process, complaints)
                finally:
                    clock.cancel()
                    process.kill()
                    process.wait()

    def _start(self, path: Path, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
        folder = str(path.parent)
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        with self._lock:
            if self._stopped:  # while it waited, so that nobody waits for the answer
                raise DeckDamaged(part=Damage.READING)
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                [*self._program, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                cwd=folder,
                env={**passed_on, "TMPDIR": folder, "TEMP": folder, "TMP": folder},
                creationflags=_FLAGS,
            )
            return self._process

    def _answer(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> Package | sheets.Sheet:
        assert process.stdout  # noqa: S101 (it is a pipe)
        with process.stdout as stream:
            try:
                return transfer.receive(stream)
            except DeckDamaged as error:
                if self._late:
                    raise DeckTooSlow(seconds=self._seconds) from error
                if error.part is Damage.READING and not self._stopped:
                    complaints.seek(0)
                    said = complaints.read()[-_LOGGED:].decode(errors="replace")
                    log.warning("the process that read a deck failed: %s", said or "it said nothing")
                raise


def main(path: Path) -> None:
    """The worker: read the file, write the answer to standard output."""
    _limit_itself()
    result: Package | sheets.Sheet | DeckRefused
    try:
        if path.suffix == reader.ENDING:
            result = reader.read_package(path)
        else:
            result = sheets.read_sheet(path.read_bytes())
    except DeckRefused as refusal:
        result = refusal
    except MemoryError:
        result = DeckTooLarge(measure=Measure.MEMORY, limit=limits.MEMORY_BYTES)
    transfer.send(result, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _limit_itself() -> None:
    if sys.platform == "win32":
        return
    for kind, most in (
        (resource.RLIMIT_AS, limits.MEMORY_BYTES),
        (resource.RLIMIT_CPU, limits.KILLED_AFTER),
        (resource.RLIMIT_FSIZE, limits.COLLECTION_BYTES + limits.MEBI),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or hard > most:
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
