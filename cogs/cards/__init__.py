"""`/cards`: the group's flashcards, written by its members, approved by another, shared as files."""

from discord import app_commands
from discord.ext import commands

from bot.client import StudyBot
from bot.locales import N_
from bot.services.cards import APPROVAL
from bot.ui.cards import FEATURE, PAGES
from cogs.cards.browsing import BrowsingCommands
from cogs.cards.daily import DailyCommands, DailyPosts
from cogs.cards.files import STARTER, FileCommands
from cogs.cards.stats import StatsCommands
from cogs.cards.writing import WritingCommands


@app_commands.guild_only()
class Cards(
    WritingCommands,
    BrowsingCommands,
    DailyCommands,
    FileCommands,
    StatsCommands,
    commands.GroupCog,
    group_name="cards",
    group_description="The group’s flashcards",
):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.cards = bot.services.cards
        self.decks = bot.services.decks
        self.menu = app_commands.ContextMenu(name=N_("Make flashcard"), callback=self.make_flashcard)
        self.menu.guild_only = True

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        self.bot.buttons.register(PAGES, self.on_turn)
        self.bot.buttons.register(STARTER, self.on_offer)
        self.bot.sender.register(APPROVAL, self.render_post)
        self.bot.tree.add_command(self.menu)

    async def cog_unload(self) -> None:
        self.bot.tree.remove_command(self.menu.name, type=self.menu.type)
        self.bot.sender.unregister(APPROVAL)
        self.bot.buttons.unregister(STARTER)
        self.bot.buttons.unregister(PAGES)
        self.bot.buttons.unregister(FEATURE)


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Cards(bot))
    await bot.add_cog(DailyPosts(bot))
