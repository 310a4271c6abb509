"""Channels, messages, direct messages and threads, with Discord's nonce rule."""

from __future__ import annotations

import copy
import mimetypes
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from tests.wire.standin import payloads
from tests.wire.standin.gateway import Gateway
from tests.wire.standin.rest import ApiError, Request, Rest
from tests.wire.standin.world import (
    COMPONENTS_V2,
    DM,
    EPHEMERAL,
    LOADING,
    PUBLIC_THREAD,
    THREADS,
    Channel,
    Message,
    Permission,
    World,
    walk,
)

MESSAGE_CONTENT = 1 << 15


class Messages:
    """The message routes; also what other routes use to write messages."""

    def __init__(self, world: World, rest: Rest, gateway: Gateway) -> None:
        self.world = world
        self.rest = rest
        self.gateway = gateway
        #: How long Discord remembers a nonce, in the world's own time; measured as a few minutes.
        self.nonce_window = timedelta(minutes=5)
        #: POSTs that were answered with a message that existed already.
        self.nonce_hits = 0
        self.typing: list[int] = []
        self._by_nonce: dict[str | int, Message] = {}
        message = "/channels/{channel}/messages/{message}"
        rest.route("GET", "/channels/{channel}", self.get_channel)
        rest.route("PATCH", "/channels/{channel}", self.edit_channel)
        rest.route("DELETE", "/channels/{channel}", self.delete_channel)
        rest.route("GET", "/channels/{channel}/messages", self.history)
        rest.route("POST", "/channels/{channel}/messages", self.create)
        rest.route("GET", message, self.get)
        rest.route("PATCH", message, self.edit)
        rest.route("DELETE", message, self.delete)
        rest.route("POST", f"{message}/threads", self.start_thread)
        rest.route("POST", "/channels/{channel}/threads", self.start_thread)
        rest.route("POST", "/channels/{channel}/typing", self.start_typing)
        rest.route("PUT", "/channels/{channel}/thread-members/{user}", self.join_thread)
        rest.route("POST", "/users/@me/channels", self.open_dm)

    # Writing, used by the routes here and by interactions.

    def fill(self, message: Message, request: Request, body: dict[str, Any] | None = None) -> None:
        """Take over a create or edit body and its files; what the body leaves out stays."""
        body = (request.body or {}) if body is None else body
        message.content = body.get("content", message.content) or ""
        message.allowed_mentions = body.get("allowed_mentions", message.allowed_mentions)
        if "flags" in body:
            kept = message.flags & EPHEMERAL
            message.flags = kept | (body["flags"] or 0)
        message.flags &= ~LOADING
        self._attach(message, request, body)
        names = {a["filename"]: a["url"] for a in message.attachments}
        if "embeds" in body:
            message.embeds = _linked(copy.deepcopy(body["embeds"] or []), names)
        if "components" in body:
            message.components = _linked(copy.deepcopy(body["components"] or []), names)
            for number, component in enumerate(walk(message.components), start=1):
                component.setdefault("id", number)
        if any(c.get("type", 1) > 8 for c in message.components):
            message.flags |= COMPONENTS_V2

    def _attach(self, message: Message, request: Request, body: dict[str, Any]) -> None:
        described = {str(a["id"]): a for a in body.get("attachments") or ()}
        if "attachments" in body:
            message.attachments = [a for a in message.attachments if a["id"] in described]
        for part, (filename, data) in request.files.items():
            index = part.removeprefix("files[").removesuffix("]")
            about = described.get(index, {})
            message.attachments.append(
                self.attachment(message.channel_id, filename, data, about.get("description"))
            )

    def attachment(
        self, channel_id: int, filename: str, data: bytes, description: str | None = None
    ) -> dict[str, Any]:
        """Store a file and describe it as Discord does; it can be downloaded from its url."""
        file_id = self.world.snowflake()
        self.world.files[file_id] = (filename, data)
        url = f"{self.world.cdn}/attachments/{channel_id}/{file_id}/{quote(filename)}"
        return {
            "id": str(file_id),
            "filename": filename,
            "size": len(data),
            "url": url,
            "proxy_url": url,
            "content_type": mimetypes.guess_type(filename)[0] or "application/octet-stream",
            "description": description,
        }

    def announce(self, event: str, message: Message) -> None:
        """MESSAGE_CREATE or _UPDATE to the bot, unless it is ephemeral or the bot cannot see it."""
        channel = self.world.channels.get(message.channel_id)
        if channel is not None and not message.ephemeral:
            self.gateway.dispatch(event, self.seen_by_bot(message), guild_id=channel.guild_id)

    def seen_by_bot(self, message: Message) -> dict[str, Any]:
        """The payload, without others' words in servers where message content is not approved."""
        payload = payloads.message(self.world, message)
        approved = self.gateway.approved_intents & MESSAGE_CONTENT
        own = message.author_id == self.world.bot.id
        if "guild_id" in payload and not own and not approved:
            payload |= {"content": "", "embeds": [], "attachments": [], "components": []}
        return payload

    def _may_send(self, channel: Channel) -> None:
        if channel.type == DM:
            user = self.world.users[channel.recipient_id or 0]
            members = [guild.members for guild in self.world.guilds.values()]
            if not any(user.id in m and self.world.bot.id in m for m in members):
                raise ApiError(50278)
            if not user.dms_open:
                raise ApiError(50007)
            return
        in_thread = channel.type in THREADS
        self.rest.channel(
            channel.id, Permission.SEND_MESSAGES_IN_THREADS if in_thread else Permission.SEND_MESSAGES
        )

    # Routes.

    async def get_channel(self, request: Request) -> dict[str, Any]:
        return payloads.channel(self.world, self.rest.channel(request.id("channel")))

    async def edit_channel(self, request: Request) -> dict[str, Any]:
        channel = self.rest.channel(request.id("channel"))
        needed = Permission.MANAGE_THREADS if channel.type in THREADS else Permission.MANAGE_CHANNELS
        if channel.owner_id != self.world.bot.id:
            self.rest.channel(channel.id, needed)
        channel.name = request.body.get("name", channel.name)
        channel.topic = request.body.get("topic", channel.topic)
        channel.archived = request.body.get("archived", channel.archived)
        payload = payloads.channel(self.world, channel)
        event = "THREAD_UPDATE" if channel.type in THREADS else "CHANNEL_UPDATE"
        self.gateway.dispatch(event, payload, guild_id=channel.guild_id)
        return payload

    async def delete_channel(self, request: Request) -> dict[str, Any]:
        channel = self.rest.channel(request.id("channel"), Permission.MANAGE_CHANNELS)
        payload = payloads.channel(self.world, channel)
        self.remove_channel(channel)
        return payload

    def remove_channel(self, channel: Channel) -> None:
        """Delete a channel, or a thread, and tell the bot."""
        payload = payloads.channel(self.world, channel)
        guild = self.world.guild_of(channel)
        if guild is not None:
            guild.channel_ids.remove(channel.id)
        del self.world.channels[channel.id]
        event = "THREAD_DELETE" if channel.type in THREADS else "CHANNEL_DELETE"
        self.gateway.dispatch(event, payload, guild_id=channel.guild_id)

    async def history(self, request: Request) -> list[dict[str, Any]]:
        """Newest first, whatever the cursor; at most `limit` (50, up to 100) messages around it."""
        channel = self.rest.channel(request.id("channel"))
        guild = self.world.guild_of(channel)
        if guild is not None:
            allowed = self.world.permissions(guild, self.world.bot.id, channel)
            if not allowed & Permission.READ_MESSAGE_HISTORY:
                return []  # Discord answers so, not with an error
        limit = int(request.query.get("limit", 50))
        if not 1 <= limit <= 100:
            raise ApiError(50035, "limit: must be between 1 and 100")
        messages = sorted(self.world.visible(channel.id), key=lambda m: m.id)
        if "before" in request.query:
            page = [m for m in messages if m.id < int(request.query["before"])][-limit:]
        elif "after" in request.query:
            page = [m for m in messages if m.id > int(request.query["after"])][:limit]
        elif "around" in request.query:
            middle = int(request.query["around"])
            older = [m for m in messages if m.id < middle][-(limit // 2) :]
            page = older + [m for m in messages if m.id >= middle][: limit - len(older)]
        else:
            page = messages[-limit:]
        return [self.seen_by_bot(m) for m in reversed(page)]

    async def create(self, request: Request) -> dict[str, Any]:
        channel = self.rest.channel(request.id("channel"))
        self._may_send(channel)
        nonce = request.body.get("nonce")
        if nonce is not None and request.body.get("enforce_nonce"):
            known = self.by_nonce(nonce)
            if known is not None:
                self.nonce_hits += 1
                if known.deleted:
                    raise ApiError(10008)
                return self.seen_by_bot(known)
        message = self.world.add_message(
            channel.id,
            self.world.bot.id,
            nonce=nonce,
            reference=request.body.get("message_reference"),
        )
        if nonce is not None:
            self._by_nonce[nonce] = message
        self.fill(message, request)
        channel.archived = False
        self.announce("MESSAGE_CREATE", message)
        return self.seen_by_bot(message)

    def by_nonce(self, nonce: str | int) -> Message | None:
        """The bot's message with this nonce from inside the window, deleted or not."""
        message = self._by_nonce.get(nonce)
        if message is None or self.world.clock.now() - message.created_at >= self.nonce_window:
            return None
        return message

    async def get(self, request: Request) -> dict[str, Any]:
        channel = self.rest.channel(request.id("channel"), Permission.READ_MESSAGE_HISTORY)
        return self.seen_by_bot(self.rest.message(channel.id, request.id("message")))

    async def edit(self, request: Request) -> dict[str, Any]:
        channel = self.rest.channel(request.id("channel"))
        message = self.rest.message(channel.id, request.id("message"))
        if message.author_id != self.world.bot.id:
            raise ApiError(50005)
        self.change(message, request)
        return self.seen_by_bot(message)

    def change(self, message: Message, request: Request, body: dict[str, Any] | None = None) -> None:
        """Edit a message and tell the bot."""
        self.fill(message, request, body)
        message.edited_at = self.world.clock.now()
        message.edits += 1
        self.announce("MESSAGE_UPDATE", message)

    async def delete(self, request: Request) -> None:
        channel = self.rest.channel(request.id("channel"))
        message = self.rest.message(channel.id, request.id("message"))
        if message.author_id != self.world.bot.id:
            self.rest.channel(channel.id, Permission.MANAGE_MESSAGES)
        self.remove(message)

    def remove(self, message: Message) -> None:
        """Delete a message and tell the bot; its nonce stays known."""
        message.deleted = True
        channel = self.world.channels.get(message.channel_id)
        data = {"id": str(message.id), "channel_id": str(message.channel_id)}
        if channel is not None and not message.ephemeral:
            if channel.guild_id is not None:
                data["guild_id"] = str(channel.guild_id)
            self.gateway.dispatch("MESSAGE_DELETE", data, guild_id=channel.guild_id)

    async def start_thread(self, request: Request) -> dict[str, Any]:
        parent = self.rest.channel(request.id("channel"), Permission.CREATE_PUBLIC_THREADS)
        thread_id = self.world.snowflake()
        if "message" in request.args:
            thread_id = self.rest.message(parent.id, request.id("message")).id
            if thread_id in self.world.channels:
                raise ApiError(160004)
        thread = Channel(
            thread_id,
            request.body.get("type", PUBLIC_THREAD) if "message" not in request.args else PUBLIC_THREAD,
            request.body["name"],
            parent.guild_id,
            parent_id=parent.id,
            owner_id=self.world.bot.id,
            auto_archive_minutes=request.body.get("auto_archive_duration") or 1440,
            thread_members={self.world.bot.id},
        )
        self.world.channels[thread.id] = thread
        guild = self.world.guild_of(parent)
        if guild is not None:
            guild.channel_ids.append(thread.id)
        payload = payloads.channel(self.world, thread)
        self.gateway.dispatch("THREAD_CREATE", payload | {"newly_created": True}, guild_id=parent.guild_id)
        return payload

    async def join_thread(self, request: Request) -> None:
        thread = self.rest.channel(request.id("channel"))
        user = request.args["user"]
        thread.thread_members.add(self.world.bot.id if user == "@me" else int(user))

    async def start_typing(self, request: Request) -> None:
        channel = self.rest.channel(request.id("channel"))
        self._may_send(channel)
        self.typing.append(channel.id)

    async def open_dm(self, request: Request) -> dict[str, Any]:
        user = self.world.users.get(int(request.body["recipient_id"]))
        if user is None:
            raise ApiError(10013)
        return payloads.channel(self.world, self.world.dm_channel(user.id))


def _linked(value: Any, urls: dict[str, str]) -> Any:
    """`attachment://name` replaced by the file's address, wherever it stands."""
    if isinstance(value, dict):
        url = value.get("url")
        if isinstance(url, str) and url.startswith("attachment://"):
            value["url"] = value["proxy_url"] = urls.get(url[13:], url)
        for inner in value.values():
            _linked(inner, urls)
    elif isinstance(value, list):
        for inner in value:
            _linked(inner, urls)
    return value
