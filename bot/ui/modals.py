"""Forms that members fill in."""

from typing import Any

import discord

from bot.locales import speak
from bot.ui.errors import answer_error
from bot.ui.given import check_form
from bot.ui.languages import of_member

# Whoever writes for longer than this finds their text still in Discord's own window, and sends it by command.
TIMEOUT_SECONDS = 3600.0


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
