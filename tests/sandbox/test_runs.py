"""The demo's first run, its later ones, and its terminal."""

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import discord
import pytest

from bot.sandbox.demo import HELP, forget, listen, obey
from bot.sandbox.seed import last_meetup
from bot.sandbox.stage import Stage
from bot.schema import CannotRun
from bot.services.access import Caller
from tests.sandbox.conftest import MOMENT, Visitor, Watch, visit

ROOT = Path(__file__).parents[2]


def posts(stage: Stage) -> list[discord.Message]:
    """The meetup posts in the group's channel that can be answered."""
    return [
        message
        for message in stage.world.channel.history()
        if message.components and message.embeds and str(message.embeds[0].title).startswith("Lesson ")
    ]


def organizer(stage: Stage) -> Caller:
    world = stage.world
    return Caller(
        user_id=world.organizer.id,
        guild_id=world.guild.id,
        channel_ids=(world.channel.id,),
        manages_server=True,
    )


async def test_the_first_run_leaves_a_server_that_was_lived_in(tmp_path: Path) -> None:
    async with visit(tmp_path / "demo.db", Watch()) as visitor:
        stage = visitor.demo.stage
        world = stage.world
        assert timedelta(0) <= stage.now - MOMENT < timedelta(seconds=1)
        welcome = {message.author.id for message in stage.welcome.history()}
        assert welcome == {world.organizer.id, world.alice.id, world.bob.id}
        assert max(message.created_at for message in world.channel.history()) < MOMENT
        assert not any(message.flags.ephemeral for message in world.channel.history())
        _, dates = await world.bot.services.meetups.coming(caller=organizer(stage), typed_group=None, limit=1)
        assert dates[0].occurrence.starts_at == datetime(2026, 10, 22, 17, 0, tzinfo=UTC)
        assert "Going (1)" in str(posts(stage)[-1].embeds[0].to_dict())
        assert len(await world.bot.services.reminders.opened(user_id=world.alice.id)) == 1
        lessons = [event["name"].partition(":")[0] for event in stage.events()]
        assert lessons == ["Lesson 4", "Lesson 5", "Lesson 6", "Lesson 7"]
        shown = await world.organizer.slash(world.channel, "meetup attendance", meetup="1")
        assert "3 in voice" in str(shown.response.embeds[0].to_dict())
        board = await world.alice.slash(world.channel, "leaderboard show")
        assert "7 of 21 lessons" in str(board.response.embeds[0].to_dict())


async def test_later_runs_find_the_data_and_make_each_post_once(visitor: Visitor) -> None:
    stage = visitor.demo.stage
    assert len(posts(stage)) == 1
    assert len({event["start"] for event in stage.events()}) == len(stage.events()) > 1
    assert all(stage.world.dms(member) == [] for member in (stage.world.alice, stage.world.bob))
    members = stage.env.backend.guilds[stage.world.guild.id].members
    for person in stage.people:
        assert stage.group_role.id in members[person.actor.id].role_ids

    async with stage.lock:
        await stage.world.bob.click(posts(stage)[0], label="Going")
    assert "Going (2)" in str(posts(stage)[0].embeds[0].to_dict())


async def test_what_was_sent_in_an_earlier_run_is_not_sent_again(database: Path, watch: Watch) -> None:
    async with visit(database, watch) as first:
        stage = first.demo.stage
        async with stage.lock:
            await stage.world.alice.slash(stage.world.channel, "remind me", when="in 1 hour", what="algebra")
        await stage.skip(timedelta(hours=2))
        assert ["algebra" in message.content for message in stage.world.dms(stage.world.alice)] == [True]
        ids = [stage.group_role.id, stage.welcome.id, stage.voice.id, stage.world.alice.user.dm_channel.id]
    watch.now += timedelta(hours=3)
    async with visit(database, watch) as second:
        stage = second.demo.stage
        await stage.skip(timedelta(hours=1))
        assert stage.world.dms(stage.world.alice) == []
        assert len(posts(stage)) == 1
        assert ids == [
            stage.group_role.id,
            stage.welcome.id,
            stage.voice.id,
            stage.world.alice.user.dm_channel.id,
        ]


async def test_time_skipped_in_an_earlier_run_is_still_to_come(database: Path, watch: Watch) -> None:
    async with visit(database, watch) as first:
        await first.demo.stage.skip(timedelta(days=3))
        assert first.demo.stage.events()[0]["start"].startswith("2026-10-29")
    watch.now += timedelta(hours=1)
    async with visit(database, watch) as second:
        stage = second.demo.stage
        assert stage.now == watch.now
        assert stage.events()[0]["start"].startswith("2026-10-22T17:00")
        assert len(posts(stage)) == 1
        assert "Going (1)" in str(posts(stage)[0].embeds[0].to_dict())
        await stage.skip(timedelta(days=3))
        following = int(datetime(2026, 10, 29, 18, 0, tzinfo=UTC).timestamp())
        assert [str(following) in str(post.embeds[0].description) for post in posts(stage)] == [True]


