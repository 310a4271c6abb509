"""StandIn: Discord on a local port, to start, to drive, to break and to look into."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, TypeVar

from aiohttp import web

from tests.openapi import BodyValidator
from tests.wire.standin import payloads
from tests.wire.standin.driving import Driving, id_of
from tests.wire.standin.faults import Faults
from tests.wire.standin.gateway import Gateway
from tests.wire.standin.guilds import Guilds
from tests.wire.standin.interactions import Interaction, Interactions
from tests.wire.standin.messages import Messages
from tests.wire.standin.rest import BASE, Request, Rest
from tests.wire.standin.world import DM, Clock, Message, Permission, User, World

T = TypeVar("T")
TOKEN = "c3RhbmQtaW4.for-tests.only"


class StandIn:
    """A Discord of its own: one bot account, a server "Study Hall" with #general, and three members.

    ```py
    async with StandIn(BodyValidator()) as discord:
        ...  # start a bot with discord.api_url and discord.token
        reply = await discord.slash(discord.alice, discord.channel, "remind me", options={...})
        await discord.wait_until(lambda: discord.dms(discord.alice))
    ```
    `world` holds the facts (servers, roles, permissions; change them freely), `faults` the REST faults,
    `gateway` the connections and their faults, `rest` the log of requests and the limits.
    """

    def __init__(
        self,
        validator: BodyValidator | None = None,
        *,
        shards: int = 1,
        heartbeat_interval: float = 41.25,
        seed: int = 0,
        token: str = TOKEN,
        port: int = 0,
    ) -> None:
        """`heartbeat_interval` is in seconds. `seed` decides faults with a probability. Port 0 takes any."""
        self.token = token
        #: Requests that Discord would refuse for their form, that have no route here, and the stand-in's own
        #: failures. Empty at the end of a good test.
        self.violations: list[str] = []
        self.clock = Clock()
        self.world = World(self.clock)
        self.faults = Faults(self.notify, seed)
        self.gateway = Gateway(
            self.world,
            token=token,
            shards=shards,
            heartbeat_interval=heartbeat_interval,
            notify=self.notify,
            violations=self.violations,
        )
        self.rest = Rest(
            self.world,
            token=token,
            validator=validator,
            faults=self.faults,
            notify=self.notify,
            violations=self.violations,
        )
        self.messages_api = Messages(self.world, self.rest, self.gateway)
        self.interactions = Interactions(self.world, self.rest, self.messages_api)
        self.guilds = Guilds(self.world, self.rest, self.gateway)
        self.driving = Driving(
            self.world, self.gateway, self.guilds, self.messages_api, self.interactions, time.monotonic
        )
        self.organizer = self.world.add_user("Olga")
        self.alice = self.world.add_user("Alice")
        self.bob = self.world.add_user("Bob")
        owner = self.world.add_user("Owner")
        self.guild = self.world.add_guild("Study Hall", owner=owner)
        organizers = self.world.add_role(self.guild, "Organizers", Permission.MANAGE_GUILD, position=2)
        self.world.add_member(self.guild, self.organizer, organizers)
        self.world.add_member(self.guild, self.alice)
        self.world.add_member(self.guild, self.bob)
        self.channel = self.world.add_channel(self.guild, "general")
        self._port = port
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Event()

    # Running.

    async def __aenter__(self) -> StandIn:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/{client}/gateway/", self.gateway.handle)
        app.router.add_get("/attachments/{channel}/{file}/{name}", self._download)
        app.router.add_route("*", f"/{{client}}{BASE}/{{path:.*}}", self.rest.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.world.cdn = f"http://127.0.0.1:{self._port}"
        self.gateway.origin = f"ws://127.0.0.1:{self._port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()
        await self.gateway.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _download(self, request: web.Request) -> web.Response:
        stored = self.world.files.get(int(request.match_info["file"]))
        if stored is None:
            return web.Response(status=404)
        return web.Response(body=stored[1], content_type="application/octet-stream")

    @property
    def api_url(self) -> str:
        """The REST base, to be given to the bot as COHORT_DISCORD_API_URL."""
        return self.api_url_for("bot")

    def api_url_for(self, client: str) -> str:
        """A base of its own for each of several processes, so that it shows which one sent what."""
        return f"{self.world.cdn}/{client}{BASE}"

    # Waiting.

    def notify(self) -> None:
        """Something changed: let every waiter look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_until(self, predicate: Callable[[], T], seconds: float = 10.0, what: str = "") -> T:
        """The predicate's value as soon as it is true; it is asked after every request and gateway message.

        AssertionError after `seconds`, with what arrived last.
        """
        end = time.monotonic() + seconds
        while not (value := predicate()):
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), end - time.monotonic())
            except TimeoutError:
                if value := predicate():
                    return value
                raise AssertionError(self._late(what, seconds)) from None
        return value

    def _late(self, what: str, seconds: float) -> str:
        last = [
            f"  {r.method} {r.path} -> {r.status}{f' ({r.fault})' * bool(r.fault)}"
            for r in self.requests[-15:]
        ]
        ended = self.gateway.endings[-5:]
        return "\n".join(
            [f"{what or 'the condition'} not met in {seconds} s; last requests:", *last, f"{ended=}"]
        )

    async def ready(self, seconds: float = 20.0) -> None:
        """Wait until every shard is connected and the bot has put its commands."""
        await self.wait_until(
            lambda: len(self.gateway.ready_shards) == self.gateway.shards and self.guilds.command_syncs,
            seconds,
            "READY on all shards and a command sync",
        )

    # Driving.

    async def slash(
        self,
        user: Any,
        channel: Any,
        name: str,
        options: Mapping[str, Any] | None = None,
        *,
        wait: bool = True,
    ) -> Interaction:
        """A member types a slash command such as "meetup schedule".

        `user` and `channel` are objects or ids. Waits until the bot answered (a deferral is no answer yet),
        unless `wait` is False.
        """
        return await self._sent(self.driving.command(user, channel, name, options or {}), wait)

    async def suggest(
        self,
        user: Any,
        channel: Any,
        name: str,
        option: str,
        typed: str,
        options: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """A member types into an option with autocomplete; the suggestions that came back."""
        given = {**(options or {}), option: typed}
        interaction = await self._sent(self.driving.command(user, channel, name, given, focused=option), True)
        return interaction.choices or []

    async def menu(
        self, user: Any, channel: Any, name: str, target: Message | User, *, wait: bool = True
    ) -> Interaction:
        """A member uses a context menu command on a message or a user."""
        return await self._sent(self.driving.menu(user, channel, name, target), wait)

    async def click(self, user: Any, message: Message, which: str, *, wait: bool = True) -> Interaction:
        """A member presses a button, named by custom id or label."""
        return await self._sent(self.driving.component(user, message, which), wait)

    async def select(
        self, user: Any, message: Message, which: str, values: Sequence[Any], *, wait: bool = True
    ) -> Interaction:
        """A member chooses in a select; values by label, value, object or id."""
        return await self._sent(self.driving.component(user, message, which, values), wait)

    async def submit_modal(
        self, opened_by: Interaction, answers: Mapping[str, Any], *, wait: bool = True
    ) -> Interaction:
        """A member fills in the modal that answered an interaction; fields by custom id or label."""
        return await self._sent(self.driving.modal(opened_by, answers), wait)

    async def _sent(self, interaction: Interaction, wait: bool) -> Interaction:
        if wait:
            await self.wait_until(lambda: interaction.answered, what=f"an answer to {interaction.name}")
        return interaction

    def say(self, user: Any, channel: Any, content: str) -> Message:
        """A member writes a message."""
        message = self.world.add_message(id_of(channel), id_of(user), content=content)
        self.messages_api.announce("MESSAGE_CREATE", message)
        return message

    # Looking.

    @property
    def requests(self) -> list[Request]:
        """Every REST request in order of arrival."""
        return self.rest.requests

    def messages(self, channel: Any) -> list[Message]:
        """What stands in a channel for everyone, oldest first; edited ones as they are now."""
        return self.world.visible(id_of(channel))

    def dms(self, user: Any) -> list[Message]:
        """What stands in the bot's direct messages with a user."""
        wanted = id_of(user)
        for channel in self.world.channels.values():
            if channel.type == DM and channel.recipient_id == wanted:
                return self.world.visible(channel.id)
        return []

    def posted(self) -> list[Message]:
        """Every message the bot created by POST, deleted ones too: what a doubled delivery shows up in."""
        own = self.world.bot.id
        return [m for m in self.world.messages.values() if m.author_id == own and m.interaction_id is None]

    def interaction(self, interaction_id: int) -> Interaction:
        return self.interactions.all[interaction_id]

    def requested(self, method: str, glob: str) -> list[Request]:
        """The requests with this method whose path fits the glob."""
        return [r for r in self.requests if r.method == method and fnmatchcase(r.path, glob)]

    # Time and people.

    def advance(self, **by: float) -> None:
        """Move the stand-in's clock (nonce window, event starts, token life) by timedelta keywords."""
        self.clock.advance(timedelta(**by))

    def join(self, user: User) -> None:
        """A user joins the server."""
        member = self.world.add_member(self.guild, user)
        data = payloads.member(self.world, member) | {"guild_id": str(self.guild.id)}
        self.gateway.dispatch("GUILD_MEMBER_ADD", data, guild_id=self.guild.id)

    def leave(self, user: Any) -> None:
        """A member leaves the server."""
        del self.guild.members[id_of(user)]
        data = {"guild_id": str(self.guild.id), "user": payloads.user(self.world.users[id_of(user)])}
        self.gateway.dispatch("GUILD_MEMBER_REMOVE", data, guild_id=self.guild.id)

    def sit_down(self, user: Any, channel: Any | None) -> None:
        """A member joins a voice channel, or leaves voice with None."""
        if channel is None:
            self.guild.voice.pop(id_of(user), None)
        else:
            self.guild.voice[id_of(user)] = id_of(channel)
        data = payloads.voice_state(self.world, self.guild, id_of(user))
        self.gateway.dispatch("VOICE_STATE_UPDATE", data, guild_id=self.guild.id)

    def edit_event(self, event_id: int, **fields: Any) -> None:
        """Someone edits a scheduled event in Discord's own dialog; field names are the API's."""
        self.guilds.change_event(self.guild.events[event_id], fields)

    def delete_event(self, event_id: int) -> None:
        """Someone deletes a scheduled event in Discord's own dialog."""
        self.guilds.remove_event(self.guild.events[event_id])

    def delete_channel(self, channel: Any) -> None:
        """Someone deletes a channel or a thread."""
        self.messages_api.remove_channel(self.world.channels[id_of(channel)])

    def delete_message(self, message: Message) -> None:
        """Someone deletes a message."""
        self.messages_api.remove(message)

    def remove_bot(self) -> None:
        """Someone removes the bot from the server."""
        del self.guild.members[self.world.bot.id]
        self.gateway.dispatch("GUILD_DELETE", {"id": str(self.guild.id)}, guild_id=self.guild.id)

    def guild_outage(self, *, over: bool = False) -> None:
        """The server becomes unavailable, an outage and no removal; `over` ends it."""
        if not over:
            data = {"id": str(self.guild.id), "unavailable": True}
            self.gateway.dispatch("GUILD_DELETE", data, guild_id=self.guild.id)
            return
        for session in self.gateway.sessions.values():
            if session.shard == self.gateway.shard_of(self.guild.id):
                self.gateway.send_guild(session, self.guild)
