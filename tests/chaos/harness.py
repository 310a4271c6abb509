"""Real bot processes, killed at random moments, against a Discord that fails: who got what, and how often.

Each round plans some reminders that are due at once, starts what does not run, and kills a process: while
Discord holds its message but not yet the answer ("ghost"), while the message is still on its way
("late"), or at any moment at all. Requests meet 500, 502, 503, 429 and lost connections; some outages
last longer than Discord remembers a nonce; some processes sleep through their lease and wake up again.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select

from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState, Reminder
from bot.db.models.deliveries import OPEN
from bot.delivery.ledger import Ledger, Outgoing
from tests.openapi import BodyValidator
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn, User

POSTS = ("POST", "/channels/*/messages")
READS = ("GET", "/channels/*/messages")
OPENS = ("POST", "/users/@me/channels")
MEMBERS = 12
#: Every so many members take no direct messages: theirs go to the channel.
CLOSED_EVERY = 4
LONGER_THAN_A_NONCE = timedelta(minutes=6)
# What met many errors in a row may wait this long for its next attempt (the backoff of the seventh).
LAST_ROUND_SECONDS = 300
WORDS = re.compile(r"chaos (\d{5})")


@dataclass(frozen=True)
class Plan:
    """What is to happen; with one seed the same moments are chosen, though machines differ in speed.

    `naive` takes away what protects: Discord forgets nonces, and messages lose their marks.
    """

    deliveries: int = 200
    kills: int = 20
    seed: int = 1
    processes: int = 1
    lease_seconds: float = 3.0
    faults: float = 0.3
    naive: bool = False


@dataclass
class Figure:
    """What happened, as the stand-in saw it."""

    plan: Plan
    database: str
    kills: Counter[str] = field(default_factory=Counter)
    stops: int = 0
    outages: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    nonce_hits: int = 0
    retries: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    #: How each doubled one came about: what was asked of its channel, and when Discord forgot its nonces.
    stories: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unsettled or self.violations)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kills.items()))
        faults = ", ".join(f"{count}x {kind}" for kind, count in sorted(self.faults.items()))
        wrong = [
            f"{name}: {', '.join(values[:10])}"
            for name, values in vars(self).items()
            if isinstance(values, list) and values and name != "stories"
        ]
        return "\n".join(
            [
                f"chaos on {self.database}, {self.plan.processes} process(es), seed {self.plan.seed}: "
                f"{self.plan.deliveries} reminders, {self.kills.total()} SIGKILL ({kinds}), "
                f"{self.stops} SIGSTOP, {self.outages} outages beyond the nonce window,",
                f"  {self.faults.total()} faults ({faults or 'none'}), "
                f"{self.retries} deliveries tried again, {self.nonce_hits} sends met their nonce:",
                f"  {len(self.lost)} lost, {len(self.doubled)} doubled, in {self.seconds:.0f} s",
                *(f"  {line}" for line in [*wrong, *self.stories]),
            ]
        )


class Chaos:
    """One run. The database at the URL has its schema, and nobody else uses it."""

    def __init__(
        self, plan: Plan, *, database_url: str, folder: Path, validator: BodyValidator | None
    ) -> None:
        self.plan = plan
        self.random = Random(plan.seed)
        self.database = Database(database_url)
        self.figure = Figure(plan, "SQLite" if self.database.is_sqlite else "PostgreSQL")
        self.standin = StandIn(validator, seed=plan.seed)
        if plan.naive:
            self.standin.messages_api.nonce_window = timedelta(0)
        environment = {"COHORT_LEASE_SECONDS": str(plan.lease_seconds), "COHORT_LOG_LEVEL": "WARNING"}
        self.processes = [
            BotProcess(self.standin, folder, database_url=database_url, name=f"bot{number}", env=environment)
            for number in range(1, plan.processes + 1)
        ]
        self.members = self._members()
        self.planned = 0
        #: When the stand-in's clock was moved beyond its memory for nonces, in `time.monotonic()` seconds.
        self.jumps: list[float] = []

    async def run(self) -> Figure:
        began = time.monotonic()
        async with self.standin:
            try:
                await self._rounds()
                await self._last_round()
            except BaseException as error:
                for process in self.processes:
                    error.add_note(f"log of {process.name}:\n{process.log()}")
                raise
            finally:
                for process in self.processes:
                    if process.running:
                        process.send_signal(signal.SIGKILL)
                        await process.wait()
                await self._judge()
                await self.database.close()
        self.figure.seconds = time.monotonic() - began
        return self.figure

    def _members(self) -> list[User]:
        members = []
        for number in range(MEMBERS):
            member = self.standin.world.add_user(f"member {number}")
            member.dms_open = number % CLOSED_EVERY != 0
            self.standin.world.add_member(self.standin.guild, member)
            members.append(member)
        return members

    # The rounds.

    async def _rounds(self) -> None:
        kills = self.plan.kills
        for number in range(kills):
            await self._plan_reminders(self.plan.deliveries * (number + 1) // kills - self.planned)
            self._set_faults()
            moment = self.random.choice(("ghost", "late", "anywhere"))
            if moment == "anywhere":
                await self._kill_anywhere()
            else:
                await self._kill_at_a_send(moment)
            if self.plan.naive:
                for message in self.standin.posted():
                    message.components = []
            elif self.random.random() < 0.3:
                await self._outage()

    async def _plan_reminders(self, count: int) -> None:
        """Reminders that are due at once, as the command would have left them a while ago."""
        now = datetime.now(UTC)
        ledger = Ledger(self.database, clock=lambda: now, owner="chaos")
        async with self.database.write() as session:
            for _ in range(count):
                self.planned += 1
                member = self.members[self.planned % MEMBERS]
                reminder = Reminder(
                    user_id=member.id,
                    guild_id=self.standin.guild.id,
                    channel_id=self.standin.channel.id,
                    what=f"chaos {self.planned:05}",
                    due_at=now,
                    starts_local=now.replace(tzinfo=None),
                    timezone="UTC",
                    repeat="none",
                    created_at=now,
                    round=0,
                )
                session.add(reminder)
                await session.flush()
                outgoing = Outgoing(
                    key=f"reminder:{reminder.id}:0",
                    kind="reminder",
                    subject=f"reminder:{reminder.id}",
                    due_at=now,
                    expires_at=now + timedelta(days=7),
                    guild_id=reminder.guild_id,
                    user_id=member.id,
                    refs={"reminder": reminder.id, "due": now.isoformat()},
                    fallback=(self.standin.channel.id,),
                )
                await ledger.plan(session, outgoing)

    def _set_faults(self) -> None:
        """The network of this round: every kind of fault, each with its share of the chance."""
        self._count_faults()
        faults = self.standin.faults
        faults.clear()
        each = {"times": None, "probability": self.plan.faults / 8}
        for route in (POSTS, READS, OPENS):
            faults.status(500, *route, **each)
            faults.status(502, *route, **each)
            faults.status(503, *route, **each)
            faults.ratelimit(0.2, *route, **each)
            faults.drop_before(*route, **each)
            faults.drop_after(*route, **each)
            faults.status(502, *route, after=True, **each)  # discord.py itself repeats this one
            faults.status(503, *route, after=True, **each)

    async def _start(self) -> None:
        await asyncio.gather(*(process.start() for process in self.processes if not process.running))

    async def _kill_at_a_send(self, moment: str) -> None:
        """Kill the process whose message Discord holds, before or after it took effect."""
        hold = self.standin.faults.hold_after if moment == "ghost" else self.standin.faults.hold_before
        rule = hold(*POSTS, skip=self.random.randrange(4))
        await self._start()
        try:
            await asyncio.wait_for(rule.reached.wait(), 10)
        except TimeoutError:
            moment = "idle"
        if self.random.random() < 0.25:
            await self._sleep_through_the_lease(self._sending())
        victim = self._sending()
        await victim.kill()
        rule.release()
        # It takes effect now: no network keeps a request for longer than Discord keeps a nonce.
        await self.standin.wait_until(lambda: all(one.status is not None for one in self.standin.requests))
        self.figure.kills[moment] += 1

    async def _kill_anywhere(self) -> None:
        """Kill one process, or all, at any moment: while it starts, looks, sends, settles or rests."""
        if self.random.random() < 0.8:
            await self._start()
            await asyncio.sleep(self.random.uniform(0, 1.5))
        else:
            await asyncio.gather(*(one.launch() for one in self.processes if not one.running))
            await asyncio.sleep(self.random.uniform(0.5, 4))
        victims: Sequence[BotProcess] = [self.random.choice(self.processes)]
        if self.random.random() < 0.5:
            victims = self.processes
        await asyncio.gather(*(victim.kill() for victim in victims))
        self.figure.kills["anywhere"] += len(victims)

    async def _outage(self) -> None:
        """Discord is down for longer than it remembers a nonce.

        Whoever lives keeps trying in vain meanwhile. The clock jumps a whole lease later, when every send
        that began before has been cut off, discord.py's own repeats included: one of those, a second after
        its first attempt, must not meet a nonce that is six minutes older.
        """
        self._count_faults()
        self.standin.faults.clear()
        self.standin.faults.status(503, times=None)
        await asyncio.sleep(self.plan.lease_seconds)
        self.standin.advance(seconds=LONGER_THAN_A_NONCE.total_seconds())
        self.jumps.append(time.monotonic())
        self.figure.outages += 1

    async def _sleep_through_the_lease(self, process: BotProcess) -> None:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self.plan.lease_seconds + 0.5)
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(self.random.uniform(0, 0.5))
        self.figure.stops += 1

    def _sending(self) -> BotProcess:
        """The process that waits for the answer to a message; any that runs when none does."""
        waiting = {request.client for request in self.standin.requested(*POSTS) if request.status is None}
        running = [process for process in self.processes if process.running]
        return next((one for one in running if one.client in waiting), self.random.choice(running))

    async def _last_round(self) -> None:
        """All begin anew, the network is well and nobody is killed any more: everything must end well."""
        self._count_faults()
        self.standin.faults.clear()
        for process in self.processes:
            if process.running:
                await process.kill()
                self.figure.kills["last"] += 1
        await self._start()
        for _ in range(LAST_ROUND_SECONDS * 10):
            if not await self._count_open():
                break
            await asyncio.sleep(0.1)
        await asyncio.gather(*(process.terminate() for process in self.processes))

    async def _count_open(self) -> int:
        async with self.database.read() as session:
            return await session.scalar(select(func.count()).select_from(Delivery).where(OPEN)) or 0

    # The judgement.

    def _count_faults(self) -> None:
        for rule in self.standin.faults.rules:
            if rule.kind in ("status", "ratelimit", "drop") and rule.hits:
                name = {"status": str(rule.status), "ratelimit": "429", "drop": "dropped"}[rule.kind]
                self.figure.faults[name + (" after the deed" if rule.after else "")] += rule.hits

    async def _judge(self) -> None:
        """Count every message that was ever made, deleted ones too, against what was planned."""
        posted: Counter[str] = Counter()
        for message in self.standin.posted():
            posted.update(WORDS.findall(message.text))
        planned = [f"{number:05}" for number in range(1, self.planned + 1)]
        self.figure.lost = [name for name in planned if not posted[name]]
        self.figure.doubled = [name for name in planned if posted[name] > 1]
        self.figure.stories = [line for name in self.figure.doubled for line in self._story(name)]
        self.figure.nonce_hits = self.standin.messages_api.nonce_hits
        self.figure.violations = list(self.standin.violations)
        async with self.database.read() as session:
            rows: list[Any] = list(await session.scalars(select(Delivery).order_by(Delivery.id)))
        self.figure.retries = sum(row.attempts > 1 for row in rows)
        self.figure.unsettled = [
            f"{row.dedupe_key} {row.state.value}: {row.last_error}" for row in rows if not _as_it_should(row)
        ]

    def _story(self, name: str) -> list[str]:
        """Every request to the channels of a doubled message from its first attempt to its last."""
        requests = self.standin.requests
        own = [r for r in requests if r.method == "POST" and f"chaos {name}" in json.dumps(r.body)]
        first, last = own[0].at, own[-1].at
        paths = {request.path for request in own}
        lines = [(at, "the stand-in forgets its nonces") for at in self.jumps if first <= at <= last]
        for request in requests:
            if (
                request.path in paths
                and first <= request.at <= last
                and (request.method == "GET" or request in own)
            ):
                nonce = (request.body or {}).get("nonce", "")
                said = f"{request.client} {request.method} {request.path} {nonce} -> {request.status}"
                lines.append((request.at, f"{said} {request.fault or ''}"))
        return [f"{name} +{at - first:6.2f} s {line}" for at, line in sorted(lines)]


def _as_it_should(row: Delivery) -> bool:
    """Sent, or failed for closed direct messages, which its fallback then follows."""
    closed = (
        row.state is DeliveryState.FAILED and row.user_id is not None and "50007" in (row.last_error or "")
    )
    return row.state is DeliveryState.SENT or closed
