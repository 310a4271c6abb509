"""The alarm clock: it runs ticks when they want to be run, and keeps nothing but their names.

APScheduler serves as nothing more than that. Its job stores would lose, drop or double what falls due
around a crash, a restart or a clock change; here each tick finds out from the database what there is to
do, so a lost alarm costs at most `at_least_every`.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

#: Does idempotent work and returns when it wants to be run next; None: `at_least_every` will do.
Tick = Callable[[], Awaitable[datetime | None]]

# A tick that keeps asking for the past must not spin.
SHORTEST_PAUSE = timedelta(seconds=0.05)
AFTER_AN_ERROR = timedelta(seconds=5)
WATCH_SECONDS = 5.0
# How late an alarm may be on a busy machine before the scheduler counts as dead.
LATE_SECONDS = 5.0
# How long a tick may run before health turns red.
LONGEST_TICK_SECONDS = 600.0
STOP_SECONDS = 5.0
MOST_RUNS_AT_ONCE = 1000


class Scheduler(Protocol):
    """Runs each tick by its name, never twice at once: when it wishes, and now and then in any case."""

    def add(self, name: str, tick: Tick, *, at_least_every: timedelta) -> None:
        """Run this tick from now on, for the first time at once. Raises ValueError for a name in use."""

    def remove(self, name: str) -> None:
        """Forget a tick; one that is running ends by itself."""

    def wake(self, name: str, at: datetime) -> None:
        """Run the tick no later than `at`. A name that is not there yet needs no waking: `add` runs it."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """Run nothing more; ticks that are running get a few seconds to end."""

    def upcoming(self) -> list[tuple[str, datetime]]:
        """What will run when, soonest first."""


@dataclass
class _Alarm:
    name: str
    tick: Tick
    at_least_every: timedelta
    # When it is wanted next; while it runs, what was asked for meanwhile.
    wish: datetime | None = None
    task: asyncio.Task[None] | None = None
    # Monotonic seconds: when the run began, and when the alarm should ring.
    began: float = 0.0
    rings: float = float("inf")

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()

    def ask_for(self, at: datetime | None) -> None:
        if at is not None and (self.wish is None or at < self.wish):
            self.wish = at


class AlarmClock:
    """The scheduler of a running bot: APScheduler in memory, under a watchdog.

    APScheduler sleeps until a wall-clock time, so a clock that is set back would stall it for that
    long; the watchdog compares with monotonic time and starts a fresh one.
    """

    def __init__(
        self, *, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._alarms: dict[str, _Alarm] = {}
        self._scheduler: AsyncIOScheduler | None = None
        self._watchdog: asyncio.Task[None] | None = None
        # Alarms that did not ring in time and have not run since.
        self._stalled: set[str] = set()
        #: How often the watchdog had to start a fresh scheduler.
        self.restarts = 0

    @property
    def healthy(self) -> bool:
        """Running, no alarm overdue, and no tick that does not come to an end."""
        now = self._monotonic()
        stuck = any(
            alarm.running and now - alarm.began > LONGEST_TICK_SECONDS for alarm in self._alarms.values()
        )
        return self._scheduler is not None and not stuck and not self._stalled and not self._overdue(now)

    def add(self, name: str, tick: Tick, *, at_least_every: timedelta) -> None:
        if name in self._alarms:
            raise ValueError(f"there is a tick {name!r} already")
        alarm = self._alarms[name] = _Alarm(name, tick, at_least_every, wish=self._clock())
        self._arm(alarm)

    def remove(self, name: str) -> None:
        self._stalled.discard(name)
        alarm = self._alarms.pop(name, None)
        if alarm is not None and self._scheduler is not None and self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    def wake(self, name: str, at: datetime) -> None:
        alarm = self._alarms.get(name)
        if alarm is not None and (alarm.wish is None or at < alarm.wish):
            alarm.wish = at
            self._arm(alarm)

    async def start(self) -> None:
        if self._scheduler is None:
            self._start_scheduler()
            self._watchdog = asyncio.create_task(self._watch(), name="alarm clock's watchdog")

    async def stop(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watchdog
            self._watchdog = None
        self._stop_scheduler()
        await _end([alarm.task for alarm in self._alarms.values() if alarm.task is not None])

    def upcoming(self) -> list[tuple[str, datetime]]:
        wishes = [(alarm.name, alarm.wish) for alarm in self._alarms.values()]
        return sorted(((name, at) for name, at in wishes if at is not None), key=lambda pair: pair[1])

    def _start_scheduler(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._scheduler.start()
        for alarm in self._alarms.values():
            self._arm(alarm)

    def _stop_scheduler(self) -> None:
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._scheduler = None

    def _arm(self, alarm: _Alarm) -> None:
        """Set the alarm to the tick's wish, unless it is running: then its end does that."""
        if self._scheduler is None or alarm.running or alarm.wish is None:
            return
        now = self._clock()
        at = max(alarm.wish, now)
        alarm.rings = self._monotonic() + (at - now).total_seconds()
        self._scheduler.add_job(
            self._ring, "date", run_date=at, args=[alarm], id=alarm.name, replace_existing=True
        )

    async def _ring(self, alarm: _Alarm) -> None:
        # In a task of our own: APScheduler would cancel the tick when it is shut down.
        if not alarm.running and self._alarms.get(alarm.name) is alarm:
            alarm.task = asyncio.create_task(self._run(alarm), name=f"tick {alarm.name}")

    async def _run(self, alarm: _Alarm) -> None:
        self._stalled.discard(alarm.name)
        alarm.began = self._monotonic()
        alarm.rings = float("inf")
        alarm.wish = None
        wanted: datetime | None = None
        try:
            wanted = await alarm.tick()
        except Exception:
            log.exception("tick %s failed and is tried again", alarm.name)
            wanted = self._clock() + AFTER_AN_ERROR
        finally:
            now = self._clock()
            # What was asked for by `wake` meanwhile comes at once.
            alarm.ask_for(max(wanted, now + SHORTEST_PAUSE) if wanted is not None else None)
            alarm.ask_for(now + alarm.at_least_every)
            alarm.task = None
            if self._alarms.get(alarm.name) is alarm:
                self._arm(alarm)

    def _overdue(self, now: float) -> list[str]:
        return [
            alarm.name
            for alarm in self._alarms.values()
            if not alarm.running and alarm.rings + LATE_SECONDS < now
        ]

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            overdue = self._overdue(self._monotonic())
            if overdue:
                log.error("the scheduler stopped ticking (%s) and is started afresh", ", ".join(overdue))
                self.restarts += 1
                self._stalled.update(overdue)
                self._stop_scheduler()
                for name in overdue:
                    self._alarms[name].wish = self._clock()
                self._start_scheduler()


