"""The least that discord.py can do: the bot's own intents and caches, three kinds of answer, no database.

What the bot takes more than this is the bot's; the rest is discord.py's and Python's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Any

import discord
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL


class Press(discord.ui.Button[discord.ui.View]):
    def __init__(self) -> None:
        super().__init__(label="Going", custom_id="going")

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer()
        await interaction.followup.send("You are going.", ephemeral=True)


class Bare(discord.AutoShardedClient):
    def __init__(self) -> None:
        intents = discord.Intents(guilds=True, guild_scheduled_events=True, voice_states=True)
        super().__init__(
            intents=intents,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
        )
        self.tree = app_commands.CommandTree(self)
        self.tree.command(description="Acknowledge, then answer privately")(private)
        self.tree.command(description="Answer in public at once")(public)
        self.tree.command(description="Post a button")(post)

    async def setup_hook(self) -> None:
        view = discord.ui.View(timeout=None)
        view.add_item(Press())
        self.add_view(view)
        await self.tree.sync()


async def private(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.defer(ephemeral=True, thinking=True)
    await interaction.edit_original_response(content="Your time zone is **Europe/Berlin**.")


async def public(interaction: discord.Interaction[Any]) -> None:
    embed = discord.Embed(title="Study groups here", description="**Algebra** · Europe/Berlin")
    await interaction.response.send_message(embed=embed)


async def post(interaction: discord.Interaction[Any]) -> None:
    view = discord.ui.View(timeout=None)
    view.add_item(Press())
    await interaction.response.send_message("Who is coming?", view=view)


async def main() -> None:
    """The address and the token come from the environment; SIGTERM ends it."""
    logging.basicConfig(level=logging.INFO)
    client = Bare()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(client.close()))
    Route.BASE = os.environ["COHORT_DISCORD_API_URL"]
    await client.login(os.environ["DISCORD_TOKEN"])
    _, gateway, _ = await client.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway)
    await client.connect()


if __name__ == "__main__":
    asyncio.run(main())
