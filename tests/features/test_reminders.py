"""`/remind` as members live it: on time, in private, again later, never twice and never to others."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from simcord import ChannelHandle
from sqlalchemy import select

from bot.db.engine import Database
from bot.db.models import Delivery
from bot.delivery.dispatcher import Pointless
from bot.delivery.ledger import Ledger
from bot.sandbox import World
from bot.services.reminders import ReminderService
from tests.features.meeting import both
from tests.features.reading import said
from tests.features.reminding import close_dms, custom_id, instant_in, remind, sleep_through, start_at

WEEK = timedelta(weeks=1)


async def test_a_reminder_survives_a_restart(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    await remind(world, world.bob, "in 1 hour", "geometry")
    await world.restart()
    await world.pass_time(hours=1)
    assert "algebra" in world.last_dm(world.alice).content
    assert len(world.dms(world.alice)) == 1
    assert "geometry" not in world.last_dm(world.alice).content


async def test_nothing_comes_early_and_the_answer_says_when_where_and_in_which_zone(world: World) -> None:
    answer = said(await remind(world, world.alice, "in 1 hour", "algebra"))
    due = world.now + timedelta(hours=1)
    assert f"<t:{int(due.timestamp())}:F>" in answer
    assert f"<t:{int(due.timestamp())}:R>" in answer
    assert "algebra" in answer
    assert "I’ll send you a direct message; if yours are closed, I’ll post it in this channel." in answer
    assert "UTC" in answer
    assert "/timezone" in answer
    await world.pass_time(minutes=59)
    assert world.dms(world.alice) == []
    await world.pass_time(minutes=1)
    assert "This was due" not in world.last_dm(world.alice).content
    assert [message.content for message in world.channel.history()] == []


async def test_the_time_is_read_in_the_members_zone_else_the_groups(group_world: World) -> None:
    world = group_world
    await start_at(world, datetime(2026, 1, 5, 12, tzinfo=UTC))
    in_berlin = said(await remind(world, world.alice, "tomorrow 19:00", "algebra"))
    assert instant_in(in_berlin) == datetime(2026, 1, 6, 18, tzinfo=UTC)
    assert "your group’s zone, Europe/Berlin" in in_berlin
    await world.alice.slash(world.channel, "timezone", zone="America/New_York")
    in_new_york = said(await remind(world, world.alice, "tomorrow 19:00", "algebra"))
    assert instant_in(in_new_york) == datetime(2026, 1, 7, 0, tzinfo=UTC)
    assert "your zone, America/New_York" in in_new_york


async def test_a_reminder_asked_for_in_the_bots_direct_messages(group_world: World) -> None:
    world = group_world
    answer = await world.alice.user.slash("remind me", when="in 1 hour", what="algebra")
    assert "Europe/Berlin" in said(answer)
    assert "this channel" not in said(answer)
    await world.pass_time(hours=1)
    assert "algebra" in world.last_dm(world.alice).content
    close_dms(world, world.alice)
    await world.pass_time(hours=1)
    assert all("algebra" not in message.content for message in world.channel.history())


async def test_closed_direct_messages_lead_to_the_channel_and_ping_that_member_only(world: World) -> None:
    trick = f"algebra with {world.bob.mention} @everyone [free](https://evil.example) **loud**"
    await remind(world, world.alice, "in 1 hour", trick)
    await remind(world, world.bob, "in 2 hours", "geometry")
    close_dms(world, world.alice)
    await world.pass_time(hours=1)
    close_dms(world, world.alice, closed=False)
    assert world.dms(world.alice) == []
    [message] = world.channel.history()
    assert message.content.startswith(world.alice.mention)
    assert [user.id for user in message.mentions] == [world.alice.id]
    assert not message.mention_everyone
    assert r"\[free\]" in message.content
    assert r"\*\*loud\*\*" in message.content
    assert "geometry" not in message.content
    await world.pass_time(hours=1)
    assert "geometry" in world.last_dm(world.bob).content
    assert len(world.channel.history()) == 1


async def test_another_member_cannot_answer_a_reminder_in_the_channel(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    close_dms(world, world.alice)
    await world.pass_time(hours=1)
    close_dms(world, world.alice, closed=False)
    [message] = world.channel.history()
    for label in ("Snooze", "Snooze 1 h", "Snooze 1 day", "Done"):
        refused = await world.bob.click(message, label=label)
        assert refused.ephemeral
        assert "somebody else" in said(refused)
    assert world.channel.history()[0].content == message.content
    await world.pass_time(days=2)
    assert world.dms(world.alice) == []
    assert len(world.channel.history()) == 1
    await world.alice.click(message, label="Snooze")
    assert "Snoozed" in world.channel.history()[0].content


@pytest.mark.parametrize(
    ("label", "later"),
    [
        ("Snooze", timedelta(minutes=10)),
        ("Snooze 1 h", timedelta(hours=1)),
        ("Snooze 1 day", timedelta(days=1)),
    ],
)
async def test_snooze_says_it_again_later_even_after_a_restart(
    world: World, label: str, later: timedelta
) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    await world.pass_time(hours=1)
    first = world.last_dm(world.alice)
    await world.restart()
    await world.alice.user.click(first, label=label)
    edited = world.dms(world.alice)[0].content
    assert instant_in(edited) == (world.now + later).replace(microsecond=0)
    assert "algebra" in edited
    await world.restart()
    await world.pass_time(seconds=later.total_seconds() - 1)
    assert len(world.dms(world.alice)) == 1
    await world.pass_time(seconds=1)
    assert len(world.dms(world.alice)) == 2
    assert "algebra" in world.last_dm(world.alice).content
    # And again, from the new message.
    await world.alice.user.click(world.last_dm(world.alice), label="Snooze")
    await world.pass_time(minutes=10)
    assert len(world.dms(world.alice)) == 3


async def test_pressing_snooze_twice_snoozes_once(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    await world.pass_time(hours=1)
    first = world.last_dm(world.alice)
    snooze = custom_id(first, "Snooze")
    await world.alice.user.click(first, custom_id=snooze)
    once = world.dms(world.alice)[0].content
    # As a client does that has not seen the edit yet.
    stored = world.env.backend.messages[first.channel.id][first.id]
    stored.components = [row.to_dict() for row in first.components]
    await world.pass_time(minutes=1)
    await world.alice.user.click(first, custom_id=custom_id(first, "Snooze 1 day"))
    assert world.dms(world.alice)[0].content == once
    await world.pass_time(days=3)
    assert len(world.dms(world.alice)) == 2


async def test_done_ends_it_and_takes_a_snooze_back(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    await world.pass_time(hours=1)
    first = world.last_dm(world.alice)
    await world.alice.user.click(first, label="Snooze 1 h")
    assert "algebra" in said(await world.alice.slash(world.channel, "remind list"))
    await world.alice.user.click(world.dms(world.alice)[0], label="Done")
    assert "Done." in world.dms(world.alice)[0].content
    assert "no reminders" in said(await world.alice.slash(world.channel, "remind list"))
    await world.pass_time(days=2)
    assert len(world.dms(world.alice)) == 1


async def test_a_weekly_reminder_keeps_its_wall_clock_when_berlin_leaves_summer_time(world: World) -> None:
    await world.alice.slash(world.channel, "timezone", zone="Europe/Berlin")
    await start_at(world, datetime(2026, 10, 20, 12, tzinfo=UTC))
    await remind(world, world.alice, "thursday 19:00", "algebra", repeat="weekly")
    await world.pass_time(days=31)
    assert [message.created_at for message in world.dms(world.alice)] == [
        datetime(2026, 10, 22, 17, tzinfo=UTC),
        datetime(2026, 10, 29, 18, tzinfo=UTC),
        datetime(2026, 11, 5, 18, tzinfo=UTC),
        datetime(2026, 11, 12, 18, tzinfo=UTC),
        datetime(2026, 11, 19, 18, tzinfo=UTC),
    ]


async def test_a_repeating_reminder_goes_on_after_snooze_done_and_restarts(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra", repeat="weekly")
    first_due = world.now + timedelta(hours=1)
    await world.pass_time(hours=1)
    await world.alice.user.click(world.last_dm(world.alice), label="Snooze 1 day")
    await world.restart()
    listed = said(await world.alice.slash(world.channel, "remind list"))
    assert instant_in(listed) == first_due + timedelta(days=1)
    assert "weekly on" in listed
    await world.alice.user.click(world.dms(world.alice)[0], label="Done")
    done = world.dms(world.alice)[0].content
    assert instant_in(done) == first_due + WEEK
    await world.pass_time(days=6)
    assert len(world.dms(world.alice)) == 1
    await world.restart()
    await world.pass_time(days=1)
    assert len(world.dms(world.alice)) == 2


async def test_monthly_and_fortnightly_reminders_come_when_they_should(world: World) -> None:
    await start_at(world, datetime(2026, 3, 1, 12, tzinfo=UTC))
    await remind(world, world.alice, "2026-03-05 09:00", "fortnightly algebra", repeat="fortnightly")
    await remind(world, world.alice, "2026-03-19 09:00", "monthly geometry", repeat="monthly")
    await world.pass_time(days=60)
    came = [(message.created_at.date().isoformat(), message.content) for message in world.dms(world.alice)]
    assert [day for day, text in came if "algebra" in text] == [
        "2026-03-05", "2026-03-19", "2026-04-02", "2026-04-16", "2026-04-30",
    ]  # fmt: skip
    assert [day for day, text in came if "geometry" in text] == ["2026-03-19", "2026-04-16"]


async def test_after_downtime_it_comes_late_and_says_so(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    await remind(world, world.bob, "in 1 hour", "geometry", repeat="weekly")
    due = world.now + timedelta(hours=1)
    await sleep_through(world, timedelta(hours=5))
    [late] = world.dms(world.alice)
    assert f"This was due {both(due)}." in late.content
    [weekly] = world.dms(world.bob)
    assert "This was due" in weekly.content
    await world.pass_time(seconds=(due + WEEK - world.now).total_seconds())
    assert len(world.dms(world.bob)) == 2
    assert "This was due" not in world.last_dm(world.bob).content


async def test_after_weeks_of_downtime_the_useless_is_dropped_and_the_series_goes_on(
    world: World,
) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    await remind(world, world.bob, "in 1 hour", "geometry", repeat="weekly")
    due = world.now + timedelta(hours=1)
    await sleep_through(world, timedelta(days=18))
    assert world.dms(world.alice) == []
    assert world.dms(world.bob) == []
    await world.pass_time(seconds=(due + 3 * WEEK - world.now).total_seconds())
    assert len(world.dms(world.bob)) == 1
    assert world.dms(world.alice) == []


async def test_list_shows_ones_own_soonest_first(world: World) -> None:
    assert "no reminders" in said(await world.alice.slash(world.channel, "remind list"))
    await remind(world, world.alice, "in 3 hours", "later thing")
    await remind(world, world.alice, "in 1 hour", "sooner *thing*")
    await remind(world, world.bob, "in 2 hours", "bob's secret")
    answer = await world.alice.slash(world.channel, "remind list")
    assert answer.ephemeral
    listed = said(answer)
    assert listed.index("sooner") < listed.index("later")
    assert r"\*thing\*" in listed
    assert "secret" not in listed
    await world.pass_time(hours=1)
    assert "sooner" not in said(await world.alice.slash(world.channel, "remind list"))


async def test_cancel_by_what_autocomplete_offers(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    await remind(world, world.alice, "in 2 hours", "analysis", repeat="weekly")
    await remind(world, world.bob, "in 1 hour", "algebra of bob")
    choices = await world.alice.autocomplete(world.channel, "remind cancel", "reminder", "")
    assert len(choices) == 2
    assert "algebra" in choices[0]["name"]
    [only] = await world.alice.autocomplete(world.channel, "remind cancel", "reminder", "ANAL")
    for choice in choices:
        answer = await world.alice.slash(world.channel, "remind cancel", reminder=choice["value"])
        assert answer.ephemeral
        assert "Cancelled" in said(answer)
    assert only["value"] == choices[1]["value"]
    again = await world.alice.slash(world.channel, "remind cancel", reminder=only["value"])
    assert "You have no reminder" in said(again)
    await world.pass_time(days=15)
    assert world.dms(world.alice) == []
    assert "algebra of bob" in world.last_dm(world.bob).content


async def test_cancel_by_the_text_of_the_only_one_that_has_it(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "Algebra")
    await remind(world, world.alice, "in 1 hour", "twice")
    await remind(world, world.alice, "in 1 hour", "twice")
    assert "Cancelled: Algebra" in said(
        await world.alice.slash(world.channel, "remind cancel", reminder=" algebra ")
    )
    unclear = said(await world.alice.slash(world.channel, "remind cancel", reminder="twice"))
    assert "You have no reminder" in unclear
    await world.pass_time(hours=1)
    assert len(world.dms(world.alice)) == 2


async def test_somebody_elses_id_reveals_and_changes_nothing(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    [choice] = await world.alice.autocomplete(world.channel, "remind cancel", "reminder", "")
    theirs, never = str(choice["value"]), "987654"
    answers = [
        said(await world.bob.slash(world.channel, "remind cancel", reminder=typed)).replace(typed, "…")
        for typed in (theirs, never)
    ]
    assert answers[0] == answers[1]
    assert "algebra" not in answers[0]
    assert await world.bob.autocomplete(world.channel, "remind cancel", "reminder", "") == []
    await world.pass_time(hours=1)
    assert "algebra" in world.last_dm(world.alice).content


@pytest.mark.parametrize(
    "typed", ["9" * 100, "-1", "0", "1.5", "'; DROP TABLE reminders", "＿１", "@everyone"]
)
async def test_any_other_id_is_refused(world: World, typed: str) -> None:
    refused = await world.alice.slash(world.channel, "remind cancel", reminder=typed)
    assert refused.ephemeral
    assert "You have no reminder" in said(refused)


async def test_a_cancelled_repeating_reminder_cannot_be_snoozed_back_to_life(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra", repeat="weekly")
    await world.pass_time(hours=1)
    [choice] = await world.alice.autocomplete(world.channel, "remind cancel", "reminder", "")
    await world.alice.slash(world.channel, "remind cancel", reminder=choice["value"])
    refused = await world.alice.user.click(world.last_dm(world.alice), label="Snooze")
    assert "You have no reminder" in said(refused)
    await world.pass_time(days=15)
    assert len(world.dms(world.alice)) == 1


async def test_what_is_cancelled_while_a_process_holds_it_is_not_said(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra")
    await world.env.advance_time(3600)
    [held] = await world.bot.ledger.claim(5)
    [choice] = await world.alice.autocomplete(world.channel, "remind cancel", "reminder", "")
    await world.alice.slash(world.channel, "remind cancel", reminder=choice["value"])
    with pytest.raises(Pointless):
        await world.bot.sender.render(held)
    await world.pass_time(hours=1)
    assert world.dms(world.alice) == []


async def test_two_processes_plan_the_next_one_once(world: World) -> None:
    await remind(world, world.alice, "in 1 hour", "algebra", repeat="weekly")
    await world.env.advance_time(3600)
    database = Database(world.bot.database.url)
    ledger = Ledger(database, clock=world.bot.clock, owner="another process")
    other = ReminderService(database, ledger=ledger, clock=world.bot.clock)
    try:
        await asyncio.gather(*(each.plan_next() for each in (world.bot.services.reminders, other) * 5))
    finally:
        await database.close()
    async with world.bot.database.read() as session:
        planned = (await session.scalars(select(Delivery.dedupe_key).order_by(Delivery.id))).all()
    assert planned == ["reminder:1:0", "reminder:1:1"]


async def test_a_reminder_asked_for_in_a_thread_that_is_gone_goes_to_its_channel(world: World) -> None:
    backend = world.env.backend
    thread = backend.create_thread(world.channel.id, "Homework", world.alice.id)
    await world.env.settle()
    place = ChannelHandle(world.env, world.guild, thread)
    await world.alice.slash(place, "remind me", when="in 1 hour", what="algebra")
    await remind(world, world.bob, "in 3 hours", "calculus")
    close_dms(world, world.alice)
    backend.delete_channel(thread.id)
    await world.pass_time(hours=1)
    last = world.channel.last_message
    assert last is not None
    assert "algebra" in last.content
    assert world.alice.mention in last.content
    assert "calculus" not in last.content
