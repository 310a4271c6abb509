"""Who is spoken to in which language: members in their own, servers in theirs."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from tests.wire.process import BotProcess
from tests.wire.standin import StandIn


def german(text: str) -> bool:
    """Whether it is German and not English, by the small words that every sentence of either has."""
    words = set(re.findall(r"[a-zäöüß]+", text.lower()))
    ours = words & {
        "der",
        "die",
        "das",
        "du",
        "dich",
        "ist",
        "nicht",
        "und",
        "in",
        "dir",
        "mit",
        "für",
        "gibt",
    }
    theirs = words & {"the", "you", "your", "is", "not", "and", "no", "of", "for", "there", "with", "it"}
    assert len(ours) != len(theirs), text
    return len(ours) > len(theirs)


async def test_each_member_in_their_own_and_everybody_in_the_servers(
    standin: StandIn, sqlite_url: str, tmp_path: Path
) -> None:
    standin.alice.locale = "de"
    async with BotProcess(standin, tmp_path, database_url=sqlite_url):
        private = await standin.slash(standin.alice, standin.channel, "group list")
        assert private.ephemeral
        assert german(private.text)
        assert not german((await standin.slash(standin.bob, standin.channel, "group list")).text)
        options = {"name": "Berlin", "timezone": "Europe/Berlin"}
        public = await standin.slash(standin.alice, standin.channel, "group create", options)
        assert not public.ephemeral
        assert not german(public.text)
        refusal = await standin.slash(standin.alice, standin.channel, "group create", options)
        assert refusal.ephemeral
        assert german(refusal.text)
        assert "Berlin" in refusal.text
        for user in (standin.alice, standin.bob):
            soon = {"when": f"<t:{int(time.time()) + 2}>", "what": "algebra"}
            await standin.slash(user, standin.channel, "remind me", soon)
        await standin.wait_until(lambda: standin.dms(standin.alice) and standin.dms(standin.bob))
    assert "Erledigt" in told(standin, standin.alice)
    assert "Done" in told(standin, standin.bob)


async def test_a_german_server_and_an_english_member(
    standin: StandIn, sqlite_url: str, tmp_path: Path
) -> None:
    standin.guild.locale = "de"
    async with BotProcess(standin, tmp_path, database_url=sqlite_url):
        options = {"name": "Berlin", "timezone": "Europe/Berlin"}
        assert german((await standin.slash(standin.alice, standin.channel, "group create", options)).text)
        assert not german((await standin.slash(standin.alice, standin.channel, "group create", options)).text)


async def test_the_operator_may_choose_for_all_servers(
    standin: StandIn, sqlite_url: str, tmp_path: Path
) -> None:
    env = {"COHORT_LANGUAGE": "de"}
    async with BotProcess(standin, tmp_path, database_url=sqlite_url, env=env):
        options = {"name": "Berlin", "timezone": "Europe/Berlin"}
        assert german((await standin.slash(standin.alice, standin.channel, "group create", options)).text)
        refusal = await standin.slash(standin.alice, standin.channel, "group create", options)
        assert not german(refusal.text)


def told(standin: StandIn, user: object) -> str:
    """All that a member finds in their direct messages, buttons and embeds included."""
    return json.dumps([[one.text, one.components] for one in standin.dms(user)], ensure_ascii=False)  # type: ignore[arg-type]
