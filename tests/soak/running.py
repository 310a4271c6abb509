"""`cohort run` for a long measurement: given time to start, and its log with whatever goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.wire.process import BotProcess

#: A machine with other work may take so many seconds until READY; how long it takes is measured elsewhere.
STARTING_SECONDS = 240.0
STOPPING_SECONDS = 120.0


@asynccontextmanager
async def running(bot: BotProcess) -> AsyncIterator[BotProcess]:
    """The process between READY and its end; killed if it still runs then."""
    try:
        await bot.start(STARTING_SECONDS)
        yield bot
    except BaseException as error:
        error.add_note(f"log of {bot.name}:\n{bot.log()}")
        raise
    finally:
        if bot.running:
            await bot.kill()
