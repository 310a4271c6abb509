"""How a running process tells that it is well: to supervisors, and to Prometheus."""

import asyncio
import math
import signal
import socket
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.postgres import PostgresServer
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def ask(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def until(port: int, path: str, wanted: int) -> str:
    """Ask until the answer has this status; the bot needs a moment to notice, and to come back."""
    async with asyncio.timeout(60):
        while (told := await ask(port, path))[0] != wanted:  # noqa: ASYNC110 (it is another process)
            await asyncio.sleep(0.05)
    return told[1]


def values(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(sorted(f" {key}={value}" for key, value in sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_process_tells_how_it_is(standin: StandIn, database_url: str, tmp_path: Path) -> None:
    port = free_port()
    env = {"COHORT_HEALTH": f"127.0.0.1:{port}"}
    async with BotProcess(standin, tmp_path, database_url=database_url, env=env):
        await standin.slash(standin.alice, standin.channel, "timezone", {"zone": "Europe/Berlin"})
        await standin.slash(
            standin.bob, standin.channel, "remind me", {"when": "in 1 hour", "what": "algebra"}
        )
        assert await until(port, "/readyz", 200) == "ok"
        assert await ask(port, "/livez") == (200, "ok")
        status, text = await ask(port, "/metrics")
        assert status == 200
        told = values(text)
        assert told["cohort_acknowledgement_seconds_count"] == 2
        assert 0 < told["cohort_acknowledgement_seconds_sum"] < 6
        assert told["cohort_ready"] == told["cohort_guilds"] == 1
        assert told["cohort_deliveries_due"] == told["cohort_invalid_requests"] == 0
        assert told["cohort_dispatch_age_seconds"] < 60
        assert "algebra" not in text

        # Without Discord it lives, and is not ready.
        standin.gateway.refuses = True
        standin.gateway.drop()
        assert await until(port, "/readyz", 503) == "not connected to Discord (shard 0)"
        assert await ask(port, "/livez") == (200, "ok")
        standin.gateway.refuses = False
        assert await until(port, "/readyz", 200) == "ok"


async def test_a_database_that_hangs_is_told_of_and_keeps_nothing_from_ending(
    standin: StandIn, tmp_path: Path
) -> None:
    port = free_port()
    env = {"COHORT_HEALTH": f"127.0.0.1:{port}"}
    with PostgresServer() as server:
        async with BotProcess(standin, tmp_path, database_url=server.url(), env=env) as bot:
            await until(port, "/readyz", 200)
            with server.hanging():
                for _ in range(2):
                    async with asyncio.timeout(9):  # Prometheus waits for ten seconds
                        told = values((await ask(port, "/metrics"))[1])
                    assert told["cohort_ready"] == 0
                    assert math.isnan(told["cohort_deliveries_due"])
                    assert math.isnan(told["cohort_oldest_due_seconds"])
                bot.send_signal(signal.SIGTERM)
                async with asyncio.timeout(28):  # systemd and compose wait for thirty
                    assert await bot.wait() in (0, 1)


async def test_a_taken_port_keeps_nobody_from_starting(
    standin: StandIn, sqlite_url: str, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        env = {"COHORT_HEALTH": f"127.0.0.1:{taken.getsockname()[1]}"}
        async with BotProcess(standin, tmp_path, database_url=sqlite_url, env=env) as bot:
            answer = await standin.slash(standin.alice, standin.channel, "group list")
            assert answer.text
            assert "nobody can ask how the bot is" in bot.log()
