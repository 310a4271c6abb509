"""The weekly digest as groups get it: on their own Monday morning, once, never about who did nothing."""

import asyncio
from datetime import UTC, datetime, timedelta

import discord
import pytest
from sqlalchemy import insert

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import EntryKind, LessonMark, Membership, ProjectEntry, Stage
from bot.delivery.dispatcher import Pointless
from bot.delivery.ledger import Ledger
from bot.sandbox import World
from bot.services.digests import DIGEST, DigestService
from tests.features.building import start
from tests.features.learning import follow, mark, reproduce
from tests.features.meeting import both, history, labels, ledger_rows, read, schedule
from tests.features.reading import said
from tests.features.reminding import sleep_through, start_at

# 09:00 on Mondays in Berlin; the world begins on the Thursday before the first.
MONDAY = datetime(2026, 1, 5, 8, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture
async def digest_world(group_world: World) -> World:
    """The group of three follows a course and wants its digest."""
    await follow(group_world)
    assert "Weekly digest Mondays at 09:00" in await edit(group_world, digest=True)
    return group_world


async def edit(world: World, **options: object) -> str:
    return said(await world.organizer.slash(world.channel, "group edit", **options))


def digests(world: World) -> list[discord.Message]:
    return [
        message
        for message in history(world)
        if message.embeds and (message.embeds[0].title or "").endswith(": last week")
    ]


async def keys(world: World) -> list[str]:
    return [row.key for row in await ledger_rows(world, DIGEST)]


async def plan_and_die(world: World) -> None:
    """On Monday at nine the digest is planned, and nobody sends it."""
    await start_at(world, MONDAY - timedelta(seconds=1))
    world.bot.scheduler.hold()
    await world.env.advance_time(1)
    await world.bot.services.digests.plan_next()
    assert [row.state for row in await ledger_rows(world, DIGEST)] == ["pending"]


async def test_it_tells_who_moved_what_comes_and_who_waits(digest_world: World) -> None:
    world = digest_world
    await edit(world, goal="40 lessons")
    carol = world.guild.add_member(world.env.create_user("carol", global_name="Carol"))
    await carol.slash(world.channel, "group join")
    await schedule(world, when="2026-01-08 19:00", title="Algebra")
    await mark(world, world.alice, "1")
    await world.bob.click(await reproduce(world, world.alice, "1"), label="Verify")
    await mark(world, world.bob, "1")
    await mark(world, world.organizer, "1", "watched")
    waiting = await reproduce(world, world.bob, "2")
    # Carol does not want to be shown.
    await mark(world, carol, "1")
    await carol.slash(world.channel, "leaderboard visibility", shown=False)
    await start(world, world.alice, title="Bears")
    async with world.bot.database.write() as session:
        await session.execute(
            insert(ProjectEntry),
            [
                {
                    "project_id": 1,
                    "kind": EntryKind.QUESTION,
                    "at": at,
                    "text": text,
                    "channel_id": world.channel.id,
                    "message_id": 77,
                }
                for at, text in ((world.now, "Which *loss*?"), (world.now - 2 * WEEK, "Too long ago"))
            ],
        )
    await start_at(world, MONDAY - timedelta(seconds=1))
    assert digests(world) == []
    await world.pass_time(seconds=1)
    [digest] = digests(world)
    assert read(digest).splitlines() == [
        "",
        "Berlin: last week",
        f"{world.alice.mention}: 1 lesson, 6 points",
        f"{world.bob.mention}: 1 lesson, 2 points",
        "Group goal 3 of 40 lessons",
        "Next meetup **Algebra**",
        f"{both(datetime(2026, 1, 8, 18, tzinfo=UTC))} · 0 going",
        f"Waiting for somebody to verify {world.bob.mention}: Production; SGD from scratch, reproduced"
        f" · {waiting.jump_url}",
        f"Questions to the group {world.alice.mention}, Bears: Which \\*loss\\*?"
        f" · https://discord.com/channels/{world.guild.id}/{world.channel.id}/77",
    ]
    assert digest.mentions == []
    assert labels(digest) == ["Show the board"]
    assert await keys(world) == ["digest:1:2026-W02"]
    await world.restart()
    await world.pass_time(days=6, hours=23)
    assert len(digests(world)) == 1
    shown = await world.bob.click(digests(world)[0], label="Show the board")
    assert shown.ephemeral
    assert f"▸ **1.** {world.bob.mention}: 1 lesson" in said(shown)
    # It is theirs alone, and its buttons work like those of any board.
    assert shown.response is not None
    await world.bob.click(shown.response, label="Points")
    assert f"▸ **2.** {world.bob.mention}: 2 points" in said(shown)


async def test_a_quiet_week_is_said_kindly(digest_world: World) -> None:
    world = digest_world
    await mark(world, world.alice)
    await schedule(world, when="2026-01-15 19:00", title="Algebra")
    await start_at(world, MONDAY + WEEK)
    [busy, quiet] = digests(world)
    assert world.alice.mention in read(busy)
    assert "A quiet week" in read(quiet)
    assert "**Algebra**" in read(quiet)
    assert "<@" not in read(quiet)
    assert await keys(world) == ["digest:1:2026-W02", "digest:1:2026-W03"]


async def test_it_keeps_to_the_groups_own_clock(digest_world: World) -> None:
    world = digest_world
    await start_at(world, datetime(2026, 3, 20, 12, tzinfo=UTC))
    await edit(world, digest=False)
    before = len(digests(world))
    await edit(world, digest=True)
    await world.pass_time(days=14)
    assert [message.created_at for message in digests(world)[before:]] == [
        datetime(2026, 3, 23, 8, tzinfo=UTC),
        datetime(2026, 3, 30, 7, tzinfo=UTC),
    ]


async def test_switched_on_after_nine_it_begins_next_monday(group_world: World) -> None:
    world = group_world
    await start_at(world, MONDAY + timedelta(minutes=1))
    await edit(world, digest=True)
    await world.pass_time(days=6)
    assert digests(world) == []
    await world.pass_time(days=1)
    assert len(digests(world)) == 1
    # A zone whose Monday morning is still to come makes no second one of the same week.
    await edit(world, timezone="America/Los_Angeles")
    await world.pass_time(days=6)
    assert len(digests(world)) == 1
    await world.pass_time(days=2)
    assert [message.created_at for message in digests(world)][1:] == [datetime(2026, 1, 19, 17, tzinfo=UTC)]


async def test_after_downtime_it_comes_late_until_wednesday(digest_world: World) -> None:
    world = digest_world
    await mark(world, world.alice)
    await sleep_through(world, MONDAY + timedelta(hours=47) - world.now)
    [late] = digests(world)
    assert f"{world.alice.mention}: 1 lesson, 2 points" in read(late)
    await sleep_through(world, MONDAY + WEEK + timedelta(hours=49) - world.now)
    assert len(digests(world)) == 1
    await world.pass_time(days=5)
    assert len(digests(world)) == 2


async def test_what_could_not_be_sent_in_time_is_dropped(digest_world: World) -> None:
    world = digest_world
    await plan_and_die(world)
    await sleep_through(world, timedelta(hours=49))
    assert digests(world) == []
    [row] = await ledger_rows(world, DIGEST)
    assert row.state == "skipped"


async def test_several_processes_post_it_once(digest_world: World) -> None:
    world = digest_world
    await start_at(world, MONDAY - timedelta(seconds=1))
    await world.env.advance_time(1)
    database = Database(world.bot.database.url)
    ledger = Ledger(database, clock=world.bot.clock, owner="another process")
    other = DigestService(database, library=CourseLibrary(), ledger=ledger, clock=world.bot.clock)
    try:
        await asyncio.gather(*(each.plan_next() for each in (world.bot.services.digests, other) * 5))
        assert await other.plan_next() == MONDAY + WEEK
    finally:
        await database.close()
    await world.run_due()
    assert await keys(world) == ["digest:1:2026-W02"]
    assert len(digests(world)) == 1


async def test_an_archived_group_and_one_that_wants_none_any_more_get_none(digest_world: World) -> None:
    world = digest_world
    await plan_and_die(world)
    [held] = await world.bot.ledger.claim(5)
    await edit(world, digest=False)
    with pytest.raises(Pointless):
        await world.bot.sender.render(held)
    await edit(world, digest=True)
    await world.organizer.slash(world.channel, "group archive")
    with pytest.raises(Pointless):
        await world.bot.sender.render(held)
    await world.pass_time(days=15)
    assert digests(world) == []


async def test_a_goal_is_celebrated_once_in_the_week_that_reached_it(digest_world: World) -> None:
    world = digest_world
    await edit(world, goal="2 lessons")
    await mark(world, world.alice)
    await world.pass_time(days=7)
    await mark(world, world.bob)
    await start_at(world, MONDAY + 2 * WEEK)
    goals = [digest.embeds[0].fields[0].value for digest in digests(world)]
    assert goals == [
        "1 of 2 lessons",
        "2 of 2 lessons\n**Reached: 2 lessons.** Well done, all of you.",
        "2 of 2 lessons",
    ]


async def test_a_months_goal_reached_on_its_last_days_is_not_forgotten(digest_world: World) -> None:
    world = digest_world
    await edit(world, goal="1 lesson a month")
    # Saturday, the last day of January; the digest comes on the 2nd of February.
    await start_at(world, datetime(2026, 1, 31, 12, tzinfo=UTC))
    await mark(world, world.alice)
    await start_at(world, datetime(2026, 2, 9, 9, tzinfo=UTC))
    goals = [digest.embeds[0].fields[0].value for digest in digests(world)]
    assert goals[-2:] == [
        "0 of 1 lesson in February\n**Reached: 1 lesson a month.** Well done, all of you.",
        "0 of 1 lesson in February",
    ]


async def test_many_members_are_cut_to_ten(digest_world: World) -> None:
    world = digest_world
    user_ids = range(900_000_000_000_000_000, 900_000_000_000_000_014)
    async with world.bot.database.write() as session:
        members = [{"group_id": 1, "user_id": user_id, "joined_at": world.now} for user_id in user_ids]
        await session.execute(insert(Membership), members)
        marks = [
            {
                "group_id": 1,
                "user_id": user_id,
                "pack": "gone",
                "version": "1",
                "lesson": f"a lesson with a long name, number {number}",
                "stage": stage,
                "points": points,
                "marked_at": world.now,
                "counts_at": counts_at,
                "post_channel_id": world.channel.id,
                "post_message_id": world.channel.id + number,
            }
            for number, user_id in enumerate(user_ids)
            for stage, points, counts_at in (
                (Stage.RAN, 2 + number, world.now),
                (Stage.EXPLAINED, 6, None),
            )
        ]
        await session.execute(insert(LessonMark), marks)
    await start_at(world, MONDAY)
    [digest] = digests(world)
    lines = (digest.embeds[0].description or "").splitlines()
    assert lines[0] == f"<@{user_ids[-1]}>: 1 lesson, 15 points"
    assert len(lines) == 11
    assert lines[-1] == "and 4 more"
    claims = (digest.embeds[0].fields[-1].value or "").splitlines()
    assert len(claims) == 6
    assert claims[-1] == "and 9 more"


async def test_only_organizers_switch_it_on(group_world: World) -> None:
    world = group_world
    refused = await world.alice.slash(world.channel, "group edit", digest=True)
    assert refused.ephemeral
    assert "Only organizers" in said(refused)
    await start_at(world, MONDAY)
    assert digests(world) == []
