"""`/review`: a private session of flashcards, card after card in one message."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.delivery.ledger import Claimed
from bot.errors import UnknownCard, UnknownReview
from bot.flashcards.memory import Grade
from bot.locales import N_, _
from bot.rendering.cards import Theme
from bot.services.reviews import EXPLAIN, Sitting
from bot.ui import reviews as words
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.boards import COLOUR
from bot.ui.buttons import DurableButton, Press, buttons
from bot.ui.card_images import card_files
from bot.ui.cards import side
from bot.ui.comeback import offer_comeback
from bot.ui.formulas import with_formulas
from bot.ui.options import caller_of, deck_choices, group_choices
from bot.ui.reviews import redraw, review_reply, sides
from bot.ui.sending import Pointless, Rendered

ASKED = N_(
    "**Explain this to us**: some of us keep forgetting this card. How would you put it? "
    "Its author can reword it with `/cards edit`."
)


class Reviews(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.reviews = bot.services.reviews

    async def cog_load(self) -> None:
        self.bot.buttons.register(words.FEATURE, self.on_press)
        self.bot.buttons.register(words.EXPLAIN, self.on_explain_press)
        self.bot.sender.register(EXPLAIN, self.render_asked)

    async def cog_unload(self) -> None:
        self.bot.sender.unregister(EXPLAIN)
        self.bot.buttons.unregister(words.EXPLAIN)
        self.bot.buttons.unregister(words.FEATURE)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(deck="Only the cards of this deck", group="The group whose cards you review")
    @app_commands.autocomplete(deck=deck_choices, group=group_choices)
    async def review(
        self, interaction: Interaction, deck: str | None = None, group: str | None = None
    ) -> None:
        """Review the flashcards that are due for you."""
        await self._open(interaction, group=group, deck=deck)

    async def on_press(self, press: Press) -> None:
        """What stands under the card, pressed by whose session it is; a stale press shows how it stands."""
        interaction = press.interaction
        if press.verb == words.START:
            await self._open(interaction, group=str(press.id), deck=None)
            return
        await interaction.response.defer()
        found = words.VERB.fullmatch(press.verb)
        if found is None:
            raise UnknownReview
        what, number = found["what"], int(found["number"] or 0)
        caller, session_id = caller_of(interaction), press.id
        if what == words.ASK:
            group = await self.reviews.ask_group(caller=caller, session_id=session_id, card_id=number)
            await reply(interaction, Reply(words.asked_words(group)), private=True)
            return
        if what == words.UNDO:
            sitting = await self.reviews.undo(caller=caller, session_id=session_id, turn=number)
        elif what == words.STOP:
            sitting = await self.reviews.end(caller=caller, session_id=session_id)
        elif what == words.KEEP:
            sitting = await self.reviews.keep(caller=caller, session_id=session_id, card_id=number)
        elif what in set(Grade):
            sitting = await self.reviews.grade(
                caller=caller, session_id=session_id, turn=number, given=Grade(what)
            )
        elif what == words.SHOW:
            sitting = await self.reviews.look(caller=caller, session_id=session_id)
        else:
            raise UnknownReview
        is_answer = what == words.SHOW and is_turn(sitting, number)
        await redraw(interaction, await self._drawn(sitting, answer=is_answer))
        await offer_comeback(interaction, sitting.quiet, sitting.group.id)

    async def render_asked(self, delivery: Claimed) -> Rendered:
        """A card that somebody keeps forgetting, put to the group."""
        try:
            card, images = await self.reviews.card(
                card_id=delivery.refs["card"], guild_id=delivery.guild_id or 0
            )
        except UnknownCard as error:
            raise Pointless("card removed") from error
        embed = discord.Embed(description=side(card.front), colour=COLOUR)
        button = DurableButton(words.EXPLAIN, card.id, words.SHOW, label=_("Show answer"))
        files = card_files(images.front, embed)
        return Rendered(content=_(ASKED), embeds=[embed], view=buttons(button), files=files)

    async def on_explain_press(self, press: Press) -> None:
        """Show answer, under a card that was put to the group: privately, to whoever asks."""
        await acknowledge(press.interaction, private=True)
        card, images = await self.reviews.card(
            card_id=press.id, guild_id=caller_of(press.interaction).guild_id
        )
        embed = discord.Embed(description=sides(card.front, card.back), colour=COLOUR)
        answer = Reply(embeds=[embed], files=card_files(images.both, embed))
        answer = await with_formulas(self.bot.formulas, answer, card.front, card.back, theme=Theme.DARK)
        await reply(press.interaction, answer, private=True)

    async def _open(self, interaction: Interaction, *, group: str | None, deck: str | None) -> None:
        await acknowledge(interaction, private=True)
        sitting = await self.reviews.open(caller=caller_of(interaction), typed=group, deck=deck)
        await reply(interaction, await self._drawn(sitting), private=True)
        await offer_comeback(interaction, sitting.quiet, sitting.group.id)

    async def _drawn(self, sitting: Sitting, *, answer: bool = False) -> Reply:
        drawn = await review_reply(self.bot.painter, sitting, answer=answer)
        if sitting.question is None:
            return drawn
        card = sitting.question.card
        texts = (card.front, card.back) if answer else (card.front,)
        return await with_formulas(self.bot.formulas, drawn, *texts, theme=sitting.group.theme)


def is_turn(sitting: Sitting, turn: int) -> bool:
    """Whether the card in front is the one that the button was under."""
    return sitting.session is not None and sitting.session.turn == turn


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Reviews(bot))
