"""`/cards list|settings`: looking at the cards, and choosing how to review them."""

from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.errors import CardGone
from bot.locales import _
from bot.services.cards import CardService
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.buttons import Press
from bot.ui.cards import TURN, listing
from bot.ui.options import caller_of, deck_choices, group_choices


class BrowsingCommands(commands.Cog):
    """The part of `/cards` that shows them."""

    bot: StudyBot
    cards: CardService

    @app_commands.command(name="list")
    @app_commands.describe(
        deck="Only the cards of this deck",
        page="The page to begin at",
        group="The group whose cards they are",
    )
    @app_commands.autocomplete(deck=deck_choices, group=group_choices)
    async def list_(
        self,
        interaction: Interaction,
        deck: str | None = None,
        page: app_commands.Range[int, 1, 100_000] = 1,
        group: str | None = None,
    ) -> None:
        """Show the group's cards, newest first."""
        await acknowledge(interaction, private=True)
        found = await self.cards.page(caller=caller_of(interaction), typed=group, deck=deck, number=page)
        await reply(interaction, listing(found), private=True)

    @app_commands.command()
    @app_commands.describe(
        retention="The share of cards, in percent, that you want to remember; 90 at first",
        new_per_day="How many cards you want to meet for the first time each day; 10 at first",
    )
    async def settings(
        self,
        interaction: Interaction,
        retention: app_commands.Range[int, 70, 97] | None = None,
        new_per_day: app_commands.Range[int, 0, 100] | None = None,
    ) -> None:
        """Choose how you want to review, or look at what you chose."""
        await acknowledge(interaction, private=True)
        wishes = await self.bot.services.reviews.set_wishes(
            user_id=interaction.user.id,
            retention=retention / 100 if retention is not None else None,
            new_per_day=new_per_day,
        )
        sentences = [
            _(
                "Cards come back when you are about **{share:.0f}%** sure to remember them, "
                "and you meet up to **{new_per_day}** new ones a day, in every group.",
                share=100 * wishes.retention,
                new_per_day=wishes.new_per_day,
            )
        ]
        if retention is not None:
            sentences.append(_("The share holds for each card from its next review on."))
        await reply(interaction, Reply(" ".join(sentences)), private=True)

    async def on_turn(self, press: Press) -> None:
        """Previous and Next under a list."""
        interaction = press.interaction
        place = TURN.fullmatch(press.verb)
        if place is None:
            raise CardGone
        await interaction.response.defer()
        found = await self.cards.page(
            caller=caller_of(interaction), typed=place[1], deck=place[2], number=press.id
        )
        answer = listing(found)
        await interaction.edit_original_response(embeds=list(answer.embeds), view=answer.view)
