"""The world as the JSON that Discord sends; the shapes discord.py's parsers read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.wire.standin.world import (
    DM,
    LOADING,
    THREADS,
    Channel,
    Guild,
    Member,
    Message,
    Role,
    ScheduledEvent,
    User,
    World,
)

Payload = dict[str, Any]
GUILD_MEMBERS = 1 << 1


def iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


def user(who: User) -> Payload:
    return {
        "id": str(who.id),
        "username": who.name.lower(),
        "discriminator": "0",
        "global_name": None if who.bot else who.name,
        "avatar": None,
        "bot": who.bot,
        "public_flags": 0,
        "flags": 0,
    }


def role(what: Role) -> Payload:
    return {
        "id": str(what.id),
        "name": what.name,
        "permissions": str(what.permissions),
        "position": what.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": what.managed,
        "mentionable": False,
        "flags": 0,
        "icon": None,
        "unicode_emoji": None,
    }


def member(world: World, who: Member, *, with_user: bool = True) -> Payload:
    payload: Payload = {
        "roles": [str(role_id) for role_id in sorted(who.role_ids)],
        "nick": who.nick,
        "avatar": None,
        "joined_at": iso(who.joined_at),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "communication_disabled_until": None,
    }
    if with_user:
        payload["user"] = user(world.users[who.user_id])
    return payload


def channel(world: World, what: Channel) -> Payload:
    ids = world.by_channel.get(what.id)
    payload: Payload = {
        "id": str(what.id),
        "type": what.type,
        "last_message_id": str(ids[-1]) if ids else None,
        "flags": 0,
    }
    if what.type == DM:
        assert what.recipient_id is not None
        return payload | {"recipients": [user(world.users[what.recipient_id])]}
    payload |= {
        "guild_id": str(what.guild_id),
        "name": what.name,
        "parent_id": None if what.parent_id is None else str(what.parent_id),
        "rate_limit_per_user": 0,
    }
    if what.type in THREADS:
        return payload | {
            "owner_id": str(what.owner_id),
            "message_count": len(world.visible(what.id)),
            "total_message_sent": len(world.visible(what.id)),
            "member_count": len(what.thread_members),
            "applied_tags": [],
            "thread_metadata": {
                "archived": what.archived,
                "locked": False,
                "invitable": True,
                "auto_archive_duration": what.auto_archive_minutes,
                "archive_timestamp": iso(world.clock.now()),
                "create_timestamp": iso(world.clock.now()),
            },
        }
    return payload | {
        "position": 0,
        "nsfw": False,
        "topic": what.topic,
        "bitrate": 64000,
        "user_limit": 0,
        "rtc_region": None,
        "permission_overwrites": [
            {"id": str(o.id), "type": o.type, "allow": str(o.allow), "deny": str(o.deny)}
            for o in what.overwrites
        ],
    }


def message(world: World, what: Message) -> Payload:
    guild = world.guild_of(world.channels[what.channel_id]) if what.channel_id in world.channels else None
    payload: Payload = {
        "id": str(what.id),
        "channel_id": str(what.channel_id),
        "type": 0 if what.reference is None else 19,
        "author": user(world.users[what.author_id]),
        "content": what.content,
        "timestamp": iso(what.created_at),
        "edited_timestamp": iso(what.edited_at),
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": what.attachments,
        "embeds": [{"type": "rich", **embed} for embed in what.embeds],
        "components": what.components,
        "pinned": False,
        "flags": what.flags,
    }
    if what.interaction_id is not None:
        payload["type"] = 0 if what.flags & LOADING else 20
    if what.webhook_token is not None:
        payload |= {"webhook_id": str(world.bot.id), "application_id": str(world.bot.id)}
    if what.nonce is not None:
        payload["nonce"] = what.nonce
    if what.reference is not None:
        payload["message_reference"] = {"channel_id": str(what.channel_id), **what.reference}
        referenced = world.messages.get(int(what.reference.get("message_id") or 0))
        payload["referenced_message"] = None if referenced is None else message(world, referenced)
    if guild is not None:
        payload["guild_id"] = str(guild.id)
    return payload


def event(world: World, what: ScheduledEvent) -> Payload:
    fields = what.fields
    return {
        "id": str(what.id),
        "guild_id": str(what.guild_id),
        "channel_id": fields.get("channel_id"),
        "creator_id": str(what.creator_id),
        "creator": user(world.users[what.creator_id]),
        "name": fields["name"],
        "description": fields.get("description"),
        "scheduled_start_time": fields["scheduled_start_time"],
        "scheduled_end_time": fields.get("scheduled_end_time"),
        "privacy_level": fields.get("privacy_level", 2),
        "status": fields.get("status", 1),
        "entity_type": fields["entity_type"],
        "entity_id": None,
        "entity_metadata": fields.get("entity_metadata"),
        "user_count": len(what.user_ids),
        "image": None,
    }


def voice_state(world: World, where: Guild, user_id: int) -> Payload:
    channel_id = where.voice.get(user_id)
    return {
        "guild_id": str(where.id),
        "channel_id": None if channel_id is None else str(channel_id),
        "user_id": str(user_id),
        "member": member(world, where.members[user_id]),
        "session_id": f"voice-{user_id}",
        "deaf": False,
        "mute": False,
        "self_deaf": False,
        "self_mute": False,
        "self_video": False,
        "suppress": False,
        "request_to_speak_timestamp": None,
    }


def guild(world: World, what: Guild, *, create: bool = False, intents: int = ~0) -> Payload:
    """A server as GET /guilds/{id} gives it; with `create` as GUILD_CREATE does.

    Without the privileged members intent a GUILD_CREATE names the bot and who sits in voice among the
    members. Source: Discord's developer documentation, "Guild Create".
    """
    payload: Payload = {
        "id": str(what.id),
        "name": what.name,
        "owner_id": str(what.owner_id),
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "description": None,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": what.locale,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "vanity_url_code": None,
        "application_id": None,
        "features": [],
        "emojis": what.emojis,
        "stickers": [],
        "roles": [role(r) for r in sorted(what.roles.values(), key=lambda r: r.id)],
    }
    if create:
        named = {world.bot.id, *what.voice}
        seen = [m for m in what.members.values() if intents & GUILD_MEMBERS or m.user_id in named]
        channels = [world.channels[c] for c in what.channel_ids]
        payload |= {
            "joined_at": iso(what.members[world.bot.id].joined_at),
            "large": False,
            "unavailable": False,
            "member_count": len(what.members),
            "members": [member(world, m) for m in seen],
            "channels": [channel(world, c) for c in channels if c.type not in THREADS],
            "threads": [channel(world, c) for c in channels if c.type in THREADS and not c.archived],
            "presences": [],
            "voice_states": [voice_state(world, what, user_id) for user_id in what.voice],
            "stage_instances": [],
            "soundboard_sounds": [],
            "guild_scheduled_events": [event(world, e) for e in what.events.values()],
        }
    return payload
