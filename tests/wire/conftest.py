"""Fixtures: a fresh stand-in per test, and the schemas compiled once per run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.openapi import BodyValidator
from tests.wire.program import Program, connect
from tests.wire.standin import StandIn


@pytest.fixture(scope="session")
def validator() -> BodyValidator:
    return BodyValidator()


@pytest.fixture
async def standin(validator: BodyValidator) -> AsyncIterator[StandIn]:
    """A stand-in that fails the test at its end when a body reached it that Discord would refuse."""
    async with StandIn(validator) as discord:
        yield discord
    assert discord.violations == []


@pytest.fixture
async def program(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Program]:
    """discord.py's own client, connected to the stand-in."""
    async with running(Program(heartbeat_timeout=1.0), standin, monkeypatch) as client:
        yield client


@asynccontextmanager
async def running(
    program: Program, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Program]:
    """The client between READY and its close; both of discord.py's addresses are put back by pytest."""
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    task = asyncio.create_task(connect(program, standin.api_url, standin.token))
    try:
        await standin.ready()
        await program.wait_until_ready()
        yield program
    finally:
        await program.close()
        await task
