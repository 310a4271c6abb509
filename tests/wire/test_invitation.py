"""`cohort run` tells its operator how the bot comes into a server."""

from __future__ import annotations

import re
from pathlib import Path

import discord

from bot.invitation import INVITED
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn

LINK = re.compile(r"https://discord\.com/oauth2/authorize\?\S+")


async def test_the_link_is_printed_once_at_each_start(
    standin: StandIn, sqlite_url: str, tmp_path: Path
) -> None:
    async with BotProcess(standin, tmp_path, database_url=sqlite_url) as bot:
        await bot.terminate()
        [link] = LINK.findall(bot.log(1000))
        await bot.start()
        await bot.terminate()
        assert LINK.findall(bot.log(1000)) == [link, link]
    asked = discord.Permissions(int(re.search(r"permissions=(\d+)", link)[1]))  # type: ignore[index]
    assert asked == INVITED
    assert not asked.administrator
    assert "scope=bot+applications.commands" in link
    assert standin.token not in bot.log(1000)
    assert "warning" not in bot.log(1000), "a start with nothing wrong warns of nothing"
