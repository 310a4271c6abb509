"""`/model train`, and Cancel under a training at work."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.classifier.training.jobs import EPOCHS
from bot.client import Interaction, StudyBot
from bot.errors import BadTrainingSet, TrainingBusy, TrainingFault, TrainingGone, TrainingOff
from bot.services.trainings import EPOCHS_LIMIT
from bot.ui.answers import patiently, reply
from bot.ui.buttons import Press
from bot.ui.models import CANCEL, progress_reply
from bot.ui.options import caller_of, group_choices, version_choices
from cogs.models.trainings import MOST_BYTES, Run, Trainings


class TrainingCommands(commands.Cog):
    """The part of `/model` that makes new versions."""

    bot: StudyBot
    trainings: Trainings

    @app_commands.command()
    @app_commands.describe(
        name="What the model is called; the same name makes its next version",
        images="A .zip with a folder of images for each label",
        base="The model to begin with; without images it learns from the feedback on it",
        epochs=f"How often it sees every image; {EPOCHS} when left out",
        group="The group whose model it is",
    )
    @app_commands.autocomplete(base=version_choices, group=group_choices)
    async def train(
        self,
        interaction: Interaction,
        name: str,
        images: discord.Attachment | None = None,
        base: str | None = None,
        epochs: app_commands.Range[int, 1, EPOCHS_LIMIT] = EPOCHS,
        group: str | None = None,
    ) -> None:
        """Train a model on your own images; for organizers."""
        if (missing := self.bot.trainer.available()) is not None:
            raise TrainingOff(text=missing)
        if self.bot.trainer.is_busy:
            raise TrainingBusy
        if images is not None and images.size > MOST_BYTES:
            raise BadTrainingSet(fault=TrainingFault.TOO_LARGE, limit=MOST_BYTES)
        caller = caller_of(interaction)
        work = self.bot.services.trainings.begin(
            caller=caller,
            group=group,
            name=name,
            epochs=epochs,
            channel_id=interaction.channel_id or 0,
            has_images=images is not None,
            base=base,
        )
        started = await patiently(interaction, work)
        run = Run(started=started, caller=caller, base=base, images=images)
        try:
            message = await reply(interaction, progress_reply(started.training, None), private=False)
            if message is not None:
                run.message_id = message.id
                await self.bot.services.trainings.attach_message(training_id=run.id, message_id=message.id)
        finally:
            # It was decided and written down: it is done, whether Discord took the answer or not.
            self.trainings.begin(run)

    async def on_training_press(self, press: Press) -> None:
        """Cancel, for who began it and for organizers."""
        interaction = press.interaction
        if press.verb != CANCEL:
            raise TrainingGone
        await interaction.response.defer()
        try:
            training = await self.bot.services.trainings.cancel(
                caller=caller_of(interaction), training_id=press.id
            )
        except TrainingGone:
            # Its end could not be told, or was not told yet: there is nothing to press any more.
            await interaction.edit_original_response(view=None)
            raise
        ended = await self.trainings.stop(training, by=interaction.user.id)
        await interaction.edit_original_response(content=ended.content, embeds=[], attachments=[], view=None)
