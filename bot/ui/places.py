"""Channels and roles that a member picked: may the bot use them, and may the member hand them out?"""

from typing import Any

import discord

from bot.db.models import Group
from bot.errors import MissingPermission, UnusableChannel, UnusableRole
from bot.locales import N_, _, speaking
from bot.ui.languages import of_guild

UNKNOWN_MEMBER = 10007  # Discord's code

#: Where a meetup can be.
Place = discord.TextChannel | discord.VoiceChannel | discord.StageChannel

# Discord's own names, as its settings show them.
VIEW_CHANNEL, SEND_MESSAGES, EMBED_LINKS = N_("View Channel"), N_("Send Messages"), N_("Embed Links")
MANAGE_ROLES = N_("Manage Roles")

# Whoever joins a group gets its role, so it must not carry any of these.
ELEVATED = discord.Permissions(
    administrator=True,
    manage_guild=True,
    manage_roles=True,
    manage_channels=True,
    manage_messages=True,
    manage_webhooks=True,
    manage_threads=True,
    manage_nicknames=True,
    manage_expressions=True,
    manage_events=True,
    kick_members=True,
    ban_members=True,
    moderate_members=True,
    mention_everyone=True,
    view_audit_log=True,
    mute_members=True,
    deafen_members=True,
    move_members=True,
)


def require_postable(channel: discord.abc.GuildChannel) -> None:
    """Raises MissingPermission unless the bot can post a message with an embed there."""
    missing = missing_to_post(channel)
    if missing:
        raise MissingPermission(permissions=missing, channel_id=channel.id)


def missing_to_post(channel: discord.abc.GuildChannel) -> tuple[str, ...]:
    """The permissions that the bot lacks to post a message with an embed there."""
    permissions = channel.permissions_for(channel.guild.me)
    needed = {
        VIEW_CHANNEL: permissions.view_channel,
        SEND_MESSAGES: permissions.send_messages,
        EMBED_LINKS: permissions.embed_links,
    }
    return tuple(name for name, granted in needed.items() if not granted)


def require_visible(place: Place | None) -> None:
    """Raises MissingPermission when the bot cannot see the channel, so could not link or open it."""
    if place is not None and not place.permissions_for(place.guild.me).view_channel:
        raise MissingPermission(permissions=(VIEW_CHANNEL,), channel_id=place.id)


def require_home(guild: discord.Guild, group: Group) -> None:
    """Raises UnusableChannel, MissingPermission unless posts and reminders can reach the group."""
    channel = guild.get_channel(group.channel_id)
    if channel is None:
        raise UnusableChannel(
            channel_id=group.channel_id,
            reason=_(
                "the group’s channel was deleted, and an organizer has to set another with `/group edit`"
            ),
        )
    require_postable(channel)


def require_grantable(role: discord.Role, *, by: discord.Member | discord.User) -> None:
    """Raises UnusableRole, or MissingPermission, unless the bot can give this role to whoever joins,
    and the member who asks for that could do the like by hand.
    """
    guild, me = role.guild, role.guild.me
    if role.is_default() or role.managed:
        raise UnusableRole(role_id=role.id, reason=_("Discord does not let anyone hand it out"))
    if role.permissions.value & ELEVATED.value:
        raise UnusableRole(
            role_id=role.id, reason=_("it carries moderation rights, and everyone who joins would get it")
        )
    asker = by.guild_permissions if isinstance(by, discord.Member) else discord.Permissions.none()
    if not (by.id == guild.owner_id or asker.manage_guild or asker.manage_roles):
        raise UnusableRole(
            role_id=role.id, reason=_("only members with Manage Server or Manage Roles may hand out roles")
        )
    if not me.guild_permissions.manage_roles:
        raise MissingPermission(permissions=(MANAGE_ROLES,))
    if role >= me.top_role and me.id != guild.owner_id:
        raise UnusableRole(role_id=role.id, reason=_("it stands above my own role in the server settings"))


async def give_role(
    interaction: discord.Interaction[Any], guild: discord.Guild, *, role_id: int | None, has: bool
) -> str | None:
    """Add or take back a group's role; returns one sentence when that was not possible.

    Membership does not depend on it: joining a group succeeds though the role could not be given.
    """
    if role_id is None:
        return None
    http, user_id = guild._state.http, interaction.user.id
    # The audit log is for all who look after that server.
    with speaking(of_guild(interaction.client, guild.id)):
        reason = _("Joined the study group") if has else _("Left the study group")
    role = f"<@&{role_id}>"
    try:
        if has:
            await http.add_role(guild.id, user_id, role_id, reason=reason)
        else:
            await http.remove_role(guild.id, user_id, role_id, reason=reason)
    except discord.Forbidden:
        if has:
            return _(
                "I could not give you {role}: I need Manage Roles, and my role must stand above it.",
                role=role,
            )
        return _(
            "I could not take back {role}: I need Manage Roles, and my role must stand above it.", role=role
        )
    except discord.NotFound as error:
        if error.code == UNKNOWN_MEMBER:  # they left that server, and their roles with it
            return None
        return _(
            "The group’s role is gone from this server; an organizer can set another with `/group edit`."
        )
    return None
