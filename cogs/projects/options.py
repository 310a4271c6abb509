"""What autocomplete suggests for `project`; the value is the id."""

from collections.abc import Collection

from discord import app_commands

from bot.client import Interaction
from bot.db.models import ProjectState
from bot.services.projects import RESUMABLE, UNFINISHED
from bot.ui.options import CHOICES, caller_of

Choices = list[app_commands.Choice[str]]


async def active_choices(interaction: Interaction, typed: str) -> Choices:
    return await _choices(interaction, typed, {ProjectState.ACTIVE})


async def unfinished_choices(interaction: Interaction, typed: str) -> Choices:
    return await _choices(interaction, typed, UNFINISHED)


async def resumable_choices(interaction: Interaction, typed: str) -> Choices:
    return await _choices(interaction, typed, RESUMABLE)


async def shown_choices(interaction: Interaction, typed: str) -> Choices:
    return await _choices(interaction, typed, None)


async def _choices(interaction: Interaction, typed: str, states: Collection[ProjectState] | None) -> Choices:
    if interaction.guild_id is None:
        return []
    found = await interaction.client.services.projects.suggestions(
        caller=caller_of(interaction), typed=typed, states=states, limit=CHOICES
    )
    return [app_commands.Choice(name=project.title, value=str(project.id)) for project in found]
