"""Real bot processes, killed at random moments, against a Discord that fails: who got what, and how often.

Each round plans some reminders that are due at once, starts what does not run, and kills: while Discord
holds a message but its sender not yet the answer ("ghost"), while the message is still on its way ("late"),
or at any moment at all. Requests meet 500, 502, 503, 429, lost connections and answers that come too late;
some outages last longer than Discord remembers a nonce; some processes sleep through their lease and wake up
again; PostgreSQL's own processes are killed under the bots.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import func, select

from bot.db.engine import Database
from bot.db.models import Delivery
from bot.db.models.deliveries import OPEN
from tests.chaos.judgement import POSTS, Witness, unsettled
from tests.chaos.members import Members
from tests.chaos.nursery import ForkedBot, Nursery
from tests.chaos.plan import Figure, Plan
from tests.openapi import BodyValidator
from tests.postgres import PostgresServer
from tests.wire.standin import StandIn
from tests.wire.standin.faults import Fault

READS = ("GET", "/channels/*/messages")
OPENS = ("POST", "/users/@me/channels")
DELIVERIES_PER_MEMBER = 50
#: Of so many starts one imports everything for itself.
COLD_EVERY = 20
# A machine that is very busy takes long over a start; that is no fault of the bot.
READY_SECONDS = 300.0
SENDING_SECONDS = 60.0
LONGER_THAN_A_NONCE = timedelta(minutes=6)
# What met many errors in a row waits up to ten minutes for its next attempt.
LAST_ROUND_SECONDS = 900
#: How many are measured after each crash, and how long before they are due their process starts.
MEASURED_AT_ONCE, AHEAD_SECONDS = 6, 2.0
PROGRESS_EVERY_SECONDS = 60.0


class Chaos:
    """One run. The database at the URL has its schema, and nobody else uses it; `server` is PostgreSQL's."""

    def __init__(
        self,
        plan: Plan,
        *,
        database_url: str,
        folder: Path,
        validator: BodyValidator | None,
        server: PostgresServer | None = None,
    ) -> None:
        self.plan = plan
        self.random = Random(plan.seed)
        self.server = server
        self.database = Database(database_url)
        self.figure = Figure(plan, "SQLite" if self.database.is_sqlite else "PostgreSQL")
        self.standin = StandIn(validator, seed=plan.seed)
        # Processes that share no shards keep the whole pace each: the limit for all of them would turn away
        # more than the faults do, their logins too. How near a bot comes to it is measured elsewhere.
        self.standin.rest.global_limit = None
        self.witness = Witness(self.standin, self.figure)
        if plan.naive:
            # No mark is ever found; and with the lease alone, no nonce is known either.
            self.standin.world.visible = lambda _channel_id: []  # type: ignore[method-assign]
        if plan.naive == "lease":
            self.standin.messages_api.nonce_window = timedelta(0)
        environment = {"COHORT_LEASE_SECONDS": str(plan.lease_seconds), "COHORT_LOG_LEVEL": "WARNING"}
        self.nursery = Nursery()
        self.processes = [
            ForkedBot(
                self.standin,
                folder,
                nursery=self.nursery,
                database_url=database_url,
                name=f"bot{number}",
                env=environment,
            )
            for number in range(1, plan.processes + 1)
        ]
        self.members = Members(self.standin, self.database, count=plan.deliveries // DELIVERIES_PER_MEMBER)
        self.began = self.told = time.monotonic()
        self.until = self.began + plan.minutes * 60

    async def run(self) -> Figure:
        async with self.standin, self.nursery:
            try:
                await self._rounds()
                await self._last_round()
                await self._measure_lateness()
                await asyncio.gather(*(one.terminate(READY_SECONDS) for one in self.processes if one.running))
            except BaseException as error:
                for process in self.processes:
                    error.add_note(f"log of {process.name}:\n{process.log()}")
                raise
            finally:
                for process in self.processes:
                    if process.running:
                        process.send_signal(signal.SIGKILL)
                        await process.wait()
                self.witness.judge(self.members.due)
                if sys.exc_info()[0] is None:
                    self.figure.unsettled, self.figure.retries = await unsettled(self.database)
                await self.database.close()
        self.figure.seconds = time.monotonic() - self.began
        return self.figure

    # The rounds.

    async def _rounds(self) -> None:
        plan, figure = self.plan, self.figure
        while (killed := figure.kills.total()) < plan.kills and time.monotonic() < self.until:
            self.witness.tidy_up([one.client for one in self._running()])
            share = min(1.0, (killed + plan.processes) / plan.kills)
            await self.members.plan(round(plan.deliveries * share) - len(self.members.due))
            self._set_faults()
            if self.server is not None and figure.database_crashes < plan.database_crashes * share:
                await self._crash_the_database()
            elif (moment := self.random.choice(plan.moments)) == "anywhere":
                await self._kill_anywhere()
            else:
                await self._kill_at_a_send(moment, sleep_first=figure.stops < plan.stops * share)
            if figure.outages < plan.outages * share:
                await self._outage()
            self._tell_progress()
        if figure.kills.total() >= plan.kills:
            await self.members.plan(plan.deliveries - len(self.members.due))

    def _set_faults(self) -> None:
        """The network of this round: every kind of fault, each with the same share of the chance."""
        self.witness.count_faults()
        faults = self.standin.faults
        faults.clear()
        kinds = 8
        for route in (POSTS, READS, OPENS):
            # Rules are asked one after the other: a later one hears only of what the earlier ones let pass.
            chances = (self.plan.faults / kinds / (1 - self.plan.faults * n / kinds) for n in range(kinds))
            each = [{"times": None, "probability": chance} for chance in chances]
            faults.status(500, *route, **each[0])
            faults.status(502, *route, **each[1])
            faults.status(503, *route, **each[2])
            faults.ratelimit(0.2, *route, **each[3])
            faults.drop_before(*route, **each[4])
            faults.drop_after(*route, **each[5])
            faults.status(502, *route, after=True, **each[6])  # discord.py itself repeats this one
            faults.status(503, *route, after=True, **each[7])
        # It takes effect when its sender has given it up, and before anyone else may try.
        too_slow = self.plan.lease_seconds * 0.75
        faults.slow(too_slow, *POSTS, times=None, probability=self.plan.faults / kinds / 2)

    async def _launch(self) -> None:
        for process in self.processes:
            if not process.running:
                process.cold = self.plan.cold or self.random.randrange(COLD_EVERY) == 0
                self.figure.starts["cold" if process.cold else "forked"] += 1
                await process.launch()

    async def _start(self) -> None:
        """Start what does not run, and wait until all are connected; one that never is counts as a fault."""
        await self._launch()
        for one in self.processes:
            try:
                await self.standin.wait_until(lambda one=one: one.ready or not one.running, READY_SECONDS)
            except AssertionError:
                if not one.cold:
                    one.send_signal(signal.SIGUSR1)
                    await asyncio.sleep(1)
                asked = [
                    (r.method, r.path, r.status) for r in self.standin.requests if r.client == one.client
                ]
                print(f"{one.client} asked {asked}\n{one.log(150)}", flush=True)
            if not one.ready:
                said = f"{one.client} was not ready (status {one.returncode}): {one.log(1)}"
                self.standin.violations.append(said)
                await one.kill()
                await self._start()
                return

    async def _kill_at_a_send(self, moment: str, *, sleep_first: bool) -> None:
        """Kill the process whose message Discord holds, before or after it took effect; or all at once."""
        hold = self.standin.faults.hold_after if moment == "ghost" else self.standin.faults.hold_before
        rule = hold(*POSTS, skip=self._some())
        await self._start()
        if not await self._reached(rule):
            moment = "idle"
        if sleep_first:
            await self._sleep_through_the_lease(self._sending())
        victims = [self._sending()] if self.random.random() < 0.5 else self._running()
        await self._kill(moment, victims)
        rule.release()
        await self._all_answered()

    def _some(self) -> int:
        """How many sends pass before the one that is held: fewer than a round brings."""
        return self.random.randrange(max(self.plan.deliveries * self.plan.processes // self.plan.kills, 1))

    async def _reached(self, rule: Fault) -> bool:
        """Whether a send came to be held. When many wait for their next attempt none may: that is so when
        after the first message nothing is asked for longer than a lease.
        """
        asked, began = 0, time.monotonic()
        while time.monotonic() - began < SENDING_SECONDS:
            try:
                await asyncio.wait_for(rule.reached.wait(), self.plan.lease_seconds + 1)
            except TimeoutError:
                before, asked = (
                    asked,
                    len(self.standin.requested(*POSTS)) + len(self.standin.requested(*READS)),
                )
                if asked and asked == before:
                    return False
            else:
                return True
        return False

    async def _kill_anywhere(self) -> None:
        """Kill one process, or all, at any moment: while it starts, looks, sends, settles or rests."""
        if self.random.random() < 0.7:
            await self._start()
            await asyncio.sleep(self.random.uniform(0, 2))
        else:
            await self._launch()
            await asyncio.sleep(self.random.uniform(0.2, 3))
        running = self._running()
        await self._kill("anywhere", running if self.random.random() < 0.5 else running[:1])

    async def _kill(self, moment: str, victims: list[ForkedBot]) -> None:
        self.random.shuffle(victims)
        await asyncio.gather(*(victim.kill() for victim in victims))  # all are sent it before any is awaited
        # One that had ended by itself is no kill.
        self.figure.kills[moment] += sum(victim.returncode == -signal.SIGKILL for victim in victims)

    async def _crash_the_database(self) -> None:
        """Every process of PostgreSQL dies at once, while messages are on their way or at any moment."""
        assert self.server is not None
        rule = None
        if self.random.random() < 2 / 3:
            hold = self.random.choice((self.standin.faults.hold_before, self.standin.faults.hold_after))
            rule = hold(*POSTS, skip=self._some())
        await self._start()
        if rule is None:
            await asyncio.sleep(self.random.uniform(0, 2))
        elif not await self._reached(rule):
            rule = None
        await asyncio.to_thread(self.server.crash)
        if rule is not None:
            rule.release()  # what was sent arrives, and its answer finds nobody to write it down
        # Back at once, or after the lease.
        await asyncio.sleep(self.random.choice((0.0, 0.5, self.plan.lease_seconds + 0.5)))
        await asyncio.to_thread(self.server.start)
        self.figure.database_crashes += 1
        if self.random.random() < 0.5:
            await self._kill("after a database crash", self._running()[:1])
        await self._all_answered()

    async def _outage(self) -> None:
        """Discord is down for longer than it remembers a nonce.

        Whoever lives keeps trying in vain meanwhile. The clock jumps a whole lease later, when every send
        that began before has been cut off, discord.py's own repeats included: one of those, a second after
        its first attempt, must not meet a nonce that is six minutes older.
        """
        self.witness.count_faults()
        self.standin.faults.clear()
        self.standin.faults.status(503, times=None)
        await asyncio.sleep(self.plan.lease_seconds)
        await self._all_answered()
        self.standin.advance(seconds=LONGER_THAN_A_NONCE.total_seconds())
        self.witness.forgot_nonces()
        self.figure.outages += 1

    async def _sleep_through_the_lease(self, process: ForkedBot) -> None:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self.plan.lease_seconds + 0.5)
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(self.random.uniform(0, 0.5))
        self.figure.stops += 1

    async def _all_answered(self) -> None:
        """Nothing is on its way any more: no network keeps a request longer than Discord keeps a nonce."""
        await self.standin.wait_until(
            lambda: all(one.status is not None for one in self.standin.requests),
            READY_SECONDS,
            "an answer to every request",
        )

    def _running(self) -> list[ForkedBot]:
        return [process for process in self.processes if process.running]

    def _sending(self) -> ForkedBot:
        """The process that waits for the answer to a message; any that runs when none does."""
        waiting = {request.client for request in self.standin.requested(*POSTS) if request.status is None}
        running = self._running()
        return next((one for one in running if one.client in waiting), self.random.choice(running))

    async def _last_round(self) -> None:
        """All begin anew and nobody is killed any more; soon no request fails either: all must end well."""
        self._set_faults()
        await self._kill("last", self._running())
        await self._start()
        await self._until_settled(self.plan.lease_seconds * 5)
        self.witness.count_faults()
        self.standin.faults.clear()
        self.witness.tidy_up([one.client for one in self._running()])
        self.witness.chaotic = False
        await self._until_settled()

    async def _until_settled(self, seconds: float = LAST_ROUND_SECONDS) -> None:
        for _ in range(round(seconds * 10)):
            if not await self._count_open():
                return
            await asyncio.sleep(0.1)

    async def _count_open(self) -> int:
        async with self.database.read() as session:
            return await session.scalar(select(func.count()).select_from(Delivery).where(OPEN)) or 0

    # Lateness.

    async def _measure_lateness(self) -> None:
        """First nothing fails; then one thing at a time does, in a network that is well."""
        plan, figure = self.plan, self.figure
        if plan.calm:
            await self._kill("before a measurement", self._running())
            due = datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS * 3)
            apart = timedelta(seconds=plan.calm_seconds / plan.calm)
            names = await self.members.plan(plan.calm, due=due, apart=apart)
            await self._start()
            await self._until_settled()
            figure.late.seconds += self.witness.lateness(names, self.members.due)
        for number in range(plan.measured_crashes):
            await self._kill("before a measurement", self._running())
            due = datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS)
            names = await self.members.plan(MEASURED_AT_ONCE, due=due)
            hold = self.standin.faults.hold_after if number % 4 < 2 else self.standin.faults.hold_before
            rule = hold(*POSTS)
            await self._start()
            await asyncio.wait_for(rule.reached.wait(), READY_SECONDS)
            lateness = figure.late_after_a_kill
            if self.server is not None and number % 2:
                lateness = figure.late_after_a_database_crash
                await asyncio.to_thread(self.server.crash)
                rule.release()
                await asyncio.to_thread(self.server.start)
                figure.database_crashes += 1
            else:
                await self._kill("measured", [self._sending()])
                rule.release()
                await self._start()
            await self._until_settled()
            lateness.seconds += self.witness.lateness(names, self.members.due)
            self._tell_progress()

    # Progress.

    def _tell_progress(self) -> None:
        """A line a minute, with how long the kills that are left will take at this speed."""
        now = time.monotonic()
        if now - self.told < PROGRESS_EVERY_SECONDS:
            return
        self.told = now
        figure, gone = self.figure, now - self.began
        left = gone * max(self.plan.kills / max(figure.kills.total(), 1) - 1, 0)
        print(
            f"  {self.figure.database}: {figure.kills.total()} kills, {figure.stops} stops, {figure.outages} "
            f"outages, {figure.database_crashes} database crashes after {gone:.0f} s, "
            f"about {left / 60:.0f} min more",
            flush=True,
        )
