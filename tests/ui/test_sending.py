"""The sender, with discord.py's own client against the stand-in: marks, read-back, refusals, limits."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest

from bot.delivery.dispatcher import (
    DirectMessagesClosed,
    Pointless,
    Rejected,
    TargetGone,
    TryLater,
    Unauthorized,
)
from bot.delivery.ledger import Claimed
from bot.ui import sending
from bot.ui.sending import DiscordSender, InvalidRequests, Rendered, mark
from tests.openapi import BodyValidator
from tests.wire.conftest import running
from tests.wire.program import Program
from tests.wire.standin import Channel, Overwrite, Permission, StandIn

POSTS = ("POST", "/channels/*/messages")
READS = ("GET", "/channels/*/messages")


def delivery(number: int = 17, **facts: Any) -> Claimed:
    now = datetime.now(UTC)
    given: dict[str, Any] = {
        "id": number,
        "key": f"reminder:{number}:0",
        "kind": "reminder",
        "subject": f"reminder:{number}",
        "guild_id": None,
        "channel_id": None,
        "user_id": None,
        "refs": {},
        "created_at": now,
        "due_at": now,
        "expires_at": None,
        "attempts": 1,
        "errors": 0,
        "fence": 1,
        "first_attempt_at": now,
        "lease_until": now + timedelta(seconds=30),
        "last_error": None,
        **facts,
    }
    return Claimed(**given)


def view(*custom_ids: str, url: bool = False) -> discord.ui.View:
    made = discord.ui.View(timeout=None)
    if url:
        made.add_item(discord.ui.Button(label="Web", url="https://example.org/"))
    for custom_id in custom_ids:
        made.add_item(discord.ui.Button(label=custom_id[:20], custom_id=custom_id))
    return made


async def words(delivery: Claimed) -> Rendered:
    return Rendered(content=f"words of {delivery.id}", view=view("reminder:1:snooze"))


def denied(standin: StandIn, name: str, *bits: Permission) -> Channel:
    """A channel where the bot lacks these permissions."""
    overwrite = Overwrite(standin.world.bot.id, 1, deny=sum(bits))
    return standin.world.add_channel(standin.guild, name, overwrites=[overwrite])


@pytest.fixture(scope="module")
def validator() -> BodyValidator:
    return BodyValidator()


class Places:
    """Channels made before the bot connects, so that it knows them."""

    def __init__(self, standin: StandIn) -> None:
        world, guild = standin.world, standin.guild
        self.mute = denied(standin, "mute", Permission.SEND_MESSAGES)
        self.hidden = denied(standin, "hidden", Permission.VIEW_CHANNEL)
        self.plain = denied(standin, "plain", Permission.EMBED_LINKS)
        self.forgetful = denied(standin, "forgetful", Permission.READ_MESSAGE_HISTORY)
        self.silent_threads = denied(standin, "silent threads", Permission.SEND_MESSAGES_IN_THREADS)
        self.category = world.add_channel(guild, "category", kind=4)
        self.thread = world.add_channel(
            guild, "thread", kind=11, parent_id=standin.channel.id, owner_id=world.bot.id
        )
        self.silent_thread = world.add_channel(
            guild, "hush", kind=11, parent_id=self.silent_threads.id, owner_id=world.bot.id
        )


@pytest.fixture
async def standin(validator: BodyValidator) -> AsyncIterator[StandIn]:
    async with StandIn(validator) as discord:
        yield discord
    assert discord.violations == []


@pytest.fixture
def places(standin: StandIn) -> Places:
    return Places(standin)


@pytest.fixture
async def bot(standin: StandIn, places: Places, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Program]:
    invalid = InvalidRequests()
    client = Program(http_trace=invalid.trace(), allowed_mentions=discord.AllowedMentions.none())
    client.invalid = invalid  # type: ignore[attr-defined]
    async with running(client, standin, monkeypatch):
        yield client


@pytest.fixture
def sender(bot: Program) -> DiscordSender:
    sender = DiscordSender(bot, invalid_requests=bot.invalid)  # type: ignore[attr-defined]
    sender.register("reminder", words)
    return sender


async def deliver(sender: DiscordSender, what: Claimed, nonce: str = "n") -> Any:
    return await sender.send(what, await sender.render(what), nonce)


async def test_a_message_carries_its_nonce_its_mark_and_pings_nobody(
    sender: DiscordSender, standin: StandIn
) -> None:
    async def with_embed(_: Claimed) -> Rendered:
        embed = discord.Embed(title="Thursday")
        return Rendered(content="@everyone", embeds=[embed], view=view("meetup:3:going", "meetup:3:cant"))

    sender.register("meetup", with_embed)
    what = delivery(kind="meetup", guild_id=standin.guild.id, channel_id=standin.channel.id)
    sent = await deliver(sender, what, nonce="stable")
    [message] = standin.messages(standin.channel)
    assert (sent.channel_id, sent.message_id) == (standin.channel.id, message.id)
    assert message.component("meetup:3:going#17")
    assert message.component("meetup:3:cant")
    [request] = standin.requested(*POSTS)
    assert request.body["nonce"] == "stable"
    assert request.body["enforce_nonce"] is True
    assert request.body["allowed_mentions"]["parse"] == []
    again = await deliver(sender, what, nonce="stable")
    assert again == sent
    assert len(standin.posted()) == 1


async def test_direct_messages_are_opened_once(sender: DiscordSender, standin: StandIn) -> None:
    for number in (1, 2):
        await deliver(sender, delivery(number, user_id=standin.alice.id), nonce=f"n{number}")
    assert [message.content for message in standin.dms(standin.alice)] == ["words of 1", "words of 2"]
    assert len(standin.requested("POST", "/users/@me/channels")) == 1


async def test_a_thread_is_a_target_like_a_channel(
    sender: DiscordSender, standin: StandIn, places: Places
) -> None:
    await deliver(sender, delivery(channel_id=places.thread.id, guild_id=standin.guild.id))
    assert len(standin.messages(places.thread)) == 1
    with pytest.raises(TargetGone, match="Send Messages in Threads"):
        await deliver(sender, delivery(channel_id=places.silent_thread.id))


@pytest.mark.parametrize(
    ("place", "missing"),
    [("mute", "Send Messages"), ("hidden", "View Channel"), ("plain", "Embed Links")],
)
async def test_missing_permissions_are_noticed_without_asking_discord(
    sender: DiscordSender, standin: StandIn, places: Places, place: str, missing: str
) -> None:
    async def with_embed(_: Claimed) -> Rendered:
        return Rendered(embeds=[discord.Embed(title="Hello")], view=view("meetup:3:going"))

    sender.register("meetup", with_embed)
    with pytest.raises(TargetGone, match=f"missing permissions: .*{missing}"):
        await deliver(sender, delivery(kind="meetup", channel_id=getattr(places, place).id))
    assert standin.requested(*POSTS) == []
    if place == "plain":
        assert await deliver(sender, delivery(channel_id=places.plain.id))


async def test_targets_that_are_gone_or_no_place_to_post(
    sender: DiscordSender, standin: StandIn, places: Places
) -> None:
    with pytest.raises(TargetGone, match="10003"):
        await deliver(sender, delivery(channel_id=1))
    with pytest.raises(TargetGone, match="nothing can be posted"):
        await deliver(sender, delivery(channel_id=places.category.id))
    with pytest.raises(TargetGone, match="10013"):
        await deliver(sender, delivery(user_id=1))


async def test_closed_direct_messages(sender: DiscordSender, standin: StandIn) -> None:
    standin.alice.dms_open = False
    with pytest.raises(DirectMessagesClosed, match="50007"):
        await deliver(sender, delivery(user_id=standin.alice.id))
    standin.leave(standin.bob)
    with pytest.raises(DirectMessagesClosed, match="50278"):
        await deliver(sender, delivery(user_id=standin.bob.id))


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (10003, TargetGone),
        (10004, TargetGone),
        (50001, TargetGone),
        (50013, TargetGone),
        (50007, DirectMessagesClosed),
        (50278, DirectMessagesClosed),
        (40001, Unauthorized),
        (50035, Rejected),
        (50006, Rejected),
    ],
)
async def test_what_discords_codes_mean(
    sender: DiscordSender, standin: StandIn, code: int, meaning: type[Exception]
) -> None:
    standin.faults.error(code, *POSTS)
    with pytest.raises(meaning, match=str(code)):
        await deliver(sender, delivery(channel_id=standin.channel.id))


async def test_outages_and_lost_connections_are_for_later(sender: DiscordSender, standin: StandIn) -> None:
    what = delivery(channel_id=standin.channel.id)
    for status in (503, 529):
        standin.faults.status(status, *POSTS)
        with pytest.raises(TryLater, match=str(status)):
            await deliver(sender, what)
    standin.faults.status(404, *POSTS)  # not Discord's API, but something in between
    with pytest.raises(TryLater, match="404"):
        await deliver(sender, what)
    standin.faults.drop_before(*POSTS)
    with pytest.raises(TryLater, match="connection"):
        await deliver(sender, what)
    assert standin.posted() == []
    standin.faults.drop_after(*POSTS)
    with pytest.raises(TryLater, match="connection"):
        await deliver(sender, what)
    [lost] = standin.posted()
    found = await sender.find(what)
    assert found is not None
    assert found.message_id == lost.id


async def test_delivered_and_then_deleted_is_delivered(sender: DiscordSender, standin: StandIn) -> None:
    what = delivery(channel_id=standin.channel.id)
    await deliver(sender, what)
    [message] = standin.messages(standin.channel)
    standin.messages_api.remove(message)
    sent = await deliver(sender, what)
    assert (sent.channel_id, sent.message_id) == (standin.channel.id, None)
    assert len(standin.posted()) == 1


async def test_a_mark_is_found_among_hundreds_of_other_messages(
    sender: DiscordSender, standin: StandIn
) -> None:
    for number in (1, 17, 171):
        await deliver(sender, delivery(number, channel_id=standin.channel.id), nonce=str(number))
    standin.world.add_message(
        standin.channel.id,
        standin.alice.id,
        content="not the bot's",
        components=[{"type": 1, "components": [{"type": 2, "custom_id": "a:1:b#7", "style": 1}]}],
    )
    for number in range(250):
        standin.world.add_message(standin.channel.id, standin.alice.id, content=str(number))
    messages = {m.content: m.id for m in standin.messages(standin.channel)}
    for number in (1, 17, 171):
        found = await sender.find(delivery(number, channel_id=standin.channel.id))
        assert found is not None
        assert found.message_id == messages[f"words of {number}"]
    pages = len(standin.requested(*READS))
    assert pages == 9
    for number in (7, 71, 11):
        assert await sender.find(delivery(number, channel_id=standin.channel.id)) is None


async def test_what_was_written_before_the_first_attempt_is_not_read(
    sender: DiscordSender, standin: StandIn
) -> None:
    for number in range(150):
        standin.world.add_message(standin.channel.id, standin.alice.id, content=str(number))
    later = datetime.now(UTC) + timedelta(hours=1)
    standin.advance(hours=1)
    standin.world.add_message(standin.channel.id, standin.alice.id, content="new")
    assert await sender.find(delivery(channel_id=standin.channel.id, first_attempt_at=later)) is None
    assert len(standin.requested(*READS)) == 1


async def test_direct_messages_are_read_back_too(sender: DiscordSender, standin: StandIn) -> None:
    what = delivery(user_id=standin.alice.id)
    assert await sender.find(what) is None
    await deliver(sender, what)
    found = await sender.find(what)
    assert found is not None
    assert found.message_id == standin.dms(standin.alice)[0].id


async def test_where_nothing_can_be_read_only_the_nonce_is_trusted(
    sender: DiscordSender, standin: StandIn, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    fresh = delivery(channel_id=places.forgetful.id, first_attempt_at=now - timedelta(seconds=90))
    old = delivery(channel_id=places.forgetful.id, first_attempt_at=now - timedelta(seconds=150))
    await deliver(sender, fresh)
    assert await sender.find(fresh) is None  # an empty answer that proves nothing
    with pytest.raises(TryLater, match="unknown whether it arrived: I may not read"):
        await sender.find(old)
    assert standin.requested(*READS) == []
    monkeypatch.setattr(sending, "HISTORY_LIMIT", 20)
    for number in range(20):
        standin.world.add_message(standin.channel.id, standin.alice.id, content=str(number))
    with pytest.raises(TryLater, match="too much was written"):
        await sender.find(
            delivery(channel_id=standin.channel.id, first_attempt_at=now - timedelta(seconds=150))
        )


async def test_a_server_in_an_outage_is_not_gone(
    sender: DiscordSender, bot: Program, standin: StandIn
) -> None:
    guild = bot.get_guild(standin.guild.id)
    assert guild is not None
    guild.unavailable = True
    with pytest.raises(TryLater, match="unavailable"):
        await deliver(sender, delivery(guild_id=guild.id, channel_id=standin.channel.id))
    assert standin.requested(*POSTS) == []


async def test_a_send_cut_short_in_a_global_limit_does_not_silence_the_bot(
    sender: DiscordSender, standin: StandIn
) -> None:
    standin.faults.ratelimit(60.0, *POSTS, is_global=True)
    what = delivery(channel_id=standin.channel.id)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await deliver(sender, what)
    async with asyncio.timeout(5):
        await deliver(sender, what)
    assert len(standin.posted()) == 1


async def test_refusals_are_counted_and_break_the_circuit(sender: DiscordSender, standin: StandIn) -> None:
    what = delivery(channel_id=standin.channel.id)
    standin.faults.error(50013, *POSTS, times=3)
    for _ in range(3):
        with pytest.raises(TargetGone):
            await deliver(sender, what)
    standin.faults.ratelimit(0.01, *POSTS)
    await deliver(sender, what)
    assert sender.invalid_requests.count == 4 == standin.rest.invalid_requests
    for _ in range(495):
        sender.invalid_requests.note(403)
    sender.invalid_requests.note(404)
    assert not sender.invalid_requests.too_many
    sender.invalid_requests.note(401)
    asked = len(standin.requests)
    for attempt in (deliver(sender, what), sender.find(what)):
        with pytest.raises(TryLater, match="too many refused"):
            await attempt
    assert len(standin.requests) == asked


async def test_sends_keep_below_discords_fifty_a_second(sender: DiscordSender, standin: StandIn) -> None:
    channels = [standin.world.add_channel(standin.guild, f"c{number}") for number in range(10)]

    async def send(number: int) -> None:
        message = Rendered(content=str(number), view=view("reminder:1:snooze"))
        target = delivery(number, channel_id=channels[number % 10].id)
        await sender.send(target, message, f"n{number}")

    await asyncio.gather(*map(send, range(70)))
    assert len(standin.posted()) == 70
    assert standin.rest.global_429s == 0


async def test_a_members_channel_is_asked_for_once(sender: DiscordSender, standin: StandIn) -> None:
    for number in (1, 2):
        await deliver(sender, delivery(number, user_id=standin.alice.id), nonce=f"n{number}")
    assert len(standin.requested("POST", "/users/@me/channels")) == 1
    assert len(standin.dms(standin.alice)) == 2
    assert await sender.find(delivery(2, user_id=standin.alice.id))


async def test_kinds_are_registered_once_and_unknown_ones_wait(sender: DiscordSender) -> None:
    async def pointless(_: Claimed) -> Rendered:
        raise Pointless("cancelled")

    with pytest.raises(ValueError, match="reminder"):
        sender.register("reminder", words)
    sender.unregister("reminder")
    with pytest.raises(TryLater, match="'reminder'"):
        await sender.render(delivery())
    sender.register("reminder", pointless)
    with pytest.raises(Pointless, match="cancelled"):
        await sender.render(delivery())


def test_the_mark_goes_behind_the_first_button_that_has_an_id() -> None:
    async def check() -> None:
        both = view("reminder:1:snooze", "reminder:1:done", url=True)
        mark(both, 17)
        mark(both, 18)
        ids = [item.custom_id for item in both.children if isinstance(item, discord.ui.Button)]
        assert ids == [None, "reminder:1:snooze#18", "reminder:1:done"]
        longest = view("x" * 97)
        mark(longest, 12)
        with pytest.raises(ValueError, match="100"):
            mark(longest, 123)
        for nothing in (None, view(), view(url=True)):
            with pytest.raises(ValueError, match="needs a button"):
                mark(nothing, 1)

    asyncio.run(check())


async def test_a_layout_carries_its_mark_inside(sender: DiscordSender, standin: StandIn) -> None:
    async def layout(_: Claimed) -> Rendered:
        made = discord.ui.LayoutView(timeout=None)
        button: discord.ui.Button[Any] = discord.ui.Button(label="Going", custom_id="meetup:1:going")
        section = discord.ui.Section[Any](discord.ui.TextDisplay("Thursday"), accessory=button)
        made.add_item(discord.ui.Container(section))
        return Rendered(view=made)

    sender.register("layout", layout)
    what = delivery(kind="layout", channel_id=standin.channel.id)
    await deliver(sender, what)
    found = await sender.find(what)
    assert found is not None
    assert found.message_id == standin.messages(standin.channel)[0].id
