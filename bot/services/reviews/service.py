"""Review sessions: one card after the other, every press counted once, the last grade undoable."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Card, CardSettings, Group, ReviewSession
from bot.delivery.ledger import Ledger
from bot.errors import NothingToUndo, UnknownCard, UnknownReview
from bot.flashcards.memory import Grade
from bot.services.access import Caller, find_group, is_member, require_member
from bot.services.activity import note_activity
from bot.services.cards.finding import find_deck, note_here
from bot.services.reviews import queue
from bot.services.reviews.grading import memory_of, record, settings_of, take_back
from bot.services.reviews.images import Images, images_of
from bot.services.reviews.leeches import put_to_group
from bot.services.reviews.queue import Desk, desk_of
from bot.services.reviews.sittings import Sitting, at_table, last_review, rest_of, sitting_of

#: A session that rested for longer is over: the next one counts from the beginning.
RESUMES_WITHIN = timedelta(hours=12)


class ReviewService:
    def __init__(
        self, database: Database, *, ledger: Ledger, library: CourseLibrary, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._library = library
        self._clock = clock

    async def open(self, *, caller: Caller, typed: str | None, deck: str | None) -> Sitting:
        """Go on with the caller's open session of this group and deck, or begin one if there is a card.

        Raises UnknownGroup, NoGroupHere, NotAMember, UnknownDeck.
        """
        async with self._database.write() as session:
            now = self._clock()
            group = await find_group(session, caller=caller, typed=typed)
            await require_member(session, group, caller.user_id)
            quiet = await note_activity(session, group_id=group.id, caller=caller, now=now)
            chosen = await find_deck(session, group=group, typed=deck) if deck is not None else None
            desk = await desk_of(
                session,
                user_id=caller.user_id,
                group=group,
                deck_id=chosen.id if chosen is not None else None,
                now=now,
            )
            own = await self._opened(session, desk)
            if own is not None:
                own.shown_at = now
                await self._deal(session, own, desk)
                return await sitting_of(session, self._library, own, desk, group, quiet=quiet)
            card_id = await queue.next_card(session, desk)
            if card_id is None:
                rest = await rest_of(session, self._library, desk, group)
                return Sitting(session=None, group=group, deck=chosen, question=None, rest=rest, quiet=quiet)
            own = ReviewSession(
                user_id=caller.user_id,
                group_id=group.id,
                deck_id=desk.deck_id,
                started_at=now,
                turn=0,
                card_id=card_id,
                shown_at=now,
            )
            session.add(own)
            await session.flush()
            return await sitting_of(session, self._library, own, desk, group, quiet=quiet)

    async def has_card(self, *, user_id: int, group: Group) -> bool:
        """Whether this member would be asked a card now."""
        async with self._database.read() as session:
            desk = await desk_of(session, user_id=user_id, group=group, deck_id=None, now=self._clock())
            return await queue.next_card(session, desk) is not None

    async def look(self, *, caller: Caller, session_id: int) -> Sitting:
        """The session as it stands; a card that left the deck meanwhile makes way for the next.

        Raises UnknownReview, also for somebody else's.
        """
        async with self._database.write() as session:
            own, group, desk = await self._own(session, caller, session_id)
            return await self._standing(session, own, group, desk)

    async def grade(self, *, caller: Caller, session_id: int, turn: int, given: Grade) -> Sitting:
        """Grade the card of this turn. A press that comes twice or too late counts nothing, and shows how the
        session stands now. Raises UnknownReview.
        """
        async with self._database.write() as session:
            own, group, desk = await self._own(session, caller, session_id)
            # This also makes two grades of one member wait for each other, wherever they are given.
            quiet = await note_activity(session, group_id=group.id, caller=caller, now=desk.now)
            won = await session.execute(
                update(ReviewSession)
                .where(
                    ReviewSession.id == own.id,
                    ReviewSession.turn == turn,
                    ReviewSession.ended_at.is_(None),
                    ReviewSession.card_id.is_not(None),
                )
                .values(turn=turn + 1)
                .returning(ReviewSession.card_id, ReviewSession.shown_at)
                .execution_options(synchronize_session=False)
            )
            row = won.one_or_none()
            await session.refresh(own)
            if row is None:
                return await self._standing(session, own, group, desk)
            memory = await memory_of(session, user_id=caller.user_id, card_id=row.card_id)
            # Graded meanwhile in another session or under a daily post: that was the answer to it.
            if memory is None or memory.last_review <= row.shown_at:
                await record(
                    session,
                    user_id=caller.user_id,
                    group_id=group.id,
                    card_id=row.card_id,
                    given=given,
                    now=desk.now,
                    shown_at=row.shown_at,
                    session_id=own.id,
                    turn=turn,
                )
            own.card_id, own.shown_at = None, desk.now
            # The grade may have used up one of today's new cards.
            desk = await self._desk(session, own, group)
            await self._deal(session, own, desk)
            return await sitting_of(session, self._library, own, desk, group, quiet=quiet)

    async def undo(self, *, caller: Caller, session_id: int, turn: int) -> Sitting:
        """Take the session's last grade back and ask that card again; a press that comes twice or too late
        counts nothing. Raises UnknownReview, NothingToUndo.
        """
        async with self._database.write() as session:
            own, group, desk = await self._own(session, caller, session_id, lock=True)
            await note_activity(session, group_id=group.id, caller=caller, now=desk.now)
            if own.turn != turn:
                return await self._standing(session, own, group, desk)
            last = await last_review(session, own)
            if last is None:
                raise NothingToUndo
            card_id = last.card_id
            await take_back(session, last)
            own.turn += 1
            own.card_id, own.shown_at, own.ended_at = card_id, desk.now, None
            await session.flush()
            return await self._standing(session, own, group, await self._desk(session, own, group))

    async def end(self, *, caller: Caller, session_id: int) -> Sitting:
        """Stop here: what is left stays due. Raises UnknownReview."""
        async with self._database.write() as session:
            own, group, desk = await self._own(session, caller, session_id, lock=True)
            own.card_id, own.ended_at = None, own.ended_at or desk.now
            await session.flush()
            return await sitting_of(session, self._library, own, desk, group)

    async def keep(self, *, caller: Caller, session_id: int, card_id: int) -> Sitting:
        """Put a card that was set aside as a leech back among the others. Raises UnknownReview."""
        async with self._database.write() as session:
            own, group, desk = await self._own(session, caller, session_id)
            memory = await memory_of(session, user_id=caller.user_id, card_id=card_id)
            if memory is not None and memory.group_id == group.id:
                memory.leech_at = None
                await session.flush()
            return await self._standing(session, own, group, desk)

    async def ask_group(self, *, caller: Caller, session_id: int, card_id: int) -> Group:
        """Put a card that was set aside to the group, once for each time that it is, without saying whose it
        is. Raises UnknownReview, NotSetAside.
        """
        async with self._database.write() as session:
            own, group, desk = await self._own(session, caller, session_id)
            await put_to_group(
                session, self._ledger, group, user_id=own.user_id, card_id=card_id, now=desk.now
            )
            return group

    async def card(self, *, card_id: int, guild_id: int) -> tuple[Card, Images]:
        """A card of this server that is in its group's deck. Raises UnknownCard."""
        async with self._database.read() as session:
            card = await session.get(Card, card_id)
            found = await note_here(session, card.note_id, guild_id=guild_id) if card is not None else None
            if card is None or found is None:
                raise UnknownCard(typed=str(card_id))
            return card, await images_of(session, card)

    async def set_wishes(
        self, *, user_id: int, new_per_day: int | None = None, retention: float | None = None
    ) -> CardSettings:
        """How the member wants to review, everywhere; what is None stays as it is."""
        async with self._database.write() as session:
            wishes = await session.merge(await settings_of(session, user_id))
            if new_per_day is not None:
                wishes.new_per_day = new_per_day
            if retention is not None:
                wishes.retention = retention
            return wishes

    async def _opened(self, session: AsyncSession, desk: Desk) -> ReviewSession | None:
        """The newest open session of this group and deck that did not rest too long."""
        in_deck = (
            ReviewSession.deck_id == desk.deck_id
            if desk.deck_id is not None
            else ReviewSession.deck_id.is_(None)
        )
        found: ReviewSession | None = await session.scalar(
            select(ReviewSession)
            .where(
                ReviewSession.user_id == desk.user_id,
                ReviewSession.group_id == desk.group_id,
                ReviewSession.ended_at.is_(None),
                ReviewSession.shown_at > desk.now - RESUMES_WITHIN,
                in_deck,
            )
            .order_by(ReviewSession.id.desc())
            .limit(1)
            .with_for_update()
        )
        return found

    async def _own(
        self, session: AsyncSession, caller: Caller, session_id: int, *, lock: bool = False
    ) -> tuple[ReviewSession, Group, Desk]:
        query = select(ReviewSession).where(
            ReviewSession.id == session_id, ReviewSession.user_id == caller.user_id
        )
        own: ReviewSession | None = await session.scalar(query.with_for_update() if lock else query)
        if own is None:
            raise UnknownReview
        group = await session.get_one(Group, own.group_id)
        if group.archived_at is not None or not await is_member(
            session, group_id=group.id, user_id=caller.user_id
        ):
            raise UnknownReview
        return own, group, await self._desk(session, own, group)

    async def _desk(self, session: AsyncSession, own: ReviewSession, group: Group) -> Desk:
        return await desk_of(
            session, user_id=own.user_id, group=group, deck_id=own.deck_id, now=self._clock()
        )

    async def _standing(self, session: AsyncSession, own: ReviewSession, group: Group, desk: Desk) -> Sitting:
        if own.ended_at is None and await at_table(session, own) is None:
            await self._deal(session, own, desk)
        return await sitting_of(session, self._library, own, desk, group)

    async def _deal(self, session: AsyncSession, own: ReviewSession, desk: Desk) -> None:
        """Put the next card in front of the member, or end the session when none is left.

        Another card than the one in front begins another turn: a press that was meant for that one, on an
        older message, must not grade this one.
        """
        before, own.card_id = own.card_id, await queue.next_card(session, desk)
        if before is not None and own.card_id != before:
            own.turn += 1
        if own.card_id is None:
            own.ended_at = desk.now
        await session.flush()
