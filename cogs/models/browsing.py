"""`/model list` and `info`."""

from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.services.models import ModelService
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.models import info_reply, list_embed
from bot.ui.options import caller_of, group_choices, version_choices


class BrowsingCommands(commands.Cog):
    """The part of `/model` that shows what there is."""

    bot: StudyBot
    models: ModelService

    @app_commands.command()
    @app_commands.describe(group="Only this group’s models")
    @app_commands.autocomplete(group=group_choices)
    async def list(self, interaction: Interaction, group: str | None = None) -> None:
        """See which models this server has."""
        await acknowledge(interaction, private=True)
        models = await self.models.list(caller=caller_of(interaction), group=group)
        await reply(interaction, Reply(embeds=[list_embed(models)]), private=True)

    @app_commands.command()
    @app_commands.describe(model="The model, or one version of it")
    @app_commands.autocomplete(model=version_choices)
    async def info(self, interaction: Interaction, model: str) -> None:
        """A model’s card: what it was trained on, how well it does, what it mixes up."""
        await acknowledge(interaction, private=True)
        found = await self.models.find(caller=caller_of(interaction), typed=model)
        manifest = await self.models.manifest(ref=found.ref)
        await reply(interaction, await info_reply(self.bot.painter, found, manifest), private=True)
