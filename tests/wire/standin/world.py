"""What the stand-in knows: servers, roles, members, channels, messages, and who may do what.

Plain data and Discord's rules over it; nothing here speaks HTTP. Ids are snowflakes made from the world's own
clock, so a message's id tells its time as Discord's does.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntFlag
from typing import Any

#: The first millisecond of 2015, Discord's epoch.
EPOCH_MS = 1_420_070_400_000
TEXT, DM, VOICE, CATEGORY, PUBLIC_THREAD, PRIVATE_THREAD, FORUM = 0, 1, 2, 4, 11, 12, 15
THREADS = frozenset({10, PUBLIC_THREAD, PRIVATE_THREAD})
EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15


class Permission(IntFlag):
    """The permission bits that the stand-in enforces or hands out."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    CONNECT = 1 << 20
    MANAGE_ROLES = 1 << 28
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_EVENTS = 1 << 33
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    CREATE_EVENTS = 1 << 44


ALL = Permission((1 << 52) - 1)
#: What @everyone may do in a fresh server.
EVERYONE = (
    Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.CONNECT
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)
#: What a study bot asks for when it is invited.
BOT = (
    EVERYONE
    | Permission.MANAGE_ROLES
    | Permission.MANAGE_EVENTS
    | Permission.CREATE_EVENTS
    | Permission.MANAGE_MESSAGES
    | Permission.MANAGE_THREADS
)


class Clock:
    """Wall-clock time in UTC that a test can move; runs on in real time from where it was put."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, by: timedelta) -> None:
        self.offset += by


@dataclass
class User:
    id: int
    name: str
    bot: bool = False
    dms_open: bool = True
    locale: str = "en-US"


@dataclass
class Role:
    id: int
    name: str
    permissions: int = 0
    position: int = 1
    managed: bool = False


@dataclass
class Member:
    user_id: int
    joined_at: datetime
    role_ids: set[int] = field(default_factory=set)
    nick: str | None = None


@dataclass
class Overwrite:
    """Allowed and denied bits for one role (`type` 0) or member (`type` 1) in a channel."""

    id: int
    type: int
    allow: int = 0
    deny: int = 0


@dataclass
class Channel:
    id: int
    type: int
    name: str = ""
    guild_id: int | None = None
    parent_id: int | None = None
    topic: str | None = None
    overwrites: list[Overwrite] = field(default_factory=list)
    recipient_id: int | None = None
    owner_id: int | None = None
    archived: bool = False
    auto_archive_minutes: int = 1440
    thread_members: set[int] = field(default_factory=set)


@dataclass
class ScheduledEvent:
    id: int
    guild_id: int
    creator_id: int
    fields: dict[str, Any]
    user_ids: set[int] = field(default_factory=set)


@dataclass
class Guild:
    id: int
    name: str
    owner_id: int
    locale: str = field(default="en-US", kw_only=True)
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channel_ids: list[int] = field(default_factory=list)
    events: dict[int, ScheduledEvent] = field(default_factory=dict)
    #: As Discord's JSON has them.
    emojis: list[dict[str, Any]] = field(default_factory=list)
    #: Who sits in which voice channel, by user id.
    voice: dict[int, int] = field(default_factory=dict)


@dataclass
class Message:
    """A message as it stands now. `deleted` ones stay, so that a nonce still finds them."""

    id: int
    channel_id: int
    author_id: int
    created_at: datetime
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    flags: int = 0
    nonce: str | int | None = None
    reference: dict[str, Any] | None = None
    allowed_mentions: dict[str, Any] | None = None
    edited_at: datetime | None = None
    edits: int = 0
    deleted: bool = False
    interaction_id: int | None = None
    webhook_token: str | None = None

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def text(self) -> str:
        """Content, embeds' and text displays' words in one string, for looking things up in tests."""
        words = [self.content]
        for embed in self.embeds:
            words += [embed.get("title") or "", embed.get("description") or ""]
            words += [f"{f.get('name', '')}\n{f.get('value', '')}" for f in embed.get("fields") or ()]
            words.append((embed.get("footer") or {}).get("text") or "")
        words += [c.get("content") or "" for c in walk(self.components)]
        return "\n".join(word for word in words if word)

    def component(self, which: str) -> dict[str, Any]:
        """The component with this custom id, else with this label; KeyError names what is there."""
        everything = list(walk(self.components))
        for key in ("custom_id", "label"):
            for component in everything:
                if component.get(key) == which:
                    return component
        there = [(c.get("custom_id"), c.get("label")) for c in everything if c.get("custom_id")]
        raise KeyError(f"no component {which!r} on message {self.id}, there are {there}")


def walk(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every component, nested ones and accessories included, in reading order."""
    found: list[dict[str, Any]] = []
    for component in components:
        inner = [component.get("accessory"), component.get("component")]
        found += [component, *walk(component.get("components") or []), *walk([c for c in inner if c])]
    return found


