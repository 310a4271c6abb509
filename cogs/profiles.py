"""`/profile`: what a member has done in a group, shown to themselves or, if they wish, to everybody."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.errors import BadOption, OnlyOwnProfile
from bot.locales import speaking
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.buttons import Press
from bot.ui.languages import of_everyone
from bot.ui.options import caller_of, group_choices
from bot.ui.profiles import FEATURE, STREAK_OFF, STREAK_ON, profile_reply


class Profiles(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.profiles = bot.services.profiles

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)

    async def cog_unload(self) -> None:
        self.bot.buttons.unregister(FEATURE)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(
        member="Whose profile; yours when left out",
        public="Show your own to everybody here; else only you see it",
        group="The group it is about",
    )
    @app_commands.autocomplete(group=group_choices)
    async def profile(
        self,
        interaction: Interaction,
        member: discord.User | None = None,
        public: bool = False,
        group: str | None = None,
    ) -> None:
        """Show what you have done in the group, or what another member has."""
        whose = member if member is not None else interaction.user
        if not public:
            await acknowledge(interaction, private=True)
            answer = await self._profile(interaction, group, whose, own=whose.id == interaction.user.id)
        elif whose.id == interaction.user.id:
            with speaking(of_everyone(interaction)):
                work = self._profile(interaction, group, whose, own=False)
                answer = await patiently(interaction, work)
        else:
            raise OnlyOwnProfile
        await reply(interaction, answer, private=not public)

    async def on_press(self, press: Press) -> None:
        """The streak, on or off: always that of whoever presses, wherever the button came from."""
        interaction = press.interaction
        if press.verb not in (STREAK_ON, STREAK_OFF):
            raise BadOption(field="choice", value=press.verb, choices=(STREAK_ON, STREAK_OFF))
        await interaction.response.defer()
        profile = await self.profiles.count_streak(
            caller=caller_of(interaction), group_id=press.id, wanted=press.verb == STREAK_ON
        )
        name = interaction.user.display_name
        answer = await profile_reply(self.bot.painter, profile, name=name, own=True)
        await interaction.edit_original_response(
            embeds=answer.embeds, view=answer.view, attachments=answer.files
        )

    async def _profile(
        self, interaction: Interaction, group: str | None, whose: discord.User | discord.Member, *, own: bool
    ) -> Reply:
        profile = await self.profiles.show(caller=caller_of(interaction), typed=group, user_id=whose.id)
        return await profile_reply(self.bot.painter, profile, name=whose.display_name, own=own)


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Profiles(bot))
