"""What the dispatcher sends for `/meetup`: posts, reminders and freed places, worded when they go out."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import discord

from bot.client import StudyBot
from bot.delivery.dispatcher import Pointless
from bot.delivery.ledger import Claimed
from bot.services.meetups import MeetupFacts
from bot.ui.meetup_posts import answer_buttons, card, give_up_button, promoted_words, reminder_words
from bot.ui.sending import Rendered

#: Members that one message mentions: so many ids leave room for the sentence in 2,000 characters.
MENTIONS = 60
#: Questions to Discord at once, when it is asked who is still in the server.
AT_ONCE = 5
#: Later than this, a reminder says that it is late.
LATE = timedelta(minutes=2)
ADOPT_AFTER = timedelta(seconds=5)
#: Whoever was in the server so short a while ago is taken to be there still, when a send is tried again.
SEEN_HOLDS = timedelta(minutes=15)
MOST_SEEN = 10_000


class Announcer:
    """Words what is due, from what is true at that moment; raises Pointless when nothing is left to say."""

    def __init__(self, bot: StudyBot) -> None:
        self._bot = bot
        self._meetups = bot.services.meetups
        self._seen: dict[tuple[int, int], datetime] = {}

    async def post(self, delivery: Claimed) -> Rendered:
        """The post of a date whose turn has come."""
        answer = card(await self._open(delivery))
        # Soon after, the tick learns where it stands.
        self._bot.scheduler.wake("posts", self._bot.clock() + ADOPT_AFTER)
        return Rendered(embeds=answer.embeds, view=answer.view)

    async def reminder(self, delivery: Claimed) -> Rendered:
        """A reminder that mentions those who are going, and nobody who has left the server."""
        facts = await self._open(delivery)
        start, part = facts.occurrence.starts_at, int(delivery.refs["part"])
        if start <= facts.now:
            raise Pointless("the meetup has begun")
        thread = self._thread(facts)
        if thread is not None and delivery.channel_id != thread.id and "instead_of" not in delivery.refs:
            await self._meetups.remind_in_thread(
                occurrence_id=facts.occurrence.id,
                lead=delivery.refs["lead"],
                part=part,
                thread_id=thread.id,
            )
            raise Pointless("goes to the post's thread instead")
        mine = slice(part * MENTIONS, (part + 1) * MENTIONS)
        if gone := await self._left(facts, facts.going[mine]):
            # Leaving the server means leaving its meetups; whoever waits moves up and is reminded too.
            await self._meetups.remove(occurrence_id=facts.occurrence.id, user_ids=gone)
            self._bot.scheduler.wake("posts", self._bot.clock())
            return await self.reminder(delivery)
        mentioned = facts.going[mine]
        if part and not mentioned:
            raise Pointless("nobody left to mention")
        parts = -(-len(facts.going) // MENTIONS)
        if part == 0 and parts > 1:
            await self._meetups.split_reminder(
                occurrence_id=facts.occurrence.id, lead=delivery.refs["lead"], parts=parts
            )
        late = facts.now - delivery.due_at > LATE
        return Rendered(
            content=reminder_words(
                facts,
                mentioned=mentioned,
                late_since=delivery.due_at if late else None,
                continued=part > 0,
            ),
            view=answer_buttons(facts),
            allowed_mentions=only(mentioned),
        )

    async def promoted(self, delivery: Claimed) -> Rendered:
        """The news that a place is free, for the one who got it."""
        facts = await self._open(delivery)
        user_id = int(delivery.refs["user"])
        if user_id not in facts.going:
            raise Pointless("no longer going")
        return Rendered(
            content=promoted_words(facts, user_id=user_id),
            view=give_up_button(facts),
            allowed_mentions=only([user_id]),
        )

    async def _open(self, delivery: Claimed) -> MeetupFacts:
        facts = await self._meetups.facts(int(delivery.refs["occurrence"]))
        if facts is None or not facts.is_open or facts.group.archived_at is not None:
            raise Pointless("the meetup is over or does not take place")
        return facts

    def _thread(self, facts: MeetupFacts) -> discord.Thread | None:
        """The open thread on the date's post, which has the message's id."""
        guild = self._bot.get_guild(facts.group.guild_id)
        thread = guild.get_thread(facts.occurrence.post_message_id or 0) if guild is not None else None
        return thread if thread is not None and not thread.archived and not thread.locked else None

    async def _left(self, facts: MeetupFacts, user_ids: Sequence[int]) -> tuple[int, ...]:
        """Which of these members have left the server; asked of Discord, for the bot sees no leaving."""
        guild = self._bot.get_guild(facts.group.guild_id)
        if guild is None or guild.unavailable:
            return ()
        if len(self._seen) > MOST_SEEN:
            self._seen.clear()
        turn = asyncio.Semaphore(AT_ONCE)

        async def has_left(user_id: int) -> bool:
            seen_at = self._seen.get((guild.id, user_id))
            if seen_at is not None and facts.now - seen_at < SEEN_HOLDS:
                return False
            async with turn:
                try:
                    await guild.fetch_member(user_id)
                except discord.NotFound:
                    return True
            self._seen[guild.id, user_id] = facts.now
            return False

        answers = await asyncio.gather(*map(has_left, user_ids))
        return tuple(user_id for user_id, left in zip(user_ids, answers, strict=True) if left)


def only(user_ids: Sequence[int]) -> discord.AllowedMentions:
    """Mentions that ping these members and nobody else."""
    users = [discord.Object(user_id) for user_id in user_ids]
    return discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=users)
