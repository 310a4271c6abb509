"""The daily cards as groups get them: at their own hour, once a day, answered privately, told namelessly."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import discord
import pytest
from simcord import InteractionResult
from sqlalchemy import select, update

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import CardMemory, DailyPost, Note, NoteState
from bot.delivery.ledger import Ledger
from bot.sandbox import World
from bot.services.reviews import DAILY, DailyService
from tests.features.learning import follow, forged, mark
from tests.features.meeting import both, history, labels, ledger_rows, read
from tests.features.reading import said
from tests.features.reminding import sleep_through, start_at
from tests.features.reviewing import answer, deck, grades, log, memories, review

# 09:00 in Berlin in winter.
NINE = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def daily_world(group_world: World) -> World:
    """The group of three has a few cards, and wants two of them at nine every morning."""
    await start_at(group_world, NINE - timedelta(hours=10))
    await deck(group_world, "one", "two", "three")
    set_ = await daily(group_world, hour=9, count=2)
    assert "gets 2 cards from all decks every day at 09:00 (Europe/Berlin)" in set_
    assert f"The next post comes {both(NINE)}." in set_
    return group_world


async def daily(world: World, **options: object) -> str:
    answer = await world.organizer.slash(world.channel, "cards daily", **options)
    assert answer.ephemeral
    return said(answer)


def posts(world: World) -> list[discord.Message]:
    return [message for message in history(world) if "Cards of the day" in message.content]


def fronts(post: discord.Message) -> list[str]:
    return [embed.description or "" for embed in post.embeds]


def offered(shown: InteractionResult) -> list[str]:
    assert shown.response is not None
    return [item["label"] for row in shown.response.components for item in row["components"]]


async def test_members_answer_in_private_and_the_next_post_tells_without_names(
    daily_world: World,
) -> None:
    world = daily_world
    await start_at(world, NINE - timedelta(seconds=1))
    assert posts(world) == []
    await world.pass_time(seconds=1)
    [post] = posts(world)
    assert fronts(post) == ["one", "two"]
    assert labels(post) == ["Show answer 1", "Show answer 2"]
    assert "answer to" not in read(post)
    assert post.mentions == []
    await world.restart()
    shown = await world.alice.click(post, label="Show answer 1")
    assert shown.ephemeral
    assert "answer to one" in said(shown)
    assert [label.split()[0] for label in offered(shown)] == ["Again", "Hard", "Good", "Easy"]
    second = await world.alice.click(post, label="Show answer 1")
    assert shown.response is not None
    assert second.response is not None
    again = next(label for label in offered(shown) if label.startswith("Again"))
    easy = next(label for label in offered(shown) if label.startswith("Easy"))
    await world.alice.click(shown.response, label=again)
    assert "You graded this card **Again**." in said(shown)
    assert "answer to one" in said(shown)
    assert offered(shown) == []
    # A second press, from wherever, changes nothing.
    await world.alice.click(second.response, label=easy)
    assert "You graded this card **Again**." in said(second)
    third = await world.alice.click(post, label="Show answer 1")
    assert "You graded this card **Again**." in said(third)
    assert offered(third) == []
    assert await grades(world, world.alice) == ["again"]
    # Everybody has their own memory of it; the other card is another one.
    for member, number, given in (
        (world.bob, 1, "Good"),
        (world.bob, 2, "Easy"),
        (world.organizer, 1, "Again"),
    ):
        one = await member.click(post, label=f"Show answer {number}")
        assert one.response is not None
        await member.click(
            one.response, label=next(label for label in offered(one) if label.startswith(given))
        )
    assert [memory.card_id for memory in await memories(world, world.bob)] == [1, 2]
    assert {entry.session_id for entry in await log(world)} == {None}
    assert "1 of 3, 3 new" not in said(await review(world, world.alice))
    await start_at(world, NINE + DAY)
    [_, next_day] = posts(world)
    first_line = next_day.content.splitlines()[0]
    assert first_line == "Yesterday: 4 answers by 3 people, 50 % recalled; hardest: one."
    for member in (world.alice, world.bob, world.organizer):
        assert str(member.id) not in next_day.content
    assert next_day.mentions == []
    # The old post still answers.
    late = await world.alice.click(post, label="Show answer 2")
    assert "answer to two" in said(late)


async def test_one_persons_result_is_not_told(daily_world: World) -> None:
    world = daily_world
    await start_at(world, NINE)
    [post] = posts(world)
    shown = await world.alice.click(post, label="Show answer 2")
    assert shown.response is not None
    await world.alice.click(shown.response, label=offered(shown)[0])
    await start_at(world, NINE + DAY)
    assert posts(world)[-1].content.splitlines()[0] == "Yesterday: 1 answer by 1 person."
    # Nobody answered this one, so the next says nothing of it.
    await start_at(world, NINE + 2 * DAY)
    assert posts(world)[-1].content.startswith("**Cards of the day")


async def test_who_may_answer(daily_world: World) -> None:
    world = daily_world
    await start_at(world, NINE)
    [post] = posts(world)
    stranger = world.guild.add_member(world.env.create_user("eve", global_name="Eve"))
    refused = await stranger.click(post, label="Show answer 1")
    assert refused.ephemeral
    assert "answer to" not in said(refused)
    assert "`/group join`" in said(refused)
    for verb in ("good_1", "show_3", "show_99", "good_99", "show", "dance_1", "_"):
        if verb != "_":
            fake = await forged(world, "daily", 1, verb)
            await stranger.click(fake, label="Press")
    assert await log(world) == []
    # A grade of a card that is not in the post, by a member.
    for verb in ("good_3", "good_99", "show"):
        answer_ = await world.alice.click(await forged(world, "daily", 1, verb), label="Press")
        assert "taken out of the deck, or its group is closed" in said(answer_)
    assert "taken out" in said(
        await world.alice.click(await forged(world, "daily", 7, "show_1"), label="Press")
    )
    # One in it counts, and a message that others see stays as it is.
    fake = await forged(world, "daily", 1, "good_1")
    told = await world.alice.click(fake, label="Press")
    assert [one.ephemeral for one in told.followups] == [True]
    assert await grades(world, world.alice) == ["good"]
    assert history(world)[-1].content == "?"
    async with world.bot.database.write() as session:
        await session.execute(update(Note).where(Note.id == 2).values(state=NoteState.REMOVED))
    gone = await world.alice.click(post, label="Show answer 2")
    assert "taken out of the deck" in said(gone)


async def test_a_card_of_a_lesson_to_come_is_shown_and_not_graded(group_world: World) -> None:
    world = group_world
    await start_at(world, NINE - timedelta(hours=1))
    await follow(world)
    await deck(world, "of lesson two", lesson="production-sgd")
    await deck(world, "of lesson one", lesson="image-classification")
    await deck(world, "of none")
    await mark(world, world.alice, "1")
    await daily(world, hour=9, count=3)
    await start_at(world, NINE)
    [post] = posts(world)
    # The lesson that the group is at, then those without one; lesson two waits.
    assert fronts(post) == ["of lesson one", "of none"]
    early = await world.bob.click(post, label="Show answer 1")
    assert "answer to of lesson one" in said(early)
    assert "once you have run its lesson" in said(early)
    assert offered(early) == []
    refused = await world.bob.click(await forged(world, "daily", 1, "good_2"), label="Press")
    assert "once you have run its lesson" in said(refused)
    assert await log(world) == []
    ready = await world.alice.click(post, label="Show answer 1")
    assert len(offered(ready)) == 4


async def test_the_most_wanted_cards_come_first(group_world: World) -> None:
    world = group_world
    await start_at(world, NINE - timedelta(hours=10))
    await deck(world, "due for one", "due for two", "due for two, and weaker", "due for nobody")
    for member in (world.alice, world.bob):
        shown = await review(world, member)
        await answer(member, shown, "Easy", "Easy", "Easy", "Easy")
    await deck(world, "new")
    await deck(world, "elsewhere", name="Other")
    async with world.bot.database.write() as session:
        # Somebody who has left, and somebody in no group, count for nothing.
        for user_id in (world.organizer.id, 999):
            session.add(
                CardMemory(
                    user_id=user_id,
                    card_id=4,
                    group_id=1,
                    due=world.now,
                    stability=1.0,
                    difficulty=5.0,
                    phase="review",
                    reps=1,
                    lapses=0,
                    last_review=world.now,
                )
            )
        await session.execute(update(CardMemory).where(CardMemory.card_id.in_((2, 3))).values(due=world.now))
        await session.execute(
            update(CardMemory)
            .where(CardMemory.card_id == 1, CardMemory.user_id == world.alice.id)
            .values(due=world.now - 9 * DAY)
        )
        await session.execute(update(CardMemory).values(last_review=world.now - 5 * DAY))
        await session.execute(update(CardMemory).where(CardMemory.card_id == 3).values(stability=0.4))
    await world.organizer.slash(world.channel, "group leave")
    await daily(world, hour=9, count=5, deck="Deck")
    await start_at(world, NINE)
    [post] = posts(world)
    assert fronts(post) == ["due for two, and weaker", "due for two", "due for one", "new"]
    # Nobody answered: what was posted yesterday makes room for what was not.
    await daily(world, hour=9, count=1)
    await start_at(world, NINE + DAY)
    assert fronts(posts(world)[-1]) == ["elsewhere"]


async def test_nothing_to_post_is_skipped_and_said(group_world: World) -> None:
    world = group_world
    await start_at(world, NINE - timedelta(hours=1))
    assert "that day would be skipped" in await daily(world, hour=9)
    await start_at(world, NINE + timedelta(minutes=1))
    assert posts(world) == []
    await deck(world, "one")
    await world.pass_time(hours=5)
    assert posts(world) == []
    await start_at(world, NINE + DAY)
    [post] = posts(world)
    assert labels(post) == ["Show answer"]
    assert post.embeds[0].title is None
    # Taken out before it could be posted: nothing is left to say.
    async with world.bot.database.write() as session:
        session.add(DailyPost(group_id=1, day=date(2026, 1, 7), card_ids=[], chosen_at=world.now))
    await start_at(world, NINE + 2 * DAY)
    assert len(posts(world)) == 1


async def test_only_organizers_set_it_and_off_means_off(daily_world: World) -> None:
    world = daily_world
    refused = await world.alice.slash(world.channel, "cards daily", hour=7)
    assert refused.ephemeral
    assert "organizer" in said(refused).casefold()
    assert "at 09:00" in await daily(world)
    assert "no deck" in (await daily(world, hour=9, deck="Spells")).casefold()
    assert "no group" in (await daily(world, hour=9, group="Rome")).casefold()
    assert "at 09:00" in await daily(world)
    assert "has no daily cards now" in await daily(world, off=True)
    assert "has no daily cards now" in await daily(world)
    await start_at(world, NINE + DAY)
    assert posts(world) == []
    # An hour that is over today begins tomorrow; a later one comes today.
    assert f"The next post comes {both(NINE + 2 * DAY)}." in await daily(world, hour=9)
    assert f"The next post comes {both(NINE + DAY + timedelta(hours=3))}." in await daily(world, hour=12)
    await start_at(world, NINE + DAY + timedelta(hours=3))
    assert len(posts(world)) == 1
    # Moved once more, that day has had its post.
    await daily(world, hour=20)
    await world.pass_time(hours=12)
    assert len(posts(world)) == 1
    assert [row.key for row in await ledger_rows(world, DAILY)] == ["daily:1:2026-01-06"]


@pytest.mark.parametrize(
    ("hours", "late"),
    [(5, True), (14, True), (16, False)],
    ids=["by some hours", "just before midnight", "into the next day"],
)
async def test_after_downtime_it_comes_late_on_its_own_day_only(
    daily_world: World, hours: int, late: bool
) -> None:
    world = daily_world
    await start_at(world, NINE - timedelta(minutes=1))
    await sleep_through(world, timedelta(hours=hours))
    assert len(posts(world)) == late
    await start_at(world, NINE + DAY)
    assert len(posts(world)) == 1 + late
    keys = [row.key for row in await ledger_rows(world, DAILY, state="sent")]
    assert keys == (["daily:1:2026-01-05"] if late else []) + ["daily:1:2026-01-06"]


async def test_what_waited_in_the_ledger_is_dropped_at_midnight(daily_world: World) -> None:
    """Chosen and planned, but no process could send it."""
    world = daily_world
    await start_at(world, NINE - timedelta(minutes=1))
    await world.bot.scheduler.stop()
    await world.env.advance_time(120)
    await world.bot.services.daily.plan_next()
    assert [row.state for row in await ledger_rows(world, DAILY)] == ["pending"]
    await sleep_through(world, timedelta(hours=15))
    assert posts(world) == []
    assert [row.state for row in await ledger_rows(world, DAILY)] == ["skipped"]


async def test_two_processes_choose_and_post_once(daily_world: World) -> None:
    world = daily_world
    await start_at(world, NINE - timedelta(minutes=1))
    await world.bot.scheduler.stop()
    await world.env.advance_time(60)
    other = Database(world.bot.database.url)
    ledger = Ledger(other, clock=lambda: world.now, owner="other")
    service = DailyService(other, ledger=ledger, library=CourseLibrary(), clock=lambda: world.now)
    try:
        await asyncio.gather(
            *(one.plan_next() for one in (service, world.bot.services.daily) for _ in range(3))
        )
    finally:
        await other.close()
    await world.restart()
    assert len(posts(world)) == 1
    async with world.bot.database.read() as session:
        assert len((await session.scalars(select(DailyPost))).all()) == 1


async def test_the_days_of_clock_changes_have_one_post_each(group_world: World) -> None:
    world = group_world
    await deck(world, *(f"card {i}" for i in range(4)))
    await start_at(world, datetime(2026, 3, 28, 12, tzinfo=UTC))
    await daily(world, hour=2, count=1)
    await start_at(world, datetime(2026, 3, 30, 12, tzinfo=UTC))
    # 02:00 does not exist on the 29th: the hour after it does.
    assert [post.created_at for post in posts(world)] == [
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 3, 30, 0, tzinfo=UTC),
    ]
    await daily(world, off=True)
    await start_at(world, datetime(2026, 10, 24, 12, tzinfo=UTC))
    await daily(world, hour=2, count=1)
    await start_at(world, datetime(2026, 10, 26, 12, tzinfo=UTC))
    # And on the 25th it comes twice.
    assert [post.created_at for post in posts(world)[2:]] == [
        datetime(2026, 10, 25, 0, tzinfo=UTC),
        datetime(2026, 10, 26, 1, tzinfo=UTC),
    ]
