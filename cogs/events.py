"""Scheduled Events kept in step with meetups, both ways: no commands, a tick and Discord's own news."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import aiohttp
import discord
from discord.ext import commands

from bot.client import StudyBot
from bot.delivery.dispatcher import Pointless
from bot.delivery.ledger import Claimed
from bot.errors import UnknownMeetup
from bot.locales import _, speaking
from bot.services.events import CREATION_TAKES, TROUBLE, Work, marked
from bot.ui.answers import Reply, acknowledge, reply
from bot.ui.buttons import DurableButton, Press, buttons
from bot.ui.events import (
    Trouble,
    event_shown,
    lacking,
    missing_for_event,
    reason_words,
    refusal,
    same,
    seen_in,
    to_edit,
    to_make,
)
from bot.ui.languages import of_guild
from bot.ui.moments import moment
from bot.ui.sending import Rendered
from bot.ui.text import shown

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The feature of the button under the note about an event that could not be made.
FEATURE = "event"
TICK = "events"
AT_LEAST_EVERY = timedelta(minutes=1)
# The gateway can lose news while the bot is away or its cache lacks the event.
COMPARE_EVERY = timedelta(hours=6)
COMPARE_AGAIN_IN = timedelta(minutes=5)
RETRY_SOON = timedelta(minutes=2)
RETRY_LATER = timedelta(hours=1)

UNKNOWN_EVENT = 10070
TOO_MANY_EVENTS = 30038
UNREACHABLE = (aiohttp.ClientError, OSError, TimeoutError)


class Events(commands.Cog):
    def __init__(self, bot: StudyBot) -> None:
        self.bot = bot
        self.events = bot.services.events
        # One at a time: what a person changes must not meet a change of ours that is under way.
        self._turn = asyncio.Lock()
        self._compare_at: dict[int, datetime] = {}

    async def cog_load(self) -> None:
        self.bot.buttons.register(FEATURE, self.on_press)
        self.bot.sender.register(TROUBLE, self.render_trouble)
        self.bot.scheduler.add(TICK, self.tick, at_least_every=AT_LEAST_EVERY)

    async def cog_unload(self) -> None:
        self.bot.scheduler.remove(TICK)
        self.bot.sender.unregister(TROUBLE)
        self.bot.buttons.unregister(FEATURE)

    async def tick(self) -> datetime | None:
        """Compare the servers whose turn it is, then bring up to date what lags behind."""
        async with self._turn:
            for guild_id in await self.events.servers():
                guild = self._present(guild_id)
                if guild is not None and self._compare_at.get(guild_id, self.bot.clock()) <= self.bot.clock():
                    await self._compare(guild)
            present = [guild.id for guild in self.bot.guilds if not guild.unavailable]
            for work in await self.events.lagging(present):
                guild = self._present(work.group.guild_id)
                if guild is not None:
                    await self._attempt(guild, work, self._bring_up)
        return await self.events.next_retry()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A new session: whatever happened before it began may have been missed."""
        self._compare_at.clear()
        self._wake()

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        self._compare_at.pop(guild.id, None)
        self._wake()

    @commands.Cog.listener()
    async def on_scheduled_event_update(
        self, _before: discord.ScheduledEvent, after: discord.ScheduledEvent
    ) -> None:
        """Somebody used Discord's dialog, or time started or ended the event, or it echoes us."""
        async with self._turn:
            work = await self.events.by_event(after.id)
            guild = self._present(after.guild_id)
            if work is None or guild is None or not work.is_wanted:
                return
            if after.status is discord.EventStatus.cancelled:
                await self._attempt(guild, work, self._gone)
            elif after.status is not discord.EventStatus.completed and not (
                work.base is not None and same(seen_in(after), work.base)
            ):
                # What the gateway says may be older than what we sent since: `_change` asks anew.
                await self._attempt(guild, work, self._change)

    @commands.Cog.listener()
    async def on_scheduled_event_delete(self, event: discord.ScheduledEvent) -> None:
        async with self._turn:
            work = await self.events.by_event(event.id)
            guild = self._present(event.guild_id)
            if work is not None and guild is not None and work.is_wanted:
                # discord.py says so of every event in a deleted channel, whether it is gone or not.
                await self._attempt(guild, work, self._change)

    @commands.Cog.listener()
    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        if before.permissions != after.permissions and after in after.guild.me.roles:
            await self._permissions_changed(after.guild)

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        if after.id == after.guild.me.id and before.roles != after.roles:
            await self._permissions_changed(after.guild)

    @commands.Cog.listener()
    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        if before.overwrites != after.overwrites:
            await self._permissions_changed(after.guild)

    async def render_trouble(self, delivery: Claimed) -> Rendered:
        """The note to whoever planned a meetup whose event can't be shown."""
        work = await self.events.by_occurrence(delivery.refs["occurrence"])
        if work is None or not work.is_wanted or work.occurrence.event_error is None:
            raise Pointless("the event is up to date again")
        return Rendered(
            content=_(
                "Discord’s Scheduled Event for **{title}** on {when} is missing or out of date. {why} "
                "The meetup itself stands, with its post and reminders, and I try again every hour.",
                title=shown(work.title),
                when=moment(work.occurrence.starts_at),
                why=reason_words(work.occurrence.event_error),
            ),
            view=buttons(DurableButton(FEATURE, work.occurrence.id, "retry", label=_("Try again now"))),
        )

    async def on_press(self, press: Press) -> None:
        """“Try again now” under the note: for whoever got it."""
        await acknowledge(press.interaction, private=True)
        work = await self.events.by_occurrence(press.id)
        if work is None or press.interaction.user.id != work.meetup.created_by:
            raise UnknownMeetup(typed=str(press.id))
        await self.events.retry_now(work.group.guild_id)
        await self.tick()
        problem = await self.events.problem(press.id)
        text = reason_words(problem) if problem else _("It worked: the event is up to date.")
        await reply(press.interaction, Reply(text), private=True)

    async def _permissions_changed(self, guild: discord.Guild) -> None:
        await self.events.retry_now(guild.id)
        self._wake()

    async def _bring_up(self, guild: discord.Guild, work: Work) -> None:
        if not work.is_wanted:
            await self._remove(guild, work)
        elif work.event_id is None:
            await self._make(guild, work)
        else:
            await self._change(guild, work)

    async def _make(self, guild: discord.Guild, work: Work) -> None:
        missing = missing_for_event(guild, work.where_channel_id)
        if missing is not None:
            await self.events.failed(work, reason=lacking(missing), retry_in=RETRY_LATER, told_at_first=True)
            return
        tried_before = await self.events.begin_making(work.occurrence.id)
        if tried_before is None:
            return
        shows = event_shown(work, guild)
        event = await self._find_marked(guild, work) if tried_before else None
        if event is None:
            event = await patient(guild.create_scheduled_event(**to_make(shows, guild)))
        # As Discord tells it, which may have trimmed what we sent.
        known = replace(seen_in(event), description=shows.description)
        await self.events.settled(work, event_id=event.id, shows=known)

    async def _find_marked(self, guild: discord.Guild, work: Work) -> discord.ScheduledEvent | None:
        """The event that an attempt with unknown outcome made, if it did."""
        me = guild.me.id
        for event in await patient(guild.fetch_scheduled_events()):
            ours = event.creator_id == me and marked(event.description) == work.occurrence.id
            if ours and await self.events.by_event(event.id) is None:
                return event
        return None

    async def _change(self, guild: discord.Guild, work: Work) -> None:
        """Take over what people changed, then make the event show what we have."""
        event = await self._fetch(guild, work)
        if event is None or event.status is discord.EventStatus.cancelled:
            await self._gone(guild, work)
            return
        seen = seen_in(event)
        moved_on = (
            work.occurrence.starts_at != seen.starts_at and work.occurrence.starts_at > self.bot.clock()
        )
        if event.status is discord.EventStatus.completed:
            if moved_on:
                await self._replace(event)
            else:
                await self.events.settled(work, event_id=event.id, shows=work.base)
            return
        if await self.events.take_over(event_id=event.id, seen=seen):
            self.bot.scheduler.wake("posts", self.bot.clock())
            fresh = await self.events.by_event(event.id)
            if fresh is None or not fresh.is_wanted:
                return
            work, moved_on = fresh, moved_on and fresh.occurrence.starts_at != seen.starts_at
        shows = event_shown(work, guild)
        started = event.status is discord.EventStatus.active
        if started and moved_on:
            await self._replace(event)
            return
        edits = to_edit(shows, seen=seen, base=work.base, guild=guild, started=started)
        if edits:
            event = await patient(event.edit(**edits))
        known = replace(seen_in(event), description=shows.description)
        await self.events.settled(work, event_id=event.id, shows=known)

    async def _replace(self, event: discord.ScheduledEvent) -> None:
        """What runs or is over can't wait for another start: the next tick makes a new event."""
        await patient(event.delete(reason=_("The meetup was moved")))
        await self.events.lost(event_id=event.id)
        self._wake()

    async def _remove(self, guild: discord.Guild, work: Work) -> None:
        event = await self._fetch(guild, work)
        if event is not None:
            try:
                await patient(event.delete(reason=_("The meetup does not take place")))
            except discord.NotFound as error:
                if error.code != UNKNOWN_EVENT:
                    raise
        await self.events.settled(work, event_id=None, shows=None)

    async def _gone(self, guild: discord.Guild, work: Work) -> None:
        """The event was deleted or cancelled: by a person, unless its channel went with it."""
        if work.event_id is None:
            return
        if await self._place_is_gone(guild, work):
            await self.events.lost(event_id=work.event_id)
        elif await self.events.taken_away(event_id=work.event_id):
            self.bot.scheduler.wake("posts", self.bot.clock())
        self._wake()

    async def _place_is_gone(self, guild: discord.Guild, work: Work) -> bool:
        channel_id = work.base.channel_id if work.base is not None else None
        if channel_id is None:
            return False
        try:
            await patient(guild.fetch_channel(channel_id))
        except discord.NotFound:
            return True
        except discord.Forbidden:
            return False
        return False

    async def _fetch(self, guild: discord.Guild, work: Work) -> discord.ScheduledEvent | None:
        """The event as it is now; None only when Discord says that there is none."""
        if work.event_id is None:
            return None
        try:
            return await patient(guild.fetch_scheduled_event(work.event_id))
        except discord.NotFound as error:
            if error.code != UNKNOWN_EVENT:
                raise
            return None

    async def _compare(self, guild: discord.Guild) -> None:
        """Find what people changed or deleted while nobody listened. A failed look changes nothing."""
        now = self.bot.clock()
        try:
            listed = {event.id: event for event in await patient(guild.fetch_scheduled_events())}
        except (discord.HTTPException, *UNREACHABLE) as error:
            log.warning("events could not be compared", extra={"guild": guild.id, "why": repr(error)})
            self._compare_at[guild.id] = now + COMPARE_AGAIN_IN
            return
        self._compare_at[guild.id] = now + COMPARE_EVERY
        for work in await self.events.shown_in(guild.id):
            event = listed.get(work.event_id or 0)
            if event is None or work.base is None or not same(seen_in(event), work.base):
                await self._attempt(guild, work, self._change)

    async def _attempt(
        self, guild: discord.Guild, work: Work, act: Callable[[discord.Guild, Work], Awaitable[None]]
    ) -> None:
        """Do it, and note what went wrong: the meetup stands, and the tick tries again."""
        try:
            with speaking(of_guild(self.bot, guild.id)):
                await act(guild, work)
        except discord.Forbidden as error:
            missing = missing_for_event(guild, work.where_channel_id)
            reason = lacking(missing) if missing else refusal(Trouble.FORBIDDEN, error.text)
            await self.events.failed(work, reason=reason, retry_in=RETRY_LATER)
        except discord.HTTPException as error:
            if error.code == TOO_MANY_EVENTS:
                await self.events.failed(work, reason=Trouble.FULL, retry_in=RETRY_LATER)
            elif error.status >= 500 or error.status == 429:
                await self._unreachable(work, error)
            else:
                log.warning("event refused", extra={"occurrence": work.occurrence.id, "why": error.text})
                reason = refusal(Trouble.REFUSED, error.text)
                await self.events.failed(work, reason=reason, retry_in=RETRY_LATER)
        except UNREACHABLE as error:
            await self._unreachable(work, error)

    async def _unreachable(self, work: Work, error: Exception) -> None:
        log.warning("event not synced", extra={"occurrence": work.occurrence.id, "why": repr(error)})
        # Unchanged in between, it would not be looked at again before the next comparison.
        self._compare_at[work.group.guild_id] = self.bot.clock() + COMPARE_AGAIN_IN
        await self.events.failed(
            work, reason=Trouble.UNREACHABLE, retry_in=RETRY_SOON, unknown=True, tell=False
        )

    def _present(self, guild_id: int) -> discord.Guild | None:
        """The server, unless this process has not got it or Discord says it is out of order."""
        guild = self.bot.get_guild(guild_id)
        return guild if guild is not None and not guild.unavailable else None

    def _wake(self) -> None:
        self.bot.scheduler.wake(TICK, self.bot.clock())


async def patient(call: Coroutine[Any, Any, T]) -> T:
    """Ask Discord, for less long than another process waits before it tries the same; TimeoutError."""
    async with asyncio.timeout(CREATION_TAKES.total_seconds() / 2):
        return await call


async def setup(bot: StudyBot) -> None:
    await bot.add_cog(Events(bot))
