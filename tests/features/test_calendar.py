"""`/meetup calendar`, read back as a calendar program would: with dateutil, which shares no code with
the library that writes the files.
"""

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest
from dateutil.rrule import rrulestr
from dateutil.tz import tzical
from simcord import InteractionResult, MemberActor

from bot.sandbox import World
from tests.features.meeting import posts
from tests.features.reading import said

BERLIN = [
    datetime(2026, 10, 22, 17, tzinfo=UTC),
    datetime(2026, 10, 29, 18, tzinfo=UTC),
    datetime(2026, 11, 5, 18, tzinfo=UTC),
    datetime(2026, 11, 12, 18, tzinfo=UTC),
]


@dataclass(frozen=True, order=True)
class Date:
    """One date of a calendar, expanded: what a member sees in theirs."""

    starts_at: datetime
    length: timedelta
    title: str


@dataclass(frozen=True)
class Property:
    parameters: dict[str, str]
    value: str


def blocks(text: str, name: str) -> list[dict[str, list[Property]]]:
    """The components of that name as raw properties, unfolded by RFC 5545, 3.1."""
    lines = text.replace("\r\n ", "").split("\r\n")
    found: list[dict[str, list[Property]]] = []
    for line in lines:
        if line == f"BEGIN:{name}":
            found.append({})
        elif line == f"END:{name}":
            found.append({})  # what follows belongs to nobody
        elif found and ":" in line:
            head, value = re.split(r":", line, maxsplit=1)
            key, *parameters = head.split(";")
            pairs = dict(parameter.split("=", 1) for parameter in parameters)
            found[-1].setdefault(key, []).append(Property(pairs, value))
    return [block for block in found if "UID" in block or "TZID" in block]


def instants(text: str, prop: Property) -> list[datetime]:
    """The instants of a date-time property, its TZID read from the file's own VTIMEZONE."""
    zone = tzical(io.StringIO(text)).get(prop.parameters["TZID"]) if "TZID" in prop.parameters else UTC
    return [
        datetime.strptime(value.rstrip("Z"), "%Y%m%dT%H%M%S").replace(tzinfo=zone)
        for value in prop.value.split(",")
    ]


def unescaped(value: str) -> str:
    return re.sub(r"\\([\\;,nN])", lambda found: "\n" if found[1] in "nN" else found[1], value)


def expand(text: str, *, until: datetime) -> list[Date]:
    """Every date that takes place before `until`, in order."""
    dates: dict[tuple[str, datetime], Date] = {}
    for event in sorted(blocks(text, "VEVENT"), key=lambda event: "RECURRENCE-ID" in event):
        uid = event["UID"][0].value
        (starts_at,) = instants(text, event["DTSTART"][0])
        if "DURATION" in event:
            (length,) = re.findall(r"^PT(?:(\d+)H)?(?:(\d+)M)?$", event["DURATION"][0].value)
            lasts = timedelta(hours=int(length[0] or 0), minutes=int(length[1] or 0))
        else:
            lasts = instants(text, event["DTEND"][0])[0].astimezone(UTC) - starts_at.astimezone(UTC)
        title = unescaped(event["SUMMARY"][0].value)
        slots = [starts_at]
        if "RRULE" in event:
            off = {each for prop in event.get("EXDATE", []) for each in instants(text, prop)}
            rule = rrulestr(event["RRULE"][0].value, dtstart=starts_at)
            slots = [slot for slot in rule.between(starts_at, until, inc=True) if slot not in off]
        for slot in slots:
            named = instants(text, event["RECURRENCE-ID"][0])[0] if "RECURRENCE-ID" in event else slot
            key = (uid, named.astimezone(UTC))
            assert "RECURRENCE-ID" not in event or key in dates, "an override of a date that is not there"
            if event["STATUS"][0].value == "CANCELLED":
                dates.pop(key, None)
            else:
                dates[key] = Date(slot.astimezone(UTC), lasts, title)
    return sorted(date for date in dates.values() if date.starts_at < until)


