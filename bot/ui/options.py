"""What cogs share about options: who calls, and what autocomplete suggests."""

from typing import Any

import discord
from discord import app_commands

from bot.db.models import VersionState
from bot.locales import _
from bot.services.access import Caller
from bot.services.zones import find_zones
from bot.ui.models import option_label, option_value

CHOICES = 25

# What a command handler gets; its client is the StudyBot, which this room cannot import.
AnyInteraction = discord.Interaction[Any]


def require_guild(interaction: AnyInteraction) -> discord.Guild:
    """The server a command was used in; raises NoPrivateMessage in a direct message."""
    if interaction.guild is None:
        raise app_commands.NoPrivateMessage
    return interaction.guild


def caller_of(interaction: AnyInteraction) -> Caller:
    """The member behind the interaction; raises NoPrivateMessage outside a server."""
    guild = require_guild(interaction)
    channel = interaction.channel
    places = [interaction.channel_id, getattr(channel, "parent_id", None)]
    roles = interaction.user.roles if isinstance(interaction.user, discord.Member) else ()
    return Caller(
        user_id=interaction.user.id,
        guild_id=guild.id,
        channel_ids=tuple(place for place in places if place is not None),
        role_ids=frozenset(role.id for role in roles),
        manages_server=interaction.permissions.manage_guild,
        name=interaction.user.display_name,
    )


async def zone_choices(_interaction: AnyInteraction, typed: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=name, value=name) for name in find_zones(typed, limit=CHOICES)]


async def course_choices(interaction: AnyInteraction, typed: str) -> list[app_commands.Choice[str]]:
    """The course packs of this server, each in its newest version, by title; the value is the id."""
    if interaction.guild_id is None:
        return []
    found = await interaction.client.services.courses.suggestions(
        guild_id=interaction.guild_id, typed=typed, limit=CHOICES
    )
    return [app_commands.Choice(name=f"{title} · {pack_id}"[:100], value=pack_id) for title, pack_id in found]


async def group_choices(interaction: AnyInteraction, typed: str) -> list[app_commands.Choice[str]]:
    """Active groups of this server, by name; the value is the id, which a rename does not change."""
    if interaction.guild_id is None:
        return []
    groups = await interaction.client.services.groups.suggestions(
        guild_id=interaction.guild_id, typed=typed, limit=CHOICES
    )
    return [app_commands.Choice(name=group.name, value=str(group.id)) for group in groups]


async def joined_choices(interaction: AnyInteraction, typed: str) -> list[app_commands.Choice[str]]:
    """The member's own groups of this server, archived ones last; the value is the id."""
    if interaction.guild_id is None:
        return []
    groups = await interaction.client.services.groups.leavable(
        caller=caller_of(interaction), typed=typed, limit=CHOICES
    )
    names = {
        group.id: _("{group} (archived)", group=group.name) if group.archived_at else group.name
        for group in groups
    }
    return [app_commands.Choice(name=name[:100], value=str(id_)) for id_, name in names.items()]


async def lesson_choices(interaction: AnyInteraction, typed: str) -> list[app_commands.Choice[str]]:
    """Lessons of the group's course; the value names the lesson by the ids that it keeps for ever."""
    if interaction.guild_id is None:
        return []
    found = await interaction.client.services.lessons.suggestions(
        caller=caller_of(interaction), group=interaction.namespace.group, typed=typed, limit=CHOICES
    )
    if found is None:
        return []
    pack, lessons = found
    return [
        app_commands.Choice(name=f"{lesson.number}. {lesson.title}"[:100], value=f"{pack.id}:{lesson.id}")
        for lesson in lessons
    ]


async def deck_choices(interaction: AnyInteraction, typed: str) -> list[app_commands.Choice[str]]:
    """The group's decks of flashcards, by name; the value is the id."""
    if interaction.guild_id is None:
        return []
    decks = await interaction.client.services.cards.deck_suggestions(
        caller=caller_of(interaction), group=interaction.namespace.group, typed=typed, limit=CHOICES
    )
    return [app_commands.Choice(name=deck.name, value=str(deck.id)) for deck in decks]


async def model_choices(interaction: AnyInteraction, typed: str) -> list[app_commands.Choice[str]]:
    """The classifiers that answer in this server, and what comes with the bot."""
    return await _model_choices(interaction, typed, (VersionState.PUBLISHED,))


async def version_choices(interaction: AnyInteraction, typed: str) -> list[app_commands.Choice[str]]:
    """Every version of every classifier here, drafts and earlier ones among them."""
    return await _model_choices(interaction, typed, None)


async def _model_choices(
    interaction: AnyInteraction, typed: str, states: tuple[VersionState, ...] | None
) -> list[app_commands.Choice[str]]:
    if interaction.guild_id is None:
        return []
    found = await interaction.client.services.models.suggestions(
        caller=caller_of(interaction), typed=typed, states=states, limit=CHOICES
    )
    return [app_commands.Choice(name=option_label(model), value=option_value(model)) for model in found]