async def test_the_terminal_moves_time_and_stops(visitor: Visitor) -> None:
    stage = visitor.demo.stage
    before = stage.now
    for typed, passed in (
        ("skip 1h", timedelta(hours=1)),
        ("  SKIP 30m ", timedelta(minutes=90)),
        ("skip 1 d", timedelta(days=1, minutes=90)),
    ):
        answer = await obey(typed, stage)
        assert answer is not None
        assert answer.startswith("It is now")
        assert stage.now == before + passed
    for typed in ("skip", "skip x", "skip 1w", "skip -1h", "help", "skip 1h now"):
        assert await obey(typed, stage) == HELP
    for typed in ("skip 0m", "skip 99d"):
        assert "at least a minute and at most 31 days" in str(await obey(typed, stage))
    assert stage.now == before + timedelta(days=1, minutes=90)
    assert await obey("quit", stage) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 10, 20, 16, 0, tzinfo=UTC), datetime(2026, 10, 15, 17, 0, tzinfo=UTC)),
        # The evening itself and the night after it still look back a week.
        (datetime(2026, 10, 22, 20, 0, tzinfo=UTC), datetime(2026, 10, 15, 17, 0, tzinfo=UTC)),
        (datetime(2026, 10, 23, 12, 0, tzinfo=UTC), datetime(2026, 10, 22, 17, 0, tzinfo=UTC)),
        # After the clocks went back, seven in Berlin is an hour later.
        (datetime(2026, 11, 3, 12, 0, tzinfo=UTC), datetime(2026, 10, 29, 18, 0, tzinfo=UTC)),
    ],
)
def test_the_story_begins_with_a_meetup_that_is_over(now: datetime, expected: datetime) -> None:
    assert last_meetup(now) == expected


def test_a_taken_port_gives_way_to_the_next_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with listen(port) as other:
            assert port < other.getsockname()[1] <= port + 20


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist_is_refused_in_one_line(port: int) -> None:
    with pytest.raises(CannotRun, match=f"^Port {port} does not exist"):
        listen(port)


def test_beginning_anew_takes_every_file_of_the_database(tmp_path: Path) -> None:
    for name in ("demo.db", "demo.db-wal", "demo.db-shm", "other.db"):
        (tmp_path / name).touch()
    forget(tmp_path / "demo.db")
    assert [path.name for path in tmp_path.iterdir()] == ["other.db"]


async def started(folder: Path, *arguments: str, stdin: int) -> tuple[asyncio.subprocess.Process, str]:
    """`cohort demo` in a process of its own, and the address it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "demo", "--port", "0", *arguments,
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=stdin,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(90):
        while line := (await process.stdout.readline()).decode():
            if found := re.search(r"http://\S+", line):
                return process, found[0]
    assert process.stderr is not None
    raise AssertionError((await process.stderr.read()).decode())


async def test_in_the_background_it_serves_until_it_is_told_to_stop(lived_in: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(lived_in, tmp_path / "data" / "demo.db")
    process, url = await started(tmp_path, stdin=asyncio.subprocess.DEVNULL)
    base, _, secret = url.partition("/#")
    async with aiohttp.ClientSession() as http:
        await asyncio.sleep(1)
        async with http.get(f"{base}/demo/state", headers={"X-Cohort-Demo": secret}) as answer:
            assert len((await answer.json())["people"]) == 3
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, err.decode()) == (0, "")
    assert "The demo has stopped" in out.decode()


async def test_typing_quit_stops_it(lived_in: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(lived_in, tmp_path / "data" / "demo.db")
    process, _ = await started(tmp_path, stdin=asyncio.subprocess.PIPE)
    out, err = await asyncio.wait_for(process.communicate(b"what?\n\nskip 1h\nquit\n"), 60)
    assert (process.returncode, err.decode()) == (0, "")
    assert HELP in out.decode()
    assert "It is now" in out.decode()


async def test_the_end_of_a_terminals_input_stops_it(lived_in: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(lived_in, tmp_path / "data" / "demo.db")
    screen, keyboard = os.openpty()
    try:
        process, _ = await started(tmp_path, stdin=keyboard)
        os.write(screen, b"\x04")  # Ctrl-D
        _, err = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode, err.decode()) == (0, "")
    finally:
        os.close(screen)
        os.close(keyboard)
