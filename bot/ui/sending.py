"""The ledger's way into Discord: finds the words, checks what it may, sends once, and reads back."""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord

from bot.delivery.dispatcher import (
    DirectMessagesClosed,
    Pointless,
    Rejected,
    SentMessage,
    TargetGone,
    TryLater,
    Unauthorized,
)
from bot.delivery.ledger import Claimed
from bot.locales import SOURCE, speaking

log = logging.getLogger(__name__)

__all__ = ["DiscordSender", "InvalidRequests", "Pointless", "Rendered", "Renderer"]

CUSTOM_ID_LIMIT = 100
# Discord's clock and ours may differ by this much when a message is looked for by its time.
CLOCK_SLACK = timedelta(minutes=5)
# How far back a message is looked for: ten requests.
HISTORY_LIMIT = 1000
# Discord remembers a nonce for some minutes; within this time a repeated send cannot double.
NONCE_HOLDS = timedelta(minutes=2)
# Discord allows a bot 50 requests a second; what is left is for commands and posts. Timers wake a little
# late, so this comes to 46 to 47.
REQUESTS_PER_SECOND = 48
# Whose direct messages were opened lately; discord.py itself remembers 128.
DM_CHANNELS_KEPT = 20_000
INVALID_LIMIT = 500
INVALID_WINDOW = timedelta(minutes=10)

# Reasons are kept in English in the ledger's record, for whoever runs the bot.
HISTORY_UNREADABLE = "I may not read the message history there"  # the same in every language
HISTORY_TOO_LONG = "too much was written there since the first attempt"  # the same in every language

MARK = re.compile(r"#\d+$")
UNKNOWN_MESSAGE = 10008
GONE = frozenset({10003, 10004, 10013, 50001, 50013, 50024, 50083, 160005})
DMS_CLOSED = frozenset({50007, 50278})


@dataclass
class Rendered:
    """A message to be delivered. Its first button carries the delivery's mark, so it needs one."""

    content: str | None = None
    embeds: Sequence[discord.Embed] = ()
    view: discord.ui.View | discord.ui.LayoutView | None = None
    files: Sequence[discord.File] = ()
    allowed_mentions: discord.AllowedMentions = field(default_factory=discord.AllowedMentions.none)


#: Finds the words for a delivery; raises Pointless when there is nothing to say any more.
Renderer = Callable[[Claimed], Awaitable[Rendered]]
Channel = discord.abc.Messageable


class InvalidRequests:
    """Counts answers 401, 403 and 429: ten thousand in ten minutes get a bot banned, so the sender
    stops at 500. Give `trace()` to the client as its `http_trace`, and every request is counted.
    """

    def __init__(self) -> None:
        self._seen: deque[float] = deque()

    def trace(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._on_answer)
        return trace

    @property
    def count(self) -> int:
        """How many there were in the last ten minutes."""
        oldest = time.perf_counter() - INVALID_WINDOW.total_seconds()
        while self._seen and self._seen[0] < oldest:
            self._seen.popleft()
        return len(self._seen)

    @property
    def too_many(self) -> bool:
        return self.count >= INVALID_LIMIT

    def note(self, status: int) -> None:
        if status in (401, 403, 429):
            self._seen.append(time.perf_counter())
            if self.count == INVALID_LIMIT:
                log.error("%s invalid requests in ten minutes: deliveries wait", INVALID_LIMIT)

    async def _on_answer(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        end: aiohttp.TraceRequestEndParams,
    ) -> None:
        # A shared limit is not the bot's fault, and Discord does not count it.
        if end.response.headers.get("X-RateLimit-Scope") != "shared":
            self.note(end.response.status)


