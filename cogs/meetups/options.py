"""Options of `/meetup`: which one."""

from discord import app_commands

from bot.client import Interaction
from bot.services.meetups import Suggestion
from bot.ui.dates import short_day
from bot.ui.options import CHOICES, caller_of


async def meetup_choices(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Coming dates; the value is the occurrence's id."""
    if interaction.guild_id is None:
        return []
    found = await interaction.client.services.meetups.suggestions(
        caller=caller_of(interaction), typed=typed, limit=CHOICES
    )
    return [app_commands.Choice(name=label(each), value=str(each.occurrence_id)) for each in found]


def label(suggestion: Suggestion) -> str:
    """Title and local time in the 100 characters that Discord gives a choice."""
    local = suggestion.starts_local
    when = f" · {short_day(local)} {local:%H:%M} · {suggestion.group}"[:60]
    room = 100 - len(when)
    title = suggestion.title
    return (title if len(title) <= room else title[: room - 1] + "…") + when
