"""What breaks on purpose: the gateway's interruptions and the REST faults, met by discord.py's own client."""

from __future__ import annotations

import asyncio

import aiohttp
import discord
import pytest

from tests.wire.program import Program
from tests.wire.standin import StandIn

POSTS = ("POST", "/channels/*/messages")


async def works(standin: StandIn) -> None:
    """The client gets a command and answers it."""
    reply = await standin.slash(standin.alice, standin.channel, "say echo", {"text": "here"})
    assert reply.text == "here"


async def test_a_dropped_connection_resumes_and_replays(standin: StandIn, program: Program) -> None:
    standin.gateway.drop()
    await standin.wait_until(lambda: not standin.gateway.ready_shards)
    standin.say(standin.bob, standin.channel, "while you were away")
    await standin.wait_until(lambda: standin.gateway.resumes == 1)
    await works(standin)
    assert program.log.count("message ") == 1  # its words need an intent that was not approved
    assert program.log.index("message ") < program.log.index("resumed")
    assert standin.gateway.identifies == 1


async def test_op_7_resumes(standin: StandIn, program: Program) -> None:
    standin.gateway.reconnect()
    await standin.wait_until(lambda: standin.gateway.resumes == 1)
    await works(standin)
    assert standin.gateway.identifies == 1


@pytest.mark.parametrize("resumable", [True, False])
async def test_op_9(standin: StandIn, program: Program, resumable: bool) -> None:
    standin.gateway.invalidate(resumable=resumable)
    await standin.wait_until(lambda: standin.gateway.resumes + standin.gateway.identifies == 2)
    assert standin.gateway.resumes == int(resumable)
    await works(standin)


async def test_a_forgotten_session_identifies_anew(standin: StandIn, program: Program) -> None:
    standin.gateway.forget_sessions()
    standin.gateway.drop()
    await standin.wait_until(lambda: standin.gateway.identifies == 2)
    assert standin.gateway.resumes == 0
    await works(standin)


@pytest.mark.parametrize(("code", "resumes"), [(1000, 0), (1001, 0), (4000, 1), (4003, 1), (4009, 1)])
async def test_close_codes(standin: StandIn, program: Program, code: int, resumes: int) -> None:
    await standin.gateway.close(code)
    await standin.wait_until(lambda: standin.gateway.resumes + standin.gateway.identifies == 2)
    assert standin.gateway.resumes == resumes
    assert standin.gateway.endings[0] == f"close {code}"
    await standin.wait_until(lambda: standin.gateway.ready_shards)
    await works(standin)


async def test_a_zombie_is_noticed(standin: StandIn, program: Program) -> None:
    standin.gateway.heartbeat_interval = 0.2
    standin.gateway.reconnect()
    await standin.wait_until(lambda: standin.gateway.resumes == 1)
    await standin.wait_until(lambda: standin.gateway.heartbeats >= 2)
    standin.gateway.become_zombie()
    await standin.wait_until(lambda: standin.gateway.resumes == 2)
    await works(standin)


async def test_a_500_is_retried(standin: StandIn, program: Program) -> None:
    standin.faults.status(500, *POSTS)
    await program.get_partial_messageable(standin.channel.id).send("hello")
    assert [r.status for r in standin.requested(*POSTS)] == [500, 200]
    assert len(standin.posted()) == 1


@pytest.mark.parametrize("is_global", [True, False])
async def test_a_429_is_waited_for(standin: StandIn, program: Program, is_global: bool) -> None:
    standin.faults.ratelimit(0.05, *POSTS, is_global=is_global, times=2)
    await program.get_partial_messageable(standin.channel.id).send("hello")
    sent = standin.requested(*POSTS)
    assert [r.status for r in sent] == [429, 429, 200]
    assert sent[1].at - sent[0].at >= 0.05
    assert standin.rest.invalid_requests == 2


async def test_a_503_is_not_retried_by_discord_py(standin: StandIn, program: Program) -> None:
    standin.faults.status(503, *POSTS)
    with pytest.raises(discord.DiscordServerError):
        await program.get_partial_messageable(standin.channel.id).send("hello")
    assert standin.posted() == []


async def test_dropped_before_nothing_has_happened(standin: StandIn, program: Program) -> None:
    standin.faults.drop_before(*POSTS)
    with pytest.raises((aiohttp.ClientError, OSError)):
        await program.get_partial_messageable(standin.channel.id).send("hello", nonce="a")
    assert standin.posted() == []


async def test_dropped_after_the_nonce_finds_the_message(standin: StandIn, program: Program) -> None:
    channel = program.get_partial_messageable(standin.channel.id)
    standin.faults.drop_after(*POSTS)
    with pytest.raises((aiohttp.ClientError, OSError)):
        await channel.send("hello", nonce="a")
    (lost,) = standin.posted()
    found = await channel.send("hello", nonce="a")
    assert found.id == lost.id
    assert len(standin.posted()) == 1


async def test_a_held_reply(standin: StandIn, program: Program) -> None:
    fault = standin.faults.hold_after(*POSTS)
    sending = asyncio.create_task(program.get_partial_messageable(standin.channel.id).send("hello"))
    await fault.reached.wait()
    assert len(standin.posted()) == 1
    assert not sending.done()
    fault.release()
    assert (await sending).content == "hello"


async def test_error_codes_skips_and_times(standin: StandIn, program: Program) -> None:
    channel = program.get_partial_messageable(standin.channel.id)
    standin.faults.error(50013, *POSTS, skip=1, times=2)
    outcomes = []
    for number in range(5):
        try:
            outcomes.append((await channel.send(str(number))).content)
        except discord.Forbidden as refused:
            outcomes.append(str(refused.code))
    assert outcomes == ["0", "50013", "50013", "3", "4"]


async def test_chance_is_seeded(standin: StandIn, program: Program) -> None:
    async def outcomes() -> list[int]:
        standin.faults.clear()
        standin.faults.random.seed(7)
        standin.faults.error(50001, *POSTS, times=None, probability=0.5)
        results = []
        for _ in range(12):
            try:
                await program.get_partial_messageable(standin.channel.id).send("x")
                results.append(200)
            except discord.Forbidden:
                results.append(403)
        return results

    first = await outcomes()
    assert set(first) == {200, 403}
    assert await outcomes() == first


async def test_a_slow_answer(standin: StandIn, program: Program) -> None:
    standin.faults.slow(0.1, *POSTS)
    channel = program.get_partial_messageable(standin.channel.id)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await channel.send("hello")


async def test_a_limited_route_is_paced(standin: StandIn, program: Program) -> None:
    standin.rest.limit(*POSTS, requests=2, seconds=0.2)
    channel = program.get_partial_messageable(standin.channel.id)
    for number in range(5):
        await channel.send(str(number))
    times = [r.at for r in standin.requested(*POSTS) if r.status == 200]
    assert len(times) == 5
    assert times[-1] - times[0] >= 0.4
