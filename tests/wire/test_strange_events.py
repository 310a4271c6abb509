"""Events that no gateway should send: the real process outlives them, and nobody gains by them."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from discord.state import AutoShardedConnectionState

from bot.db.engine import Database
from bot.gateway import NEEDED
from tests.fuzz import rows
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn
from tests.wire.standin.interactions import Interaction

Place = tuple[str | int, ...]
GONE = object()
STRANGE = (GONE, None, "", "\udc00x", "x" * 5_000, 2**70, -1.5, True, [], [None], {}, {"id": "0"})
SEED = 20_261
MOST, AT_ONCE = 400, 50
#: What Discord alone knows, and the bot believes: who somebody is, what they may do, and where to answer.
BELIEVED = {("member", "user", "id"), ("member", "permissions"), ("id",), ("application_id",), ("token",)}


def places(payload: dict[str, Any] | list[Any], above: Place = ()) -> Iterator[Place]:
    """The path of everything in it, itself left out."""
    for key, value in payload.items() if isinstance(payload, dict) else enumerate(payload):
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def changed(payload: dict[str, Any], place: Place, strange: object) -> dict[str, Any]:
    """A copy with something strange at that place, or with nothing there."""
    payload = copy.deepcopy(payload)
    around: Any = payload
    for step in place[:-1]:
        around = around[step]
    if strange is GONE:
        del around[place[-1]]
    else:
        around[place[-1]] = strange
    return payload


async def test_interactions_that_make_no_sense_end_nothing_and_change_nothing(
    standin: StandIn, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, channel = standin.alice, standin.bob, standin.channel
    database = Database(sqlite_url)
    async with BotProcess(standin, tmp_path, database_url=sqlite_url) as bot:
        await standin.slash(
            standin.organizer, channel, "group create", {"name": "Berlin", "timezone": "Europe/Berlin"}
        )
        payloads: list[dict[str, Any]] = []
        with monkeypatch.context() as watching:
            dispatch = standin.gateway.dispatch
            watching.setattr(
                standin.gateway,
                "dispatch",
                lambda event, data, **more: (payloads.append(data), dispatch(event, data, **more)),
            )
            said = await standin.slash(alice, channel, "group archive", {"group": "Berlin"})
            assert "Only organizers" in said.text
            assert await standin.suggest(alice, channel, "group archive", "group", "B")
        payloads = [payload for payload in payloads if "token" in payload]
        assert len(payloads) == 2
        before = await rows.snapshot(database)

        attempts = [
            (payload, place, strange)
            for payload in payloads
            for place in places(payload)
            for strange in STRANGE
            if place not in BELIEVED
        ]
        records = []
        for payload, place, strange in random.Random(SEED).sample(attempts, MOST):
            record = Interaction(
                id=standin.world.snowflake(),
                token=uuid4().hex,
                type=payload["type"],
                user_id=alice.id,
                channel_id=channel.id,
                guild_id=standin.guild.id,
                created_at=standin.world.clock.now(),
                name=f"{strange!r:.40} at {place}",
                sent_at=time.monotonic(),
            )
            standin.interactions.add(record)
            records.append(record)
            own = payload | {"id": str(record.id), "token": record.token}
            standin.gateway.dispatch(
                "INTERACTION_CREATE", changed(own, place, strange), guild_id=standin.guild.id
            )
            if len(records) % AT_ONCE == 0:
                await standin.slash(bob, channel, "group list")
        assert bot.running
        assert bot.starts == 1
        said = await standin.slash(bob, channel, "group list")
        assert "Berlin" in said.text

        assert "an event could not be read" in bot.log(100_000)
        answers = {record.text for record in records if record.replies}
        assert any("Only organizers" in answer for answer in answers)
        assert not any("archived" in answer or "Traceback" in answer for answer in answers)
        for change in rows.changes(before, await rows.snapshot(database)):
            # Whoever asks is remembered by their language.
            assert change.table == "members", change
        await bot.terminate()
    await database.close()


async def test_events_without_sense_end_nothing(standin: StandIn, sqlite_url: str, tmp_path: Path) -> None:
    events = {name[6:].upper() for name in dir(AutoShardedConnectionState) if name.startswith("parse_")}
    assert "GUILD_CREATE" in events
    guild_id = str(standin.guild.id)
    async with BotProcess(standin, tmp_path, database_url=sqlite_url) as bot:
        for event in sorted(events - NEEDED):
            for strange in (None, "", 7, [], [{}], {}, {"id": "\udc00x"}, {"guild_id": guild_id}):
                standin.gateway.dispatch(event, strange, guild_id=standin.guild.id)  # type: ignore[arg-type]
        said = await standin.slash(standin.alice, standin.channel, "timezone", {"zone": "Asia/Tokyo"})
        assert "Tokyo" in said.text
        assert bot.starts == 1
        assert "kind=GUILD_CREATE" in bot.log(100_000)
        await bot.terminate()
