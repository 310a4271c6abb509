"""Discord's Scheduled Events beside meetups: made, changed and deleted on either side."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
from simcord.backend.models import ScheduledEvent

from bot.sandbox import World
from tests.features.meeting import posts, read, reminders
from tests.features.reading import said

THURSDAY = datetime(2026, 10, 22, 17, tzinfo=UTC)


def events(world: World) -> list[ScheduledEvent]:
    """The server's events, by their start."""
    there = world.env.backend.get_guild(world.guild.id).scheduled_events.values()
    return sorted(there, key=lambda event: event.scheduled_start_time)


def starts(world: World) -> list[str]:
    return [event.scheduled_start_time for event in events(world)]


async def schedule(world: World, **options: Any) -> str:
    """Plan a meetup; returns what the answer says."""
    given = {"when": "2026-10-22 19:00", "title": "Lesson 1", **options}
    return said(await world.organizer.slash(world.channel, "meetup schedule", **given))


async def person_edits(world: World, event: ScheduledEvent, **changes: Any) -> None:
    """Somebody uses Discord's own dialog."""
    world.env.backend.edit_scheduled_event(world.guild.id, event.id, changes)
    await world.env.settle()


async def person_deletes(world: World, event: ScheduledEvent) -> None:
    world.env.backend.delete_scheduled_event(world.guild.id, event.id)
    await world.env.settle()


async def listed(world: World) -> str:
    return said(await world.alice.slash(world.channel, "meetup list"))


async def pass_until(world: World, instant: datetime) -> None:
    await world.pass_time(seconds=(instant - world.now).total_seconds())


def stamp(instant: datetime) -> str:
    return f"<t:{int(instant.timestamp())}:F>"


def requests(world: World, method: str) -> list[str]:
    return [
        entry.path
        for entry in world.env.http_requests
        if entry.method == method and "scheduled-events" in entry.path
    ]


def forbid_events(world: World, *, allowed: bool) -> None:
    """Take Create Events and Manage Events from the bot's role, or give them back."""
    me = world.env.backend.bot_user.id
    guild = world.env.backend.get_guild(world.guild.id)
    for role_id in guild.members[me].role_ids:
        permissions = discord.Permissions(guild.roles[role_id].permissions)
        permissions.update(create_events=allowed, manage_events=allowed)
        world.env.backend.edit_role(world.guild.id, role_id, {"permissions": permissions.value})


async def test_each_date_of_a_series_has_an_event_that_keeps_the_wall_clock(group_world: World) -> None:
    world = group_world
    await schedule(world, title="Lesson 1, @everyone", lesson="Data <@1>", repeat="weekly")
    assert starts(world) == [
        "2026-10-22T17:00:00+00:00",
        "2026-10-29T18:00:00+00:00",
        "2026-11-05T18:00:00+00:00",
        "2026-11-12T18:00:00+00:00",
    ]
    first = events(world)[0]
    assert first.name == "Lesson 1, @\u200beveryone"
    assert first.scheduled_end_time == "2026-10-22T18:30:00+00:00"
    assert first.entity_metadata == {"location": "#fastai-berlin"}
    assert first.description is not None
    assert f"Hosted by {world.organizer.mention}" in first.description
    assert "Lesson: Data \\<@1\\>" in first.description
    assert world.channel.history()[-1].jump_url in first.description
    assert first.description.endswith("Cohort meetup 1")
    await world.pass_time(days=2)
    assert len(requests(world, "POST")) == 4
    assert requests(world, "PATCH") == []


@pytest.mark.parametrize(("make", "kind"), [("create_voice_channel", 2), ("create_stage_channel", 1)])
async def test_a_voice_or_stage_channel_is_where_the_event_is(
    group_world: World, make: str, kind: int
) -> None:
    world = group_world
    room = getattr(world.guild, make)("room")
    await schedule(world, where=room)
    (event,) = events(world)
    assert (event.entity_type, event.channel_id, event.entity_metadata) == (kind, room.id, None)
    # Elsewhere after all: from voice to a text channel is a change of kind.
    study = world.guild.create_text_channel("study")
    await world.organizer.slash(world.channel, "meetup edit", meetup="1", where=study)
    (event,) = events(world)
    assert (event.entity_type, event.channel_id) == (3, None)
    assert event.entity_metadata == {"location": "#study"}


