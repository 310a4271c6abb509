"""`cohort run` as a process of its own: it answers, is killed at the worst moment, says everything once."""

from __future__ import annotations

import time
from pathlib import Path

from tests.wire.process import BotProcess
from tests.wire.standin import StandIn


async def test_reminders_survive_sigkill_between_claim_and_settle(
    standin: StandIn, sqlite_url: str, tmp_path: Path
) -> None:
    to_alice, to_bob = (standin.world.dm_channel(user.id) for user in (standin.alice, standin.bob))
    # Alice's message is there, but the bot never learns of it; Bob's is still on its way when the bot dies.
    lost = standin.faults.hold_after("POST", f"/channels/{to_alice.id}/messages")
    late = standin.faults.hold_before("POST", f"/channels/{to_bob.id}/messages")
    env = {"COHORT_LEASE_SECONDS": "3"}
    async with BotProcess(standin, tmp_path, database_url=sqlite_url, env=env) as bot:
        soon = int(time.time()) + 2
        for user in (standin.alice, standin.bob):
            options = {"when": f"<t:{soon}>", "what": f"algebra with {user.name}"}
            answer = await standin.slash(user, standin.channel, "remind me", options)
            assert answer.ephemeral
            assert f"<t:{soon}:" in answer.text
        await standin.wait_until(
            lambda: lost.reached.is_set() and late.reached.is_set(), what="both deliveries on their way"
        )
        await bot.kill()
        late.release()
        await standin.wait_until(lambda: standin.dms(standin.bob))

        await bot.start()
        # The leases run out, the deliveries are taken up again: found by their marks, not said twice.
        await standin.wait_until(
            lambda: all(looked_up(standin, bot, channel.id) for channel in (to_alice, to_bob)),
            what="both deliveries looked up by the new process",
        )
        await bot.terminate()
    for user in (standin.alice, standin.bob):
        (message,) = standin.dms(user)
        assert f"algebra with {user.name}" in message.text
    assert len(standin.posted()) == 2


def looked_up(standin: StandIn, bot: BotProcess, channel_id: int) -> bool:
    """The running process has read this channel's history."""
    path = f"/channels/{channel_id}/messages"
    return any(r.client == bot.client and r.status == 200 for r in standin.requested("GET", path))
