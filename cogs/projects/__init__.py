"""`/project`: started, kept up to date, paused, shipped, shown; and a kind word when one falls quiet."""

from datetime import timedelta

from discord import app_commands
from discord.ext import commands

from bot.client import StudyBot
from bot.errors import ProjectGone
from bot.services.projects import NUDGE, POST
from bot.ui.answers import acknowledge, reply
from bot.ui.buttons import Press
from bot.ui.options import caller_of
from bot.ui.projects import FEATURE, SHOW, project_reply
from cogs.projects.browsing import BrowsingCommands
from cogs.projects.quiet import VERBS, Quiet
from cogs.projects.steps import POSTS_TICK, StepCommands


@app_commands.guild_only()
class Projects(
    StepCommands,
    BrowsingCommands,
    commands.GroupCog,
    group_name="project",
    group_description="What members build with what they learn",
):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.projects = bot.services.projects
        self.quiet = Quiet(bot)

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        self.bot.sender.register(POST, self.render_post)
        self.bot.sender.register(NUDGE, self.quiet.render)
        self.bot.scheduler.add(POSTS_TICK, self.projects.adopt_posts, at_least_every=timedelta(minutes=10))

    async def cog_unload(self) -> None:
        self.bot.scheduler.remove(POSTS_TICK)
        for kind in (POST, NUDGE):
            self.bot.sender.unregister(kind)
        self.bot.buttons.unregister(FEATURE)

    async def on_press(self, press: Press) -> None:
        """Show project, under a post, for everybody; what stands under a nudge, for its owner."""
        if press.verb in VERBS:
            await self.quiet.on_press(press)
            return
        if press.verb != SHOW:
            raise ProjectGone
        await acknowledge(press.interaction, private=True)
        facts = await self.projects.look(caller=caller_of(press.interaction), project_id=press.id)
        await reply(press.interaction, await project_reply(self.bot.painter, facts), private=True)


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Projects(bot))
