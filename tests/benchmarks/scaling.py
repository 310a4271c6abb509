"""A simulated Monday of a bot in one to 100,000 servers, with Discord's 50 requests a second as the limit.

Nothing of the bot runs here: servers, groups and what they want said are drawn from the distributions below,
which are assumptions, and go through queues that send at the rate that the dispatcher was measured at.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from tests.benchmarks.figures import percentile, section, table
from tests.benchmarks.processes import Databases

T = TypeVar("T")
DAY = date(2026, 11, 16)  # a Monday: digests come on top
SEED = 1
#: Requests a second over all processes: `python -m tests.benchmarks --only ledger` measured 46.
PER_SECOND = 46.0
SIZES = (1, 100, 1_000, 10_000, 100_000)
#: How many processes the servers are divided among, each with its part of the rate: see deploy/scaling.md.
PROCESSES = {1: 1, 100: 1, 1_000: 1, 10_000: 4, 100_000: 34}

# Where groups are, by weight: roughly where Discord's members live. An assumption.
ZONES = {
    "America/New_York": 15, "America/Chicago": 7, "America/Denver": 3, "America/Los_Angeles": 9,
    "America/Sao_Paulo": 8, "America/Mexico_City": 4, "Europe/London": 8, "Europe/Berlin": 14,
    "Europe/Istanbul": 5, "Europe/Moscow": 4, "Africa/Lagos": 2, "Asia/Kolkata": 9, "Asia/Jakarta": 4,
    "Asia/Manila": 4, "Asia/Tokyo": 3, "Australia/Sydney": 1,
}  # fmt: skip
# The hour of the daily post, which members choose as whole hours: a third of them after work.
HOURS = {7: 5, 8: 8, 9: 10, 10: 3, 12: 6, 13: 2, 16: 4, 17: 10, 18: 30, 19: 12, 20: 7, 21: 3}
# When meetups begin, in half hours from midnight.
MEETUPS = {20: 3, 28: 3, 34: 8, 35: 3, 36: 20, 37: 8, 38: 25, 39: 8, 40: 15, 41: 3, 42: 4}
GROUPS_PER_SERVER = {1: 75, 2: 15, 3: 6, 4: 4}
GROUP_MEDIAN, GROUP_SPREAD, GROUP_MOST = 8, 0.9, 500  # log-normal
WITH_DAILY_POST, WITH_DIGEST, MEETUPS_A_DAY = 0.6, 0.4, 1 / 7
REMINDERS_PER_MEMBER = 0.1  # private ones a day, at any five minutes from 8 to 23 o'clock
HOUR = 3600
DIGEST_AT = 9
LEADS = (0, HOUR, 600)  # the reminder of the day before is at the same time of day
TOO_LATE = timedelta(minutes=10)  # the last reminder of a meetup makes no sense after it began


class Said(NamedTuple):
    """Something due, in seconds of the simulated time; `punctual` is a reminder, not a daily post or digest.
    `place` says where in its hour a daily post goes when they are spread, from 0 to 1.
    """

    due: float
    server: int
    punctual: bool
    place: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Seconds of waiting, of what may wait and of what should not."""

    posts: list[float]
    reminders: list[float]


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    section(
        "Scaling, simulated",
        f"A {DAY:%A} of a bot that sends {PER_SECOND:.0f} requests a second in all, each process its part,",
        "the longest due first. Waiting, from the due time until it is sent, of reminders (of meetups, and",
        "members' own) and of posts (daily cards, digests). Over an hour: each group's daily post is due at",
        "a moment of its own in the hour it chose. Reminders first: they overtake what else is due.",
    )
    sizes = SIZES[:3] if quick else SIZES
    rows = await asyncio.to_thread(_rows, sizes)
    heads = (
        "servers",
        "",
        "a day",
        "busiest minute",
        "reminders p50",
        "p99",
        "over 10 min",
        "posts p50",
        "p99",
        "most",
    )
    print(table(heads, rows))
    at_once = sizes[-1]
    print(
        f"\nOne post in each of {at_once:,} servers, due at the same moment: the last is sent after "
        f"{shown(at_once / PER_SECOND)}, half of them after {shown(at_once / PER_SECOND / 2)}.\n"
        f"Within a minute go {PER_SECOND * 60:,.0f}, within an hour {PER_SECOND * 3600:,.0f}, "
        f"in a day {PER_SECOND * 86400:,.0f}.",
        flush=True,
    )


