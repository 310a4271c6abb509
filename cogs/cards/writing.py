"""`/cards add|edit|delete`, Make flashcard, and the Approve and Edit buttons: how cards come to be."""

import logging
from collections.abc import Coroutine
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Interaction, StudyBot
from bot.db.models import NoteState
from bot.delivery.ledger import Claimed
from bot.errors import AlreadyApproved, CardChanged, CardGone, NoTextToUse
from bot.locales import _, speaking
from bot.services.cards import CardService, Found, Written
from bot.ui.answers import Reply, acknowledge, patiently, reply
from bot.ui.buttons import Press, buttons
from bot.ui.cards import (
    APPROVE,
    EDIT,
    card_post,
    deleted,
    edit_button,
    hints,
    in_short,
    reworded,
)
from bot.ui.comeback import offer_comeback
from bot.ui.languages import of_everyone, of_member
from bot.ui.options import CHOICES, caller_of, deck_choices, group_choices, lesson_choices
from bot.ui.sending import Pointless, Rendered
from bot.ui.text import shown
from cogs.cards.forms import CardForm, sides_in

log = logging.getLogger(__name__)


async def card_choices(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Cards that the member may change, newest first; the value is the id."""
    if interaction.guild_id is None:
        return []
    found = await interaction.client.services.cards.card_suggestions(
        caller=caller_of(interaction), typed=typed, limit=CHOICES
    )
    return [
        app_commands.Choice(name=in_short(entry.card.front, most=100), value=str(entry.note.id))
        for entry in found
    ]


class WritingCommands(commands.Cog):
    """The part of `/cards` that makes and changes single cards."""

    bot: StudyBot
    cards: CardService

    @app_commands.command()
    @app_commands.describe(
        front="The question; without both sides a form asks for them",
        back="The answer",
        deck="The deck it goes to; a new name makes a new one",
        lesson="The lesson of the course that it belongs to",
        group="The group whose card it is",
    )
    @app_commands.autocomplete(deck=deck_choices, lesson=lesson_choices, group=group_choices)
    async def add(
        self,
        interaction: Interaction,
        front: str | None = None,
        back: str | None = None,
        deck: str | None = None,
        lesson: str | None = None,
        group: str | None = None,
    ) -> None:
        """Write a flashcard for the group."""

        async def submitted(interaction: Interaction, front: str, back: str) -> None:
            await self._saved(
                interaction,
                self.cards.add(
                    caller=caller_of(interaction),
                    typed=group,
                    front=front,
                    back=back,
                    deck=deck,
                    lesson=lesson,
                    answer_in=interaction.channel_id,
                ),
            )

        if front is not None and back is not None:
            await submitted(interaction, front, back)
            return
        # Before they write it, not after: what a refused form held is gone.
        await self.cards.check(caller=caller_of(interaction), typed=group, lesson=lesson)
        form = CardForm(title=_("A new card"), front=front or "", back=back or "", submitted=submitted)
        await interaction.response.send_modal(form)

    @app_commands.command()
    @app_commands.describe(
        card="The card to change",
        front="Another question; without any option a form shows both sides",
        back="Another answer",
        deck="The deck it moves to; a new name makes a new one",
        lesson="The lesson of the course that it belongs to; “none” for no lesson",
    )
    @app_commands.autocomplete(card=card_choices, deck=deck_choices, lesson=lesson_choices)
    async def edit(
        self,
        interaction: Interaction,
        card: str,
        front: str | None = None,
        back: str | None = None,
        deck: str | None = None,
        lesson: str | None = None,
    ) -> None:
        """Change one of your cards; what members remember of it stays."""
        if front is None and back is None and deck is None and lesson is None:
            await self._open_form(interaction, card)
            return
        work = self.cards.edit(
            caller=caller_of(interaction),
            typed=card,
            front=front,
            back=back,
            deck=deck,
            lesson=lesson,
            answer_in=interaction.channel_id,
        )
        await self._saved(interaction, work)

    @app_commands.command()
    @app_commands.describe(card="The card to take out of the deck")
    @app_commands.autocomplete(card=card_choices)
    async def delete(self, interaction: Interaction, card: str) -> None:
        """Take one of your cards out of the deck."""
        await acknowledge(interaction, private=True)
        gone = await self.cards.delete(caller=caller_of(interaction), typed=card)
        words = shown(in_short(gone.found.cards[0].front))
        text = _("Deleted: {card}. Reviews that were made of it stay counted.", card=words)
        await reply(interaction, Reply(text), private=True)
        with speaking(of_everyone(interaction)):
            rest = deleted()
        for channel_id, message_id in gone.posts:
            await self._replace(interaction, channel_id, message_id, rest)

    async def make_flashcard(self, interaction: Interaction, message: discord.Message) -> None:
        """The menu of a message: its text, in the form."""
        front, back = sides_in(message.clean_content)
        if not front:
            raise NoTextToUse
        await self.cards.check(caller=caller_of(interaction), typed=None, lesson=None)

        async def submitted(interaction: Interaction, front: str, back: str) -> None:
            work = self.cards.add(
                caller=caller_of(interaction),
                typed=None,
                front=front,
                back=back,
                answer_in=interaction.channel_id,
            )
            await self._saved(interaction, work)

        form = CardForm(title=_("A card from this message"), front=front, back=back, submitted=submitted)
        await interaction.response.send_modal(form)

    async def on_press(self, press: Press) -> None:
        """Approve and Edit. A post that lags behind shows the present state on the way."""
        interaction = press.interaction
        if press.verb == EDIT:
            await self._open_form(interaction, str(press.id))
            return
        await interaction.response.defer()
        looked_at = APPROVE.fullmatch(press.verb)
        if looked_at is None:
            raise CardGone
        try:
            approved = await self.cards.approve(
                caller=caller_of(interaction), note_id=press.id, revision=int(looked_at[1] or 0)
            )
        except (AlreadyApproved, CardChanged, CardGone):
            await self._show(press, await self.cards.facts(press.id, guild_id=interaction.guild_id))
            raise
        await self._show(press, approved.found)
        deck = shown(approved.found.deck.name)
        text = _("Thank you for looking. It is in **{deck}** now.", deck=deck)
        await reply(interaction, Reply(text), private=True)
        await offer_comeback(interaction, approved.quiet, approved.found.group.id)

    async def render_post(self, delivery: Claimed) -> Rendered:
        """The post, when no command's answer was it, or that answer got lost."""
        found = await self.cards.facts(delivery.refs["note"], guild_id=delivery.guild_id)
        if found is None or found.note.state is not NoteState.PENDING:
            raise Pointless("deleted or approved")
        if found.note.revision != delivery.refs["revision"]:
            raise Pointless("changed since")
        answer = card_post(found)
        return Rendered(content=answer.content, embeds=answer.embeds, view=answer.view)

    async def _open_form(self, interaction: Interaction, typed: str) -> None:
        found = await self.cards.editable(caller=caller_of(interaction), typed=typed)
        front, back = found.note.fields

        async def submitted(interaction: Interaction, front: str, back: str) -> None:
            work = self.cards.edit(
                caller=caller_of(interaction),
                typed=str(found.note.id),
                front=front,
                back=back,
                answer_in=interaction.channel_id,
            )
            await self._saved(interaction, work)

        form = CardForm(title=_("Change the card"), front=front, back=back, submitted=submitted)
        await interaction.response.send_modal(form)

    async def _saved(self, interaction: Interaction, work: Coroutine[Any, Any, Written]) -> None:
        """Answer with the post that asks others to look, or in private; and tell the author what could be
        better.
        """
        written = await patiently(interaction, work)
        found, claimed = written.found, written.delivery
        with speaking(of_member(interaction)):
            saved, advice = saved_words(written), hints(written.problems)
            view = buttons(edit_button(found.note.id)) if advice else None
        if claimed is None:
            text = "\n".join(filter(None, (saved, advice)))
            await reply(interaction, Reply(text, view=view), private=True)
        else:
            message = await reply(interaction, card_post(found, delivery=claimed.id), private=False)
            if message is not None:
                await self.bot.ledger.sent(claimed, channel_id=message.channel.id, message_id=message.id)
            if advice:
                await reply(interaction, Reply(advice, view=view), private=True)
        for channel_id, message_id in written.outdated:
            await self._replace(interaction, channel_id, message_id, reworded())
        await offer_comeback(interaction, written.quiet, found.group.id)

    async def _show(self, press: Press, found: Found | None) -> None:
        with speaking(of_everyone(press.interaction)):
            answer = card_post(found, delivery=press.delivery) if found is not None else deleted()
        await press.interaction.edit_original_response(
            content=answer.content,
            embeds=list(answer.embeds),
            view=answer.view,
            allowed_mentions=answer.allowed_mentions,
        )

    async def _replace(
        self, interaction: Interaction, channel_id: int, message_id: int, answer: Reply
    ) -> None:
        place = self.bot.get_partial_messageable(channel_id, guild_id=interaction.guild_id)
        try:
            await place.get_partial_message(message_id).edit(
                content=answer.content, embeds=[], view=None, allowed_mentions=answer.allowed_mentions
            )
        except discord.HTTPException as error:
            # Deleted, or out of reach: its button, if it still has one, tells how the card is now.
            log.info("post not replaced", extra={"message": message_id, "code": error.code})


def saved_words(written: Written) -> str:
    found = written.found
    deck, group = shown(found.deck.name), shown(found.group.name)
    text = _("Saved in **{deck}** of **{group}**.", deck=deck, group=group)
    if not written.asks:
        return text
    channel = f"<#{found.group.channel_id}>"
    waits = _("It waits in {channel} for another member to approve it.", channel=channel)
    return f"{text} {waits}"
