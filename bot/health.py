"""`/livez`, `/readyz` and `/metrics`: how the process is, for supervisors and Prometheus, on loopback.

Live: the event loop turns and the alarm clock rings; a process that is not should be restarted. Ready: also
connected to Discord, with a database that answers; one that is not will be, or needs its operator.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from bot.client import StudyBot
from bot.scheduling.alarm import AlarmClock

log = logging.getLogger(__name__)

#: The dispatcher looks every 15 seconds, whatever there is to do.
DISPATCH_AGE_LIMIT = timedelta(minutes=2)
#: Two questions in a row stay below the ten seconds that Prometheus waits.
DATABASE_SECONDS = 4.0

T = TypeVar("T")


class Health:
    """Watches one bot, and tells over HTTP."""

    def __init__(self, bot: StudyBot, *, clock: Callable[[], datetime]) -> None:
        self._bot = bot
        self._metrics = bot.metrics
        self._clock = clock
        self._runner: web.AppRunner | None = None
        # Questions to the database that have no answer yet, by their name: none is asked twice at once.
        self._asked: dict[str, asyncio.Task[Any]] = {}
        self._metrics.watch(
            "deliveries", "Deliveries of this process, by how they ended.", "outcome", bot.dispatcher.outcomes
        )

    async def start(self, host: str, port: int) -> None:
        """Listen there; a port that is taken is logged, and the bot does without."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._tell),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            log.warning("nobody can ask how the bot is at %s:%s: %s", host, port, error.strerror)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def not_live(self) -> list[str]:
        """What a restart would mend."""
        problems = []
        scheduler = self._bot.scheduler
        if isinstance(scheduler, AlarmClock) and self._bot.is_ready() and not scheduler.healthy:
            problems.append("the alarm clock stands still")
        age = self._dispatch_age()
        if age is not None and age > DISPATCH_AGE_LIMIT:
            problems.append(f"the dispatcher has not looked for {age.total_seconds():.0f} s")
        return problems

    async def not_ready(self) -> list[str]:
        """What keeps it from serving members."""
        problems = self.not_live()
        away = [str(shard.id) for shard in self._bot.shards.values() if shard.is_closed()]
        if away:
            problems.append(f"not connected to Discord (shard {', '.join(away)})")
        elif not self._bot.is_ready():
            problems.append("not connected to Discord yet")
        if self._bot.dispatcher.unauthorized:
            problems.append("Discord refuses the token")
        if not await self._database_answers():
            problems.append("the database does not answer")
        return problems

    def _dispatch_age(self) -> timedelta | None:
        looked = self._bot.dispatcher.looked_at
        return self._clock() - looked if looked is not None else None

    async def _database_answers(self) -> bool:
        return await self._answer("ping", self._bot.database.ping) is not None

    async def _answer(self, name: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """What the database answers in time; None when it does not."""
        asking = self._asked.get(name)
        if asking is None or asking.done():
            asking = self._asked[name] = asyncio.create_task(ask(), name=f"health's {name}")
            asking.add_done_callback(lambda done: done.cancelled() or done.exception())  # it may come late
        # Not cancelled when it takes too long: a driver that is interrupted loses its connection.
        await asyncio.wait({asking}, timeout=DATABASE_SECONDS)
        if not asking.done():
            return None
        try:
            answer: T = asking.result()
        except (SQLAlchemyError, OSError):
            return None
        return answer

    async def _livez(self, _request: web.Request) -> web.Response:
        return _told(self.not_live())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _told(await self.not_ready())

    async def _tell(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self.measured(), content_type="text/plain", charset="utf-8")

    async def measured(self) -> bytes:
        """Everything as of now, in Prometheus' text format."""
        await self._measure()
        return self._metrics.text()

    async def _measure(self) -> None:
        gauge, bot = self._metrics.gauge, self._bot
        ready = not await self.not_ready()
        gauge("ready", ready, "1 when connected to Discord, with a database and a clock that work.")
        gauge("guilds", len(bot.guilds), "Servers of this process.")
        if math.isfinite(bot.latency):  # before the first heartbeat it is not
            gauge("gateway_latency_seconds", bot.latency, "To Discord's gateway and back.")
        gauge("invalid_requests", bot.sender.invalid_requests.count, "Answers 401, 403, 429 in ten minutes.")
        age = self._dispatch_age()
        gauge("dispatch_age_seconds", age.total_seconds() if age else 0, "Since the dispatcher last looked.")
        status = bot.classifier.status()
        gauge("classifier_waiting", status.waiting, "Pictures that wait to be classified.")
        gauge("classifier_restarts", status.restarts, "Workers that had to be replaced.")
        backlog = await self._answer("backlog", bot.ledger.backlog)
        # Nobody knows what is due while the database does not answer: the last answer would be a lie.
        due, oldest = (backlog[0], backlog[1].total_seconds()) if backlog else (math.nan, math.nan)
        gauge("deliveries_due", due, "Deliveries that are due and not yet said.")
        gauge("oldest_due_seconds", oldest, "How long the oldest of them has been due.")


def _told(problems: list[str]) -> web.Response:
    return web.Response(text="\n".join(problems) or "ok", status=503 if problems else 200)
