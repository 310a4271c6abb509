"""A whole debug log of `cohort run`, through its start, commands, failures and reconnects: no secret."""

from __future__ import annotations

import base64
import re
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.openapi import BodyValidator
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn, driving

# In the shape of Discord's own.
TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs-AB"
PASSWORD = "c0rrect/horse's b@ttery"
CLASSIFIER_PASSWORD, CLASSIFIER_TOKEN = "staple%20gun", "classifier-" + "k3y"


class Chosen:
    """In the place of a random id: an interaction's token then looks as Discord makes them."""

    made: list[str]

    def __init__(self) -> None:
        self.made = []

    @property
    def hex(self) -> str:
        number = len(self.made)
        token = base64.b64encode(f"interaction:{10**18 + number}:{number:04}{'x' * 120}".encode()).decode()
        self.made.append(token.rstrip("="))
        return self.made[-1]


async def test_a_debug_log_holds_no_secret(
    validator: BodyValidator,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = Chosen()
    monkeypatch.setattr(driving, "uuid4", lambda: chosen)
    env = {
        "COHORT_LOG_LEVEL": "DEBUG",
        "COHORT_CLASSIFIER": "auto",
        "COHORT_CLASSIFIER_URL": f"http://cohort:{CLASSIFIER_PASSWORD}@127.0.0.1:9/",
        "COHORT_CLASSIFIER_TOKEN": CLASSIFIER_TOKEN,
    }
    url = await with_password(postgres_url)
    async with StandIn(validator, token=TOKEN) as discord:
        bot = BotProcess(discord, tmp_path, database_url=url, env=env)
        async with bot:
            await everyday(discord)
            await failures(discord)
            await reconnects(discord)
            await bot.terminate()
        await refused_starts(discord, tmp_path, bot, env, url)
        assert discord.violations == []
    log = bot.log_path.read_text("utf-8")
    # It is a whole one: the library's own lines are in it, and they are where the tokens would be.
    for said in ("discord.gateway", "discord.http", "INTERACTION_CREATE", "ready", "/callback", "[redacted]"):
        assert said in log, said
    assert len(chosen.made) >= 8
    secrets = [TOKEN, PASSWORD, *writings(PASSWORD), CLASSIFIER_PASSWORD, "staple gun", CLASSIFIER_TOKEN]
    for secret in [*secrets, *(token[-60:] for token in chosen.made)]:
        place = log.find(secret)
        assert place < 0, f"{secret}: …{log[max(0, place - 300) : place]}"
    assert not re.search(r"aW50ZXJhY3Rpb246\w", log)


async def everyday(discord: StandIn) -> None:
    options: dict[str, Any] = {"name": "Berlin", "timezone": "Europe/Berlin"}
    await discord.slash(discord.organizer, discord.channel, "group create", options)
    await discord.slash(discord.alice, discord.channel, "group join", {})
    await discord.slash(discord.alice, discord.channel, "timezone", {"zone": "nowhere"})
    await discord.slash(
        discord.alice, discord.channel, "classify", {"image": ("bear.png", b"\x89PNG\r\n\x1a\n" + bytes(60))}
    )
    await discord.slash(discord.alice, discord.channel, "privacy export", {})


async def failures(discord: StandIn) -> None:
    """Answers that Discord does not take, of every kind."""
    callback, follow_up = ("POST", "/interactions/*/*/callback"), ("PATCH", "/webhooks/*/*/messages/*")
    for break_it in (
        lambda: discord.faults.status(500, *callback),
        lambda: discord.faults.error(50035, *follow_up),
        lambda: discord.faults.drop_before(*callback),
    ):
        break_it()
        token = discord.driving.command(discord.bob, discord.channel, "group info", {}).token
        await discord.wait_until(partial(was_answered, discord, token), what="an answer")
    discord.faults.clear()


def was_answered(discord: StandIn, token: str) -> bool:
    return any(token in request.path for request in discord.requests)


async def reconnects(discord: StandIn) -> None:
    discord.gateway.drop()
    await discord.wait_until(lambda: discord.gateway.resumes == 1, what="the session resumed")
    discord.gateway.forget_sessions()
    discord.gateway.drop()
    await discord.wait_until(lambda: discord.gateway.identifies == 2, what="a new session")
    await discord.slash(discord.bob, discord.channel, "group list", {})


async def refused_starts(
    discord: StandIn, folder: Path, first: BotProcess, env: dict[str, str], url: str
) -> None:
    """Starts that fail: a token that Discord refuses, a database that is not there."""
    for changed in (
        {"DISCORD_TOKEN": TOKEN[:-1] + "C"},
        {"COHORT_DATABASE_URL": re.sub(r"@[^@]*$", "@127.0.0.1:9/cohort", url)},
    ):
        bot = BotProcess(discord, folder, database_url=url, env=env | changed, name="refused")
        await bot.launch()
        assert await bot.wait() == 1
        said = bot.log_path.read_text("utf-8")
        assert TOKEN[:-1] not in said
        with first.log_path.open("a", encoding="utf-8") as log:
            log.write(said)


async def with_password(url: str) -> str:
    """The database's address for a user of its own, whose password needs every kind of care."""
    address = make_url(url)
    engine = create_async_engine(address, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text("DROP ROLE IF EXISTS watched"))
            quoted = PASSWORD.replace("'", "''")
            await connection.execute(text(f"CREATE ROLE watched SUPERUSER LOGIN PASSWORD '{quoted}'"))
    finally:
        await engine.dispose()
    return address.set(username="watched", password=PASSWORD).render_as_string(hide_password=False)


def writings(secret: str) -> list[str]:
    return [quote(secret), quote(secret, safe=""), repr(secret)[1:-1]]
