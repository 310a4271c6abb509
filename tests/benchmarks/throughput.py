"""How fast the ledger drains when much is due at once, and how near that is to what Discord allows."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select

from bot.db.engine import Database
from bot.db.models import Delivery, Reminder
from bot.delivery.ledger import Ledger, Outgoing
from bot.services.reminders import REMINDER
from tests.benchmarks.figures import section, table
from tests.benchmarks.processes import POSTGRESQL, SQLITE, Databases, cpu_seconds
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn, User

CHANNELS = 200
ALLOWED_PER_SECOND = 50
WANTED_PER_SECOND = 45
DUE = 2000
BATCH = 500

Target = Literal["posts", "messages"]
TARGETS: tuple[Target, ...] = ("posts", "messages")


@dataclass(frozen=True, kw_only=True)
class Case:
    kind: str
    target: Target
    count: int
    paced: bool

    @property
    def name(self) -> str:
        return f"{self.target}, {self.kind}"


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What the stand-in saw, in requests and seconds; `cpu` is the bot's processor time from the first on."""

    case: Case
    arrived: int
    doubled: int
    states: Counter[str]
    seconds: float
    requests: int
    busiest_second: int
    too_many: int
    cpu: float

    @property
    def per_second(self) -> float:
        return (self.arrived - 1) / self.seconds


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    section(
        "The ledger, with much due at once",
        f"Posts go to {CHANNELS} channels, private messages each to a member who never had one: for that",
        "the bot must first ask Discord for the channel, a second request. The rows stand in the database",
        "before the bot starts. Discord allows 50 requests a second. Limited: the stand-in answers the",
        "51st within a second with a global 429, and the bot runs as it is. Unlimited: the stand-in takes",
        "all, and the bot's own pace is switched off: its capacity here, beside the stand-in.",
    )
    done = []
    for case in _cases(databases.kinds, quick=quick):
        done.append(await drain(databases, folder, case))
    print(
        table(
            (
                "",
                "limit",
                "due",
                "sent",
                "doubled",
                "s",
                "sent/s",
                "requests/s",
                "busiest s",
                "429s",
                "bot's CPU",
            ),
            [
                (
                    one.case.name,
                    "50/s" if one.case.paced else "none",
                    one.case.count,
                    one.states["sent"],
                    one.doubled,
                    f"{one.seconds:.1f}",
                    f"{one.per_second:.1f}",
                    f"{one.requests / one.seconds:.1f}",
                    one.busiest_second,
                    one.too_many,
                    f"{one.cpu / one.arrived * 1000:.1f} ms each",
                )
                for one in done
            ],
        )
    )
    print()
    for one in done:
        if one.case.paced:
            reached = one.per_second >= WANTED_PER_SECOND and one.too_many == 0
            print(
                f"{one.case.name}: at least {WANTED_PER_SECOND} sent a second without a 429: "
                f"{'reached' if reached else 'MISSED'} ({one.per_second:.1f}/s, {one.too_many} 429s); "
                f"{one.requests / one.seconds / ALLOWED_PER_SECOND:.0%} of what Discord allows."
            )
        if one.states != {"sent": one.case.count} or one.doubled:
            print(f"{one.case.name}: WRONG: {dict(one.states)}, {one.doubled} doubled")
    sys.stdout.flush()


