"""`/help`: what this member may do here, by topic, out of the commands that there are."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.classifier.protocol import Readiness
from bot.client import Interaction, StudyBot
from bot.errors import BadOption, NotAnOrganizer
from bot.locales import N_, _
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.buttons import Press
from bot.ui.help import FEATURE, IN_MENU, OVERVIEW, TOPICS, Entry, Topic, hints_for, overview, page
from bot.ui.options import caller_of
from bot.ui.reviews import redraw

PICTURES = "pictures"
NO_CLASSIFIER = N_("Whoever runs me has switched the classifier off, so no picture is looked at now.")


async def topic_choices(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """The topics that concern this member; the value is the topic's key."""
    is_organizer = await organizes(interaction)
    wanted = typed.casefold().strip()
    return [
        app_commands.Choice(name=_(topic.title), value=topic.key)
        for topic in TOPICS
        if any(wanted in title for title in titles(topic)) and (is_organizer or not topic.for_organizers)
    ]


class Help(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)

    async def cog_unload(self) -> None:
        self.bot.buttons.unregister(FEATURE)

    @app_commands.command()
    @app_commands.describe(topic="What you want to know about; everything when left out")
    @app_commands.autocomplete(topic=topic_choices)
    async def help(self, interaction: Interaction, topic: str | None = None) -> None:
        """See what you can do here, by topic, with something to type."""
        await acknowledge(interaction, private=True)
        await reply(interaction, await self._answer(interaction, topic), private=True)

    async def on_press(self, press: Press) -> None:
        """A topic, or back to all of them; whoever presses sees what is theirs."""
        await press.interaction.response.defer()
        typed = None if press.verb == OVERVIEW else press.verb
        await redraw(press.interaction, await self._answer(press.interaction, typed))

    async def _answer(self, interaction: Interaction, typed: str | None) -> Reply:
        """Raises BadOption, NotAnOrganizer."""
        is_organizer = await organizes(interaction)
        here = {entry.name: entry for entry in self._entries(in_server=interaction.guild_id is not None)}
        topics = [
            topic
            for topic in TOPICS
            if (is_organizer or not topic.for_organizers) and any(name in here for name in topic.commands)
        ]
        if typed is None:
            return overview(topics, hints=await self._hints(interaction, is_organizer=is_organizer))
        topic = meant(typed)
        if topic.for_organizers and not is_organizer:
            raise NotAnOrganizer
        off = self.bot.classifier.status().readiness is Readiness.OFF
        hints = [_(NO_CLASSIFIER)] if topic.key == PICTURES and off else []
        entries = [here[name] for name in topic.commands if name in here]
        return page(topic, entries, topics=topics, hints=hints)

    def _entries(self, *, in_server: bool) -> list[Entry]:
        """The commands that can be used there, from the tree itself."""
        typed = [
            command for command in self.bot.tree.walk_commands() if isinstance(command, app_commands.Command)
        ]
        entries = [
            Entry(name=command.qualified_name, description=command.description)
            for command in typed
            if in_server or not (command.root_parent or command).guild_only
        ]
        menus = self.bot.tree.walk_commands(type=discord.AppCommandType.message)
        entries += [
            Entry(name=menu.name, description=IN_MENU.get(menu.name, ""), is_menu=True)
            for menu in menus
            if in_server or not menu.guild_only
        ]
        return entries

    async def _hints(self, interaction: Interaction, *, is_organizer: bool) -> list[str]:
        if interaction.guild_id is None:
            return hints_for(in_server=False, joined=(), is_organizer=False, has_group=False)
        caller, groups = caller_of(interaction), self.bot.services.groups
        joined = await groups.joined(caller=caller)
        known = joined or await groups.suggestions(guild_id=caller.guild_id, typed="", limit=1)
        return hints_for(
            in_server=True,
            joined=[group.name for group in joined],
            is_organizer=is_organizer,
            has_group=bool(known),
        )


async def organizes(interaction: Interaction) -> bool:
    """Whether what is for organizers concerns this member here."""
    if interaction.guild_id is None:
        return False
    try:
        await interaction.client.services.groups.organized(caller=caller_of(interaction))
    except NotAnOrganizer:
        return False
    return True


def meant(typed: str) -> Topic:
    """By key, which autocomplete sends, or by title. Raises BadOption."""
    wanted = typed.casefold().strip()
    for topic in TOPICS:
        if wanted in (topic.key, *titles(topic)):
            return topic
    raise BadOption(field="topic", value=typed[:100], choices=tuple(_(topic.title) for topic in TOPICS))


def titles(topic: Topic) -> tuple[str, str]:
    """What finds it: its title in the source's language and in the spoken one."""
    return topic.title.casefold(), _(topic.title).casefold()


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Help(bot))
