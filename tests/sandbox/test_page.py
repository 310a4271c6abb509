"""The demo's page: who may ask it, whose eyes it looks through, and how news gets there."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.server import SECRET
from bot.sandbox.views import CAPABILITY
from tests.postgres import outside_the_loop
from tests.sandbox.conftest import Visitor, Watch, visit


def texts(page: dict[str, Any]) -> list[str]:
    """Everything that stands in a page's messages, oldest first."""
    return [str(page["messages"][key]) for key in page["timeline"]]


async def test_it_serves_the_shell_and_simcords_page_inside(visitor: Visitor) -> None:
    async with visitor.http.get(visitor.base + "/") as answer:
        shell = await answer.text()
        assert "<title>Cohort demo</title>" in shell
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    async with visitor.http.get(visitor.base + "/preview/") as answer:
        page = await answer.text()
        assert "/demo/preview.css" in page
        assert "/demo/preview.js" in page
        assert "X-Frame-Options" not in answer.headers
    for path in ("/demo/app.js", "/demo/style.css", "/demo/icon.svg", "/app.js", "/preview.css"):
        async with visitor.http.get(visitor.base + path) as answer:
            assert answer.status == 200, path


async def test_without_its_key_nothing_is_told(visitor: Visitor) -> None:
    for headers in ({}, {SECRET: "wrong"}, {SECRET: visitor.demo.page.secret + "x"}):
        async with visitor.http.get(visitor.base + "/demo/state", headers=headers) as answer:
            assert answer.status == 401
        async with visitor.http.post(
            visitor.base + "/demo/skip", json={"seconds": 60}, headers=headers
        ) as answer:
            assert answer.status == 401
    async with visitor.http.post(visitor.base + "/api/pages", json={}, headers={CAPABILITY: "x"}) as answer:
        assert answer.status == 401


async def test_other_sites_cannot_reach_it(visitor: Visitor) -> None:
    key = {SECRET: visitor.demo.page.secret}
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        async with visitor.http.get(visitor.base + "/demo/state", headers={**key, **headers}) as answer:
            assert answer.status == 403


async def test_everyone_sees_each_channel_with_their_own_eyes(visitor: Visitor) -> None:
    alice = await visitor.open("Alice", "fastai-berlin")
    mira = await visitor.open("Mira", "welcome")
    people = {one["name"]: one["id"] for one in (await visitor.state())["people"]}
    assert (alice["viewerId"], alice["channel"]["name"]) == (people["Alice"], "fastai-berlin")
    assert (mira["viewerId"], mira["channel"]["name"]) == (people["Mira"], "welcome")
    assert (alice["profile"]["timezone"], mira["profile"]["timezone"]) == ("Europe/London", "Europe/Berlin")
    assert any("bear" in text or "photo" in text for text in texts(mira))

    receipt = await visitor.act(alice, "send_message", content="Only in the group’s channel")
    assert receipt["settlement"] == "settled"
    assert "Only in the group’s channel" in texts(await visitor.again(alice))[-1]
    assert not any("Only in" in text for text in texts(await visitor.open("Alice", "welcome")))


async def test_two_pages_act_at_once_for_two_people(visitor: Visitor) -> None:
    alice, bob = await visitor.open("Alice", "welcome"), await visitor.open("Bob", "welcome")
    receipts = await asyncio.gather(
        *(
            visitor.act(page, "send_message", content=f"{name} was here")
            for page, name in ((alice, "Alice"), (bob, "Bob"))
        )
    )
    assert [receipt["settlement"] for receipt in receipts] == ["settled", "settled"]
    last_two = str(texts(await visitor.open("Mira", "welcome"))[-2:])
    assert "Alice was here" in last_two
    assert "Bob was here" in last_two


