"""Who sits in a meetup's voice channel: five minutes of it count as having come."""

from datetime import datetime, timedelta

import discord
from discord.ext import commands

from bot.client import StudyBot
from bot.services.checkins import STAY, Gathering

TICK = "voice"
AT_LEAST_EVERY = timedelta(minutes=1)


class Voice(commands.Cog):
    """Remembers since when each member sits where. A restart forgets it and counts from then on:
    whoever still sits there five minutes later has come all the same.
    """

    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.checkins = bot.services.checkins
        self._since: dict[tuple[int, int], datetime] = {}

    async def cog_load(self) -> None:
        self.bot.scheduler.add(TICK, self.tick, at_least_every=AT_LEAST_EVERY)

    async def cog_unload(self) -> None:
        self.bot.scheduler.remove(TICK)

    async def tick(self) -> datetime | None:
        """Look who sits in the channels of the meetups that are on, and note who has long enough.

        Returns when the next of them will have, a meetup ends, or one begins.
        """
        now = self.bot.clock()
        next_at = [await self.checkins.next_with_a_place()]
        for gathering in await self.checkins.with_a_place():
            channel = self._voice_channel(gathering)
            if channel is None:
                continue
            since = {}
            for user_id in channel.voice_states:
                # Also those who came before the bot did, or whose coming it missed.
                since[user_id] = self._since.setdefault((channel.id, user_id), now)
            await self.checkins.stayed(gathering=gathering, since=since)
            starts_at, ends_at = gathering.occurrence.starts_at, gathering.occurrence.ends_at
            next_at += [ends_at, *(max(at, starts_at) + STAY for at in since.values())]
        self._forget_strangers()
        return min((at for at in next_at if at is not None and at > now), default=None)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Who sits where has been told anew; stays from before the gap are over or begin again."""
        self._forget_strangers()
        now = self.bot.clock()
        for guild in self.bot.guilds:
            for channel in (*guild.voice_channels, *guild.stage_channels):
                for user_id in channel.voice_states:
                    self._since.setdefault((channel.id, user_id), now)

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        old, new = before.channel, after.channel
        if old == new:
            return
        if new is not None:
            self._since[new.id, member.id] = self.bot.clock()
            self.bot.scheduler.wake(TICK, self.bot.clock() + STAY)
        since = self._since.pop((old.id, member.id), None) if old is not None else None
        if old is None or since is None:
            return
        for gathering in await self.checkins.with_a_place(guild_id=member.guild.id):
            if gathering.where_channel_id == old.id:
                await self.checkins.stayed(gathering=gathering, since={member.id: since})

    def _voice_channel(self, gathering: Gathering) -> discord.VoiceChannel | discord.StageChannel | None:
        guild = self.bot.get_guild(gathering.group.guild_id)
        channel_id = gathering.where_channel_id
        if guild is None or channel_id is None:
            return None
        channel = guild.get_channel(channel_id)
        return channel if isinstance(channel, discord.VoiceChannel | discord.StageChannel) else None

    def _forget_strangers(self) -> None:
        """Drop stays whose end was missed, so that what is kept is bounded by who sits in voice."""
        for channel_id, user_id in list(self._since):
            channel = self.bot.get_channel(channel_id)
            states = getattr(channel, "voice_states", {})
            if user_id not in states:
                del self._since[channel_id, user_id]


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Voice(bot))
