"""`/meetup list|show`."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.locales import _, speaking
from bot.ui.answers import Reply, patiently, reply
from bot.ui.languages import of_member
from bot.ui.meetup_posts import OPEN, card, line
from bot.ui.options import caller_of, group_choices
from bot.ui.text import fitting, shown
from cogs.meetups.options import meetup_choices

MOST_LISTED = 12


class BrowsingCommands(commands.Cog):
    """The part of `/meetup` that only looks."""

    bot: StudyBot

    @app_commands.command(name="list")
    @app_commands.describe(group="The group whose meetups to list")
    @app_commands.autocomplete(group=group_choices)
    async def list_(self, interaction: Interaction, group: str | None = None) -> None:
        """List the coming meetups of a group."""
        found, dates = await patiently(
            interaction,
            self.bot.services.meetups.coming(
                caller=caller_of(interaction), typed_group=group, limit=MOST_LISTED
            ),
        )
        if not dates:
            await reply_nothing_planned(interaction, found.name)
            return
        title = _("Coming meetups of {group}", group=shown(found.name))
        listing = discord.Embed(title=title, colour=OPEN)
        listing.description = "\n\n".join(fitting(list(map(line, dates)), between="\n\n"))
        await reply(interaction, Reply(embeds=[listing]), private=False)

    @app_commands.command()
    @app_commands.describe(
        meetup="The meetup to show; the group's next one when left out",
        group="The group whose next meetup to show",
    )
    @app_commands.autocomplete(meetup=meetup_choices, group=group_choices)
    async def show(
        self, interaction: Interaction, meetup: str | None = None, group: str | None = None
    ) -> None:
        """Show a meetup and who comes."""
        meetups, caller = self.bot.services.meetups, caller_of(interaction)
        if meetup is not None:
            facts = await patiently(interaction, meetups.show(caller=caller, typed=meetup))
        else:
            found, dates = await patiently(
                interaction, meetups.coming(caller=caller, typed_group=group, limit=1)
            )
            if not dates:
                await reply_nothing_planned(interaction, found.name)
                return
            facts = dates[0]
        await reply(interaction, card(facts), private=False)


async def reply_nothing_planned(interaction: Interaction, group: str) -> None:
    """In private, and so in the member's own language."""
    with speaking(of_member(interaction)):
        text = _("**{group}** has nothing planned. `/meetup schedule` plans a meetup.", group=shown(group))
    await reply(interaction, Reply(text), private=True)
