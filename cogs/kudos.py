"""`/kudos`: thanks to somebody who explained."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.locales import _
from bot.ui.answers import Reply, patiently, reply
from bot.ui.comeback import offer_comeback
from bot.ui.options import caller_of, group_choices
from bot.ui.text import plain


class KudosCommand(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.service = bot.services.kudos

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(
        member="Who explained something, or helped", reason="What for", group="The group it happened in"
    )
    @app_commands.autocomplete(group=group_choices)
    async def kudos(
        self, interaction: Interaction, member: discord.User, reason: str, group: str | None = None
    ) -> None:
        """Thank somebody who explained something to you."""
        given = await patiently(
            interaction,
            self.service.give(
                caller=caller_of(interaction),
                typed=group,
                receiver_id=member.id,
                receiver_is_bot=member.bot,
                reason=reason,
            ),
        )
        kudos = given.kudos
        text = _(
            "{giver} thanks {receiver}: {reason}",
            giver=f"<@{kudos.giver_id}>",
            receiver=f"<@{kudos.receiver_id}>",
            reason=plain(kudos.reason),
        )
        await reply(interaction, Reply(text), private=False)
        await offer_comeback(interaction, given.quiet, given.group.id)


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(KudosCommand(bot))
