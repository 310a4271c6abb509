"""`/timezone`: what a member sets for themselves, by command or by the button that newcomers see."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.locales import _
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.buttons import Press
from bot.ui.modals import Form
from bot.ui.options import zone_choices
from bot.ui.welcome import ZONE, ZONE_LABEL

# Longer than every zone's name.
ZONE_LIMIT = 64


class Members(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.members = bot.services.members
        self.clock = bot.clock

    async def cog_load(self) -> None:
        self.bot.buttons.register(ZONE, self.on_press)

    async def cog_unload(self) -> None:
        self.bot.buttons.unregister(ZONE)

    @app_commands.command()
    @app_commands.describe(zone="Your city or its time zone, such as Europe/Berlin")
    @app_commands.autocomplete(zone=zone_choices)
    async def timezone(self, interaction: Interaction, zone: str) -> None:
        """Set your own time zone; the times you type are read in it."""
        await self.set(interaction, zone)

    async def on_press(self, press: Press) -> None:
        """Set my zone, wherever it stands: always the presser's own."""
        await press.interaction.response.send_modal(ZoneForm(self))

    async def set(self, interaction: Interaction, zone: str) -> None:
        await acknowledge(interaction, private=True)
        chosen = await self.members.set_timezone(user_id=interaction.user.id, typed=zone)
        local = self.clock().astimezone(chosen)
        await reply(
            interaction,
            Reply(
                _(
                    "Your time zone is **{zone}**, where it is {time} now.",
                    zone=chosen.key,
                    time=f"{local:%H:%M}",
                )
            ),
            private=True,
        )


class ZoneForm(Form):
    def __init__(self, members: Members) -> None:
        super().__init__(title=_(ZONE_LABEL))
        self._members = members
        self._zone: discord.ui.TextInput[ZoneForm] = discord.ui.TextInput(
            placeholder="Europe/Berlin", max_length=ZONE_LIMIT, custom_id="zone"
        )
        self.add_item(
            discord.ui.Label(
                text=_("Where do you live?"),
                description=_("Your city, or its time zone. /timezone lists them all as you type."),
                component=self._zone,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._members.set(interaction, self._zone.value)


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Members(bot))
