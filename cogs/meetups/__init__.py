"""`/meetup`: planned, answered, changed, called off; its posts and reminders."""

from datetime import timedelta

from discord import app_commands
from discord.ext import commands

from bot.client import StudyBot
from bot.errors import UnknownMeetup
from bot.services.meetups import POST, PROMOTED, REMINDER
from bot.ui.answers import Reply, reply
from bot.ui.buttons import Press
from bot.ui.meetup_posts import FEATURE, VERBS, standing_words
from cogs.meetups.announcing import Announcer
from cogs.meetups.browsing import BrowsingCommands
from cogs.meetups.calendar import CalendarCommands
from cogs.meetups.checkin import CHECKIN, CheckinCommands
from cogs.meetups.planning import PlanningCommands
from cogs.meetups.posts import Posts

POSTS_TICK = "posts"
CALENDAR_TICK = "meetups"


@app_commands.guild_only()
class Meetups(
    PlanningCommands,
    BrowsingCommands,
    CheckinCommands,
    CalendarCommands,
    commands.GroupCog,
    group_name="meetup",
    group_description="Meetups: plan them, answer them, look who comes",
):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.posts = Posts(bot)
        self.announcer = Announcer(bot)

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        self.bot.buttons.register(CHECKIN, self.on_checkin_press)
        self.bot.sender.register(POST, self.announcer.post)
        self.bot.sender.register(REMINDER, self.announcer.reminder)
        self.bot.sender.register(PROMOTED, self.announcer.promoted)
        self.bot.scheduler.add(POSTS_TICK, self.posts.reconcile, at_least_every=timedelta(minutes=1))
        self.bot.scheduler.add(
            CALENDAR_TICK, self.bot.services.meetups.materialise, at_least_every=timedelta(minutes=10)
        )

    async def cog_unload(self) -> None:
        self.bot.scheduler.remove(CALENDAR_TICK)
        self.bot.scheduler.remove(POSTS_TICK)
        for kind in (POST, REMINDER, PROMOTED):
            self.bot.sender.unregister(kind)
        self.bot.buttons.unregister(CHECKIN)
        self.bot.buttons.unregister(FEATURE)

    async def on_press(self, press: Press) -> None:
        """Going, Maybe or Can't, on a post, a copy of it or a reminder."""
        interaction = press.interaction
        await interaction.response.defer()
        wanted = VERBS.get(press.verb)
        if wanted is None:
            raise UnknownMeetup(typed=str(press.id))
        standing = await self.bot.services.meetups.answer(
            occurrence_id=press.id,
            guild_id=interaction.guild_id,
            user_id=interaction.user.id,
            wanted=wanted,
        )
        await reply(interaction, Reply(standing_words(standing)), private=True)
        await self.posts.refresh_pressed(interaction, press.id)
        self.bot.scheduler.wake(POSTS_TICK, self.bot.clock())


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Meetups(bot))
