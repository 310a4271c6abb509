"""The daily post: planned for each group's own hour, chosen once, each card graded once by each member."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Card, DailyCards, DailyPost, Deck, Group, Note, NoteState, Review
from bot.delivery.ledger import Ledger, Outgoing
from bot.errors import UnknownDailyCard
from bot.flashcards.memory import Grade
from bot.scheduling.when import resolve_wall_clock
from bot.services.access import Caller, find_group, require_member, require_organizer
from bot.services.activity import note_activity
from bot.services.cards.finding import find_deck
from bot.services.days import day_of
from bot.services.reviews.choosing import choose
from bot.services.reviews.grading import intervals, memory_of, record
from bot.services.reviews.images import Images, images_of
from bot.services.reviews.leeches import is_set_aside, put_to_group
from bot.services.reviews.outcomes import Outcome, outcome_before
from bot.services.reviews.queue import unlocked

DAILY = "daily_cards"
DEFAULT_COUNT, MOST_CARDS = 3, 10


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A group's daily post as it is set; `daily` is None while it is off. `next_at` is when the next one is
    due, `ready` how many cards there would be for it now.
    """

    group: Group
    daily: DailyCards | None
    deck: Deck | None
    next_at: datetime | None
    ready: int


@dataclass(frozen=True, kw_only=True)
class Post:
    """The cards of one day, in their order, and how the post before went."""

    group: Group
    post: DailyPost
    cards: Sequence[tuple[Card, Images]]
    before: Outcome | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A card of a post with its back, for one member. `given` is their grade under this post, `due` when the
    card comes back then; without one `intervals` is what each grade would do, or None while their lesson is
    still to come. `is_set_aside` for a leech. `quiet` is as `note_activity` says.
    """

    group: Group
    card: Card
    images: Images
    given: Grade | None
    due: datetime | None
    intervals: Mapping[Grade, timedelta] | None
    is_set_aside: bool
    quiet: timedelta | None = None


class DailyService:
    def __init__(
        self, database: Database, *, ledger: Ledger, library: CourseLibrary, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._library = library
        self._clock = clock
        # What this process need not plan again; another one may have planned it too.
        self._planned: set[tuple[int, date]] = set()

    async def set(
        self, *, caller: Caller, typed: str | None, hour: int, count: int = DEFAULT_COUNT, deck: str | None
    ) -> Setting:
        """Post cards every day at this local hour of the group. Raises UnknownGroup, NoGroupHere,
        NotOrganizer, UnknownDeck.
        """
        async with self._database.write() as session:
            now = self._clock()
            group = await find_group(session, caller=caller, typed=typed)
            require_organizer(group, caller)
            chosen = await find_deck(session, group=group, typed=deck) if deck is not None else None
            daily = await session.get(DailyCards, group.id, with_for_update=True)
            if daily is None:
                daily = DailyCards(group_id=group.id, hour=hour, since=now)
                session.add(daily)
            elif daily.hour != hour:
                # An hour of today that is over already is tomorrow's.
                daily.hour, daily.since = hour, now
            daily.count, daily.deck_id = count, chosen.id if chosen is not None else None
            await session.flush()
            return await self._setting(session, group, daily)

    async def switch_off(self, *, caller: Caller, typed: str | None) -> Setting:
        """Post no cards any more. Raises UnknownGroup, NoGroupHere, NotOrganizer."""
        async with self._database.write() as session:
            group = await find_group(session, caller=caller, typed=typed)
            require_organizer(group, caller)
            daily = await session.get(DailyCards, group.id)
            if daily is not None:
                await session.delete(daily)
            await self._ledger.skip(session, subject=_subject(group), reason="daily cards switched off")
            return await self._setting(session, group, None)

    async def setting(self, *, caller: Caller, typed: str | None) -> Setting:
        """Raises UnknownGroup, NoGroupHere, NotOrganizer."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            require_organizer(group, caller)
            return await self._setting(session, group, await session.get(DailyCards, group.id))

    async def plan_next(self) -> datetime | None:
        """Choose and plan today's post of every group whose hour has come; when to be called again.

        Idempotent, and safe in several processes at once: a group's local date has one row.
        """
        now = self._clock()
        async with self._database.read() as session:
            wanted = select(DailyCards, Group).join(Group, Group.id == DailyCards.group_id)
            rows = (await session.execute(wanted.where(Group.archived_at.is_(None)))).all()
        due = {(group.id, _today(group, now)) for daily, group in rows if _is_due(daily, group, now)}
        for group_id, _ in sorted(due - self._planned):
            await self._plan(group_id)
        self._planned = due
        return min((_next_at(daily, group, now) for daily, group in rows), default=None)

    async def post(self, *, group_id: int, day: date) -> Post | None:
        """What is to be posted; None when the group wants nothing any more, or no card is left."""
        async with self._database.read() as session:
            group = await session.get_one(Group, group_id)
            daily = await session.get(DailyCards, group_id)
            if group.archived_at is not None or daily is None:
                return None
            found = await session.scalar(
                select(DailyPost).where(DailyPost.group_id == group_id, DailyPost.day == day)
            )
            cards = await _cards(session, found.card_ids) if found is not None else []
            if found is None or not cards:
                return None
            return Post(
                group=group,
                post=found,
                cards=[(card, await images_of(session, card)) for card in cards],
                before=await outcome_before(session, found),
            )

    async def look(self, *, caller: Caller, post_id: int, card_id: int) -> Answer:
        """The back of a card, for this member. Raises UnknownDailyCard, NotAMember."""
        async with self._database.read() as session:
            group, card = await self._posted(session, caller, post_id, card_id)
            return await self._answer(session, caller, group, card, post_id=post_id)

    async def grade(self, *, caller: Caller, post_id: int, card_id: int, given: Grade) -> Answer:
        """Grade a card of a post; each member once, and what comes later changes nothing. A card whose lesson
        is still to come is not graded. Raises UnknownDailyCard, NotAMember.
        """
        async with self._database.write() as session:
            now = self._clock()
            group, card = await self._posted(session, caller, post_id, card_id)
            # This also makes two grades of one member wait for each other, wherever they are given.
            quiet = await note_activity(session, group_id=group.id, caller=caller, now=now)
            answer = await self._answer(session, caller, group, card, post_id=post_id)
            if answer.intervals is not None:
                await record(
                    session,
                    user_id=caller.user_id,
                    group_id=group.id,
                    card_id=card.id,
                    given=given,
                    now=now,
                    daily_post_id=post_id,
                )
            return await self._answer(session, caller, group, card, post_id=post_id, quiet=quiet)

    async def ask_group(self, *, caller: Caller, post_id: int, card_id: int) -> Group:
        """Put a card that was set aside to the group. Raises UnknownDailyCard, NotAMember, NotSetAside."""
        async with self._database.write() as session:
            group, card = await self._posted(session, caller, post_id, card_id)
            await put_to_group(
                session, self._ledger, group, user_id=caller.user_id, card_id=card.id, now=self._clock()
            )
            return group

    async def _plan(self, group_id: int) -> None:
        async with self._database.write() as session:
            now = self._clock()
            # Whoever comes second waits here, and then finds the first one's row.
            daily = await session.get(DailyCards, group_id, with_for_update=True)
            group = await session.get_one(Group, group_id)
            if daily is None or not _is_due(daily, group, now):
                return
            day = day_of(now, ZoneInfo(group.timezone))
            newest = await session.scalar(
                select(DailyPost)
                .where(DailyPost.group_id == group_id)
                .order_by(DailyPost.day.desc())
                .limit(1)
            )
            if newest is not None and newest.day >= day.date:
                return
            cards = await choose(
                session,
                self._library,
                group,
                deck_id=daily.deck_id,
                count=daily.count,
                day_ends=day.ends,
                now=now,
                lately=newest.card_ids if newest is not None else (),
            )
            session.add(DailyPost(group_id=group_id, day=day.date, card_ids=cards, chosen_at=now))
            await session.flush()
            if cards:
                await self._ledger.plan(session, _outgoing(daily, group, day.date, until=day.ends))

    async def _setting(self, session: AsyncSession, group: Group, daily: DailyCards | None) -> Setting:
        if daily is None:
            return Setting(group=group, daily=None, deck=None, next_at=None, ready=0)
        now = self._clock()
        ready = await choose(
            session,
            self._library,
            group,
            deck_id=daily.deck_id,
            count=daily.count,
            day_ends=day_of(now, ZoneInfo(group.timezone)).ends,
            now=now,
        )
        return Setting(
            group=group,
            daily=daily,
            deck=await session.get(Deck, daily.deck_id) if daily.deck_id is not None else None,
            next_at=_next_at(daily, group, now),
            ready=len(ready),
        )

    async def _posted(
        self, session: AsyncSession, caller: Caller, post_id: int, card_id: int
    ) -> tuple[Group, Card]:
        post = await session.get(DailyPost, post_id)
        group = await session.get(Group, post.group_id) if post is not None else None
        if (
            post is None
            or group is None
            or group.guild_id != caller.guild_id
            or group.archived_at is not None
            or card_id not in post.card_ids
        ):
            raise UnknownDailyCard
        cards = await _cards(session, [card_id])
        if not cards:
            raise UnknownDailyCard
        await require_member(session, group, caller.user_id)
        return group, cards[0]

    async def _answer(
        self,
        session: AsyncSession,
        caller: Caller,
        group: Group,
        card: Card,
        *,
        post_id: int,
        quiet: timedelta | None = None,
    ) -> Answer:
        mine = select(Review.grade).where(
            Review.daily_post_id == post_id, Review.user_id == caller.user_id, Review.card_id == card.id
        )
        given = await session.scalar(mine)
        memory = await memory_of(session, user_id=caller.user_id, card_id=card.id)
        open_to_them = memory is not None or await session.scalar(
            select(unlocked(caller.user_id)).select_from(Note).where(Note.id == card.note_id)
        )
        after = None
        if given is None and open_to_them:
            after = await intervals(session, user_id=caller.user_id, card_id=card.id, now=self._clock())
        return Answer(
            group=group,
            card=card,
            images=await images_of(session, card),
            given=Grade(given) if given is not None else None,
            due=memory.due if memory is not None else None,
            intervals=after,
            is_set_aside=memory is not None and await is_set_aside(session, memory, card),
            quiet=quiet,
        )


