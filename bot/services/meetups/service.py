"""The use cases of meetups: each method is one transaction, and takes and gives ids and rows."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, cast, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import Database
from bot.db.models import Answer, Delivery, DeliveryState, Group, Meetup, Member, Occurrence, OccurrenceState
from bot.delivery.ledger import Claimed, Ledger
from bot.scheduling.recurrence import Repeat
from bot.scheduling.when import parse_when
from bot.services.access import Caller, find_group, is_organizer, open_group, require_member
from bot.services.meetups import finding, horizon, planning, rsvps
from bot.services.meetups.announcing import POST_KEY, lead_called, post_row, reminder_row
from bot.services.meetups.facts import MeetupFacts, load_facts
from bot.services.meetups.planning import MeetupChanges, NewMeetup
from bot.services.members import zone_of

STALE_BATCH = 50
# A post that was sent is looked for so long after its meetup began.
ADOPT_WITHIN = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """A new meetup; `claimed` is its post when the command's own answer is to be it."""

    facts: MeetupFacts
    claimed: Claimed | None


class MeetupService:
    def __init__(self, database: Database, *, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def schedule(
        self,
        *,
        caller: Caller,
        group_id: int,
        when: str,
        title: str | None = None,
        lesson: str | None = None,
        minutes: int | None = None,
        where_channel_id: int | None = None,
        repeat: Repeat = Repeat.NONE,
        capacity: int | None = None,
        host_id: int | None = None,
        answer_is_post: bool = False,
    ) -> Scheduled:
        """Plan a meetup of a group in the caller's server, with its post and its reminders.

        With `answer_is_post` the post's delivery comes back claimed, to be settled once Discord has the
        answer; the ledger posts it should we die first. `when` is read in the caller's zone, else the
        group's. Raises UnknownGroup, GroupArchived, NotAMember, BadText, BadNumber and what `parse_when`
        raises.
        """
        starts_at = await self._instant(caller, when, group_id=group_id)
        new = NewMeetup(
            starts_at=starts_at,
            host_id=host_id or caller.user_id,
            title=title,
            lesson=lesson,
            minutes=planning.DEFAULT_MINUTES if minutes is None else minutes,
            where_channel_id=where_channel_id,
            repeat=repeat,
            capacity=capacity,
        )
        async with self._database.write() as session:
            now = self._clock()
            group = await open_group(session, caller=caller, group_id=group_id)
            if not is_organizer(group, caller):
                await require_member(session, group, caller.user_id)
            occurrence = await planning.schedule(
                session, group=group, new=new, created_by=caller.user_id, ledger=self._ledger, now=now
            )
            post = post_row(group, occurrence, now=now)
            claimed = None
            if answer_is_post:
                claimed = await self._ledger.plan_claimed(session, post)
            else:
                await self._ledger.plan(session, post)
            return Scheduled(facts=await _facts(session, occurrence.id, now), claimed=claimed)

    async def edit(
        self, *, caller: Caller, typed: str, changes: MeetupChanges
    ) -> tuple[MeetupFacts, list[MeetupFacts]]:
        """Change a series; also returns the dates that do not take place any more.

        Raises NothingToChange, BadText, BadNumber, and as `skip` does.
        """
        async with self._database.write() as session:
            now = self._clock()
            found = await finding.find_changeable(session, caller=caller, typed=typed, now=now)
            dropped = await planning.edit(session, found=found, changes=changes, ledger=self._ledger, now=now)
            gone = await load_facts(session, [occurrence.id for occurrence in dropped], now=now)
            return await _facts(session, found.occurrence.id, now), gone

    async def skip(self, *, caller: Caller, typed: str) -> MeetupFacts:
        """Leave out one date of a series.

        Raises NotRecurring, UnknownMeetup, NotHost, MeetupOver, MeetupCancelled.
        """
        async with self._database.write() as session:
            now = self._clock()
            found = await finding.find_changeable(session, caller=caller, typed=typed, now=now)
            await planning.skip(session, found=found, ledger=self._ledger, now=now)
            return await _facts(session, found.occurrence.id, now)

    async def move(
        self, *, caller: Caller, typed: str, when: str, following: bool = False
    ) -> tuple[MeetupFacts, datetime]:
        """Move one date, or it and every later one; also returns when it was to start before.

        Raises DateTaken, what `parse_when` raises, and as `skip` does.
        """
        async with self._database.read() as session:
            found = await finding.find(session, caller=caller, typed=typed, now=self._clock())
        starts_at = await self._instant(caller, when, group_id=found.group.id)
        async with self._database.write() as session:
            now = self._clock()
            found = await finding.find_changeable(
                session, caller=caller, typed=str(found.occurrence.id), now=now
            )
            before = found.occurrence.starts_at
            change = planning.move_following if following else planning.move
            await change(session, found=found, starts_at=starts_at, ledger=self._ledger, now=now)
            return await _facts(session, found.occurrence.id, now), before

    async def cancel(self, *, caller: Caller, typed: str) -> tuple[MeetupFacts, list[MeetupFacts]]:
        """Call a whole meetup off; also returns all its dates that were to take place.

        Raises UnknownMeetup, NotHost, MeetupOver, MeetupCancelled.
        """
        async with self._database.write() as session:
            now = self._clock()
            found = await finding.find_changeable(session, caller=caller, typed=typed, now=now)
            dates = await planning.cancel(session, meetup=found.meetup, ledger=self._ledger, now=now)
            called_off = await load_facts(session, [occurrence.id for occurrence in dates], now=now)
            return await _facts(session, found.occurrence.id, now), called_off

    async def answer(
        self, *, occurrence_id: int, guild_id: int | None, user_id: int, wanted: Answer
    ) -> rsvps.Standing:
        """Note an answer. Raises UnknownMeetup, MeetupCancelled, MeetupOver."""
        async with self._database.write() as session:
            return await rsvps.answer(
                session,
                occurrence_id=occurrence_id,
                guild_id=guild_id,
                user_id=user_id,
                wanted=wanted,
                ledger=self._ledger,
                now=self._clock(),
            )

    async def remove(self, *, occurrence_id: int, user_ids: tuple[int, ...]) -> None:
        """Take out members who left the server; freed places go to who waits first."""
        async with self._database.write() as session:
            await rsvps.remove(
                session,
                occurrence_id=occurrence_id,
                user_ids=user_ids,
                ledger=self._ledger,
                now=self._clock(),
            )

    async def split_reminder(self, *, occurrence_id: int, lead: str, parts: int) -> None:
        """Plan the further messages, numbered 1 to `parts` - 1, of a reminder that needs so many."""
        async with self._database.write() as session:
            facts = await _facts(session, occurrence_id, self._clock())
            further = [
                reminder_row(facts.group, facts.occurrence, lead_called(lead), part=part)
                for part in range(1, parts)
            ]
            await self._ledger.plan(session, *further)

    async def remind_in_thread(self, *, occurrence_id: int, lead: str, part: int, thread_id: int) -> None:
        """Plan a reminder that is due in the channel for this thread instead, once."""
        async with self._database.write() as session:
            facts = await _facts(session, occurrence_id, self._clock())
            row = reminder_row(
                facts.group, facts.occurrence, lead_called(lead), part=part, thread_id=thread_id
            )
            await self._ledger.plan(session, row)

    async def coming(
        self, *, caller: Caller, typed_group: str | None, limit: int
    ) -> tuple[Group, list[MeetupFacts]]:
        """The next dates of a group, the soonest first. Raises UnknownGroup, NoGroupHere."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed_group)
            now = self._clock()
            found = await finding.coming(session, guild_id=caller.guild_id, now=now)
            ids = [each.occurrence.id for each in found if each.group.id == group.id]
            return group, await load_facts(session, ids[:limit], now=now)

    async def show(self, *, caller: Caller, typed: str) -> MeetupFacts:
        """Any date of the server, coming or not. Raises UnknownMeetup."""
        async with self._database.read() as session:
            now = self._clock()
            found = await finding.find(session, caller=caller, typed=typed, now=now)
            return await _facts(session, found.occurrence.id, now)

    async def facts(self, occurrence_id: int) -> MeetupFacts | None:
        async with self._database.read() as session:
            return next(iter(await load_facts(session, [occurrence_id], now=self._clock())), None)

    async def suggestions(self, *, caller: Caller, typed: str, limit: int) -> list[finding.Suggestion]:
        """Coming dates of the server for autocomplete, with local times in the caller's zone."""
        async with self._database.read() as session:
            member = await session.get(Member, caller.user_id)
            return await finding.suggestions(
                session,
                caller=caller,
                typed=typed,
                zone=member.timezone if member is not None else None,
                limit=limit,
                now=self._clock(),
            )

    async def materialise(self) -> datetime | None:
        """Close what is over and carry every series on; returns when the next date ends."""
        while True:
            async with self._database.write() as session:
                closed = await horizon.close_over(session, ledger=self._ledger, now=self._clock())
                if not closed:
                    return await horizon.next_close(session)

    async def adopt_posts(self) -> None:
        """Learn from the ledger where the posts are that it sent; they are shown anew once."""
        async with self._database.read() as session:
            sent = (
                await session.execute(
                    select(Occurrence.id, Delivery.message_channel_id, Delivery.message_id)
                    .join(Delivery, Delivery.dedupe_key == literal(POST_KEY) + cast(Occurrence.id, String))
                    .where(
                        Occurrence.post_channel_id.is_(None),
                        Occurrence.starts_at > self._clock() - ADOPT_WITHIN,
                        Delivery.state == DeliveryState.SENT,
                        Delivery.message_id.is_not(None),
                    )
                )
            ).all()
        for occurrence_id, channel_id, message_id in sent:
            if channel_id is not None and message_id is not None:
                await self.note_post(
                    occurrence_id=occurrence_id, channel_id=channel_id, message_id=message_id, version=0
                )

    async def lost_posts(self) -> list[MeetupFacts]:
        """The dates to come whose post was given up, for example because the channel was gone."""
        async with self._database.read() as session:
            now = self._clock()
            ids = await session.scalars(
                select(Occurrence.id)
                .join(Meetup, Meetup.id == Occurrence.meetup_id)
                .join(Group, Group.id == Meetup.group_id)
                .join(Delivery, Delivery.dedupe_key == literal(POST_KEY) + cast(Occurrence.id, String))
                .where(
                    Occurrence.state == OccurrenceState.PLANNED,
                    Occurrence.ends_at > now,
                    Occurrence.post_channel_id.is_(None),
                    Group.archived_at.is_(None),
                    Delivery.state == DeliveryState.FAILED,
                )
                .order_by(Occurrence.starts_at, Occurrence.id)
            )
            return await load_facts(session, list(ids), now=now)

    async def revive_post(self, *, occurrence_id: int) -> None:
        """Try a post that was given up anew, in the channel that the group has by now."""
        async with self._database.write() as session:
            now = self._clock()
            facts = await _facts(session, occurrence_id, now)
            await self._ledger.revive(session, post_row(facts.group, facts.occurrence, now=now))

    async def stale_posts(self, *, after: int) -> list[MeetupFacts]:
        """A batch of the dates, by id and beyond `after`, whose post shows less than is true by now."""
        async with self._database.read() as session:
            ids = await session.scalars(
                select(Occurrence.id)
                .where(
                    Occurrence.id > after,
                    Occurrence.post_message_id.is_not(None),
                    Occurrence.post_version < Occurrence.version,
                )
                .order_by(Occurrence.id)
                .limit(STALE_BATCH)
            )
            return await load_facts(session, list(ids), now=self._clock())

    async def note_post(self, *, occurrence_id: int, channel_id: int, message_id: int, version: int) -> None:
        """This message is the post, and shows that version."""
        async with self._database.write() as session:
            await session.execute(
                update(Occurrence)
                .where(Occurrence.id == occurrence_id, Occurrence.post_version <= version)
                .values(post_channel_id=channel_id, post_message_id=message_id, post_version=version)
            )

    async def note_post_gone(self, *, occurrence_id: int, message_id: int) -> None:
        """Somebody deleted the post: it is not made again."""
        async with self._database.write() as session:
            await session.execute(
                update(Occurrence)
                .where(Occurrence.id == occurrence_id, Occurrence.post_message_id == message_id)
                .values(post_message_id=None)
            )

    async def _instant(self, caller: Caller, when: str, *, group_id: int) -> datetime:
        async with self._database.read() as session:
            group = await open_group(session, caller=caller, group_id=group_id)
            zone = await zone_of(session, user_id=caller.user_id, default=group.timezone)
        # In a thread: reading words takes milliseconds of CPU, and the first time half a second.
        return await asyncio.to_thread(parse_when, when, zone=zone, now=self._clock())


async def _facts(session: AsyncSession, occurrence_id: int, now: datetime) -> MeetupFacts:
    return (await load_facts(session, [occurrence_id], now=now))[0]