async def test_a_command_typed_in_the_page_reaches_the_bot(visitor: Visitor) -> None:
    page = await visitor.open("Alice", "fastai-berlin")
    async with visitor.http.get(visitor.base + "/api/commands", headers=visitor.headers(page)) as answer:
        entries = (await answer.json())["entries"]
    remind = next(one for one in entries if one["path"] == ["remind", "me"])
    receipt = await visitor.act(
        page,
        "run_command",
        command_id=remind["commandId"],
        path=remind["path"],
        schema_fingerprint=remind["schemaFingerprint"],
        options={"when": "in 1 minute", "what": "stretch"},
    )
    assert receipt["settlement"] == "settled"
    assert "stretch" in texts(await visitor.again(page))[-1]

    status, state = await visitor.post("/demo/skip", {"seconds": 61})
    assert status == 200
    alice = next(one for one in state["people"] if one["name"] == "Alice")
    assert alice["views"]["dm"]["newest"] != "0"
    assert "stretch" in texts(await visitor.open("Alice", "dm"))[-1]
    assert texts(await visitor.open("Bob", "dm")) == []


async def test_a_reminder_comes_by_itself_when_its_minute_is_over(visitor: Visitor, watch: Watch) -> None:
    stage = visitor.demo.stage
    page = await visitor.open("Alice", "dm")
    async with stage.lock:
        await stage.world.alice.slash(stage.world.channel, "remind me", when="in 1 minute", what="stretch")
    watch.now += timedelta(seconds=62)
    for _ in range(60):
        await asyncio.sleep(0.1)
        if any("stretch" in text for text in texts(await visitor.again(page))):
            break
    else:
        raise AssertionError("nothing came within six seconds")
    assert stage.now == watch.now


async def test_what_happened_meanwhile_does_not_stop_an_action(visitor: Visitor) -> None:
    page = await visitor.open("Alice", "welcome")
    stage = visitor.demo.stage
    async with stage.lock:
        await stage.world.bob.send(stage.welcome, "Quick!")
    await visitor.demo.views.publish()
    assert (await visitor.again(page))["publishedRevision"] > page["publishedRevision"]
    receipt = await visitor.act(page, "send_message", content="Too slow?")
    assert receipt["settlement"] == "settled"
    assert "Too slow?" in texts(await visitor.again(page))[-1]


async def test_time_skips_forward_only_and_not_for_ever(visitor: Visitor) -> None:
    before = visitor.demo.stage.now
    for bad in (0, -60, 32 * 86400, "60", True, None):
        status, _ = await visitor.post("/demo/skip", {"seconds": bad})
        assert status == 400, bad
    assert (await visitor.post("/demo/skip", [60]))[0] == 400
    assert visitor.demo.stage.now == before
    assert (await visitor.post("/demo/skip", {"seconds": 86400}))[0] == 200
    assert visitor.demo.stage.now == before + timedelta(days=1)


async def test_a_page_survives_a_skipped_day(visitor: Visitor) -> None:
    page = await visitor.open("Alice", "welcome")
    await visitor.post("/demo/skip", {"seconds": 86400})
    assert (await visitor.again(page))["status"] == "current"


async def test_avatars_are_there_at_once(visitor: Visitor) -> None:
    page = await visitor.open("Bob", "fastai-berlin")
    pictures = [key for key, asset in page["assets"].items() if asset["filename"].startswith("avatar-")]
    assert len(pictures) == 4
    async with visitor.http.get(
        f"{visitor.base}/api/assets/{pictures[0]}", headers=visitor.headers(page)
    ) as answer:
        assert answer.content_type == "image/png"
        assert (await answer.read()).startswith(b"\x89PNG")


async def test_people_sit_down_in_the_voice_channel(visitor: Visitor) -> None:
    state = await visitor.state()
    bob = next(one for one in state["people"] if one["name"] == "Bob")
    _, state = await visitor.post("/demo/voice", {"member": bob["id"], "seated": True})
    assert [one["name"] for one in state["people"] if one["seated"]] == ["Bob"]
    _, state = await visitor.post("/demo/voice", {"member": bob["id"], "seated": False})
    assert not any(one["seated"] for one in state["people"])
    for bad in ({"seated": True}, {"member": "1", "seated": True}, {"member": "x"}):
        assert (await visitor.post("/demo/voice", bad))[0] == 400


def test_the_story_is_told_in_the_operators_language_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COHORT_LANGUAGE", "de")

    titles = []

    async def look() -> None:
        async with visit(tmp_path / "demo.db", Watch()) as visitor:
            channel = visitor.demo.stage.world.channel
            titles.extend(embed.title for message in channel.history() for embed in message.embeds)

    outside_the_loop(look())
    assert "fast.ai Berlin: Punkte insgesamt" in titles
