"""Meetups without Discord: what happens at once, and what the rows say afterwards."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from bot.db.engine import Database
from bot.db.models import Answer, Delivery, Group, Membership, Occurrence, Rsvp
from bot.delivery.ledger import Ledger
from bot.errors import NotAMember, UnknownGroup, UnknownMeetup
from bot.scheduling.recurrence import Repeat
from bot.services.access import Caller
from bot.services.meetups import PROMOTED, MeetupChanges, MeetupService, withdraw

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GUILD, CHANNEL, MIRA, OTHER_GUILD = 10, 20, 1, 11


class Setup:
    """A group in Berlin, its service, and a clock that stands still until told otherwise."""

    def __init__(self, url: str) -> None:
        self.now = NOW
        self.database = Database(url)
        self.ledger = Ledger(self.database, clock=lambda: self.now, owner="test")
        self.meetups = MeetupService(self.database, ledger=self.ledger, clock=lambda: self.now)
        self.caller = Caller(user_id=MIRA, guild_id=GUILD, channel_ids=(CHANNEL,))
        self.group_id = 0

    async def make_group(self, guild_id: int = GUILD) -> int:
        async with self.database.write() as session:
            group = Group(
                guild_id=guild_id,
                name="Berlin",
                name_key="berlin",
                timezone="Europe/Berlin",
                channel_id=CHANNEL,
                created_by=MIRA,
                created_at=NOW,
            )
            session.add(group)
            await session.flush()
            session.add(Membership(group_id=group.id, user_id=MIRA, joined_at=NOW))
            return group.id

    async def schedule(self, **options: object) -> int:
        given = {"when": "2026-01-08 19:00", "title": "Algebra", **options}
        made = await self.meetups.schedule(caller=self.caller, group_id=self.group_id, **given)  # type: ignore[arg-type]
        return made.facts.occurrence.id

    async def answer(self, occurrence_id: int, user_id: int, wanted: Answer = Answer.GOING) -> Answer:
        standing = await self.meetups.answer(
            occurrence_id=occurrence_id, guild_id=GUILD, user_id=user_id, wanted=wanted
        )
        return standing.answer

    async def leave(self, user_id: int) -> None:
        async with self.database.write() as session:
            await withdraw(session, group_id=self.group_id, user_id=user_id, ledger=self.ledger, now=self.now)

    async def counts(self, occurrence_id: int) -> dict[Answer, int]:
        async with self.database.read() as session:
            rows = await session.execute(
                select(Rsvp.answer, func.count())
                .where(Rsvp.occurrence_id == occurrence_id)
                .group_by(Rsvp.answer)
            )
            return {answer: count for answer, count in rows}

    async def told(self) -> list[int | None]:
        async with self.database.read() as session:
            rows = await session.scalars(
                select(Delivery.user_id).where(Delivery.kind == PROMOTED).order_by(Delivery.id)
            )
            return list(rows)


@pytest.fixture
async def setup(database_url: str) -> AsyncIterator[Setup]:
    setup = Setup(database_url)
    setup.group_id = await setup.make_group()
    yield setup
    await setup.database.close()


async def test_two_who_press_at_once_share_one_place_fairly(setup: Setup) -> None:
    for attempt in range(5):
        occurrence_id = await setup.schedule(capacity=1, title=f"Algebra {attempt}")
        got = await asyncio.gather(setup.answer(occurrence_id, 2), setup.answer(occurrence_id, 3))
        assert sorted(got) == [Answer.GOING, Answer.WAITLISTED]


async def test_a_rush_fills_exactly_the_places(setup: Setup) -> None:
    occurrence_id = await setup.schedule(capacity=5)
    await asyncio.gather(*(setup.answer(occurrence_id, user_id) for user_id in range(100, 120)))
    assert await setup.counts(occurrence_id) == {Answer.GOING: 5, Answer.WAITLISTED: 15}
    facts = await setup.meetups.facts(occurrence_id)
    assert facts is not None
    # Everybody who is going leaves at once, while new people come and the capacity grows.
    await asyncio.gather(
        *(setup.answer(occurrence_id, user_id, Answer.CANT) for user_id in facts.going),
        *(setup.answer(occurrence_id, user_id) for user_id in range(200, 205)),
        setup.meetups.edit(caller=setup.caller, typed=str(occurrence_id), changes=MeetupChanges(capacity=7)),
        setup.leave(facts.waiting[0]),
    )
    assert await setup.counts(occurrence_id) == {
        Answer.GOING: 7,
        Answer.WAITLISTED: 20 + 5 - 5 - 1 - 7,
        Answer.CANT: 5,
    }
    told = await setup.told()
    assert len(set(told)) == len(told)


async def test_withdrawing_touches_no_other_group_and_no_other_member(setup: Setup) -> None:
    mine = await setup.schedule(capacity=1)
    other_group = await setup.make_group(OTHER_GUILD)
    elsewhere = await setup.meetups.schedule(
        caller=Caller(user_id=MIRA, guild_id=OTHER_GUILD), group_id=other_group, when="2026-01-09 19:00"
    )
    await setup.answer(mine, 2)
    await setup.answer(mine, 3)
    await setup.meetups.answer(
        occurrence_id=elsewhere.facts.occurrence.id, guild_id=OTHER_GUILD, user_id=2, wanted=Answer.GOING
    )
    await setup.leave(2)
    assert await setup.counts(mine) == {Answer.GOING: 1}
    assert await setup.counts(elsewhere.facts.occurrence.id) == {Answer.GOING: 1}
    assert await setup.told() == [3]


async def test_promoted_twice_is_told_twice(setup: Setup) -> None:
    occurrence_id = await setup.schedule(capacity=1)
    for user_id in (2, 3):
        await setup.answer(occurrence_id, user_id)
    await setup.answer(occurrence_id, 2, Answer.CANT)
    await setup.answer(occurrence_id, 2)
    await setup.answer(occurrence_id, 3, Answer.MAYBE)
    await setup.answer(occurrence_id, 3)
    await setup.answer(occurrence_id, 2, Answer.CANT)
    assert await setup.told() == [3, 2, 3]


async def test_an_answer_from_elsewhere_is_refused(setup: Setup) -> None:
    occurrence_id = await setup.schedule()
    for guild_id in (OTHER_GUILD, None):
        with pytest.raises(UnknownMeetup):
            await setup.meetups.answer(
                occurrence_id=occurrence_id, guild_id=guild_id, user_id=2, wanted=Answer.GOING
            )
    assert await setup.counts(occurrence_id) == {}


async def test_an_answer_leaves_the_event_as_current_as_it_was(setup: Setup) -> None:
    """The Scheduled Event shows no answers, so an answer must not make it be edited."""
    occurrence_id = await setup.schedule()
    await setup.answer(occurrence_id, 2)
    async with setup.database.write() as session:
        lagging = await session.get_one(Occurrence, occurrence_id)
        assert lagging.event_version < lagging.version
        lagging.event_version = lagging.version
    await setup.answer(occurrence_id, 3)
    async with setup.database.read() as session:
        current = await session.get_one(Occurrence, occurrence_id)
        assert current.event_version == current.version


async def test_only_members_plan_and_only_in_their_server(setup: Setup) -> None:
    with pytest.raises(NotAMember):
        await setup.meetups.schedule(
            caller=Caller(user_id=5, guild_id=GUILD), group_id=setup.group_id, when="2026-01-08 19:00"
        )
    with pytest.raises(UnknownGroup):
        await setup.meetups.schedule(
            caller=Caller(user_id=MIRA, guild_id=OTHER_GUILD, manages_server=True),
            group_id=setup.group_id,
            when="2026-01-08 19:00",
        )
    async with setup.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Occurrence)) == 0
        assert await session.scalar(select(func.count()).select_from(Delivery)) == 0


async def test_materialise_says_when_it_is_needed_again_and_is_idempotent(setup: Setup) -> None:
    assert await setup.meetups.materialise() is None
    await setup.schedule(repeat=Repeat.WEEKLY)
    first_end = datetime(2026, 1, 8, 19, 30, tzinfo=UTC)
    assert await setup.meetups.materialise() == first_end
    setup.now = first_end
    results = await asyncio.gather(*(setup.meetups.materialise() for _ in range(3)))
    assert set(results) == {first_end + timedelta(weeks=1)}
    async with setup.database.read() as session:
        starts = (await session.scalars(select(Occurrence.starts_at).order_by(Occurrence.starts_at))).all()
    assert list(starts) == [
        first_end - timedelta(minutes=90) + index * timedelta(weeks=1) for index in range(5)
    ]


async def test_a_first_date_in_the_repeated_hour_starts_when_it_was_typed(setup: Setup) -> None:
    """The wall clock 02:30 comes twice that night; the second was meant, and stays meant."""
    setup.now = datetime(2026, 10, 20, tzinfo=UTC)
    occurrence_id = await setup.schedule(when="2026-10-25T01:30Z", repeat=Repeat.WEEKLY)
    facts = await setup.meetups.facts(occurrence_id)
    assert facts is not None
    assert facts.occurrence.starts_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert facts.next_starts[0] == datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
