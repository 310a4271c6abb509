"""Scheduled Events when two processes share a database, and when rows change under way."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.db.engine import Database
from bot.db.models import Group, Meetup, Occurrence, OccurrenceState
from bot.delivery.ledger import Ledger
from bot.services.events import CREATION_TAKES, EventService, Shown, Work, mark_of, marked

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
START = datetime(2026, 10, 22, 17, tzinfo=UTC)
SHOWS = Shown(
    name="Lesson 1",
    description="Cohort meetup 1",
    starts_at=START,
    ends_at=START + timedelta(minutes=90),
    channel_id=None,
    location="#study",
)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def service(database: Database, clock: Clock) -> EventService:
    """With one meetup, planned long ago, whose event is still to be made."""
    async with database.write() as session:
        group = Group(
            guild_id=1,
            name="Berlin",
            name_key="berlin",
            timezone="Europe/Berlin",
            channel_id=2,
            created_by=3,
            created_at=NOW,
        )
        session.add(group)
        await session.flush()
        meetup = Meetup(
            group_id=group.id,
            title="Lesson 1",
            starts_local=datetime(2026, 10, 22, 19),  # noqa: DTZ001 - a wall clock
            timezone="Europe/Berlin",
            minutes=90,
            repeat="none",
            host_id=3,
            created_by=3,
            created_at=NOW - timedelta(days=1),
        )
        session.add(meetup)
        await session.flush()
        session.add(
            Occurrence(
                meetup_id=meetup.id,
                slot=START.date(),
                starts_at=START,
                ends_at=START + timedelta(minutes=90),
                state=OccurrenceState.PLANNED,
                checkin_secret="secret",
            )
        )
    return EventService(database, ledger=Ledger(database, clock=clock, owner="test"), clock=clock)


async def only(service: EventService) -> Work:
    (work,) = await service.lagging([1])
    return work


async def test_of_many_processes_one_makes_the_event(
    service: EventService, database: Database, clock: Clock
) -> None:
    occurrence_id = (await only(service)).occurrence.id
    others = [Database(database.url) for _ in range(3)]
    services = [
        EventService(each, ledger=Ledger(each, clock=clock, owner="x"), clock=clock) for each in others
    ]
    answers = await asyncio.gather(*(each.begin_making(occurrence_id) for each in [service, *services]))
    for each in others:
        await each.close()
    assert sorted(answers, key=str) == [False, None, None, None]
    # Whoever made the attempt is gone: the next one has to look before it makes another.
    clock.now += CREATION_TAKES
    assert await service.begin_making(occurrence_id) is True


async def test_a_known_failure_needs_no_look(service: EventService, clock: Clock) -> None:
    work = await only(service)
    assert await service.begin_making(work.occurrence.id) is False
    await service.failed(work, reason="full", retry_in=timedelta(hours=1))
    assert await service.problem(work.occurrence.id) == "full"
    assert await service.lagging([1]) == []
    clock.now += timedelta(hours=1)
    assert await service.begin_making((await only(service)).occurrence.id) is False


async def test_servers_that_are_out_of_reach_wait(service: EventService) -> None:
    assert await service.lagging([]) == []
    assert await service.lagging([2]) == []


async def test_nothing_is_made_for_what_has_begun_or_was_called_off(
    service: EventService, database: Database, clock: Clock
) -> None:
    work = await only(service)
    clock.now = START
    assert await service.lagging([1]) == []
    assert await service.begin_making(work.occurrence.id) is None
    clock.now = NOW
    async with database.write() as session:
        occurrence = await session.get_one(Occurrence, work.occurrence.id)
        occurrence.state = OccurrenceState.CANCELLED
    assert await service.lagging([1]) == []
    assert await service.begin_making(work.occurrence.id) is None


async def test_a_change_during_the_call_is_not_forgotten(service: EventService, database: Database) -> None:
    work = await only(service)
    async with database.write() as session:
        occurrence = await session.get_one(Occurrence, work.occurrence.id)
        occurrence.title = "Lesson 1, really"
        occurrence.version += 1
    await service.settled(work, event_id=9, shows=SHOWS)
    again = await only(service)
    assert (again.event_id, again.title) == (9, "Lesson 1, really")


async def test_a_person_and_we_changed_different_fields(service: EventService, database: Database) -> None:
    work = await only(service)
    await service.settled(work, event_id=9, shows=SHOWS)
    async with database.write() as session:
        occurrence = await session.get_one(Occurrence, work.occurrence.id)
        occurrence.title = "Ours"
        occurrence.version += 1
    theirs = replace(SHOWS, name="Theirs", location="Park")
    assert await service.take_over(event_id=9, seen=theirs)
    # The same news again, as from another process, changes nothing.
    assert not await service.take_over(event_id=9, seen=theirs)
    merged = await only(service)
    assert merged.title == "Ours"
    assert merged.occurrence.where_text == "Park"


@pytest.mark.parametrize(
    ("name", "location", "title", "where"),
    [
        ("\u200b\u200b", "#study", "Lesson 1", (None, None)),
        ("x" * 100, "<#123456789012345678>", "x" * 100, (123456789012345678, None)),
        ("a\nb", "  Park\u202e  ", "a b", (None, "Park")),
    ],
)
async def test_what_people_type_over_there_is_cleaned(
    service: EventService, name: str, location: str, title: str, where: tuple[int | None, str | None]
) -> None:
    await service.settled(await only(service), event_id=9, shows=SHOWS)
    assert await service.take_over(event_id=9, seen=replace(SHOWS, name=name, location=location))
    work = await service.by_event(9)
    assert work is not None
    assert work.title == title
    assert (work.occurrence.where_channel_id, work.occurrence.where_text) == where
    # Discord is shown what we made of it.
    assert [each.event_id for each in await service.lagging([1])] == [9]


def test_a_mark_is_a_line_of_its_own() -> None:
    assert marked(f"Hosted by Mira\n\n{mark_of(17)}") == 17
    assert marked("Like Cohort meetup 17, but better") is None
    assert marked(None) is None
