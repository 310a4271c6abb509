"""`/model publish`, `retire` and `feedback`, Publish under a finished training, and the note on damage."""

import io

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.delivery.ledger import Claimed
from bot.errors import UnknownModel
from bot.locales import speaking
from bot.services.models import ModelFacts, ModelService
from bot.services.predictions import PredictionService
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.buttons import Press, buttons
from bot.ui.languages import of_everyone
from bot.ui.models import (
    DONE,
    PUBLISH,
    damage_words,
    done_button,
    feedback_words,
    published_words,
    retired_words,
)
from bot.ui.options import caller_of, model_choices, version_choices
from bot.ui.sending import Pointless, Rendered


class PublishingCommands(commands.Cog):
    """The part of `/model` that decides which version answers, and what is learnt from its answers."""

    bot: StudyBot
    models: ModelService
    predictions: PredictionService

    @app_commands.command()
    @app_commands.describe(model="The version to publish; an earlier one rolls back")
    @app_commands.autocomplete(model=version_choices)
    async def publish(self, interaction: Interaction, model: str) -> None:
        """Let this version answer /classify from now on; for organizers."""
        work = self.models.publish(caller=caller_of(interaction), typed=model)
        published = await patiently(interaction, work)
        await reply(interaction, Reply(published_words(published)), private=False)

    @app_commands.command()
    @app_commands.describe(model="The model that /classify shall not ask any more")
    @app_commands.autocomplete(model=model_choices)
    async def retire(self, interaction: Interaction, model: str) -> None:
        """Take a model out of use; its versions stay and can be published again. For organizers."""
        await acknowledge(interaction, private=True)
        retired = await self.models.retire(caller=caller_of(interaction), typed=model)
        await reply(interaction, Reply(retired_words(retired)), private=True)

    @app_commands.command()
    @app_commands.describe(model="The model whose corrections you want")
    @app_commands.autocomplete(model=model_choices)
    async def feedback(self, interaction: Interaction, model: str) -> None:
        """Get what members said of a model’s answers as a labelled set of images; for organizers."""
        await acknowledge(interaction, private=True)
        export = await self.predictions.export(
            caller=caller_of(interaction), typed=model, limit=interaction.filesize_limit
        )
        file = discord.File(io.BytesIO(export.data), export.name)
        await reply(interaction, Reply(feedback_words(export.training_set), files=[file]), private=True)

    async def on_press(self, press: Press) -> None:
        """Publish under what a training brought, and Done under the note on damage."""
        interaction = press.interaction
        if press.verb == DONE:
            with speaking(of_everyone(interaction)):
                button = done_button(press.id, delivery=press.delivery, disabled=True)
            await interaction.response.edit_message(view=buttons(button))
            return
        if press.verb != PUBLISH:
            raise UnknownModel(typed=str(press.id), names=())
        work = self.models.publish(caller=caller_of(interaction), typed=str(press.id))
        published = await patiently(interaction, work)
        await reply(interaction, Reply(published_words(published)), private=False)
        if interaction.message is not None:
            await interaction.message.edit(view=None)

    async def render_damage(self, delivery: Claimed) -> Rendered:
        """To whoever made the group: which files are damaged, and what answers meanwhile."""
        damaged = await self.models.version(delivery.refs["version"])
        if damaged is None:
            raise Pointless("the version is gone")
        number = delivery.refs["instead"]
        instead: ModelFacts | None = None if number is None else await self.models.version(number)
        done = done_button(delivery.refs["version"], delivery=delivery.id)
        return Rendered(content=damage_words(damaged, instead), view=buttons(done))