def _rows(sizes: Sequence[int]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for servers in sizes:
        once = monday(servers)
        spread = sorted(one._replace(due=one.due + one.place * HOUR) for one in once)
        for name, said, first in (
            ("as it is", once, False),
            ("over an hour", spread, False),
            ("reminders first", once, True),
            ("both", spread, True),
        ):
            outcome = sent(said, processes=PROCESSES[servers], reminders_first=first)
            late = sum(wait > TOO_LATE.total_seconds() for wait in outcome.reminders)
            rows.append(
                (
                    f"{servers:,}",
                    name,
                    f"{len(said):,}",
                    f"{busiest_minute(said):,}",
                    *waits(outcome.reminders)[:2],
                    f"{late / len(outcome.reminders):.1%}" if outcome.reminders else "–",
                    *waits(outcome.posts),
                )
            )
    return rows


def waits(seconds: list[float]) -> tuple[str, str, str]:
    if not seconds:
        return "–", "–", "–"
    return shown(percentile(seconds, 0.5)), shown(percentile(seconds, 0.99)), shown(max(seconds))


def shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def monday(servers: int) -> list[Said]:
    """All that is due on that day by the groups' own clocks, in its order."""
    chance = random.Random(SEED)
    zones, counts = Lot(ZONES), Lot(GROUPS_PER_SERVER)
    found: list[Said] = []
    for server in range(servers):
        for _ in range(counts.draw(chance)):
            found += _of_group(server, zones.draw(chance), chance)
    return sorted(found)


def _of_group(server: int, zone: str, chance: random.Random) -> Iterator[Said]:
    midnight = midnight_in(zone)
    if chance.random() < WITH_DAILY_POST:
        yield Said(midnight + DAILY_HOURS.draw(chance) * HOUR, server, False, chance.random())
    if chance.random() < WITH_DIGEST:
        yield Said(midnight + DIGEST_AT * HOUR, server, False)
    for lead in LEADS:  # each of another meetup
        if chance.random() < MEETUPS_A_DAY:
            yield Said(midnight + MEETUP_STARTS.draw(chance) * HOUR / 2 - lead, server, True)
    size = min(max(round(math.exp(chance.gauss(math.log(GROUP_MEDIAN), GROUP_SPREAD))), 2), GROUP_MOST)
    for _ in range(int(size * REMINDERS_PER_MEMBER + chance.random())):
        yield Said(midnight + chance.randrange(8 * 12, 23 * 12) * 300, server, True)


class Lot(Generic[T]):
    """Draws by weight."""

    def __init__(self, weights: dict[T, int]) -> None:
        self.values, self.sums = list(weights), list(itertools.accumulate(weights.values()))

    def draw(self, chance: random.Random) -> T:
        return chance.choices(self.values, cum_weights=self.sums)[0]


DAILY_HOURS, MEETUP_STARTS = Lot(HOURS), Lot(MEETUPS)


@cache
def midnight_in(zone: str) -> float:
    return datetime.combine(DAY, time(0), ZoneInfo(zone)).timestamp()


def sent(said: Sequence[Said], *, processes: int, reminders_first: bool) -> Outcome:
    """Through queues with constant service times: one for each process."""
    outcome = Outcome(posts=[], reminders=[])
    shares: list[list[Said]] = [[] for _ in range(processes)]
    for one in said:
        shares[one.server % processes].append(one)
    apart = processes / PER_SECOND
    for own in shares:
        now, following = 0.0, 0
        # What may go out, by rank, and within one rank in the order of the due times.
        waiting: list[tuple[bool, int]] = []
        while following < len(own) or waiting:
            if not waiting:
                now = max(now, own[following].due)
            while following < len(own) and own[following].due <= now:
                heapq.heappush(waiting, (reminders_first and not own[following].punctual, following))
                following += 1
            one = own[heapq.heappop(waiting)[1]]
            (outcome.reminders if one.punctual else outcome.posts).append(now - one.due)
            now += apart
    return outcome


def busiest_minute(said: Sequence[Said]) -> int:
    """The most that is due within one minute of the clock."""
    minutes: dict[int, int] = {}
    for one in said:
        minutes[int(one.due // 60)] = minutes.get(int(one.due // 60), 0) + 1
    return max(minutes.values(), default=0)
