"""Servers that the bot joins and leaves; and once a day, what nobody needs any more is deleted."""

import logging
from collections.abc import Collection
from datetime import timedelta

import discord
from discord.ext import commands

from bot.client import StudyBot

log = logging.getLogger(__name__)

PURGE = "purge"
# What plans and shows a group's things: it goes on when a server is back.
AFTER_RETURN = ("meetups", "posts", "events", "daily cards", "digests")  # the same in every language


class Servers(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.servers = bot.services.servers

    async def cog_load(self) -> None:
        self.bot.scheduler.add(PURGE, self.purge, at_least_every=timedelta(days=1))

    async def cog_unload(self) -> None:
        self.bot.scheduler.remove(PURGE)

    async def purge(self) -> None:
        forgotten = await self.servers.purge()
        if forgotten:
            log.info("forgot %s servers that left a month ago", forgotten)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Taken out, or the server is gone; an outage comes as another event."""
        log.info("taken out of server %s", guild.id)
        await self.servers.left(guild_id=guild.id)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._take_up([guild.id])

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Servers may have come and gone while no process ran. An unavailable one is still the bot's."""
        here = {guild.id for guild in self.bot.guilds}
        await self._take_up(here)
        for guild_id in await self.servers.known():
            if guild_id not in here and self._is_ours(guild_id):
                log.info("server %s is gone since the last start", guild_id)
                await self.servers.left(guild_id=guild_id)

    async def _take_up(self, guild_ids: Collection[int]) -> None:
        if await self.servers.back(guild_ids=guild_ids):
            for tick in AFTER_RETURN:
                self.bot.scheduler.wake(tick, self.bot.clock())

    def _is_ours(self, guild_id: int) -> bool:
        """Whether one of this process's shards serves that server (Discord's formula for sharding)."""
        count = self.bot.shard_count or 1
        return (guild_id >> 22) % count in self.bot.shards


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Servers(bot))
