"""The tests' own world: closed and opened again, and restarted when much is overdue."""

import time
from datetime import UTC, datetime, timedelta

from bot.sandbox import World, open_world


def words(world: World) -> list[str]:
    return [message.content for message in world.dms(world.alice)]


def event_starts(world: World) -> list[str]:
    events = world.env.backend.get_guild(world.guild.id).scheduled_events.values()
    return sorted(event.scheduled_start_time for event in events)


def open_posts(world: World) -> list[str]:
    return [str(each.embeds[0].to_dict()) for each in world.channel.history() if "Going" in labels(each)]


def labels(message: object) -> list[str]:
    return [item.label for row in message.components for item in row.children]  # type: ignore[attr-defined]


async def test_a_database_that_was_used_before_opens_with_what_is_still_to_come(database_url: str) -> None:
    async with open_world(database_url=database_url) as world:
        await world.alice.click(world.channel.history()[-1], label="Going")
        await world.alice.slash(world.channel, "timezone", zone="Europe/Berlin")
        for what in ("algebra", "trees"):
            await world.alice.slash(world.channel, "remind me", when="in 3 hours", what=what)
        first = event_starts(world)
        alice = world.alice.mention
    later = datetime(2026, 1, 2, tzinfo=UTC)
    said = []
    for _ in range(2):
        async with open_world(database_url=database_url, start=later) as world:
            assert world.now == later
            assert event_starts(world) == first
            [post] = open_posts(world)
            assert alice in post
            answer = await world.bob.slash(world.channel, "group list")
            assert len(str(answer.response.embeds[0].description).splitlines()) == 1  # type: ignore[union-attr]
            said.append(len(words(world)))
    # Who found them due has said them, once.
    assert said == [2, 0]


async def test_a_restart_says_all_that_is_overdue(database_url: str) -> None:
    async with open_world(database_url=database_url) as world:
        for number in range(3):
            await world.alice.slash(world.channel, "remind me", when="in 2 hours", what=f"topic {number}")
        await world.bot.scheduler.stop()
        await world.env.advance_time(timedelta(hours=5).total_seconds())
        # Deleted while nobody listened: the restarted bot finds out at once, and has news to post.
        events = world.env.backend.get_guild(world.guild.id).scheduled_events
        events.pop(min(events))
        await world.restart()
        assert len(words(world)) == 3
        assert all("This was due" in each for each in words(world))
        assert len(open_posts(world)) == 1


async def test_a_slow_machine_does_not_move_the_simulated_clock(sqlite_url: str) -> None:
    async with open_world(database_url=sqlite_url) as world:
        find = world.bot.services.groups.all_facts

        async def slowly(**asked: object) -> object:
            time.sleep(1.2)  # noqa: ASYNC251 # all of the machine halts
            return await find(**asked)  # type: ignore[arg-type]

        world.bot.services.groups.all_facts = slowly  # type: ignore[method-assign,assignment]
        before = world.now
        answer = await world.bob.slash(world.channel, "group list")
        assert answer.response is not None
        assert world.now == before
