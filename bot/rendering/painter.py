"""Draws pictures in a process of its own, one at a time, and says when too many are waiting.

A thread would not do: resvg holds the interpreter while it draws, so the event loop would stand still. The
process also keeps whatever a hostile name might do to native code away from the bot.
"""

import asyncio
import contextlib
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import IO, cast

from bot.flashcards.math import Formula
from bot.locales import spoken
from bot.rendering.cards import Card, Theme
from bot.rendering.formulas import FormulaPicture

WAITING_AT_MOST = 32
DRAWING_AT_MOST = timedelta(seconds=10)

_Request = tuple[Card | tuple[Formula, ...], Theme, str]  # the last is the language
_Answer = tuple[bytes | FormulaPicture, str]  # the text is what went wrong


def _environment() -> dict[str, str]:
    """What the process that draws is told: all of ours but the bot's secrets and addresses.

    It finds the code where this process found it, from wherever that was started.
    """
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COHORT_", "DISCORD_", "POSTGRES_", "PG"))
    }
    return {**passed_on, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class PainterBusy(Exception):
    """So many pictures wait already that this one would come too late."""


class PictureFailed(Exception):
    """The drawing raised an error (its traceback is the text), died, or took too long."""


class Painter:
    """Owns the process, which starts with the first picture and again after it died.

    `fonts` is the operator's folder of fonts for scripts that do not ship.
    """

    def __init__(
        self,
        *,
        fonts: Path | None = None,
        waiting_at_most: int = WAITING_AT_MOST,
        drawing_at_most: timedelta = DRAWING_AT_MOST,
    ) -> None:
        folder = "" if fonts is None else str(fonts.resolve())
        self._command = [sys.executable, "-P", "-m", "bot.rendering.worker", folder]
        self._waiting_at_most = waiting_at_most
        self._drawing_at_most = drawing_at_most
        self._waiting = 0
        # Its one thread owns the process: asks, and waits for the answer without holding the interpreter.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="painter")
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    async def draw(self, card: Card, theme: Theme) -> bytes:
        """The card as a PNG, worded in the language that is spoken here. Raises PainterBusy when the queue is
        full, PictureFailed, or OSError where no process can be started.
        """
        return cast(bytes, await self._ask(card, theme))

    async def draw_formulas(self, formulas: tuple[Formula, ...], theme: Theme) -> FormulaPicture:
        """The formulas as a picture. Raises as `draw` does; a formula that can't be drawn is no error."""
        return cast(FormulaPicture, await self._ask(formulas, theme))

    async def _ask(self, what: Card | tuple[Formula, ...], theme: Theme) -> bytes | FormulaPicture:
        if self._closed:
            raise PictureFailed("the painter is closed")  # the same in every language
        if self._waiting >= self._waiting_at_most:
            raise PainterBusy
        self._waiting += 1
        try:
            request = what, theme, spoken()
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._drawn, request)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the process. What is being drawn or waits fails; there is nothing to draw with afterwards."""
        if self._closed:
            return
        self._closed = True
        if self._process is not None:
            self._process.kill()
        self._thread.submit(self._end)
        self._thread.shutdown()

    def _drawn(self, request: _Request) -> bytes | FormulaPicture:
        if self._process is None and not self._closed:
            self._process = subprocess.Popen(  # noqa: S603 (this interpreter, our own module)
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=_environment(),
            )
        if self._process is None or self._closed:
            raise PictureFailed("the painter is closed")  # the same in every language
        picture, failure = self._answer(self._process, request)
        if failure:
            raise PictureFailed(failure)
        return picture

    def _answer(self, process: subprocess.Popen[bytes], request: _Request) -> _Answer:
        requests, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        alarm = threading.Timer(self._drawing_at_most.total_seconds(), process.kill)
        alarm.start()
        try:
            requests.write(pickle.dumps(request))
            requests.flush()
            answer: _Answer = pickle.load(answers)  # noqa: S301 (our own process)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            process.kill()
            self._end()
            why = f"the drawing process ended with status {process.returncode}"  # the same in every language
            raise PictureFailed(why) from error
        finally:
            alarm.cancel()
        return answer

    def _end(self) -> None:
        """Let go of the process: without its input it ends, if it has not already."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # what was not written yet has no reader any more
                    cast(IO[bytes], pipe).close()
            process.wait()
