"""Two processes, each with half of the shards: one bot to everybody who meets it."""

import time
from pathlib import Path

from tests.openapi import BodyValidator
from tests.wire.process import BotProcess
from tests.wire.standin import StandIn


async def test_two_processes_are_one_bot(validator: BodyValidator, postgres_url: str, tmp_path: Path) -> None:
    async with StandIn(validator, shards=2) as standin:
        half = [{"COHORT_SHARDS": f"{shard}/2"} for shard in range(2)]
        first = BotProcess(standin, tmp_path, database_url=postgres_url, name="first", env=half[0])
        second = BotProcess(standin, tmp_path, database_url=postgres_url, name="second", env=half[1])
        async with first, second:
            answer = await standin.slash(standin.alice, standin.channel, "group list")
            assert answer.text
            assert answer.repeated == 0, "only one process got it"
            soon = int(time.time()) + 2
            for user in (standin.alice, standin.bob):
                options = {"when": f"<t:{soon}>", "what": f"algebra with {user.name}"}
                await standin.slash(user, standin.channel, "remind me", options)
            await standin.wait_until(lambda: standin.dms(standin.alice) and standin.dms(standin.bob))
        for user in (standin.alice, standin.bob):
            (message,) = standin.dms(user)
            assert user.name in message.text
        assert standin.violations == []