async def calendar(world: World, by: MemberActor | None = None, **options: str) -> str:
    """The file's text, checked for the lengths and line ends that RFC 5545 asks for."""
    answer = await (by or world.alice).slash(world.channel, "meetup calendar", **options)
    assert answer.ephemeral
    (attachment,) = attached(answer)
    assert attachment.filename == "meetups.ics"
    content = await attachment.read()
    assert content.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")
    return content.decode()


def attached(answer: InteractionResult) -> list[Any]:
    message = answer.response or answer.followups[0]
    return list(message.attachments)


def planned(world: World) -> list[datetime]:
    """When the server's Scheduled Events start: the bot's other account of the same dates."""
    events = world.env.backend.get_guild(world.guild.id).scheduled_events.values()
    return sorted(datetime.fromisoformat(event.scheduled_start_time) for event in events)


async def schedule(world: World, **options: Any) -> None:
    given = {"when": "2026-10-22 19:00", "title": "Lesson 1", **options}
    await world.organizer.slash(world.channel, "meetup schedule", **given)


def sequences(text: str) -> set[int]:
    return {int(event["SEQUENCE"][0].value) for event in blocks(text, "VEVENT")}


def uids(text: str) -> set[str]:
    return {event["UID"][0].value for event in blocks(text, "VEVENT")}


async def test_a_weekly_meetup_keeps_its_wall_clock(group_world: World) -> None:
    world = group_world
    voice = world.guild.create_voice_channel("room; no, 2")
    await schedule(world, repeat="weekly", lesson="Trees", where=voice)
    text = await calendar(world)
    dates = expand(text, until=datetime(2026, 11, 13, tzinfo=UTC))
    assert [date.starts_at for date in dates] == BERLIN == planned(world)
    assert {(date.length, date.title) for date in dates} == {(timedelta(minutes=90), "Lesson 1")}
    (event,) = blocks(text, "VEVENT")
    assert event["DTSTART"][0] == Property({"TZID": "Europe/Berlin"}, "20261022T190000")
    assert event["DTSTAMP"][0].value == f"{world.now:%Y%m%dT%H%M%SZ}"
    assert unescaped(event["LOCATION"][0].value) == "#room; no, 2"
    assert "Lesson: Trees" in unescaped(event["DESCRIPTION"][0].value)
    assert event["URL"][0].value == posts(world)[0].jump_url