class DiscordSender:
    """Sends deliveries through the bot; each kind's words come from the feature that registered it.

    The durable mark is `#<delivery id>` at the end of the first button's custom id. On a retry the
    channel's newest messages are searched for it, back to the first attempt. Where the bot may not
    read the history, or the channel wrote too much since, nobody can tell whether an attempt got
    through: as long as the nonce surely holds it is sent again, and later it waits for the permission
    until it expires. Rather a missing message, which the record shows, than a doubled one.
    """

    def __init__(
        self,
        bot: discord.Client,
        *,
        language: Callable[[Claimed], Awaitable[str]] | None = None,
        invalid_requests: InvalidRequests | None = None,
        part: float = 1.0,
    ) -> None:
        """`language` tells in which one a delivery is worded (English without it); `part` is this process's
        share of the requests that Discord allows the bot.
        """
        self._language = language
        self.invalid_requests = invalid_requests if invalid_requests is not None else InvalidRequests()
        self._bot = bot
        self._renderers: dict[str, Renderer] = {}
        self._pace = Pace(REQUESTS_PER_SECOND * part)
        self._dm_channels: dict[int, int] = {}

    def register(self, kind: str, renderer: Renderer) -> None:
        """Raises ValueError when the kind has a renderer already."""
        if kind in self._renderers:
            raise ValueError(f"deliveries of kind {kind!r} have a renderer already")
        self._renderers[kind] = renderer

    def unregister(self, kind: str) -> None:
        self._renderers.pop(kind, None)

    async def render(self, delivery: Claimed) -> Rendered:
        """Raises Pointless; TryLater when no feature is loaded that knows the kind; ValueError for words
        without a button to carry the mark.
        """
        renderer = self._renderers.get(delivery.kind)
        if renderer is None:
            raise TryLater(f"nothing is loaded that says {delivery.kind!r}")
        language = await self._language(delivery) if self._language is not None else SOURCE
        with speaking(language):
            message = await renderer(delivery)
        mark(message.view, delivery.id)
        return message

    async def send(self, delivery: Claimed, message: Rendered, nonce: str) -> SentMessage:
        async with self._translated_errors(delivery):
            channel = await self._channel(delivery)
            require_permissions(channel, message)
            arguments: dict[str, Any] = {"view": message.view, "allowed_mentions": message.allowed_mentions}
            if message.embeds:
                arguments["embeds"] = list(message.embeds)
            if message.files:
                arguments["files"] = list(message.files)
            await self._pace.wait()
            try:
                sent = await channel.send(message.content, nonce=nonce, **arguments)
            except discord.NotFound as error:
                if error.code != UNKNOWN_MESSAGE:
                    raise
                # The nonce is known and its message is not there: it was delivered, then deleted.
                return SentMessage(channel_id=_id_of(channel), message_id=None)
            return SentMessage(channel_id=sent.channel.id, message_id=sent.id)

    async def find(self, delivery: Claimed) -> SentMessage | None:
        async with self._translated_errors(delivery):
            channel = await self._channel(delivery)
            if not may_read_history(channel):
                self._rely_on_nonce(delivery, HISTORY_UNREADABLE)
                return None
            since = delivery.first_attempt_at - CLOCK_SLACK
            read = 0
            # Newest first and stopping by hand: with `after`, discord.py would read on to the beginning.
            await self._pace.wait()
            async for message in channel.history(limit=HISTORY_LIMIT):
                if message.created_at < since:
                    return None
                if self._is_own(message) and carries(message.components, delivery.id):
                    return SentMessage(channel_id=message.channel.id, message_id=message.id)
                read += 1
            if read == HISTORY_LIMIT:
                self._rely_on_nonce(delivery, HISTORY_TOO_LONG)
            return None

    def _rely_on_nonce(self, delivery: Claimed, reason: str) -> None:
        """Let it be sent again while Discord surely knows the nonce; raises TryLater afterwards."""
        if discord.utils.utcnow() - delivery.first_attempt_at > NONCE_HOLDS:
            raise TryLater(f"unknown whether it arrived: {reason}")

    def _is_own(self, message: discord.Message) -> bool:
        return self._bot.user is not None and message.author.id == self._bot.user.id

    async def _channel(self, delivery: Claimed) -> Channel:
        """The target, from the cache if it is there. Raises TargetGone, TryLater, or Discord's errors."""
        if self.invalid_requests.too_many:
            raise TryLater("too many refused requests", INVALID_WINDOW / 10)
        if delivery.user_id is not None:
            return await self._direct_messages(delivery.user_id)
        assert delivery.channel_id is not None  # noqa: S101 (the ledger's own constraint)
        guild = self._bot.get_guild(delivery.guild_id) if delivery.guild_id is not None else None
        if guild is not None and guild.unavailable:
            raise TryLater("the server is unavailable at the moment")
        channel: Any = self._bot.get_channel(delivery.channel_id)
        if channel is None:
            await self._pace.wait()
            channel = await self._bot.fetch_channel(delivery.channel_id)
        if not isinstance(channel, discord.abc.Messageable):
            raise TargetGone("nothing can be posted in that channel")  # the same in every language
        return channel

    async def _direct_messages(self, user_id: int) -> Channel:
        """The member's channel, asked for once: asking is a request of its own."""
        known = self._dm_channels.get(user_id)
        if known is not None:
            return self._bot.get_partial_messageable(known)
        await self._pace.wait()
        channel = await self._bot.create_dm(discord.Object(user_id))
        while len(self._dm_channels) >= DM_CHANNELS_KEPT:
            del self._dm_channels[next(iter(self._dm_channels))]
        self._dm_channels[user_id] = channel.id
        return channel

    @asynccontextmanager
    async def _translated_errors(self, delivery: Claimed) -> AsyncIterator[None]:
        try:
            yield
        except discord.RateLimited as error:
            raise TryLater("rate limited", timedelta(seconds=error.retry_after)) from error
        except discord.HTTPException as error:
            raise translated(error) from error
        except (aiohttp.ClientError, OSError) as error:
            raise TryLater(f"connection: {type(error).__name__}: {error}") from error
        except asyncio.CancelledError:
            self._free_the_global_limit()
            raise

    def _free_the_global_limit(self) -> None:
        """Undo what discord.py 2.7 forgets: a request that is cancelled while it waits out a global 429
        leaves every later request waiting for ever.
        """
        limit = self._bot.http._global_over
        if isinstance(limit, asyncio.Event):  # there is none before the login
            limit.set()


