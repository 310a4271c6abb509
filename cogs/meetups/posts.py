"""The posts of meetups, kept true: shown anew after each change, healed by a tick."""

import asyncio
import logging
import re
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import discord

from bot.client import Interaction, StudyBot
from bot.locales import speaking
from bot.services.meetups import MeetupFacts
from bot.ui.errors import GONE
from bot.ui.languages import of_everyone, of_guild
from bot.ui.meetup_posts import card
from bot.ui.places import missing_to_post

log = logging.getLogger(__name__)

# Unknown channel, unknown message.
DELETED = frozenset({10003, 10008})
AFTER_REFUSAL = timedelta(hours=1)
MARK = re.compile(r"#(\d{1,20})$")


class Posts:
    """Edits posts, one edit per date at a time: the last one always shows the newest state."""

    def __init__(self, bot: StudyBot) -> None:
        self._bot = bot
        self._meetups = bot.services.meetups
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        # Where Discord refused an edit although the permissions looked right: not before then again.
        self._not_before: dict[int, datetime] = {}
        # The same of posts that were given up and tried anew, by date and channel.
        self._not_again_before: dict[tuple[int, int], datetime] = {}

    async def reconcile(self) -> datetime | None:
        """The tick: learn where new posts are, make up for lost ones, and show every stale one anew."""
        await self._meetups.adopt_posts()
        await self._revive_lost()
        last = 0
        while stale := await self._meetups.stale_posts(after=last):
            for facts in stale:
                await self.refresh(facts.occurrence.id)
            last = stale[-1].occurrence.id
        return None

    async def refresh(self, occurrence_id: int) -> None:
        """Show the newest state on the date's post, if it has one that lags behind."""
        async with self._lock(occurrence_id):
            facts = await self._meetups.facts(occurrence_id)
            if facts is None or not is_stale(facts) or not self._can_edit(facts):
                return
            channel_id, message_id = facts.occurrence.post_channel_id, facts.occurrence.post_message_id
            if channel_id is None or message_id is None:
                return
            place = self._bot.get_partial_messageable(channel_id, guild_id=facts.group.guild_id)
            with speaking(of_guild(self._bot, facts.group.guild_id)):
                answer = card(facts)
            try:
                await place.get_partial_message(message_id).edit(
                    embeds=answer.embeds, view=answer.view, allowed_mentions=answer.allowed_mentions
                )
            except discord.HTTPException as error:
                await self._note_failure(error, facts, message_id)
                return
            await self._note_shown(facts, channel_id, message_id)

    async def refresh_pressed(self, interaction: Interaction, occurrence_id: int) -> None:
        """Show the newest state on the card whose button was pressed, be it the post or a copy of it."""
        message = interaction.message
        if message is None or message.content or not message.embeds:
            return  # a reminder: it shows no answers
        async with self._lock(occurrence_id):
            facts = await self._meetups.facts(occurrence_id)
            if facts is None:
                return
            mark = mark_of(message)
            known = facts.occurrence.post_message_id
            # What the ledger sent is the post even before its settling is known here.
            is_post = message.id == known or (known is None and mark is not None)
            if message.id == known and not is_stale(facts):
                return  # somebody else's press has shown this one along with theirs
            with speaking(of_everyone(interaction)):
                answer = card(facts, delivery=mark)
            try:
                await interaction.edit_original_response(embeds=answer.embeds, view=answer.view)
            except discord.HTTPException as error:
                if error.code not in GONE:
                    raise
                log.info("pressed message is gone", extra={"occurrence": occurrence_id})
                return
            if is_post:
                await self._note_shown(facts, message.channel.id, message.id)

    async def _revive_lost(self) -> None:
        """Post what could not be posted when it was due, once its channel can be written to."""
        for facts in await self._meetups.lost_posts():
            tried, now = (facts.occurrence.id, facts.group.channel_id), self._bot.clock()
            if self._can_post(facts) and self._not_again_before.get(tried, now) <= now:
                self._not_again_before[tried] = now + AFTER_REFUSAL
                await self._meetups.revive_post(occurrence_id=facts.occurrence.id)

    def _lock(self, occurrence_id: int) -> asyncio.Lock:
        return self._locks.setdefault(occurrence_id, asyncio.Lock())

    def _can_post(self, facts: MeetupFacts) -> bool:
        """Whether the group's channel is there and takes posts, as far as the cache tells."""
        guild = self._bot.get_guild(facts.group.guild_id)
        channel = guild.get_channel(facts.group.channel_id) if guild and not guild.unavailable else None
        return channel is not None and not missing_to_post(channel)

    def _can_edit(self, facts: MeetupFacts) -> bool:
        """Whether an edit is worth a request: the server is there, and the channel can be seen."""
        guild = self._bot.get_guild(facts.group.guild_id)
        if guild is None or guild.unavailable:
            return False
        if self._not_before.get(facts.occurrence.id, self._bot.clock()) > self._bot.clock():
            return False
        channel = guild.get_channel_or_thread(facts.occurrence.post_channel_id or 0)
        # Unknown to the cache: an archived thread, or deleted. Discord's answer tells.
        return channel is None or channel.permissions_for(guild.me).view_channel

    async def _note_shown(self, facts: MeetupFacts, channel_id: int, message_id: int) -> None:
        self._not_before.pop(facts.occurrence.id, None)
        await self._meetups.note_post(
            occurrence_id=facts.occurrence.id,
            channel_id=channel_id,
            message_id=message_id,
            version=facts.occurrence.version,
        )

    async def _note_failure(self, error: discord.HTTPException, facts: MeetupFacts, message_id: int) -> None:
        occurrence_id = facts.occurrence.id
        if error.code in DELETED:
            log.info("post was deleted", extra={"occurrence": occurrence_id})
            await self._meetups.note_post_gone(occurrence_id=occurrence_id, message_id=message_id)
            return
        log.warning("post not edited", extra={"occurrence": occurrence_id, "code": error.code})
        if error.status < 500:
            self._not_before[occurrence_id] = self._bot.clock() + AFTER_REFUSAL


def is_stale(facts: MeetupFacts) -> bool:
    return facts.occurrence.post_version < facts.occurrence.version


def mark_of(message: discord.Message) -> int | None:
    """The delivery that sent this message, from the mark on its first button."""
    for row in message.components:
        for item in getattr(row, "children", ()):
            found = MARK.search(getattr(item, "custom_id", None) or "")
            if found is not None:
                return int(found[1])
    return None
