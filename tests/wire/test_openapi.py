"""The validator catches what Discord would refuse and accepts what discord.py really sends."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands
from discord.ext import commands

from tests.openapi import BadBody, BodyValidator, watch_simcord
from tests.wire.program import Program
from tests.wire.standin import StandIn

POST = ("POST", "/channels/1/messages")
CALLBACK = ("POST", "/interactions/1/token/callback")
COMMANDS = ("PUT", "/applications/1/commands")
EVENTS = ("POST", "/guilds/1/scheduled-events")


@pytest.fixture
def needs_document(validator: BodyValidator) -> BodyValidator:
    """For what the document alone knows; `.ci/run` sets DISCORD_OPENAPI."""
    if validator.source is None:
        pytest.skip("DISCORD_OPENAPI names no document")
    return validator


def button(custom_id: str | None = "a", **fields: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "Go", "custom_id": custom_id} | fields


def rows(*buttons: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": 1, "components": [b]} for b in buttons]


def select(count: int) -> dict[str, Any]:
    options = [{"label": str(n), "value": str(n)} for n in range(count)]
    return {"type": 1, "components": [{"type": 3, "custom_id": "s", "options": options}]}


def option(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": 3, "name": name, "description": "An option"} | fields


def command(**fields: Any) -> list[dict[str, Any]]:
    return [{"type": 1, "name": "go", "description": "Goes"} | fields]


def event(**fields: Any) -> dict[str, Any]:
    start = datetime(2026, 10, 22, 17, tzinfo=UTC)
    return {
        "name": "Algebra",
        "privacy_level": 2,
        "entity_type": 3,
        "scheduled_start_time": start.isoformat(),
        "scheduled_end_time": (start + timedelta(hours=1)).isoformat(),
        "entity_metadata": {"location": "Room 5"},
    } | fields


V2 = 1 << 15
BAD: list[tuple[tuple[str, str], Any, str]] = [
    (POST, {"content": "x" * 2001}, "2001 characters"),
    (POST, {}, "empty"),
    (POST, {"content": ""}, "empty"),
    (POST, {"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}, "6001 characters"),
    (POST, {"embeds": [{"title": "x"}] * 11}, "11 embeds"),
    (POST, {"embeds": [{"title": "x" * 257}]}, "title has 257"),
    (POST, {"embeds": [{"fields": [{"name": "", "value": "x"}]}]}, "field name has 0"),
    (POST, {"components": rows(button(), button())}, "'a' stands 2 times"),
    (POST, {"components": rows(button("x" * 101))}, "custom_id has 101"),
    (POST, {"components": rows(button(label="x" * 81))}, "label has 81"),
    (POST, {"components": rows(*(button(str(n)) for n in range(6)))}, "6 action rows"),
    (POST, {"components": rows(button(style=5, url="https://x.org"))}, "no custom_id"),
    (POST, {"components": rows(button(None))}, "needs a custom_id"),
    (POST, {"components": [select(26)]}, "26 options"),
    (POST, {"components": [{"type": 10, "content": "x"}]}, "action rows only"),
    (POST, {"components": [{"type": 10, "content": "x"}] * 41, "flags": V2}, "41 components"),
    (POST, {"components": [{"type": 10, "content": "x" * 2001}] * 2, "flags": V2}, "4002 characters"),
    (POST, {"content": "x", "components": [{"type": 10, "content": "x"}], "flags": V2}, "neither content"),
    (POST, {"content": "x", "nonce": "n" * 26}, "nonce has 26"),
    (POST, {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}, "users both"),
    (POST, {"embeds": [{"image": {"url": "attachment://no.png"}}]}, "names no file"),
    (CALLBACK, {"type": 4, "data": {"content": "x" * 2001}}, "2001 characters"),
    (
        CALLBACK,
        {"type": 8, "data": {"choices": [{"name": str(n), "value": "v"} for n in range(26)]}},
        "26 sug",
    ),
    (CALLBACK, {"type": 8, "data": {"choices": [{"name": "x" * 101, "value": "v"}]}}, "name has 101"),
    (CALLBACK, {"type": 8, "data": {"choices": [{"name": "x", "value": "v" * 101}]}}, "value has 101"),
    (CALLBACK, {"type": 9, "data": {"custom_id": "m", "title": "x" * 46, "components": []}}, "title has 46"),
    (COMMANDS, command(name="x" * 33), "32 lower-case"),
    (COMMANDS, command(name="Go"), "lower-case"),
    (COMMANDS, command(description="x" * 101), "description has 101"),
    (COMMANDS, command() * 2, "stands 2 times"),
    (COMMANDS, command(options=[option("a"), option("b", required=True)]), "follows an optional"),
    (COMMANDS, command(options=[option(f"o{n}") for n in range(26)]), "26 options"),
    (COMMANDS, command(options=[option("a", choices=[{"name": "", "value": "x"}])]), "choice name has 0"),
    (COMMANDS, [command(name=f"go{n}")[0] for n in range(101)], "101 commands"),
    (EVENTS, event(name="x" * 101), "name has 101"),
    (EVENTS, event(description="x" * 1001), "description has 1001"),
    (EVENTS, event(entity_metadata={"location": "x" * 101}), "location has 101"),
    (EVENTS, event(scheduled_end_time=None), "needs scheduled_end_time"),
    (("POST", "/channels/1/messages/2/threads"), {"name": "x" * 101}, "thread name has 101"),
]
BAD_BY_DOCUMENT: list[tuple[tuple[str, str], Any, str]] = [
    (("GET", "/no/such/route"), None, "no such route"),
    (("POST", "/channels/general/messages"), {"content": "x"}, "no such route"),
    (("POST", "/channels/1/typing"), {"content": "x"}, "takes no body"),
    (POST, None, "needs a body"),
    (POST, {"content": 5}, "content: 5 is not of type"),
    (POST, {"content": "x", "flags": "4"}, "flags"),
    (POST, {"content": "x", "message_reference": {"message_id": "seven"}}, "message_reference/message_id"),
    (POST, {"components": rows(button(label=7))}, "components/0/components/0/label"),
    (POST, {"components": rows(button(style=77))}, "components/0/components/0/style"),
    (POST, {"components": [{"type": 77}]}, "components/0/type"),
    (CALLBACK, {"type": 77}, "type: 77"),
    (COMMANDS, command(options=[{"type": 3, "name": "x"}]), "'description' is a required property"),
    (COMMANDS, command(options=[option("x", choices=[{"name": "x", "value": 5}])]), "choices/0/value"),
    (EVENTS, event(scheduled_start_time="2026-10-22T17:00:00"), "scheduled_start_time"),
    (EVENTS, event(privacy_level=1), "privacy_level"),
]
GOOD: list[tuple[tuple[str, str], Any]] = [
    (POST, {"content": "x" * 2000, "nonce": "n" * 25, "enforce_nonce": True}),
    (POST, {"content": "x", "message_reference": {"message_id": 123456789012345678}}),
    (POST, {"components": rows(*(button(str(n)) for n in range(5)))}),
    (POST, {"embeds": [{"description": "x" * 3000}] * 2}),
    (POST, {"components": [{"type": 10, "content": "x" * 4000}], "flags": V2}),
    (("PATCH", "/channels/1/messages/2"), {"content": None, "embeds": [], "components": []}),
    (("PATCH", "/webhooks/1/token/messages/@original"), {"content": "done"}),
    (("DELETE", "/webhooks/1/token/messages/5"), None),
    (CALLBACK, {"type": 5, "data": {"flags": 64}}),
    (CALLBACK, {"type": 6}),
    (CALLBACK, {"type": 8, "data": {"choices": []}}),
    (COMMANDS, command(options=[option("a", required=True), option("b")])),
    (EVENTS, event()),
    (("POST", "/users/@me/channels"), {"recipient_id": 123}),
]


@pytest.mark.parametrize(("route", "body", "why"), BAD, ids=[why for _, _, why in BAD])
def test_a_broken_limit_is_named(route: tuple[str, str], body: Any, why: str) -> None:
    with pytest.raises(BadBody) as refused:
        BodyValidator().check(*route, body, [])
    assert why in str(refused.value)
    assert route[1] in str(refused.value)


@pytest.mark.parametrize(
    ("route", "body", "why"), BAD_BY_DOCUMENT, ids=[why for _, _, why in BAD_BY_DOCUMENT]
)
def test_the_document_catches(
    needs_document: BodyValidator, route: tuple[str, str], body: Any, why: str
) -> None:
    with pytest.raises(BadBody) as refused:
        needs_document.check(*route, body, [])
    assert why in str(refused.value)


@pytest.mark.parametrize(("route", "body"), GOOD)
def test_good_bodies_pass(validator: BodyValidator, route: tuple[str, str], body: Any) -> None:
    validator.check(*route, body, [])


def test_without_a_document_only_limits_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCORD_OPENAPI", raising=False)
    validator = BodyValidator()
    validator.check("POST", "/no/such/route", {"content": 5})
    with pytest.raises(BadBody, match="2001"):
        validator.check(*POST, {"content": "x" * 2001})


class Board(discord.ui.LayoutView):
    """One of each component that a message can hold."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        box: discord.ui.Container[Any] = discord.ui.Container(accent_colour=discord.Colour.blue())
        box.add_item(discord.ui.TextDisplay("# Board"))
        go: discord.ui.Button[Any] = discord.ui.Button(label="Go", custom_id="go")
        box.add_item(discord.ui.Section("One", accessory=go))
        box.add_item(discord.ui.Separator())
        gallery: discord.ui.MediaGallery[Any] = discord.ui.MediaGallery()
        box.add_item(gallery.add_item(media="attachment://board.png", description="The board"))
        row: discord.ui.ActionRow[Any] = discord.ui.ActionRow()
        options = [discord.SelectOption(label="A", emoji="🎓", default=True), discord.SelectOption(label="B")]
        box.add_item(row.add_item(discord.ui.Select(custom_id="pick", options=options)))
        self.add_item(box)