class HandDriven:
    """A scheduler that stands still until told: for simulated time.

    `next_at` says when something wants to run; whoever moves the clock there calls `run_due`.
    `at_least_every` never makes time stop: a tick runs for it once per `run_due`, when it has not run
    for that long. A tick that is woken for this moment runs at once, in a task of its own.
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._alarms: dict[str, _Alarm] = {}
        self._last_run: dict[str, datetime] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._started = False
        self._held = False

    def add(self, name: str, tick: Tick, *, at_least_every: timedelta) -> None:
        if name in self._alarms:
            raise ValueError(f"there is a tick {name!r} already")
        self._alarms[name] = _Alarm(name, tick, at_least_every, wish=self._clock())
        self._turns[name] = asyncio.Lock()

    def remove(self, name: str) -> None:
        for kept in (self._alarms, self._turns, self._last_run):
            kept.pop(name, None)

    def wake(self, name: str, at: datetime) -> None:
        alarm = self._alarms.get(name)
        if alarm is None:
            return
        alarm.ask_for(at)
        if self._started and not self._held and at <= self._clock() and not alarm.running:
            alarm.task = asyncio.create_task(self._run_while_due(alarm), name=f"tick {name}")

    async def start(self) -> None:
        self._started = True

    def hold(self) -> None:
        """Until the next `run_due`, nothing runs by itself, even when it is woken."""
        self._held = True

    async def stop(self) -> None:
        self._started = False
        await _end([alarm.task for alarm in self._alarms.values() if alarm.task is not None])

    def upcoming(self) -> list[tuple[str, datetime]]:
        wishes = [(alarm.name, alarm.wish) for alarm in self._alarms.values()]
        return sorted(((name, at) for name, at in wishes if at is not None), key=lambda pair: pair[1])

    def next_at(self) -> datetime | None:
        """When the next tick wants to run, which may be over already; None when none has a wish."""
        return min((at for _, at in self.upcoming()), default=None)

    async def run_due(self) -> None:
        """Run every tick that wants to run by now, again and again until none does.

        Raises RuntimeError when a tick never gets enough.
        """
        self._held = False
        now = self._clock()
        for alarm in self._alarms.values():
            last = self._last_run.get(alarm.name)
            if last is None or last + alarm.at_least_every <= now:
                alarm.ask_for(now)
        for _ in range(MOST_RUNS_AT_ONCE):
            due = [alarm for alarm in self._alarms.values() if self._is_due(alarm)]
            if not due:
                # What one of them woke may still be at it, and wake another.
                woken = [alarm.task for alarm in self._alarms.values() if alarm.task and alarm.running]
                if not woken:
                    return
                await asyncio.wait(woken)
            for alarm in due:
                await self._run_while_due(alarm, at_most=1)
        raise RuntimeError(f"always due: {', '.join(alarm.name for alarm in due)}")

    def _is_due(self, alarm: _Alarm) -> bool:
        return alarm.wish is not None and alarm.wish <= self._clock()

    async def _run_while_due(self, alarm: _Alarm, *, at_most: int = MOST_RUNS_AT_ONCE) -> None:
        turn = self._turns.get(alarm.name)
        if turn is None:
            return
        async with turn:
            for _ in range(at_most):
                if not self._is_due(alarm) or self._alarms.get(alarm.name) is not alarm:
                    return
                alarm.wish = None
                self._last_run[alarm.name] = self._clock()
                try:
                    alarm.ask_for(await alarm.tick())
                except Exception:
                    log.exception("tick %s failed and is tried again", alarm.name)
                    alarm.ask_for(self._clock() + min(AFTER_AN_ERROR, alarm.at_least_every))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Give running ticks a few seconds, then cancel them."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
