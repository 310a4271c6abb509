"""The world that feature tests live in: the real bot, a simulated Discord, both databases."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from bot.sandbox import World, open_world
from tests.openapi import BodyValidator, watch_simcord


@pytest.fixture(scope="session")
def body_validator() -> BodyValidator:
    return BodyValidator()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """An empty server: three people, one channel, no group."""
    async with open_world(database_url=database_url, empty=True) as world:
        yield world


@pytest.fixture
async def group_world(world: World) -> World:
    """The same server with a group in Berlin that Mira, Alice and Bob have joined."""
    await world.organizer.slash(world.channel, "group create", name="Berlin", timezone="Europe/Berlin")
    for member in (world.organizer, world.alice, world.bob):
        await member.slash(world.channel, "group join")
    return world


@pytest.fixture(autouse=True)
def valid_bodies(body_validator: BodyValidator) -> Iterator[None]:
    """Every REST body that the bot sends, in whatever world, is one that Discord accepts."""
    with watch_simcord(None, body_validator):
        yield


@pytest.fixture(autouse=True)
def no_logged_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """discord.py logs and swallows much of what goes wrong: a test that saw such a record fails.

    A test that means to break something takes the record out with `caplog.clear()`.
    """
    yield
    seen = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert not seen, "\n".join(record.getMessage() for record in seen)