async def test_what_discord_py_sends_is_accepted(standin: StandIn, program: Program) -> None:
    """The fixture asserts at its end that nothing was refused."""
    checked = program_checks(standin)
    guild = program.get_guild(standin.guild.id)
    assert guild is not None
    channel = guild.get_channel(standin.channel.id)
    assert isinstance(channel, discord.TextChannel)
    picture = discord.File(io.BytesIO(b"png"), "board.png", description="The board")
    board = await channel.send(view=Board(), file=picture, allowed_mentions=discord.AllowedMentions.none())
    await board.edit(view=Board())
    embed = discord.Embed(title="T", timestamp=discord.utils.utcnow(), url="https://x.org", color=5)
    embed.add_field(name="n", value="v").set_footer(text="f").set_author(name="a")
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Docs", url="https://x.org"))
    view.add_item(discord.ui.RoleSelect(custom_id="roles", max_values=3))
    view.add_item(discord.ui.ChannelSelect(custom_id="c", channel_types=[discord.ChannelType.text]))
    reply = await board.reply("hi", embed=embed, view=view, nonce="k", mention_author=False, silent=True)
    await reply.edit(content=None, embed=embed, view=None)
    await channel.create_thread(name="Talk", type=discord.ChannelType.public_thread)
    async with channel.typing():
        await reply.delete()
    await program.tree.sync(guild=guild)
    assert program_checks(standin) >= checked + 8


