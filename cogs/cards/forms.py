"""The form in which a card is written, and what a message becomes in it."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.client import Interaction
from bot.locales import _
from bot.services.cards import SIDE_LIMIT
from bot.ui.modals import Form

#: What is done with both sides once they are sent.
Submitted = Callable[[Interaction, str, str], Awaitable[None]]
# A question at the beginning: the first line, or the first sentences up to their question mark.
QUESTION = re.compile(r"[^\n?]*\?+(?=\s|$)")


class CardForm(Form):
    def __init__(self, *, title: str, front: str = "", back: str = "", submitted: Submitted) -> None:
        super().__init__(title=title)
        self._submitted = submitted
        self._front, self._back = entry("front", front), entry("back", back)
        self.add_item(discord.ui.Label(text=_("Front: the question"), component=self._front))
        self.add_item(
            discord.ui.Label(
                text=_("Back: the answer"),
                description=_("May be empty when the front has gaps, such as {{c1::Rome}}."),
                component=self._back,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._submitted(interaction, self._front.value, self._back.value)


def entry(name: str, given: str) -> discord.ui.TextInput[CardForm]:
    return discord.ui.TextInput(
        style=discord.TextStyle.paragraph,
        default=given[:SIDE_LIMIT] or None,
        required=name == "front",
        max_length=SIDE_LIMIT,
        custom_id=name,
    )


def sides_in(text: str) -> tuple[str, str]:
    """A question and its answer, as members write them into a message: up to the first question mark, else
    the first line; and the rest.
    """
    text = text.strip()
    question = QUESTION.match(text)
    front = question.group() if question is not None else text.partition("\n")[0]
    return front.strip(), text[len(front) :].strip()
