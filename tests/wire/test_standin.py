"""discord.py's own client against the stand-in: what a member does, and what the bot's REST calls meet."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta
from typing import Any

import aiohttp
import discord
import pytest

from tests.wire.conftest import running
from tests.wire.program import Program, Vote, connect
from tests.wire.standin import Overwrite, Permission, StandIn, Unusable, labels, payloads


async def test_a_slash_command_is_answered_within_the_deadline(standin: StandIn, program: Program) -> None:
    reply = await standin.slash(standin.alice, standin.channel, "say echo", {"text": "hello", "times": 2})
    assert reply.text == "hello hello"
    assert not reply.ephemeral
    assert 0 < reply.seconds_to_acknowledge < standin.interactions.deadline
    assert [m.text for m in standin.messages(standin.channel)] == ["hello hello"]


async def test_what_no_client_would_send_is_refused(standin: StandIn, program: Program) -> None:
    for name, options in (
        ("say", {}),
        ("say nothing", {}),
        ("say echo", {}),
        ("say echo", {"text": "a", "times": 4}),
        ("say echo", {"text": "a", "colour": "red"}),
        ("say echo", {"text": 5}),
    ):
        with pytest.raises(Unusable):
            await standin.slash(standin.alice, standin.channel, name, options)
    assert standin.interactions.all == {}


async def test_suggestions(standin: StandIn, program: Program) -> None:
    choices = await standin.suggest(standin.alice, standin.channel, "say echo", "text", "yo")
    assert choices == [{"name": "yo!", "value": "yo"}]


async def test_a_deferred_answer_and_its_follow_ups(standin: StandIn, program: Program) -> None:
    reply = await standin.slash(standin.alice, standin.channel, "think", {"member": standin.bob})
    await standin.wait_until(lambda: reply.followups)
    assert reply.response_type == 5
    assert [m.text for m in reply.replies] == [f"Bob joined {standin.clock.now():%Y}", "and more"]
    assert reply.ephemeral
    assert standin.messages(standin.channel) == []


async def test_a_button_edits_its_message(standin: StandIn, program: Program) -> None:
    poll = await standin.slash(standin.alice, standin.channel, "poll")
    assert poll.message is not None
    assert labels(poll.message) == ["Vote"]
    click = await standin.click(standin.bob, poll.message, "Vote")
    assert click.response_type == 7
    assert poll.message.content == "Bob voted"
    with pytest.raises(KeyError):
        await standin.click(standin.bob, poll.message, "Abstain")


async def test_a_modal(standin: StandIn, program: Program) -> None:
    opened = await standin.slash(standin.alice, standin.channel, "feedback")
    with pytest.raises(Unusable):
        await standin.submit_modal(opened, {"Words": "x" * 101})
    answer = await standin.submit_modal(opened, {"Words": "well done"})
    assert answer.text == "You said well done"
    assert answer.ephemeral


async def test_selects(standin: StandIn, program: Program) -> None:
    pick = await standin.slash(standin.alice, standin.channel, "pick")
    assert pick.message is not None
    chosen = await standin.select(standin.bob, pick.message, "word", ["Red", "blue"])
    assert chosen.text == "red and blue"
    for wrong in (["yellow"], ["Red", "Green", "Blue"], []):
        with pytest.raises(Unusable):
            await standin.select(standin.bob, pick.message, "word", wrong)
    named = await standin.select(standin.bob, pick.message, "who", [standin.organizer])
    assert named.response_type == 6
    assert pick.message.content == "Olga"
    assert pick.message.components == []


async def test_a_modal_of_labels(standin: StandIn, program: Program) -> None:
    opened = await standin.slash(standin.alice, standin.channel, "report")
    preset = await standin.submit_modal(opened, {})
    assert preset.text == "Bug []"
    opened = await standin.slash(standin.alice, standin.channel, "report")
    filled = await standin.submit_modal(opened, {"Kind": ["Wish"], "Proof": [("a.txt", b"12345")]})
    assert filled.text == "Wish [5]"


async def test_files_there_and_back(standin: StandIn, program: Program) -> None:
    reply = await standin.slash(standin.alice, standin.channel, "copy", {"file": ("a.png", b"abc")})
    assert reply.message is not None
    (copy,) = reply.message.attachments
    assert standin.world.files[int(copy["id"])] == ("a.png", b"cba")
    assert copy["description"] == "The copy"
    assert reply.message.embeds[0]["image"]["url"] == copy["url"]


async def test_a_message_menu(standin: StandIn, program: Program) -> None:
    message = standin.say(standin.bob, standin.channel, "hello")
    reply = await standin.menu(standin.alice, standin.channel, "Count letters", message)
    assert reply.text == "5"


async def test_late_and_repeated_answers_are_refused(standin: StandIn, program: Program) -> None:
    arrived: asyncio.Queue[discord.Interaction] = asyncio.Queue()

    @program.event
    async def on_interaction(interaction: discord.Interaction) -> None:
        await arrived.put(interaction)

    poll = await standin.slash(standin.alice, standin.channel, "poll")
    await arrived.get()
    assert poll.message is not None
    poll.message.components[0]["components"][0]["custom_id"] = "nobody listens"

    await standin.click(standin.bob, poll.message, "nobody listens", wait=False)
    first = await arrived.get()
    await first.response.send_message("once")
    again = discord.Interaction(data=_as_sent(standin, first), state=first._state)
    with pytest.raises(discord.HTTPException) as refused:
        await again.response.send_message("twice")
    assert refused.value.code == 40060

    standin.interactions.deadline = -1
    await standin.click(standin.bob, poll.message, "nobody listens", wait=False)
    late = await arrived.get()
    with pytest.raises(discord.NotFound) as refused:
        await late.response.send_message("late")
    assert refused.value.code == 10062

    standin.advance(minutes=16)
    with pytest.raises(discord.HTTPException) as refused:
        await first.followup.send("much later")
    assert refused.value.code == 50027


def _as_sent(standin: StandIn, interaction: discord.Interaction) -> Any:
    session = next(iter(standin.gateway.sessions.values()))
    events = (kept.payload["d"] for kept in session.kept)
    return next(data for data in events if data.get("id") == str(interaction.id))


async def test_a_nonce_gives_one_message_within_its_window(standin: StandIn, program: Program) -> None:
    channel = program.get_partial_messageable(standin.channel.id)
    first = await channel.send("reminder", nonce="meetup:17:24h")
    second = await channel.send("reminder", nonce="meetup:17:24h")
    assert second.id == first.id
    assert second.nonce == "meetup:17:24h"
    other = await channel.send("reminder", nonce="meetup:18:24h")
    assert other.id != first.id
    assert standin.messages_api.nonce_hits == 1

    standin.advance(minutes=6)
    doubled = await channel.send("reminder", nonce="meetup:17:24h")
    assert doubled.id != first.id
    assert len(standin.posted()) == 3

    await doubled.delete()
    with pytest.raises(discord.NotFound) as gone:
        await channel.send("reminder", nonce="meetup:17:24h")
    assert gone.value.code == 10008


async def test_history_pages_in_order(standin: StandIn, program: Program) -> None:
    for number in range(250):
        standin.world.add_message(standin.channel.id, standin.world.bot.id, content=str(number))
    channel = program.get_partial_messageable(standin.channel.id)
    ids = [m.id for m in standin.messages(standin.channel)]

    async def contents(**cursor: object) -> list[int]:
        return [int(m.content) async for m in channel.history(**cursor)]  # type: ignore[arg-type]

    assert await contents(limit=None) == list(range(249, -1, -1))
    assert await contents(limit=None, after=discord.Object(ids[9])) == list(range(10, 250))
    assert await contents(limit=120, before=discord.Object(ids[200])) == list(range(199, 79, -1))
    assert await contents(limit=5, around=discord.Object(ids[100])) == [102, 101, 100, 99, 98]
    standin.channel.overwrites.append(Overwrite(standin.guild.id, 0, deny=Permission.READ_MESSAGE_HISTORY))
    role = next(r for r in standin.guild.roles.values() if r.managed)
    role.permissions &= ~Permission.READ_MESSAGE_HISTORY
    assert await contents(limit=None) == []


async def test_discord_py_computes_the_permissions(standin: StandIn, program: Program) -> None:
    guild = program.get_guild(standin.guild.id)
    assert guild is not None
    channel = guild.get_channel(standin.channel.id)
    assert channel is not None
    allowed = channel.permissions_for(guild.me)
    own = standin.world.permissions(standin.guild, standin.world.bot.id, standin.channel)
    assert allowed.value == own & ~Permission.CONNECT  # discord.py takes voice out of text channels
    assert allowed.create_events
    assert allowed.send_messages
    assert not allowed.administrator
    organizer = await guild.fetch_member(standin.organizer.id)
    assert organizer.guild_permissions.manage_guild


async def test_discord_s_refusals_have_their_codes(standin: StandIn, program: Program) -> None:
    channel = program.get_partial_messageable(standin.channel.id)
    stranger = standin.world.add_user("Eve")
    standin.bob.dms_open = False
    hidden = standin.world.add_channel(standin.guild, "staff")
    hidden.overwrites.append(Overwrite(standin.guild.id, 0, deny=Permission.VIEW_CHANNEL))
    quiet = standin.world.add_channel(standin.guild, "news")
    quiet.overwrites.append(Overwrite(standin.world.bot.id, 1, deny=Permission.SEND_MESSAGES))
    top = standin.world.add_role(standin.guild, "Top", position=60)
    guild = program.get_guild(standin.guild.id)
    assert guild is not None
    alice = await guild.fetch_member(standin.alice.id)
    for act, code in (
        (program.get_partial_messageable(1).send("x"), 10003),
        (channel.fetch_message(1), 10008),
        ((await program.fetch_user(standin.bob.id)).send("x"), 50007),
        ((await program.fetch_user(stranger.id)).send("x"), 50278),
        (program.get_partial_messageable(hidden.id).send("x"), 50001),
        (program.get_partial_messageable(quiet.id).send("x"), 50013),
        (guild.fetch_member(stranger.id), 10007),
        (alice.add_roles(discord.Object(top.id)), 50013),
        (guild.fetch_scheduled_event(1), 10070),
    ):
        with pytest.raises(discord.HTTPException) as refused:
            await act
        assert refused.value.code == code


async def test_direct_messages_roles_threads_and_events(standin: StandIn, program: Program) -> None:
    guild = program.get_guild(standin.guild.id)
    assert guild is not None
    alice = await guild.fetch_member(standin.alice.id)
    await alice.send("hello")
    assert [m.text for m in standin.dms(standin.alice)] == ["hello"]
    assert standin.dms(standin.bob) == []

    role = standin.world.add_role(standin.guild, "Learners")
    await alice.add_roles(discord.Object(role.id))
    assert role.id in standin.guild.members[alice.id].role_ids
    await alice.remove_roles(discord.Object(role.id))
    assert role.id not in standin.guild.members[alice.id].role_ids

    channel = guild.get_channel(standin.channel.id)
    assert isinstance(channel, discord.TextChannel)
    post = await channel.send("meetup")
    thread = await post.create_thread(name="Meetup 1")
    assert thread.id == post.id
    await thread.send("soon", file=discord.File(io.BytesIO(b"x"), "a.txt"))
    assert [m.text for m in standin.messages(thread.id)] == ["soon"]

    start = discord.utils.utcnow() + timedelta(days=1)
    event = await guild.create_scheduled_event(
        name="Algebra",
        start_time=start,
        end_time=start + timedelta(hours=1),
        entity_type=discord.EntityType.external,
        privacy_level=discord.PrivacyLevel.guild_only,
        location="Room 5",
    )
    await event.edit(name="Algebra 2")
    standin.guilds.change_event(standin.guild.events[event.id], {"name": "Edited by hand"})
    before, after = await program.wait_for(
        "scheduled_event_update", check=lambda _, changed: changed.name == "Edited by hand"
    )
    assert (before.name, after.name) == ("Algebra 2", "Edited by hand")
    await event.delete()
    assert standin.guild.events == {}
    with pytest.raises(discord.HTTPException, match="past"):
        await guild.create_scheduled_event(
            name="Yesterday",
            start_time=start - timedelta(days=2),
            end_time=start,
            entity_type=discord.EntityType.external,
            privacy_level=discord.PrivacyLevel.guild_only,
            location="Room 5",
        )


async def test_a_bad_body_is_refused_and_noted(standin: StandIn, program: Program) -> None:
    with pytest.raises(discord.HTTPException) as refused:
        await program.get_partial_messageable(standin.channel.id).send("x" * 2001)
    assert refused.value.code == 50035
    assert "2001 characters" in standin.violations[0]
    assert standin.messages(standin.channel) == []
    standin.violations.clear()


async def test_two_shards(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    standin.gateway.shards = 2
    async with running(Program(), standin, monkeypatch) as program:
        assert sorted(program.shards) == [0, 1]
        assert program.get_guild(standin.guild.id) is not None
        reply = await standin.slash(standin.alice, standin.channel, "say echo", {"text": "hello"})
        assert reply.text == "hello"


async def test_a_wrong_token_does_not_log_in(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    client = Program()
    async with client:
        with pytest.raises(discord.LoginFailure):
            await connect(client, standin.api_url, "not the token")


async def test_a_global_limit(standin: StandIn) -> None:
    standin.rest.global_limit = 3
    headers = {"Authorization": f"Bot {standin.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        answers = [await session.get(f"{standin.api_url}/users/@me") for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        told = await answers[-1].json()
    assert told["global"] is True
    assert 0 < told["retry_after"] <= 1
    assert standin.rest.global_429s == 1


async def test_a_button_in_a_direct_message(standin: StandIn, program: Program) -> None:
    bob = await program.fetch_user(standin.bob.id)
    view = discord.ui.View(timeout=None)
    view.add_item(Vote())
    await bob.send("Vote here", view=view)
    (message,) = standin.dms(standin.bob)
    click = await standin.click(standin.bob, message, "Vote")
    assert click.guild_id is None
    assert message.content == "Bob voted"


async def test_what_people_do_by_hand_reaches_the_bot(standin: StandIn, program: Program) -> None:
    guild = program.get_guild(standin.guild.id)
    assert guild is not None
    room = standin.world.add_channel(standin.guild, "room", kind=2)
    doomed = standin.world.add_channel(standin.guild, "doomed")
    for channel in (room, doomed):
        standin.gateway.dispatch(
            "CHANNEL_CREATE", payloads.channel(standin.world, channel), guild_id=guild.id
        )
    standin.sit_down(standin.alice, room)
    _, _, state = await program.wait_for("voice_state_update")
    assert state.channel == guild.get_channel(room.id)

    standin.delete_channel(doomed)
    gone = await program.wait_for("guild_channel_delete")
    assert gone.id == doomed.id

    standin.guild_outage()
    assert await program.wait_for("guild_unavailable") == guild
    standin.guild_outage(over=True)
    back = await program.wait_for("guild_available")
    seats = back.get_channel(room.id)
    assert isinstance(seats, discord.VoiceChannel)
    assert seats.voice_states.keys() == {standin.alice.id}

    standin.remove_bot()
    assert (await program.wait_for("guild_remove")).id == guild.id
    with pytest.raises(discord.Forbidden):
        await program.fetch_guild(guild.id)
