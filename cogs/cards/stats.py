"""`/cards stats`: how well a member remembers, what is to come, and what was done."""

from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.ui.answers import acknowledge, reply
from bot.ui.options import caller_of, group_choices
from bot.ui.review_stats import stats_reply


class StatsCommands(commands.Cog):
    """The part of `/cards` that looks back and ahead."""

    bot: StudyBot

    @app_commands.command()
    @app_commands.describe(group="The group whose cards you review")
    @app_commands.autocomplete(group=group_choices)
    async def stats(self, interaction: Interaction, group: str | None = None) -> None:
        """Show how well you remember, what falls due, and when you reviewed."""
        await acknowledge(interaction, private=True)
        stats = await self.bot.services.stats.stats(caller=caller_of(interaction), typed=group)
        await reply(interaction, await stats_reply(self.bot.painter, stats), private=True)
