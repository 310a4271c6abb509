"""`/meetup calendar`: meetups for the calendar on one's phone."""

import io

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.locales import _, ngettext
from bot.services.calendars import calendar_file
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.options import caller_of, require_guild
from bot.ui.text import shown
from cogs.meetups.options import meetup_choices


class CalendarCommands(commands.Cog):
    """The part of `/meetup` that writes .ics files."""

    bot: StudyBot

    @app_commands.command()
    @app_commands.describe(meetup="One meetup; all of your groups' when left out")
    @app_commands.autocomplete(meetup=meetup_choices)
    async def calendar(self, interaction: Interaction, meetup: str | None = None) -> None:
        """Get meetups as a calendar file; taking a newer one in updates what is there."""
        await acknowledge(interaction, private=True)
        guild = require_guild(interaction)
        series = await self.bot.services.calendars.series(caller=caller_of(interaction), typed=meetup)
        places = {channel.id: f"#{channel.name}" for channel in guild.channels}
        content = calendar_file(series, places=places, now=self.bot.clock())
        if meetup is not None:
            text = _(
                "**{title}**, for your calendar: open the file. A newer one brings changes along.",
                title=shown(series[0].meetup.title),
            )
        else:
            text = ngettext(
                "One meetup, for your calendar: open the file. A newer one brings changes along.",
                "{n} meetups, for your calendar: open the file. A newer one brings changes along.",
                len(series),
            )
        file = discord.File(io.BytesIO(content), filename="meetups.ics")
        await reply(interaction, Reply(text, files=[file]), private=True)