async def test_the_event_follows_edit_move_skip_and_cancel(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    ids = [event.id for event in events(world)]
    await world.organizer.slash(world.channel, "meetup edit", meetup="1", title="Trees", minutes=60)
    assert [event.name for event in events(world)] == ["Trees"] * 4
    assert events(world)[0].scheduled_end_time == "2026-10-22T18:00:00+00:00"
    await world.organizer.slash(world.channel, "meetup move", meetup="1", when="2026-10-23 18:00")
    assert starts(world)[0] == "2026-10-23T16:00:00+00:00"
    await world.organizer.slash(world.channel, "meetup skip", meetup="2")
    assert "2026-10-29T18:00:00+00:00" not in starts(world)
    assert len(events(world)) == 4
    assert [event.id for event in events(world)][:3] == [ids[0], *ids[2:]]
    await world.organizer.slash(world.channel, "meetup cancel", meetup="1")
    assert events(world) == []


async def test_an_answer_changes_no_event(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await world.alice.click(world.channel.history()[-1], label="Going")
    await world.pass_time(minutes=5)
    assert requests(world, "PATCH") == []


async def test_what_a_person_changes_in_discord_is_taken_over(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    await person_edits(
        world,
        events(world)[1],
        name="Trees\u202e in the park",
        scheduled_start_time="2026-10-30T16:00:00+00:00",
        scheduled_end_time="2026-10-30T18:00:00+00:00",
        entity_metadata={"location": "Tempelhofer Feld"},
    )
    shown = said(await world.alice.slash(world.channel, "meetup show", meetup="2"))
    assert "Trees in the park" in shown
    assert stamp(datetime(2026, 10, 30, 16, tzinfo=UTC)) in shown
    assert "120 minutes" in shown or "2 hours" in shown
    assert "Tempelhofer Feld" in shown
    # The other dates stay as they were, and the post of the first shows when the second is now.
    assert starts(world)[0] == "2026-10-22T17:00:00+00:00"
    assert "1793376000" in read(posts(world)[0])
    # Reminded of at the new time, not at the old one.
    await pass_until(world, datetime(2026, 10, 30, 15, 1, tzinfo=UTC))
    about = [message.created_at for message in reminders(world) if "Trees" in message.content]
    assert about == [datetime(2026, 10, 29, 16, tzinfo=UTC), datetime(2026, 10, 30, 15, tzinfo=UTC)]
    # The invisible character is put right in Discord as well.
    assert "Trees in the park" in [event.name for event in events(world)]


async def test_a_person_moves_the_event_of_a_single_meetup(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await person_edits(
        world,
        events(world)[0],
        scheduled_start_time="2026-10-24T10:00:00+00:00",
        scheduled_end_time="2026-10-24T11:00:00+00:00",
    )
    text = said(await world.alice.slash(world.channel, "meetup show", meetup="1"))
    assert stamp(datetime(2026, 10, 24, 10, tzinfo=UTC)) in text
    assert "60 minutes" in text or "1 hour" in text


async def test_a_date_that_the_series_has_already_is_put_back(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    await person_edits(
        world,
        events(world)[0],
        scheduled_start_time="2026-10-29T18:00:00+00:00",
        scheduled_end_time="2026-10-29T19:30:00+00:00",
    )
    await world.pass_time(minutes=2)
    assert starts(world)[0] == "2026-10-22T17:00:00+00:00"


async def test_a_description_that_somebody_rewrote_is_theirs(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await person_edits(world, events(world)[0], description="Bring cake")
    await world.alice.click(world.channel.history()[-1], label="Going")
    await world.pass_time(hours=7)
    assert events(world)[0].description == "Bring cake"


async def test_an_event_deleted_in_discord_skips_its_date(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    await person_deletes(world, events(world)[0])
    # The horizon has moved on, and the first date stays away.
    assert starts(world)[0] == "2026-10-29T18:00:00+00:00"
    assert len(events(world)) == 4
    assert stamp(THURSDAY) not in await listed(world)
    assert "**Skipped.**" in read(posts(world)[0])
    await pass_until(world, THURSDAY)
    assert reminders(world) == []


async def test_a_single_meetup_whose_event_is_cancelled_in_discord_is_cancelled(group_world: World) -> None:
    world = group_world
    await schedule(world)
    await person_edits(world, events(world)[0], status=4)
    assert "Lesson 1" not in await listed(world)
    assert "does not take place" in read(posts(world)[0])
    await pass_until(world, THURSDAY)
    assert reminders(world) == []


async def test_events_of_other_people_are_left_alone(group_world: World) -> None:
    world = group_world
    await schedule(world)
    party = world.env.backend.create_scheduled_event(
        world.guild.id,
        name="Party",
        entity_type=3,
        scheduled_start_time="2026-02-01T18:00:00+00:00",
        scheduled_end_time="2026-02-01T22:00:00+00:00",
        creator_id=world.alice.id,
        description="Cohort meetup 1",
        entity_metadata={"location": "Park"},
    )
    await person_edits(world, party, name="Great party")
    await person_deletes(world, party)
    await world.pass_time(hours=7)
    assert len(events(world)) == 1
    assert "Lesson 1" in await listed(world)


async def test_what_people_did_while_the_bot_was_away_is_taken_over(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    first, second = events(world)[:2]
    unheard(world, [("edit", first, {"name": "Trees"}), ("delete", second, {})])
    await world.restart()
    await world.pass_time(minutes=2)
    text = await listed(world)
    assert "Trees" in text
    assert "1793296800" not in text


async def test_a_failed_look_is_no_deletion(group_world: World, caplog: pytest.LogCaptureFixture) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    world.env.inject_error("GET", "/guilds/*/scheduled-events*", status=503, times=None)
    await world.restart()
    await world.pass_time(hours=13)
    assert stamp(THURSDAY) in await listed(world)
    assert len(events(world)) == 4


def unheard(world: World, acts: Iterable[tuple[str, ScheduledEvent, dict[str, Any]]]) -> None:
    """Change events without the gateway telling the bot."""
    there = world.env.backend.get_guild(world.guild.id).scheduled_events
    for act, event, changes in acts:
        if act == "delete":
            del there[event.id]
        for name, value in changes.items():
            setattr(there[event.id], name, value)


async def test_without_the_permission_the_meetup_stands_and_the_organizer_knows(group_world: World) -> None:
    world = group_world
    forbid_events(world, allowed=False)
    await world.env.settle()
    text = await schedule(world)
    assert "without an event" in text
    assert "Create Events" in text
    assert events(world) == []
    assert "Lesson 1" in await listed(world)
    assert requests(world, "POST") == []
    # Told in the answer, so not again by the retries; given back, it is used at once.
    await world.pass_time(hours=3)
    assert world.dms(world.organizer) == []
    forbid_events(world, allowed=True)
    await world.env.settle()
    assert len(events(world)) == 1


async def test_a_permission_taken_away_later_is_told_privately_and_once(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    await world.pass_time(minutes=10)
    forbid_events(world, allowed=False)
    await world.env.settle()
    changed = await world.organizer.slash(world.channel, "meetup edit", meetup="1", title="Trees")
    assert "Trees" in said(changed)
    await world.pass_time(hours=5)
    (note,) = world.dms(world.organizer)
    assert "Create Events" in note.content
    assert world.dms(world.alice) == []
    assert events(world)[0].name == "Lesson 1"
    forbid_events(world, allowed=True)
    await world.env.settle()
    assert {event.name for event in events(world)} == {"Trees"}


async def test_a_full_server_is_told_once_and_tried_again(group_world: World) -> None:
    world = group_world
    world.env.inject_error(
        "POST", "/guilds/*/scheduled-events", status=400, code=30038, message="Maximum reached", times=4
    )
    await schedule(world)
    assert events(world) == []
    await world.pass_time(hours=3, minutes=30)
    notes = [message.content for message in world.dms(world.organizer)]
    assert len(notes) == 1
    assert "100 events" in notes[0]
    pressed = await world.organizer.user.click(world.last_dm(world.organizer), label="Try again now")
    assert "It worked" in said(pressed)
    assert len(events(world)) == 1


async def test_an_attempt_whose_answer_was_lost_makes_no_second_event(group_world: World) -> None:
    world = group_world
    lose_answers(world)
    await schedule(world)
    assert len(events(world)) == 1
    await world.pass_time(minutes=10)
    assert len(events(world)) == 1
    assert len(requests(world, "POST")) == 1
    # It is known as ours: an edit in Discord is followed.
    await person_edits(world, events(world)[0], name="Trees")
    assert "Trees" in await listed(world)


def lose_answers(world: World) -> None:
    """The next event is made, but the answer never arrives."""
    guild = world.bot.get_guild(world.guild.id)
    assert guild is not None
    http = guild._state.http
    make = http.create_guild_scheduled_event

    async def make_and_lose(*arguments: Any, **keywords: Any) -> Any:
        http.create_guild_scheduled_event = make  # type: ignore[method-assign]
        await make(*arguments, **keywords)
        raise ConnectionResetError

    http.create_guild_scheduled_event = make_and_lose  # type: ignore[assignment]


async def test_an_outage_while_making_is_got_over(group_world: World) -> None:
    world = group_world
    world.env.inject_error("POST", "/guilds/*/scheduled-events", status=502, times=2)
    await schedule(world)
    assert events(world) == []
    await world.pass_time(minutes=15)
    assert len(events(world)) == 1
    assert world.dms(world.organizer) == []


async def test_a_deleted_voice_channel_moves_the_event_and_keeps_the_meetup(group_world: World) -> None:
    world = group_world
    room = world.guild.create_voice_channel("room")
    await schedule(world, where=room)
    world.env.backend.delete_channel(room.id)
    await world.env.settle()
    await world.pass_time(minutes=2)
    assert "Lesson 1" in await listed(world)
    # Moved, not made a second time beside one that points nowhere.
    assert [event.entity_metadata for event in events(world)] == [{"location": "#fastai-berlin"}]


async def test_time_starts_and_ends_an_event_without_changing_the_meetup(group_world: World) -> None:
    world = group_world
    await schedule(world, when="in 2 hours")
    await world.pass_time(hours=2, minutes=10)
    assert events(world)[0].status == 2
    await person_deletes(world, events(world)[0])
    # It has begun: the event goes, the meetup goes on.
    attended = await world.organizer.slash(world.channel, "meetup checkin")
    assert "Check-in code" in said(attended)
    await world.pass_time(hours=2)
    assert requests(world, "PATCH") == []


async def test_an_event_that_runs_gives_way_when_the_meetup_moves(group_world: World) -> None:
    world = group_world
    await schedule(world, when="in 2 hours")
    (first,) = events(world)
    await world.pass_time(hours=2, minutes=10)
    assert first.status == 2
    await world.organizer.slash(world.channel, "meetup move", meetup="1", when="in 3 hours")
    (second,) = events(world)
    assert second.id != first.id
    assert second.scheduled_start_time == (world.now + timedelta(hours=3)).isoformat()


async def test_starting_and_ending_an_event_by_hand_changes_nothing(group_world: World) -> None:
    world = group_world
    await schedule(world, when="in 2 hours", repeat="weekly")
    await world.pass_time(hours=1, minutes=55)
    first = events(world)[0]
    await person_edits(world, first, status=2)
    await world.organizer.slash(world.channel, "meetup edit", meetup="1", title="Trees")
    assert events(world)[0].id == first.id
    assert events(world)[0].name == "Trees"
    await world.pass_time(minutes=10)
    await person_edits(world, first, status=3)
    await world.restart()
    await world.pass_time(minutes=10)
    assert "Check-in code" in said(await world.organizer.slash(world.channel, "meetup checkin"))
    assert events(world)[0].id == first.id


async def test_an_archived_group_leaves_no_events(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    await world.organizer.slash(world.channel, "group archive")
    assert events(world) == []


async def test_our_own_newer_change_wins_over_the_dialog(group_world: World) -> None:
    world = group_world
    await schedule(world)
    world.env.inject_error("PATCH", "/guilds/*/scheduled-events/*", status=500, times=1)
    await world.organizer.slash(world.channel, "meetup edit", meetup="1", title="Ours")
    (event,) = events(world)
    assert event.name == "Lesson 1"
    await person_edits(world, event, name="Theirs", entity_metadata={"location": "Park"})
    await world.pass_time(minutes=5)
    assert events(world)[0].name == "Ours"
    text = said(await world.alice.slash(world.channel, "meetup show", meetup="1"))
    assert "Ours" in text
    assert "Park" in text
