"""Answering an interaction: at once, after a moment, or after having asked for time."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import discord

from bot.locales import speak
from bot.ui.languages import of_everyone

T = TypeVar("T")

# Discord gives three seconds; asking for time at this point leaves two for a slow network.
PATIENCE = 1.0
MEANWHILE = "…"


@dataclass
class Reply:
    """A message to send or to put in place of another: what it leaves out, it clears."""

    content: str | None = None
    embeds: Sequence[discord.Embed] = ()
    view: discord.ui.View | None = None
    files: Sequence[discord.File] = ()
    allowed_mentions: discord.AllowedMentions = field(default_factory=discord.AllowedMentions.none)


async def reply(interaction: discord.Interaction, answer: Reply, *, private: bool) -> discord.Message | None:
    """Answer, whatever has been answered or deferred before; `private` answers are ephemeral.

    The first answer to something that was deferred with the other visibility takes its "thinking" back,
    for that cannot change; what is said after an answer leaves it there. Returns the message when it can be
    known without asking.
    """
    response = interaction.response
    if not response.is_done():
        callback = await response.send_message(**_new(answer), ephemeral=private)
        message = callback.resource
        return message if isinstance(message, discord.InteractionMessage) else None
    if response.type is discord.InteractionResponseType.deferred_channel_message:
        if interaction.extras.get("deferred_private", False) == private:
            message = await interaction.edit_original_response(**_edit(answer))
            interaction.extras["answered"] = True
            return message
        if interaction.extras.get("answered", False):  # that answer stays, whatever went wrong after it
            return await interaction.followup.send(**_new(answer), ephemeral=private, wait=True)
        # What comes first after a deferral takes its place and its visibility, so that place is filled and
        # then cleared.
        await interaction.edit_original_response(content=MEANWHILE)
        said = await interaction.followup.send(**_new(answer), ephemeral=private, wait=True)
        await interaction.delete_original_response()
        interaction.extras["answered"] = True
        return said
    return await interaction.followup.send(**_new(answer), ephemeral=private, wait=True)


async def acknowledge(interaction: discord.Interaction, *, private: bool) -> None:
    """Ask Discord for time: the answer may then come within fifteen minutes.

    A public one is from here on worded in the server's language.
    """
    interaction.extras["deferred_private"] = private
    await interaction.response.defer(ephemeral=private, thinking=True)
    if not private:
        speak(of_everyone(interaction))


async def patiently(
    interaction: discord.Interaction,
    work: Coroutine[Any, Any, T],
    *,
    private: bool = False,
    patience: float = PATIENCE,
) -> T:
    """Do the work; if it takes more than a second (or `patience` seconds), ask for time meanwhile.

    For public answers: their refusals are private, and only an answer that was not deferred yet can
    still choose. Private ones call `acknowledge` first. Once the work is done, everything is worded in the
    server's language, unless the answer is private after all.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=patience)
        if not done:
            await acknowledge(interaction, private=private)
        result = await task
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not private:
        speak(of_everyone(interaction))
    return result


def _new(answer: Reply) -> dict[str, Any]:
    arguments: dict[str, Any] = {"allowed_mentions": answer.allowed_mentions}
    if answer.content is not None:
        arguments["content"] = answer.content
    if answer.embeds:
        arguments["embeds"] = list(answer.embeds)
    if answer.view is not None:
        arguments["view"] = answer.view
    if answer.files:
        arguments["files"] = list(answer.files)
    return arguments


def _edit(answer: Reply) -> dict[str, Any]:
    return {
        "content": answer.content,
        "embeds": list(answer.embeds),
        "view": answer.view,
        "attachments": list(answer.files),
        "allowed_mentions": answer.allowed_mentions,
    }
