"""`/timezone`: what a member sets for themselves."""

from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.options import zone_choices


class Members(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.members = bot.services.members
        self.clock = bot.clock

    @app_commands.command()
    @app_commands.describe(zone="Your city or its time zone, such as Europe/Berlin")
    @app_commands.autocomplete(zone=zone_choices)
    async def timezone(self, interaction: Interaction, zone: str) -> None:
        """Set your own time zone; the times you type are read in it."""
        await acknowledge(interaction, private=True)
        chosen = await self.members.set_timezone(user_id=interaction.user.id, typed=zone)
        local = self.clock().astimezone(chosen)
        await reply(
            interaction,
            Reply(f"Your time zone is **{chosen.key}**, where it is {local:%H:%M} now."),
            private=True,
        )


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Members(bot))
