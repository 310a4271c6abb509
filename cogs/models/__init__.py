"""`/model`: the group's own classifiers, looked at, trained, published, retired, corrected."""

from datetime import timedelta

from discord import app_commands
from discord.ext import commands

from bot.client import StudyBot
from bot.services.models import DAMAGED
from bot.ui.models import FEATURE, TRAINING
from cogs.models.browsing import BrowsingCommands
from cogs.models.publishing import PublishingCommands
from cogs.models.training import TrainingCommands
from cogs.models.trainings import Trainings

TICK = "trainings"


@app_commands.guild_only()
class Models(
    BrowsingCommands,
    PublishingCommands,
    TrainingCommands,
    commands.GroupCog,
    group_name="model",
    group_description="The group’s own image classifiers",
):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.models = bot.services.models
        self.predictions = bot.services.predictions
        self.trainings = Trainings(bot)

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        self.bot.buttons.register(TRAINING, self.on_training_press)
        self.bot.sender.register(DAMAGED, self.render_damage)
        self.bot.scheduler.add(TICK, self.trainings.tend, at_least_every=timedelta(minutes=1))

    async def cog_unload(self) -> None:
        self.bot.scheduler.remove(TICK)
        self.bot.sender.unregister(DAMAGED)
        self.bot.buttons.unregister(TRAINING)
        self.bot.buttons.unregister(FEATURE)


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Models(bot))
