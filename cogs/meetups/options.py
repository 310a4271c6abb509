"""Options of `/meetup`: which meetup, where, and in which channel its group lives."""

import discord
from discord import app_commands

from bot.client import Interaction
from bot.db.models import Group
from bot.errors import MissingPermission, UnusableChannel
from bot.services.meetups import Suggestion
from bot.ui.options import CHOICES, caller_of, require_guild
from bot.ui.places import require_postable

Place = discord.TextChannel | discord.VoiceChannel | discord.StageChannel


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
    when = f" · {local:%a} {local.day} {local:%b %H:%M} · {suggestion.group}"[:60]
    room = 100 - len(when)
    title = suggestion.title
    return (title if len(title) <= room else title[: room - 1] + "…") + when


def require_visible(place: Place | None) -> None:
    """Raises MissingPermission when the bot cannot see the channel, so could not link or open it."""
    if place is not None and not place.permissions_for(place.guild.me).view_channel:
        raise MissingPermission(permissions=("View Channel",), channel_id=place.id)


def require_home(interaction: Interaction, group: Group) -> None:
    """Raises UnusableChannel, MissingPermission unless posts and reminders can reach the group."""
    channel = require_guild(interaction).get_channel(group.channel_id)
    if channel is None:
        raise UnusableChannel(
            channel_id=group.channel_id,
            reason="the group’s channel was deleted, and an organizer has to set another with `/group edit`",
        )
    require_postable(channel)