class World:
    """All servers, users and messages, and the rules between them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.by_channel: dict[int, list[int]] = {}
        #: Uploaded files by attachment id: name and content; served below `cdn`, an http address.
        self.files: dict[int, tuple[str, bytes]] = {}
        self.cdn = ""
        self._last_id = 0
        self.bot = self.add_user("Cohort", bot=True)

    def snowflake(self) -> int:
        """A fresh id that carries the present; always greater than the one before."""
        now_ms = int(self.clock.now().timestamp() * 1000)
        self._last_id = max(self._last_id + 1, (now_ms - EPOCH_MS) << 22)
        return self._last_id

    def add_user(self, name: str, *, bot: bool = False, dms_open: bool = True) -> User:
        user = User(self.snowflake(), name, bot, dms_open)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, *, owner: User, bot_permissions: int = BOT) -> Guild:
        """A server with @everyone, the bot under its managed role, and no channel yet."""
        guild = Guild(self.snowflake(), name, owner.id)
        guild.roles[guild.id] = Role(guild.id, "@everyone", int(EVERYONE), position=0)
        self.guilds[guild.id] = guild
        own = self.add_role(guild, self.bot.name, bot_permissions, position=50, managed=True)
        self.add_member(guild, owner)
        self.add_member(guild, self.bot, own)
        return guild

    def add_role(
        self, guild: Guild, name: str, permissions: int = 0, *, position: int = 1, managed: bool = False
    ) -> Role:
        role = Role(self.snowflake(), name, int(permissions), position, managed)
        guild.roles[role.id] = role
        return role

    def add_member(self, guild: Guild, user: User, *roles: Role) -> Member:
        member = Member(user.id, self.clock.now(), {role.id for role in roles})
        guild.members[user.id] = member
        return member

    def add_channel(self, guild: Guild, name: str, kind: int = TEXT, **fields: Any) -> Channel:
        channel = Channel(self.snowflake(), kind, name, guild.id, **fields)
        self.channels[channel.id] = channel
        guild.channel_ids.append(channel.id)
        return channel

    def dm_channel(self, user_id: int) -> Channel:
        """The one direct-message channel between the bot and this user."""
        for channel in self.channels.values():
            if channel.type == DM and channel.recipient_id == user_id:
                return channel
        channel = Channel(self.snowflake(), DM, recipient_id=user_id)
        self.channels[channel.id] = channel
        return channel

    def guild_of(self, channel: Channel) -> Guild | None:
        return None if channel.guild_id is None else self.guilds.get(channel.guild_id)

    def add_message(self, channel_id: int, author_id: int, **fields: Any) -> Message:
        message = Message(self.snowflake(), channel_id, author_id, self.clock.now(), **fields)
        self.messages[message.id] = message
        self.by_channel.setdefault(channel_id, []).append(message.id)
        return message

    def forget_message(self, message: Message) -> None:
        """As if it had never been, files and all."""
        del self.messages[message.id]
        ids = self.by_channel[message.channel_id]
        del ids[bisect_left(ids, message.id)]  # ids only grow
        for attachment in message.attachments:
            self.files.pop(int(attachment["id"]), None)

    def visible(self, channel_id: int) -> list[Message]:
        """The messages that stand in a channel for everyone, oldest first."""
        every = (self.messages[i] for i in self.by_channel.get(channel_id, ()))
        return [m for m in every if not m.deleted and not m.ephemeral and not m.flags & LOADING]

    def permissions(self, guild: Guild, user_id: int, channel: Channel | None = None) -> int:
        """What a member may do in a server, or in one of its channels.

        Owner and administrators everything; else the roles' sum, then the overwrites of @everyone, of the
        roles and of the member. A thread has its parent's overwrites. Source: Discord's developer
        documentation, "Permission Overwrites".
        """
        member = guild.members.get(user_id)
        if member is None:
            return 0
        if user_id == guild.owner_id:
            return int(ALL)
        allowed = guild.roles[guild.id].permissions
        for role_id in member.role_ids:
            allowed |= guild.roles[role_id].permissions
        if allowed & Permission.ADMINISTRATOR:
            return int(ALL)
        if channel is not None and channel.type in THREADS and channel.parent_id is not None:
            channel = self.channels.get(channel.parent_id, channel)
        overwrites = {} if channel is None else {o.id: o for o in channel.overwrites}
        if (everyone := overwrites.get(guild.id)) is not None:
            allowed = allowed & ~everyone.deny | everyone.allow
        of_roles = [overwrites[role_id] for role_id in member.role_ids if role_id in overwrites]
        for overwrite in of_roles:
            allowed &= ~overwrite.deny
        for overwrite in of_roles:
            allowed |= overwrite.allow
        if (own := overwrites.get(user_id)) is not None:
            allowed = allowed & ~own.deny | own.allow
        return allowed if channel is None or allowed & Permission.VIEW_CHANNEL else 0

    def top_position(self, guild: Guild, user_id: int) -> int:
        """The position of a member's highest role; only roles below it can be given by them."""
        return max((guild.roles[r].position for r in guild.members[user_id].role_ids), default=0)