def due_at(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """That hour there, also where a clock change skips it (then the next) or repeats it (then the first)."""
    return resolve_wall_clock(datetime.combine(day, time(hour)), zone)


def _today(group: Group, now: datetime) -> date:
    return now.astimezone(ZoneInfo(group.timezone)).date()


def _is_due(daily: DailyCards, group: Group, now: datetime) -> bool:
    """Whether today's hour has come, and found the post switched on."""
    due = due_at(_today(group, now), daily.hour, ZoneInfo(group.timezone))
    return daily.since <= due <= now


def _next_at(daily: DailyCards, group: Group, now: datetime) -> datetime:
    zone, today = ZoneInfo(group.timezone), _today(group, now)
    due = due_at(today, daily.hour, zone)
    return due if due > now else due_at(today + timedelta(days=1), daily.hour, zone)


def _subject(group: Group) -> str:
    return f"daily:{group.id}"


def _outgoing(daily: DailyCards, group: Group, day: date, *, until: datetime) -> Outgoing:
    return Outgoing(
        key=f"daily:{group.id}:{day.isoformat()}",
        kind=DAILY,
        subject=_subject(group),
        due_at=due_at(day, daily.hour, ZoneInfo(group.timezone)),
        expires_at=until,
        guild_id=group.guild_id,
        channel_id=group.channel_id,
        refs={"group": group.id, "day": day.isoformat()},
    )


async def _cards(session: AsyncSession, card_ids: Sequence[int]) -> list[Card]:
    """Those that are still in the deck, in this order."""
    found = await session.scalars(
        select(Card)
        .join(Note, Note.id == Card.note_id)
        .where(Card.id.in_(card_ids), Note.state == NoteState.ACTIVE)
    )
    return sorted(found, key=lambda card: card_ids.index(card.id))
