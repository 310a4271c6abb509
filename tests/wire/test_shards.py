"""Four processes, each with a quarter of the shards: one bot to everybody who meets it."""

import asyncio
import re
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.db.engine import Database
from bot.db.models import Reminder
from bot.delivery.ledger import Ledger, Outgoing
from bot.services.reminders import REMINDER
from tests.benchmarks.throughput import busiest
from tests.openapi import BodyValidator
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn
from tests.wire.standin.world import Channel

SHARDS = 4
POSTS = ("POST", "/channels/*/messages")
TO_EACH_CHANNEL = 5


async def test_four_processes_are_one_bot(
    validator: BodyValidator, postgres_url: str, tmp_path: Path
) -> None:
    """One dies with a message in Discord's hands, and comes back: each place gets all, once, in its order."""
    async with StandIn(validator, shards=SHARDS) as standin, AsyncExitStack() as stack:
        channels = channels_on_every_shard(standin)
        wanted = await planned(postgres_url, standin, channels)
        posts = standin.faults.status(503, *POSTS, times=4)
        processes = [
            BotProcess(
                standin,
                tmp_path,
                database_url=postgres_url,
                name=f"quarter-{shard}",
                env={"COHORT_SHARDS": f"{shard}/{SHARDS}", "COHORT_LEASE_SECONDS": "6"},
            )
            for shard in range(SHARDS)
        ]
        held = standin.faults.hold_after("POST", f"/channels/{channels[0].id}/messages")
        for process in processes:
            await process.launch()
            stack.push_async_callback(process.kill)
        await standin.wait_until(held.reached.is_set, 300, "a message that is held")
        victim = processes[standin.gateway.shard_of(channels[0].guild_id)]
        await victim.kill()
        held.release()
        await victim.launch()
        await standin.wait_until(lambda: all(process.ready for process in processes), 300, "READY of all")
        answer = await standin.slash(standin.alice, standin.channel, "group list")
        assert answer.text
        assert answer.repeated == 0, "only one process got it"
        count = len(channels) * TO_EACH_CHANNEL
        await standin.wait_until(lambda: len(standin.posted()) >= count, 120, "the last delivery")
        await asyncio.gather(*(process.terminate(60) for process in processes))
        got = defaultdict(list)
        for message in standin.posted():
            got[message.channel_id] += re.findall(r"number \d of \d+", message.text)
        assert got == wanted
        assert posts.hits == 4
        assert standin.rest.global_429s == 0
        # Each takes its part of what Discord allows the bot.
        assert busiest([r.at for r in standin.requested(*POSTS)]) <= 50
        assert standin.violations == []


@pytest.mark.parametrize(
    ("code", "said"), [(4004, "DISCORD_TOKEN"), (4010, "COHORT_SHARDS"), (4011, "COHORT_SHARDS")]
)
async def test_a_gateway_that_lets_nobody_in_is_explained_in_one_line(
    standin: StandIn, sqlite_url: str, tmp_path: Path, code: int, said: str
) -> None:
    async with BotProcess(standin, tmp_path, database_url=sqlite_url) as bot:
        async with asyncio.timeout(60):
            while bot.running:  # what is closed while it is only being made is tried again
                await standin.gateway.close(code)
                await asyncio.sleep(0.2)
        assert bot.returncode == 1
        [line] = [line for line in bot.log().splitlines() if "critical" in line]
        assert f"code {code}" in line
        assert said in line
        assert "Traceback" not in bot.log()


def channels_on_every_shard(standin: StandIn) -> list[Channel]:
    """Two in a server of each shard."""
    channels: list[Channel] = []
    by_shard = {standin.gateway.shard_of(standin.guild.id): standin.guild}
    while len(by_shard) < SHARDS:
        guild = standin.world.add_guild("Another", owner=standin.organizer)
        by_shard.setdefault(standin.gateway.shard_of(guild.id), guild)
        time.sleep(0.001)
    for shard in range(SHARDS):
        channels += [standin.world.add_channel(by_shard[shard], f"room-{n}") for n in range(2)]
    return channels


async def planned(url: str, standin: StandIn, channels: list[Channel]) -> dict[int, list[str]]:
    """Posts that are due already, written in another order than they fell due; by channel, in that order."""
    now = datetime.now(UTC)
    database = Database(url)
    ledger = Ledger(database, clock=lambda: now, owner="test")
    wanted: dict[int, list[str]] = {channel.id: [] for channel in channels}
    try:
        async with database.write() as session:
            for number in reversed(range(TO_EACH_CHANNEL)):
                for channel in channels:
                    due = now - timedelta(seconds=20 - number)
                    what = f"number {number} of {channel.id}"
                    reminder = Reminder(
                        user_id=standin.alice.id,
                        guild_id=channel.guild_id,
                        channel_id=channel.id,
                        what=what,
                        due_at=due,
                        starts_local=due.replace(tzinfo=None),
                        timezone="UTC",
                        repeat="none",
                        created_at=now,
                        round=0,
                    )
                    session.add(reminder)
                    await session.flush()
                    await ledger.plan(
                        session,
                        Outgoing(
                            key=f"reminder:{reminder.id}:0",
                            kind=REMINDER,
                            subject=f"reminder:{reminder.id}",
                            due_at=due,
                            guild_id=channel.guild_id,
                            channel_id=channel.id,
                            refs={"reminder": reminder.id, "due": due.isoformat()},
                        ),
                    )
                    wanted[channel.id].insert(0, what)
    finally:
        await database.close()
    return wanted