def program_checks(standin: StandIn) -> int:
    assert standin.rest.validator is not None
    return standin.rest.validator.checked


class SimBot(commands.Bot):
    """A bot for SimCord; its nonce can be too long for Discord, which SimCord lets pass."""

    def __init__(self) -> None:
        super().__init__((), intents=discord.Intents(guilds=True))

        @self.tree.command(description="Post once")
        @app_commands.describe(size="Characters of the nonce")
        async def post(interaction: discord.Interaction, size: int) -> None:
            await interaction.response.defer()
            assert isinstance(interaction.channel, discord.TextChannel)
            await interaction.channel.send("hello", nonce="n" * size)

    async def setup_hook(self) -> None:
        await self.tree.sync()


@pytest.mark.parametrize("everywhere", [True, False])
async def test_watching_simcord(validator: BodyValidator, everywhere: bool) -> None:
    async with simcord.run(SimBot()) as env:
        guild = env.create_guild()
        channel = guild.create_text_channel("general")
        alice = guild.add_member(env.create_user("alice"))
        watched = None if everywhere else env
        with watch_simcord(watched, validator) as violations:
            await alice.slash(channel, "post", size=25)
            assert violations == []
        with pytest.raises(BadBody, match="nonce has 26"), watch_simcord(watched, validator):
            await alice.slash(channel, "post", size=26)
        await alice.slash(channel, "post", size=26)  # nobody watches any more
