"""BotProcess itself, with the small discord.py program in the bot's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.process import BotProcess
from tests.wire.standin import StandIn

PROGRAM = ("-m", "tests.wire.program")


def process(standin: StandIn, folder: Path, name: str) -> BotProcess:
    return BotProcess(standin, folder, database_url="sqlite+aiosqlite:///x.db", name=name, program=PROGRAM)


async def test_processes_are_killed_started_again_and_told_apart(standin: StandIn, tmp_path: Path) -> None:
    async def echo(text: str) -> int:
        reply = await standin.slash(standin.alice, standin.channel, "say echo", {"text": text})
        assert reply.text == text
        return reply.repeated

    one = process(standin, tmp_path, "one")
    await one.launch()
    async with process(standin, tmp_path, "two") as two:
        await standin.wait_until(lambda: one.ready)
        # Both get the event, as all processes of one bot do on Discord; the second answer is refused.
        reply = await standin.slash(standin.alice, standin.channel, "say echo", {"text": "hello"})
        await standin.wait_until(lambda: reply.repeated == 1)

        await one.kill()
        assert one.returncode == -9
        assert not one.ready
        assert two.ready
        assert await echo("one is gone") == 0

        await two.terminate()
        assert standin.gateway.ready_shards == set()
        await one.start()
        assert await echo("one is back") == 0
        await one.terminate()
    assert {r.client for r in standin.requests} == {"one-1", "one-2", "two-1"}


async def test_a_process_that_ends_early_shows_its_log(standin: StandIn, tmp_path: Path) -> None:
    bot = BotProcess(standin, tmp_path, database_url="", program=("-c", "raise SystemExit('no such luck')"))
    with pytest.raises(AssertionError, match="no such luck"):
        await bot.start()