class Pace:
    """So many requests a second and no more, evenly: each waits until it is far enough from the last.

    Far from when that one really went out, not from its turn: after a hiccup of this process the turns
    that it missed would all come at once. The process's own clock counts here, in simulated time too.
    """

    def __init__(self, per_second: float) -> None:
        self._apart = 1 / per_second
        self._next = 0.0
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        async with self._turn:
            pause = self._next - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            self._next = time.perf_counter() + self._apart


def translated(error: discord.HTTPException) -> Exception:
    """What an answer of Discord means for a delivery."""
    reason = f"{error.status} {error.code}: {error.text or 'no explanation'}"  # the same in every language
    if error.status == 401:
        return Unauthorized(reason)
    if error.code in DMS_CLOSED:
        return DirectMessagesClosed(reason)
    if error.code in GONE:
        return TargetGone(reason)
    if error.status == 429 or error.status >= 500:
        return TryLater(reason)
    if error.status in (403, 404):
        # Without a code it is not Discord's API that answers, but something in between.
        return TargetGone(reason) if error.code else TryLater(reason)
    return Rejected(reason)


def require_permissions(channel: Channel, message: Rendered) -> None:
    """Raises TargetGone, by the cache, where Discord would refuse: refusals count against the bot."""
    permissions = _permissions(channel)
    if permissions is None:
        return
    in_thread = isinstance(channel, discord.Thread)
    needed = {
        "View Channel": permissions.view_channel,
        "Send Messages in Threads" if in_thread else "Send Messages": (
            permissions.send_messages_in_threads if in_thread else permissions.send_messages
        ),
        "Embed Links": permissions.embed_links or not message.embeds,
        "Attach Files": permissions.attach_files or not message.files,
    }
    missing = [name for name, granted in needed.items() if not granted]
    if missing:
        raise TargetGone(f"missing permissions: {', '.join(missing)}")  # the same in every language


def may_read_history(channel: Channel) -> bool:
    permissions = _permissions(channel)
    return permissions is None or (permissions.view_channel and permissions.read_message_history)


def _permissions(channel: Channel) -> discord.Permissions | None:
    """The bot's permissions there; None where they cannot be told: direct messages, and what is not
    in the cache.
    """
    if isinstance(channel, discord.Thread) and channel.parent is None:
        return None
    if isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        me: discord.Member | None = channel.guild.me
        return channel.permissions_for(me) if me is not None else None
    return None


def mark(view: discord.ui.View | discord.ui.LayoutView | None, delivery_id: int) -> None:
    """Write the delivery's id behind the first button's custom id.

    Raises ValueError when there is no button to carry it, or its custom id would become too long.
    """
    suffix = f"#{delivery_id}"
    for item in view.walk_children() if view is not None else ():
        button = item.item if isinstance(item, discord.ui.DynamicItem) else item
        if not isinstance(button, discord.ui.Button) or button.custom_id is None:
            continue
        custom_id = MARK.sub("", button.custom_id) + suffix
        if len(custom_id) > CUSTOM_ID_LIMIT:
            raise ValueError(f"custom id {custom_id!r} is longer than {CUSTOM_ID_LIMIT} characters")
        button.custom_id = custom_id
        return
    raise ValueError("a delivery needs a button that carries its mark")


def carries(components: Iterable[Any], delivery_id: int) -> bool:
    """Whether one of these components, or of those inside them, has this delivery's mark."""
    suffix = f"#{delivery_id}"
    for component in components:
        custom_id = getattr(component, "custom_id", None)
        if custom_id is not None and custom_id.endswith(suffix):
            return True
        accessory = getattr(component, "accessory", None)
        inside = [*getattr(component, "children", ()), *([accessory] if accessory is not None else [])]
        if carries(inside, delivery_id):
            return True
    return False


def _id_of(channel: Channel) -> int:
    return int(channel.id)  # type: ignore[attr-defined]  # every channel has one, Messageable does not say so
