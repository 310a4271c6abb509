"""Meetups: planned, posted, listed, shown; and what `/meetup schedule` refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest

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


async def test_the_answer_is_the_post_and_is_not_posted_again(group_world: World) -> None:
    answer = await schedule(
        group_world, group_world.alice, lesson="Lesson 3", capacity=5, host=group_world.bob, minutes=45
    )
    assert not answer.ephemeral
    text = said(answer)
    assert both(FIRST) in text
    assert "Algebra" in text
    assert "Lesson Lesson 3" in text
    assert "45 minutes" in text
    assert group_world.bob.mention in text
    assert "Going (0/5)" in text
    assert "Repeats" not in text
    await group_world.pass_time(hours=1)
    [post] = posts(group_world)
    assert labels(post) == ["Going", "Maybe", "Can't"]
    [row] = await ledger_rows(group_world, "meetup_post")
    assert row.state == "sent"


async def test_a_meetup_planned_elsewhere_is_posted_in_the_groups_channel(group_world: World) -> None:
    elsewhere = group_world.guild.create_text_channel("random")
    answer = await group_world.alice.slash(elsewhere, "meetup schedule", when="tomorrow 7pm", group="Berlin")
    assert answer.ephemeral
    assert group_world.channel.mention in said(answer)
    await group_world.pass_time(minutes=1)
    [post] = posts(group_world)
    assert "Study meetup" in read(post)
    assert [message for message in elsewhere.history() if not message.flags.ephemeral] == []
    pressed = await group_world.bob.click(post, label="Going")
    assert "You are going." in said(pressed)
    assert group_world.bob.mention in read(posts(group_world)[0])


async def test_thursdays_at_seven_in_berlin_stay_at_seven_when_the_clocks_change(group_world: World) -> None:
    await group_world.pass_time(days=290)  # 2026-10-18
    answer = await schedule(group_world, when="2026-10-22 19:00", repeat="weekly")
    october = [datetime(2026, 10, 22, 17, tzinfo=UTC), datetime(2026, 10, 29, 18, tzinfo=UTC)]
    text = said(answer)
    assert full(october[0]) in text
    assert full(october[1]) in text
    assert "weekly on Thursday" in text
    assert [each.starts_at for each in await dates(group_world)][:2] == october
    await group_world.pass_time(days=4, hours=19)  # 2026-10-22 19:00 UTC: the first is over
    first, second = posts(group_world)
    assert "This meetup is over" in read(first)
    assert labels(first) == []
    assert full(october[1]) in (second.embeds[0].description or "")
    assert labels(second) == ["Going", "Maybe", "Can't"]


async def test_four_dates_of_a_series_always_exist(group_world: World) -> None:
    await schedule(group_world, repeat="fortnightly")
    expected = [FIRST + timedelta(weeks=2 * index) for index in range(4)]
    assert [each.starts_at for each in await dates(group_world)] == expected
    await group_world.pass_time(days=8)
    await group_world.pass_time(minutes=1)
    assert [each.starts_at for each in await dates(group_world)] == [*expected, FIRST + timedelta(weeks=8)]
    assert len(posts(group_world)) == 2


async def test_a_monthly_meetup_keeps_its_weekday_of_the_month(group_world: World) -> None:
    answer = await schedule(group_world, when="2026-01-15 19:00", repeat="monthly")
    assert "monthly on the third Thursday" in said(answer)
    starts = [each.starts_at.date().isoformat() for each in await dates(group_world)]
    assert starts == ["2026-01-15", "2026-02-19", "2026-03-19", "2026-04-16"]


async def test_a_long_absence_makes_no_ghosts(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    group_world.bot.scheduler.remove("meetups")  # as if the process were down
    await group_world.pass_time(days=60)
    await group_world.restart()
    await group_world.pass_time(minutes=2)
    coming = [each for each in await dates(group_world) if each.ends_at > group_world.now]
    assert len(coming) == 4
    assert coming[0].starts_at - group_world.now < timedelta(weeks=1)
    assert len([post for post in posts(group_world) if labels(post)]) == 1


async def test_list_and_show(group_world: World) -> None:
    nothing = await group_world.alice.slash(group_world.channel, "meetup list")
    assert nothing.ephemeral
    assert "nothing planned" in said(nothing)
    assert "nothing planned" in said(await group_world.alice.slash(group_world.channel, "meetup show"))
    await schedule(group_world, when="2026-02-08 19:00", title="Later")
    await schedule(group_world)
    listing = await group_world.alice.slash(group_world.channel, "meetup list")
    assert not listing.ephemeral
    text = said(listing)
    assert text.index("Algebra") < text.index("Later")
    shown = await group_world.alice.slash(group_world.channel, "meetup show")
    assert "Algebra" in said(shown)
    by_title = await group_world.alice.slash(group_world.channel, "meetup show", meetup="later")
    assert "Later" in said(by_title)
    by_date = await group_world.alice.slash(group_world.channel, "meetup show", meetup="2026-01-08")
    assert "Algebra" in said(by_date)
    # A copy that was shown has working buttons, and the post follows.
    assert by_date.response is not None
    await group_world.bob.click(by_date.response, label="Maybe")
    assert "Maybe (1)" in said(by_date)
    assert "Maybe (1)" in read(posts(group_world)[1])
    assert "Maybe" not in read(posts(group_world)[0])


async def test_autocomplete_offers_coming_dates_by_title_and_by_date(group_world: World) -> None:
    await schedule(group_world, repeat="weekly")
    await schedule(group_world, when="2026-02-09 18:00", title="Übung")
    await group_world.alice.slash(group_world.channel, "timezone", zone="Asia/Tokyo")
    offered = await group_world.alice.autocomplete(group_world.channel, "meetup show", "meetup", "alg")
    assert offered[0]["name"] == "Algebra · Fri 9 Jan 03:00 · Berlin"
    assert len(offered) == 4
    [other] = await group_world.bob.autocomplete(group_world.channel, "meetup show", "meetup", "monday")
    assert other["name"] == "Übung · Mon 9 Feb 18:00 · Berlin"
    found = await group_world.bob.slash(group_world.channel, "meetup show", meetup=other["value"])
    assert "Übung" in said(found)


async def test_typed_time_is_the_members_own(group_world: World) -> None:
    await group_world.alice.slash(group_world.channel, "timezone", zone="Asia/Tokyo")
    answer = await schedule(group_world, group_world.alice, when="2026-01-08 19:00")
    assert full(datetime(2026, 1, 8, 10, tzinfo=UTC)) in said(answer)


async def test_user_text_has_no_power(group_world: World) -> None:
    await schedule(group_world, title="@everyone **x** [free](https://x.example)", lesson="<@&1> `y`")
    [post] = posts(group_world)
    assert not post.mention_everyone
    assert "@everyone" not in read(post)
    assert r"\*\*x\*\*" in read(post)
    assert r"\[free\]" in read(post)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"when": "yesterday 7pm"}, "is over already"),
        ({"when": "2025-12-31 19:00"}, "is over already"),
        ({"when": "whenever it suits"}, "can't read “whenever it suits”"),
        ({"when": "2026-10-25 02:30"}, "show that time twice"),
        ({"when": "2026-03-29 02:30"}, "jump over that time"),
        ({"when": "03/04 19:00"}, "more than one way"),
        ({"when": "2040-01-01 19:00"}, "more than five years away"),
        ({"title": "x" * 200}, "The title has 200 characters; the most is 100"),
        ({"title": "\u200b"}, "at least one visible character"),
        ({"lesson": "x" * 81}, "The lesson has 81 characters; the most is 80"),
        ({"capacity": 0}, "Capacity can't be 0"),
        ({"capacity": -3}, "Capacity can't be -3"),
        ({"minutes": 0}, "Minutes can't be 0"),
        ({"minutes": 1441}, "Type a number from 5 to 1440"),
        ({"group": "Paris"}, "no group “Paris”"),
    ],
)
async def test_what_schedule_refuses(group_world: World, options: dict[str, Any], words: str) -> None:
    refused = await schedule(group_world, **options)
    assert refused.ephemeral
    assert words in said(refused)
    assert await dates(group_world) == []
    assert await ledger_rows(group_world, "meetup_reminder") == []
    assert await ledger_rows(group_world, "meetup_post") == []


async def test_only_members_and_organizers_plan(group_world: World) -> None:
    stranger = group_world.guild.add_member(group_world.env.create_user("carol"))
    refused = await schedule(group_world, stranger)
    assert refused.ephemeral
    assert "You are not in “Berlin”" in said(refused)
    assert await dates(group_world) == []
    assert not (await schedule(group_world, group_world.organizer)).ephemeral


async def test_a_bot_cannot_host(group_world: World) -> None:
    robot = group_world.guild.add_member(group_world.env.create_user("robot", bot=True))
    refused = await schedule(group_world, host=robot)
    assert refused.ephemeral
    assert "a bot can't host" in said(refused)


async def test_a_place_the_bot_cannot_see_is_refused(group_world: World) -> None:
    me = group_world.env.bot.user
    assert me is not None
    hidden = group_world.guild.create_text_channel(
        "cellar", overwrites={me: discord.PermissionOverwrite(view_channel=False)}
    )
    await group_world.env.settle()
    refused = await schedule(group_world, where=hidden)
    assert refused.ephemeral
    assert "View Channel" in said(refused)
    assert await dates(group_world) == []


async def test_a_deleted_home_channel_is_named(group_world: World) -> None:
    elsewhere = group_world.guild.create_text_channel("random")
    group_world.env.backend.delete_channel(group_world.channel.id)
    await group_world.env.settle()
    refused = await group_world.alice.slash(elsewhere, "meetup schedule", when="tomorrow 7pm", group="Berlin")
    assert refused.ephemeral
    assert "`/group edit`" in said(refused)
    assert await dates(group_world) == []


async def test_a_voice_channel_as_the_place(group_world: World) -> None:
    voice = group_world.guild.create_voice_channel("study room")
    answer = await schedule(group_world, where=voice)
    assert f"Where <#{voice.id}>" in said(answer)


async def test_an_id_of_another_server_is_unknown(group_world: World) -> None:
    await schedule(group_world)
    [date] = await dates(group_world)
    other = group_world.env.create_guild("Elsewhere")
    channel = other.create_text_channel("general")
    eve = other.add_member(
        group_world.env.create_user("eve"),
        roles=[other.create_role("Boss", permissions=discord.Permissions(manage_guild=True))],
    )
    await group_world.env.settle()
    for command, more in (("show", {}), ("cancel", {}), ("skip", {}), ("move", {"when": "tomorrow 7pm"})):
        refused = await eve.slash(channel, f"meetup {command}", meetup=str(date.id), **more)
        assert refused.ephemeral
        assert "can't find a coming meetup" in said(refused)
    assert (await dates(group_world))[0].state == "planned"
    assert len(history(group_world)) == 2