def _cases(kinds: Sequence[str], *, quick: bool) -> list[Case]:
    if quick:
        return [
            Case(kind=SQLITE, target="posts", count=150, paced=True),
            Case(kind=SQLITE, target="messages", count=150, paced=False),
        ]
    cases = [
        Case(kind=SQLITE, target="posts", count=DUE, paced=True),
        Case(kind=POSTGRESQL, target="posts", count=DUE // 4, paced=True),
        Case(kind=SQLITE, target="messages", count=DUE // 4, paced=True),
    ]
    cases += [
        Case(kind=kind, target=target, count=DUE // 2, paced=False) for kind in kinds for target in TARGETS
    ]
    return [case for case in cases if case.kind in kinds]


async def drain(databases: Databases, folder: Path, case: Case) -> Drained:
    """Start a bot on a ledger in which everything is due, and watch until all of it arrived."""
    async with StandIn() as standin:
        standin.rest.global_limit = ALLOWED_PER_SECOND if case.paced else None
        url = await databases.fresh(case.kind)
        await _seed(standin, url, case)
        program = ("-m", "bot", "run") if case.paced else ("-m", "tests.benchmarks.unpaced", "run")
        name = f"ledger-{case.kind}-{case.target}-{case.paced}"
        async with BotProcess(standin, folder, database_url=url, name=name, program=program) as bot:
            messages = standin.world.messages  # all of them are the bot's
            await standin.wait_until(lambda: messages, 30, "the first delivery")
            before = cpu_seconds(bot.pid)
            await standin.wait_until(lambda: len(messages) >= case.count, 300, "the last delivery")
            cpu = cpu_seconds(bot.pid) - before
            await bot.terminate(30)
        assert not standin.violations, standin.violations[:3]
        return await _drained(standin, url, case, cpu)


async def _seed(standin: StandIn, url: str, case: Case) -> None:
    channels = [standin.world.add_channel(standin.guild, f"room-{i}") for i in range(CHANNELS)]
    users = [standin.world.add_user(f"Member {i}") for i in range(case.count)]
    for user in users:
        standin.world.add_member(standin.guild, user)
    now = datetime.now(UTC)
    database = Database(url)
    ledger = Ledger(database, clock=lambda: datetime.now(UTC), owner="benchmark")
    try:
        for start in range(0, case.count, BATCH):
            async with database.write() as session:
                reminders = [_reminder(standin, user, now) for user in users[start : start + BATCH]]
                session.add_all(reminders)
                await session.flush()
                planned = []
                for i, reminder in enumerate(reminders, start):
                    to_channel = case.target == "posts"
                    planned.append(
                        Outgoing(
                            key=f"reminder:{reminder.id}:0",
                            kind=REMINDER,
                            subject=f"reminder:{reminder.id}",
                            due_at=now,
                            expires_at=now + timedelta(days=1),
                            guild_id=standin.guild.id,
                            channel_id=channels[i % CHANNELS].id if to_channel else None,
                            user_id=None if to_channel else reminder.user_id,
                            refs={"reminder": reminder.id, "due": now.isoformat()},
                        )
                    )
                await ledger.plan(session, *planned)
    finally:
        await database.close()


def _reminder(standin: StandIn, user: User, now: datetime) -> Reminder:
    return Reminder(
        user_id=user.id,
        guild_id=standin.guild.id,
        channel_id=None,
        what="the third lesson",
        due_at=now,
        starts_local=now.replace(tzinfo=None),
        timezone="UTC",
        repeat="none",
        created_at=now,
        round=0,
    )


async def _drained(standin: StandIn, url: str, case: Case, cpu: float) -> Drained:
    counted = [r for r in standin.requests if r.path.startswith(("/channels/", "/users/@me/channels"))]
    posts = [r.at for r in counted if r.path.endswith("/messages") and r.method == "POST" and r.status == 200]
    began, ended = counted[0].at, posts[-1]
    marks = Counter(message.components[0]["components"][0]["custom_id"] for message in standin.posted())
    database = Database(url)
    try:
        async with database.read() as session:
            states = await session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
            found = Counter({state.value: count for state, count in states})
    finally:
        await database.close()
    return Drained(
        case=case,
        arrived=len(posts),
        doubled=sum(count - 1 for count in marks.values()),
        states=found,
        seconds=ended - began,
        requests=len(counted),
        busiest_second=busiest([r.at for r in counted]),
        too_many=sum(r.status == 429 for r in standin.requests),
        cpu=cpu,
    )


def busiest(times: Sequence[float]) -> int:
    """The most requests within any one second."""
    window: deque[float] = deque()
    most = 0
    for at in times:
        window.append(at)
        while at - window[0] >= 1.0:
            window.popleft()
        most = max(most, len(window))
    return most
