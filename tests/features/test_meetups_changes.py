"""Meetups that change: edited, skipped, moved, called off; and who may do that."""

from datetime import UTC, datetime, timedelta

import pytest
from simcord import InteractionResult, MemberActor

from bot.db.models import OccurrenceState
from bot.sandbox import World
from tests.features.meeting import (
    FIRST,
    both,
    dates,
    full,
    history,
    labels,
    ledger_rows,
    posts,
    read,
    schedule,
)
from tests.features.reading import said

WEEK = timedelta(weeks=1)


async def change(
    world: World, verb: str, meetup: object, by: MemberActor | None = None, **options: object
) -> InteractionResult:
    member = by or world.organizer
    return await member.slash(world.channel, f"meetup {verb}", meetup=str(meetup), **options)


async def due(world: World) -> list[datetime]:
    """When the reminders come that are still planned."""
    return [row.due_at for row in await ledger_rows(world, "meetup_reminder", state="pending")]


def before(*starts: datetime) -> list[datetime]:
    leads = (timedelta(hours=24), timedelta(hours=1), timedelta(minutes=10))
    return sorted(start - lead for start in starts for lead in leads)


async def test_skipping_a_date_leaves_the_others_and_posts_the_next(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    first = (await dates(group_world))[0]
    await group_world.alice.click(posts(group_world)[0], label="Going")
    answer = await change(group_world, "skip", first.id)
    assert not answer.ephemeral
    assert f"does not take place on {full(FIRST)}" in said(answer)
    assert full(FIRST + WEEK) in said(answer)
    states = [each.state for each in await dates(group_world)]
    assert states == [OccurrenceState.SKIPPED, *[OccurrenceState.PLANNED] * 4]
    assert await due(group_world) == before(*(FIRST + index * WEEK for index in range(1, 5)))
    await group_world.pass_time(seconds=10)
    skipped, following = posts(group_world)
    assert "Skipped." in read(skipped)
    assert labels(skipped) == []
    assert full(FIRST + WEEK) in (following.embeds[0].description or "")
    refused = await change(group_world, "skip", first.id)
    assert refused.ephemeral
    assert "does not take place" in said(refused)


async def test_skipping_a_later_date_takes_it_out_of_the_posts_next_dates(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    second = (await dates(group_world))[1]
    assert full(FIRST + WEEK) in read(posts(group_world)[0])
    await change(group_world, "skip", second.id)
    [post] = posts(group_world)
    assert full(FIRST + WEEK) not in read(post)
    assert all(full(FIRST + index * WEEK) in read(post) for index in (2, 3, 4))
    # The skipped slot is not made again.
    await group_world.pass_time(days=8)
    assert [each.starts_at for each in await dates(group_world)] == [FIRST + i * WEEK for i in range(6)]


async def test_what_happens_once_cannot_be_skipped(group_world: World) -> None:
    await schedule(group_world)
    refused = await change(group_world, "skip", "Algebra")
    assert refused.ephemeral
    assert "happens only once" in said(refused)
    assert (await dates(group_world))[0].state == OccurrenceState.PLANNED


async def test_moving_a_date_moves_its_post_and_reminders_and_no_other(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    first = (await dates(group_world))[0]
    await group_world.alice.click(posts(group_world)[0], label="Going")
    answer = await change(group_world, "move", first.id, when="2026-01-09 18:30")
    friday = datetime(2026, 1, 9, 17, 30, tzinfo=UTC)
    assert f"from {both(FIRST)} to {both(friday)}" in said(answer)
    starts = [each.starts_at for each in await dates(group_world)]
    assert starts == [friday, *(FIRST + index * WEEK for index in (1, 2, 3))]
    assert await due(group_world) == before(*starts)
    [post] = posts(group_world)
    assert full(friday) in (post.embeds[0].description or "")
    assert group_world.alice.mention in read(post)
    # Its slot stays taken: the Thursday it left is not made again.
    await group_world.pass_time(days=9)
    assert FIRST not in [each.starts_at for each in await dates(group_world)]


async def test_moved_away_and_back_it_is_reminded_of_again(group_world: World) -> None:
    await schedule(group_world)
    [date] = await dates(group_world)
    await change(group_world, "move", date.id, when="2026-01-10 19:00")
    await change(group_world, "move", date.id, when="2026-01-08 19:00")
    assert await due(group_world) == before(FIRST)
    assert await ledger_rows(group_world, "meetup_post", state="pending") == []


async def test_moving_all_later_dates_keeps_answers_and_the_wall_clock(group_world: World) -> None:
    await group_world.pass_time(days=284)  # 2026-10-12
    await schedule(group_world, when="2026-10-15 19:00", repeat="weekly")
    second = (await dates(group_world))[1]
    shown = await group_world.alice.slash(group_world.channel, "meetup show", meetup=str(second.id))
    assert shown.response is not None
    await group_world.alice.click(shown.response, label="Going")
    fourth = (await dates(group_world))[3]
    await change(group_world, "skip", fourth.id)
    answer = await change(group_world, "move", second.id, when="2026-10-20 18:00", scope="following")
    tuesdays = [datetime(2026, 10, 20, 16, tzinfo=UTC), datetime(2026, 10, 27, 17, tzinfo=UTC)]
    assert full(tuesdays[0]) in said(answer)
    assert full(tuesdays[1]) in said(answer)
    rows = await dates(group_world)
    assert rows[0].starts_at == datetime(2026, 10, 15, 17, tzinfo=UTC)
    assert [row.starts_at for row in rows[1:3]] == tuesdays
    assert (rows[1].id, rows[3].id) == (second.id, fourth.id)
    # The skipped one is a Tuesday now, and still skipped.
    assert rows[3].state == OccurrenceState.SKIPPED
    assert rows[3].starts_at == tuesdays[1] + WEEK
    again = await group_world.bob.slash(group_world.channel, "meetup show", meetup=str(second.id))
    assert group_world.alice.mention in said(again)
    assert "weekly on Tuesday" in said(again)
    planned = [row.starts_at for row in rows if row.state is OccurrenceState.PLANNED]
    assert await due(group_world) == before(*planned)
    await group_world.pass_time(days=40)
    starts = [row.starts_at for row in await dates(group_world)]
    assert len(set(starts)) == len(starts)
    assert {start.weekday() for start in starts[1:]} == {1}


async def test_moving_to_a_date_that_the_series_has_is_refused(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    first = (await dates(group_world))[0]
    refused = await change(group_world, "move", first.id, when="2026-01-15 19:00")
    assert refused.ephemeral
    assert "has a date at" in said(refused)
    assert (await dates(group_world))[0].starts_at == FIRST
    # All of them a week later is another thing.
    moved = await change(group_world, "move", first.id, when="2026-01-15 19:00", scope="following")
    assert not moved.ephemeral
    assert [each.starts_at for each in await dates(group_world)] == [FIRST + i * WEEK for i in range(1, 5)]


async def test_all_later_dates_move_again_and_again_over_dropped_ones(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    await schedule(group_world, title="Other", repeat="weekly")
    [first, *_] = await dates(group_world)
    await change(group_world, "edit", first.id, repeat="fortnightly")
    start = FIRST + WEEK
    for hour in (19, 20, 21):
        answer = await change(group_world, "move", first.id, when=f"2026-01-15 {hour}:00", scope="following")
        assert not answer.ephemeral, said(answer)
        planned = [each for each in await dates(group_world) if each.state is OccurrenceState.PLANNED]
        moved = [each.starts_at for each in planned if each.meetup_id == first.meetup_id]
        assert moved == [start + timedelta(hours=hour - 19) + index * 2 * WEEK for index in range(4)]
        others = [each.starts_at for each in planned if each.meetup_id != first.meetup_id]
        assert others == [FIRST + index * WEEK for index in range(4)]


@pytest.mark.parametrize(
    ("when", "words"),
    [("yesterday 7pm", "is over already"), ("soon", "can't read"), ("03/04 19:00", "one way")],
)
async def test_moving_refuses_what_schedule_refuses(group_world: World, when: str, words: str) -> None:
    await schedule(group_world)
    planned = await due(group_world)
    refused = await change(group_world, "move", "Algebra", when=when)
    assert refused.ephemeral
    assert words in said(refused)
    assert (await dates(group_world))[0].starts_at == FIRST
    assert await due(group_world) == planned


async def test_cancelling_calls_off_every_coming_date(group_world: World) -> None:
    await schedule(group_world, title="Other")
    kept = await due(group_world)
    await schedule(group_world, repeat="weekly")
    algebra = [date for date in await dates(group_world) if date.meetup_id == 2]
    answer = await change(group_world, "cancel", algebra[1].id)
    assert not answer.ephemeral
    assert "every later date" in said(answer)
    assert {date.state for date in await dates(group_world) if date.meetup_id == 2} == {
        OccurrenceState.CANCELLED
    }
    assert await due(group_world) == kept
    other, cancelled = posts(group_world)
    assert "Cancelled." in read(cancelled)
    assert labels(cancelled) == []
    assert labels(other) == ["Going", "Maybe", "Can't"]
    assert "Other" in said(await group_world.alice.slash(group_world.channel, "meetup list"))
    assert "Algebra" not in said(await group_world.alice.slash(group_world.channel, "meetup list"))
    await group_world.pass_time(days=40)
    assert len(posts(group_world)) == 2


async def test_those_who_were_going_hear_of_dates_that_a_new_rhythm_drops(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    [first, second, third, _] = await dates(world)
    await going_to(world, world.alice, second.id)
    await going_to(world, world.bob, third.id)
    answer = await change(world, "edit", first.id, repeat="fortnightly")
    assert f"**Algebra** does not take place on {both(FIRST + WEEK)}." in said(answer)
    [news] = [message for message in history(world) if "does not take place" in message.content]
    assert [user.id for user in news.mentions] == [world.alice.id]
    assert full(FIRST + 3 * WEEK) not in news.content  # nobody was going


async def test_those_who_were_going_to_a_later_date_hear_that_all_is_off(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    [first, second, *_] = await dates(world)
    await going_to(world, world.bob, first.id)
    await going_to(world, world.alice, second.id)
    await change(world, "cancel", first.id)
    [news] = [message for message in history(world) if "is cancelled" in message.content]
    assert {user.id for user in news.mentions} == {world.alice.id, world.bob.id}


async def test_those_who_were_going_hear_that_the_group_closed(group_world: World) -> None:
    world = group_world
    await schedule(world, repeat="weekly")
    await schedule(world, title="Geometry", when="2026-01-09 19:00")
    [*_, fourth] = [each for each in await dates(world) if each.meetup_id == 1]
    await going_to(world, world.alice, fourth.id)
    await world.bob.click(next(post for post in posts(world) if "Geometry" in read(post)), label="Going")
    answer = await world.organizer.slash(world.channel, "group archive")
    assert answer.ephemeral
    assert "is archived" in said(answer)
    algebra, geometry = (message for message in history(world) if "is cancelled" in message.content)
    assert f"**Algebra** is cancelled: {both(FIRST)} and every later date." in algebra.content
    assert [user.id for user in algebra.mentions] == [world.alice.id]
    assert "**Geometry**" in geometry.content
    assert [user.id for user in geometry.mentions] == [world.bob.id]


async def going_to(world: World, member: MemberActor, occurrence_id: int) -> None:
    shown = await member.slash(world.channel, "meetup show", meetup=str(occurrence_id))
    assert shown.response is not None
    await member.click(shown.response, label="Going")


async def test_archiving_the_group_calls_everything_off(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    await group_world.organizer.slash(group_world.channel, "group archive")
    assert await due(group_world) == []
    assert "Cancelled." in read(posts(group_world)[0])


async def test_an_edit_reaches_every_coming_date(group_world: World) -> None:
    await schedule(group_world, lesson="Lesson 1", title="Lesson 1", repeat="weekly")
    voice = group_world.guild.create_voice_channel("study room")
    answer = await change(
        group_world,
        "edit",
        (await dates(group_world))[2].id,
        lesson="Lesson 2",
        minutes=30,
        where=voice,
        capacity=3,
        host=group_world.bob,
    )
    assert not answer.ephemeral
    [post] = posts(group_world)
    text = read(post)
    assert "Lesson 2" in text
    assert "Lesson 1" not in text
    assert "30 minutes" in text
    assert f"<#{voice.id}>" in text
    assert "Going (0/3)" in text
    assert group_world.bob.mention in text
    assert {each.ends_at - each.starts_at for each in await dates(group_world)} == {timedelta(minutes=30)}


async def test_repeating_otherwise_keeps_the_dates_that_fit(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    [first, second, third, _] = await dates(group_world)
    await change(group_world, "edit", first.id, repeat="fortnightly")
    planned = [each for each in await dates(group_world) if each.state is OccurrenceState.PLANNED]
    assert [each.starts_at for each in planned] == [FIRST + index * 2 * WEEK for index in range(4)]
    assert [each.id for each in planned[:2]] == [first.id, third.id]
    assert await due(group_world) == before(*(each.starts_at for each in planned))
    assert "every two weeks on Thursday" in read(posts(group_world)[0])
    await change(group_world, "edit", first.id, repeat="weekly")
    planned = [each for each in await dates(group_world) if each.state is OccurrenceState.PLANNED]
    assert [each.starts_at for each in planned][:4] == [FIRST + index * WEEK for index in range(4)]
    assert planned[1].id == second.id
    await change(group_world, "edit", first.id, repeat="once")
    planned = [each for each in await dates(group_world) if each.state is OccurrenceState.PLANNED]
    assert [each.id for each in planned] == [first.id]
    # Moved onto a day that a dropped date had held.
    await change(group_world, "move", first.id, when="2026-01-15 20:00")
    [moved] = [each for each in await dates(group_world) if each.state is OccurrenceState.PLANNED]
    assert moved.starts_at == FIRST + WEEK + timedelta(hours=1)
    await change(group_world, "edit", first.id, repeat="weekly")
    planned = [each for each in await dates(group_world) if each.state is OccurrenceState.PLANNED]
    assert [each.starts_at for each in planned] == [moved.starts_at + index * WEEK for index in range(4)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Nothing to change"),
        ({"title": "x" * 200}, "The title has 200 characters"),
        ({"capacity": 0}, "Capacity can't be 0"),
        ({"minutes": 4}, "Minutes can't be 4"),
    ],
)
async def test_what_edit_refuses(group_world: World, options: dict[str, object], words: str) -> None:
    await schedule(group_world)
    [date] = await dates(group_world)
    refused = await change(group_world, "edit", date.id, **options)
    assert refused.ephemeral
    assert words in said(refused)
    [after] = await dates(group_world)
    assert after.version == date.version


@pytest.mark.parametrize(
    ("verb", "options"),
    [("edit", {"title": "Mine"}), ("skip", {}), ("move", {"when": "tomorrow 7pm"}), ("cancel", {})],
)
async def test_only_host_and_organizers_change_a_meetup(
    group_world: World, verb: str, options: dict[str, object]
) -> None:
    await schedule(group_world, group_world.alice, repeat="weekly")
    [first, *_] = await dates(group_world)
    refused = await change(group_world, verb, first.id, group_world.bob, **options)
    assert refused.ephemeral
    assert "Only the host of “Algebra” or an organizer" in said(refused)
    [unchanged, *_] = await dates(group_world)
    assert unchanged.version == first.version
    assert unchanged.state is OccurrenceState.PLANNED
    assert not (await change(group_world, verb, first.id, group_world.alice, **options)).ephemeral


@pytest.mark.parametrize("verb", ["edit", "skip", "move", "cancel"])
async def test_what_is_over_stays_as_it_was(group_world: World, verb: str) -> None:
    await schedule(group_world, repeat="weekly")
    [first, *_] = await dates(group_world)
    await group_world.pass_time(days=8)
    options = {"edit": {"title": "New"}, "move": {"when": "tomorrow 7pm"}}.get(verb, {})
    refused = await change(group_world, verb, first.id, **options)
    assert refused.ephemeral
    assert "so it can't be changed any more" in said(refused)


@pytest.mark.parametrize("typed", ["999", "", "Geometry", "9" * 30, "²"])
async def test_an_unknown_meetup(group_world: World, typed: str) -> None:
    await schedule(group_world)
    refused = await change(group_world, "cancel", typed)
    assert refused.ephemeral
    assert "can't find a coming meetup" in said(refused)
    assert (await dates(group_world))[0].state is OccurrenceState.PLANNED


async def test_a_title_that_two_meetups_share_is_no_answer(group_world: World) -> None:
    await schedule(group_world)
    await schedule(group_world, when="2026-01-09 19:00")
    refused = await change(group_world, "cancel", "Algebra")
    assert refused.ephemeral
    assert {date.state for date in await dates(group_world)} == {OccurrenceState.PLANNED}


async def test_a_move_to_where_it_stands_is_refused_and_calls_nobody(group_world: World) -> None:
    await schedule(group_world)
    await group_world.alice.click(posts(group_world)[0], label="Going")
    refused = await change(group_world, "move", 1, when=FIRST.isoformat())
    assert refused.ephemeral
    assert f"has a date at {both(FIRST)} already" in said(refused)
    assert len(history(group_world)) == 2  # the invitation and the post
