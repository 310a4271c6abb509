"""Posts of meetups when answering goes wrong: one post, never none, never two."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.sandbox import World, open_world
from tests.features.meeting import dates, labels, ledger_rows, posts, read, schedule
from tests.features.reading import said


@asynccontextmanager
async def broken_world(database_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[World]:
    """A world with a group, in which the bot is meant to meet an error that it did not expect."""
    with pytest.raises(BaseExceptionGroup, match="the bot raised"):  # noqa: PT012 (raised on leaving)
        async with open_world(database_url=database_url, empty=True) as world:
            await world.organizer.slash(
                world.channel, "group create", name="Berlin", timezone="Europe/Berlin"
            )
            yield world
            caplog.clear()


async def test_an_answer_that_discord_never_got_is_posted_by_the_ledger(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with broken_world(database_url, caplog) as world:
        world.env.inject_error("POST", "/interactions/*/*/callback", status=500, times=2)
        lost = await schedule(world)
        assert lost.response is None
        assert posts(world) == []
        await world.pass_time(minutes=2)
        [post] = posts(world)
        assert labels(post) == ["Going", "Maybe", "Can't"]
        await world.alice.click(post, label="Going")
        assert world.alice.mention in read(posts(world)[0])
        assert [date.post_message_id for date in await dates(world)] == [post.id]


async def test_who_got_no_answer_is_not_told_that_nothing_happened(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with broken_world(database_url, caplog) as world:
        world.env.inject_error("POST", "/interactions/*/*/callback", status=500, times=1)
        answer = said(await schedule(world))
        assert "Look whether it worked" in answer
        assert "nothing was changed" not in answer
        await world.pass_time(minutes=2)
        assert len(posts(world)) == 1


@pytest.mark.parametrize("slow", [False, True])
async def test_a_crash_between_answer_and_settling_posts_nothing_twice(
    database_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    async def dies(*_args: object, **_more: object) -> None:
        raise ConnectionAbortedError

    async with broken_world(database_url, caplog) as world:
        monkeypatch.setattr(world.bot.ledger, "sent", dies)
        plan = world.bot.services.meetups.schedule

        async def slowly(**given: object) -> object:
            time.sleep(1.2)  # noqa: ASYNC251 # long enough for the command to ask for time
            return await plan(**given)  # type: ignore[arg-type]

        if slow:
            monkeypatch.setattr(world.bot.services.meetups, "schedule", slowly)
        await schedule(world)
        # Pressed while nobody knows yet that this is the post: it must stay recognisable.
        await world.alice.click(posts(world)[0], label="Going")
        await world.restart()
        await world.pass_time(minutes=5)
        [post] = posts(world)
        assert world.alice.mention in read(post)
        [row] = await ledger_rows(world, "meetup_post")
        assert row.state == "sent"
        [date] = await dates(world)
        assert (date.post_message_id, date.post_version) == (post.id, date.version)
