"""`/privacy`: what the bot knows about a member, for them to read or to have forgotten."""

import io
import logging

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.errors import NotConfirmed
from bot.locales import _, ngettext
from bot.services.privacy import Forgotten
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.places import give_role

log = logging.getLogger(__name__)

# More than anybody posted; beyond it, messages stay that only their links make personal.
MOST_POSTS = 200


class Privacy(commands.GroupCog, group_name="privacy", group_description="What the bot knows about you"):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.privacy = bot.services.privacy

    @app_commands.command()
    async def export(self, interaction: Interaction) -> None:
        """Get everything that the bot knows about you as a file, for you alone."""
        await acknowledge(interaction, private=True)
        data = await self.privacy.export(user_id=interaction.user.id)
        file = discord.File(io.BytesIO(data), filename="what-cohort-knows-about-you.json")
        text = _("This is every row about you, in all servers that I share with you. Nobody else sees it.")
        await reply(interaction, Reply(text, files=[file]), private=True)

    @app_commands.command()
    @app_commands.describe(confirm="True to erase everything about you; it cannot be taken back")
    async def delete(self, interaction: Interaction, confirm: bool) -> None:
        """Have the bot forget you, in every server, for good."""
        await acknowledge(interaction, private=True)
        if not confirm:
            raise NotConfirmed
        forgotten = await self.privacy.forget(user_id=interaction.user.id)
        self.bot.services.members.forget_language(user_id=interaction.user.id)
        for tick in ("posts", "events"):  # they show the member until they are edited
            self.bot.scheduler.wake(tick, self.bot.clock())
        problems = await self._take_back(interaction, forgotten)
        await self._take_down(forgotten)
        await reply(interaction, Reply("\n".join((_words(forgotten), *problems))), private=True)

    async def _take_back(self, interaction: Interaction, forgotten: Forgotten) -> list[str]:
        """Take the groups' roles off the member, in every server; a sentence for each that has to stay."""
        problems = []
        for guild_id, role_id in forgotten.roles:
            guild = self.bot.get_guild(guild_id)
            if guild is not None:
                problems.append(await give_role(interaction, guild, role_id=role_id, has=False))
        return [problem for problem in problems if problem is not None]

    async def _take_down(self, forgotten: Forgotten) -> None:
        """Delete the bot's own messages that are about the member, as far as they can be reached."""
        for channel_id, message_id in forgotten.posts[:MOST_POSTS]:
            channel = self.bot.get_partial_messageable(channel_id)
            try:
                await channel.get_partial_message(message_id).delete()
            except discord.HTTPException as error:
                log.info("a post stays in channel %s: %s", channel_id, error.text)


def _words(forgotten: Forgotten) -> str:
    if not forgotten.deleted and not forgotten.unnamed:
        return _("I knew nothing about you, and still do not.")
    rows = forgotten.deleted + forgotten.unnamed
    done = ngettext(
        "Done: {n} rows are erased or bear no name any more, in every server.",
        "Done: {n} rows are erased or bear no name any more, in every server.",
        rows,
    )
    stays = _(
        "Cards and meetups that you made for a group stay there without your name, and so do the sums that "
        "you counted in. I have deleted my posts about your evidence and your projects, as far as I can "
        "reach them; others of mine that name you, such as kudos, profiles and boards, stay until whoever "
        "manages the server deletes them. What you wrote in Discord yourself, delete there. Backups that the "
        "operator keeps forget you when newer ones take their place."
    )
    return f"{done} {stays}"


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Privacy(bot))
