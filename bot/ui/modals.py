"""Forms that members fill in."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import discord

from bot.locales import _, speak
from bot.ui.answers import Reply, reply
from bot.ui.errors import answer_error
from bot.ui.given import check_form
from bot.ui.languages import of_member
from bot.ui.text import plain

TIMEOUT_SECONDS = 3600.0
# What a message takes beside the sentence about it; longer text comes as a file.
TYPED_LIMIT = 1500


class Form(discord.ui.Modal):
    """A modal whose errors are answered; discord.py would only log them."""

    def __init__(self, *, title: str) -> None:
        super().__init__(title=title, timeout=TIMEOUT_SECONDS)

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        speak(of_member(interaction))
        check_form(self)
        return True

    async def on_error(  # type: ignore[override]  # of a modal discord.py says so itself
        self, interaction: discord.Interaction[Any], error: Exception, /
    ) -> None:
        await answer_error(interaction, error)


def is_forgotten(interaction: discord.Interaction[Any]) -> bool:
    """Whether this sends a form that is not known any more. To be asked before anything is awaited."""
    if interaction.type is not discord.InteractionType.modal_submit or interaction.response.is_done():
        return False
    data: Mapping[str, Any] = interaction.data or {}
    return data.get("custom_id") not in interaction.client._connection._view_store._modals


async def give_back(interaction: discord.Interaction[Any]) -> None:
    """Say that a forgotten form cannot be sent, with what was typed into it, so that nothing is lost."""
    speak(of_member(interaction))
    said = _(
        "I don't know this form any more: it was open for over an hour, or I was restarted. Open it anew."
    )
    typed = "\n\n".join(_typed(interaction.data or {}))
    if not typed.strip():
        await reply(interaction, Reply(said), private=True)
        return
    said = "{} {}".format(said, _("This is what you typed:"))
    if len(plain(typed)) <= TYPED_LIMIT:
        await reply(interaction, Reply(f"{said}\n\n{plain(typed)}"), private=True)
    else:
        text = io.BytesIO(typed.encode("utf-8", "replace"))
        file = discord.File(text, filename="form.txt")
        await reply(interaction, Reply(said, files=[file]), private=True)


def _typed(part: Any) -> Iterator[str]:
    """The values of the form's text fields, from top to bottom."""
    if isinstance(part, Mapping):
        if isinstance(value := part.get("value"), str):
            yield value
        yield from _typed(part.get("components"))
        yield from _typed(part.get("component"))
    elif isinstance(part, list):
        for each in part:
            yield from _typed(each)
