"""`/project show` and `/project list`."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.locales import speaking
from bot.services.projects import ProjectService
from bot.ui.answers import Reply, patiently, reply
from bot.ui.languages import of_everyone
from bot.ui.options import caller_of, group_choices
from bot.ui.projects import gallery_embed, project_reply
from cogs.projects.options import shown_choices


class BrowsingCommands(commands.Cog):
    """The part of `/project` that only looks."""

    bot: StudyBot
    projects: ProjectService

    @app_commands.command()
    @app_commands.describe(
        project="The project; yours when left out", member="Whose project; yours when left out"
    )
    @app_commands.autocomplete(project=shown_choices)
    async def show(
        self, interaction: Interaction, project: str | None = None, member: discord.User | None = None
    ) -> None:
        """Show a project: its stages, its log, its links."""
        answer = await patiently(interaction, self._shown(interaction, project, member))
        await reply(interaction, answer, private=False)

    @app_commands.command(name="list")
    @app_commands.describe(group="The group to look at")
    @app_commands.autocomplete(group=group_choices)
    async def list_(self, interaction: Interaction, group: str | None = None) -> None:
        """Show the group's projects: what is shipped, what goes on, what rests."""
        gallery = await patiently(
            interaction, self.projects.gallery(caller=caller_of(interaction), typed=group)
        )
        await reply(interaction, Reply(embeds=[gallery_embed(gallery)]), private=False)

    async def _shown(
        self, interaction: Interaction, project: str | None, member: discord.User | None
    ) -> Reply:
        facts = await self.projects.show(
            caller=caller_of(interaction),
            typed=project,
            owner_id=member.id if member is not None else None,
        )
        with speaking(of_everyone(interaction)):
            return await project_reply(self.bot.painter, facts)