@pytest.mark.parametrize(
    ("repeat", "rule"),
    [("fortnightly", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH"), ("monthly", "FREQ=MONTHLY;BYDAY=4TH")],
)
async def test_other_repeats_give_the_dates_that_the_bot_plans(
    group_world: World, repeat: str, rule: str
) -> None:
    world = group_world
    await schedule(world, repeat=repeat)
    text = await calendar(world)
    assert blocks(text, "VEVENT")[0]["RRULE"][0].value == rule
    dates = expand(text, until=max(planned(world)) + timedelta(days=1))
    assert [date.starts_at for date in dates] == planned(world)
    assert len(dates) == 4


async def test_skipped_moved_and_renamed_dates_differ_from_the_rule(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    before = await calendar(world)
    await world.organizer.slash(world.channel, "meetup skip", meetup="2")
    skipped = await calendar(world)
    await world.organizer.slash(world.channel, "meetup move", meetup="3", when="2026-11-06 18:00")
    events = world.env.backend.get_guild(world.guild.id).scheduled_events.values()
    fourth = next(event for event in events if "Cohort meetup 4" in (event.description or ""))
    world.env.backend.edit_scheduled_event(
        world.guild.id, fourth.id, {"name": "Party", "entity_metadata": {"location": "Park"}}
    )
    await world.env.settle()
    after = await calendar(world)
    assert [
        (date.starts_at, date.title) for date in expand(after, until=datetime(2026, 11, 20, tzinfo=UTC))
    ] == [
        (datetime(2026, 10, 22, 17, tzinfo=UTC), "Lesson 1"),
        (datetime(2026, 11, 6, 17, tzinfo=UTC), "Lesson 1"),
        (datetime(2026, 11, 12, 18, tzinfo=UTC), "Party"),
        (datetime(2026, 11, 19, 18, tzinfo=UTC), "Lesson 1"),
    ]
    assert max(sequences(before)) < max(sequences(skipped)) < min(sequences(after))
    assert uids(before) == uids(after)
    assert "LOCATION:Park" in after


async def test_a_moved_series_leaves_what_was_behind(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly", when="in 2 hours")
    await world.pass_time(days=8)
    await world.organizer.slash(
        world.channel, "meetup move", meetup="3", when="2026-01-16 20:00", scope="following"
    )
    text = await calendar(world)
    until = max(planned(world)) + timedelta(hours=1)
    dates = [date.starts_at for date in expand(text, until=until)]
    # The first two took place at the old time, 02:00 UTC on a Thursday.
    assert dates[:2] == [datetime(2026, 1, day, 2, tzinfo=UTC) for day in (1, 8)]
    assert dates[2:] == [date for date in planned(world) if date > world.now]
    assert dates[2] == datetime(2026, 1, 16, 19, tzinfo=UTC)


@pytest.mark.parametrize("repeat", [None, "weekly"])
async def test_a_cancelled_meetup_is_cancelled_in_calendars_that_have_it(
    group_world: World, repeat: str | None
) -> None:
    world = group_world
    await schedule(world, **({"repeat": repeat} if repeat else {}))
    before = await calendar(world)
    await world.organizer.slash(world.channel, "meetup cancel", meetup="1")
    await world.restart()
    after = await calendar(world)
    assert uids(after) == uids(before)
    assert min(sequences(after)) > max(sequences(before))
    assert [event["STATUS"][0].value for event in blocks(after, "VEVENT")] == ["CANCELLED"]
    assert expand(after, until=datetime(2027, 1, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    "title",
    [
        "A, b; c: d \\ e \\n f \"quoted\" 'x'",
        "😀" * 100,
        "END:VEVENT BEGIN:VALARM",
        "ä" * 100,
        "=1+1 @everyone <@1>",
        "שלום עולם مرحبا",
    ],
)
async def test_hostile_titles_survive_the_round_trip(group_world: World, title: str) -> None:
    world = group_world
    await schedule(world, title=title)
    text = await calendar(world)
    assert [date.title for date in expand(text, until=datetime(2027, 1, 1, tzinfo=UTC))] == [title]
    (event,) = icalendar.Calendar.from_ical(text).events
    assert str(event["SUMMARY"]) == title
    assert event.errors == []


async def test_one_meetup_or_all_of_ones_groups(group_world: World) -> None:
    world = group_world
    paris = world.guild.create_text_channel("paris")
    await world.organizer.slash(paris, "group create", name="Paris", timezone="Europe/Paris")
    await world.organizer.slash(paris, "meetup schedule", when="2026-10-22 19:00", title="Réunion")
    await schedule(world)
    await schedule(world, title="Lesson 2", when="2026-10-25 02:30+02:00")
    until = datetime(2027, 1, 1, tzinfo=UTC)
    assert {date.title for date in expand(await calendar(world), until=until)} == {"Lesson 1", "Lesson 2"}
    one = expand(await calendar(world, meetup="3"), until=until)
    # The first of the two half past twos in that night.
    assert one == [Date(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), timedelta(minutes=90), "Lesson 2")]
    offered = await world.alice.autocomplete(world.channel, "meetup calendar", "meetup", "lesson 2")
    assert [choice["value"] for choice in offered] == ["3"]


async def test_the_second_pass_of_a_repeated_hour_is_told_apart(group_world: World) -> None:
    world = group_world
    await schedule(world, when="2026-10-25 02:30+01:00")
    dates = expand(await calendar(world), until=datetime(2027, 1, 1, tzinfo=UTC))
    assert [date.starts_at for date in dates] == [datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]


async def test_nothing_planned_is_no_empty_file(group_world: World) -> None:
    world = group_world
    answer = await world.alice.slash(world.channel, "meetup calendar")
    assert answer.ephemeral
    assert "No meetup is planned here yet" in said(answer)
    wrong = await world.alice.slash(world.channel, "meetup calendar", meetup="77")
    assert wrong.ephemeral
    assert "can't find" in said(wrong)
