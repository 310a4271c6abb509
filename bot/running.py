"""`cohort run`: one process, from the schema to the last delivery."""

import asyncio
import logging
import os
import signal
import threading

import aiohttp
import discord

from bot.address import discord_address, log_in
from bot.backups import LOOK_EVERY, DailyBackups
from bot.bootstrap import build_bot
from bot.client import StudyBot
from bot.health import Health
from bot.invitation import invitation
from bot.logs import set_up_logs
from bot.memory import share_one_arena, spare_what_stays
from bot.schema import CannotRun, only_process, prepare_schema
from bot.settings import Settings

log = logging.getLogger(__name__)

# What is on its way gets ten seconds, the ticks five; a database that hangs would make the rest endless.
STOP_SECONDS = 20.0
# What an operator does about the codes with which the gateway lets nobody in again.
CLOSED = {
    4004: "It refused DISCORD_TOKEN. Copy it again from the developer portal, page Bot.",
    4010: "COHORT_SHARDS names a shard that cannot be: every number must be below the one behind the slash.",
    4011: "The bot is in too many servers for its shards. Raise the number behind the slash of COHORT_SHARDS "
    "in every process, or leave it empty in a single one.",
}


async def run_bot(settings: Settings, token: str) -> int:
    """Run until a signal or a fatal error; returns the process's exit status. The process ends then: once it
    is stopping, it is ended by force after STOP_SECONDS.
    """
    share_one_arena()
    set_up_logs(level=settings.log_level, format=settings.log_format, secrets=settings.secrets())
    try:
        with only_process(settings.database_url):
            await prepare_schema(settings)
            await _until_stopped(settings, token)
    except CannotRun as reason:
        log.critical("%s", reason)
        return 1
    except discord.LoginFailure:
        log.critical("Discord refused DISCORD_TOKEN. Copy it again from the developer portal, page Bot.")
        return 1
    except discord.PrivilegedIntentsRequired:
        log.critical("Discord asks for an intent this bot does not need; is the token another bot's?")
        return 1
    except discord.ConnectionClosed as error:
        what_to_do = CLOSED.get(error.code, "Is the bot the newest version?")
        log.critical("Discord closed the connection for good, with code %s. %s", error.code, what_to_do)
        return 1
    except (discord.GatewayNotFound, discord.DiscordServerError, aiohttp.ClientError, TimeoutError) as error:
        # Not retried here: whoever restarts the process waits in between, and bounds it.
        log.critical("Discord cannot be reached at %s: %s", discord_address(), error or type(error).__name__)
        return 1
    return 0


async def _until_stopped(settings: Settings, token: str) -> None:
    bot = build_bot(settings)
    if bot.database.is_sqlite and settings.backups_kept:
        backups = DailyBackups(settings, clock=bot.clock)
        bot.scheduler.add("backup", backups.run, at_least_every=LOOK_EVERY)
    loop, ending = asyncio.get_running_loop(), _Ending()
    running = asyncio.ensure_future(_connect(bot, token, settings.discord_api_url))

    def stop() -> None:
        ending.begin()
        running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows: Ctrl-C raises KeyboardInterrupt instead
            break

    async def on_ready() -> None:
        spare_what_stays()

    bot.add_listener(on_ready)
    health = Health(bot, clock=bot.clock)
    if settings.health != "off":
        host, _, port = settings.health.rpartition(":")
        await health.start(host.strip("[]"), int(port))
    try:
        await running
    except asyncio.CancelledError:
        log.info("stopping")
    finally:
        ending.begin()
        await bot.close()
        await health.stop()


class _Ending:
    """The end of the process, in any case: also when nothing that it waits for comes back."""

    def __init__(self) -> None:
        self._begun = False

    def begin(self) -> None:
        """From now on it has STOP_SECONDS."""
        if not self._begun:
            self._begun = True
            # A thread: the event loop may be what hangs. Never cancelled: its end has to be reached, too.
            timer = threading.Timer(STOP_SECONDS, self._by_force)
            timer.daemon = True
            timer.start()

    def _by_force(self) -> None:
        log.critical(
            "not stopped after %.0f s: what it waits for does not answer. Nothing is lost: what was on its "
            "way is taken up when its lease runs out.",
            STOP_SECONDS,
        )
        os._exit(1)


async def _connect(bot: StudyBot, token: str, api_url: str | None) -> None:
    await log_in(bot, token, api_url)
    if bot.application_id is not None:
        log.info("to bring the bot into a server, open %s", invitation(bot.application_id))
    await bot.connect()
