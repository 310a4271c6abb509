"""The demo's server: who is in it, which channels it has, and its clock."""

import asyncio
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import simcord
from PIL import Image, ImageDraw, ImageFont

from bot.sandbox.world import World

log = logging.getLogger(__name__)

STEP = 0.5
AVATAR_SIZE = 96
# SimCord serves avatars under this address from what a preview is given.
AVATARS = "https://cdn.simcord.invalid/avatars"


@dataclass(frozen=True)
class Person:
    """Someone whose eyes the demo looks through; `zone` is their IANA time zone."""

    actor: simcord.MemberActor
    name: str
    role: str
    zone: str
    colour: str

    @property
    def initial(self) -> str:
        return self.name[0]


@dataclass(frozen=True)
class Channel:
    """A place that a person can look at; `parent` is set for threads."""

    handle: simcord.ChannelHandle
    name: str
    kind: str
    topic: str
    parent: int | None = None

    @property
    def id(self) -> int:
        return self.handle.id


class Stage:
    """A world with scenery. Build it before the world connects: then every id is the same in each run."""

    def __init__(self, world: World, *, present: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.world = world
        # SimCord does one thing at a time; whoever drives it holds this.
        self.lock = asyncio.Lock()
        self._present = present
        self._ahead = timedelta(0)
        guild = world.guild
        self.group_role = guild.create_role("fast.ai Berlin")
        self.welcome = guild.create_text_channel(
            "welcome", topic="Say hello, and tell us what you are working on"
        )
        self.voice = guild.create_voice_channel("study-room")
        self.people = (
            Person(world.organizer, "Mira", "organizer", "Europe/Berlin", "#3c6df0"),
            Person(world.alice, "Alice", "member", "Europe/London", "#b0398f"),
            Person(world.bob, "Bob", "member", "America/New_York", "#0f7c68"),
        )
        backend = world.env.backend
        backend.bot_user.avatar = "cohort"
        self.avatars = {
            _avatar_url(backend.bot_user.id, "cohort"): ("avatar-cohort.png", avatar("C", "#4a4ad0"))
        }
        for person in self.people:
            name = person.actor.name
            backend.get_user(person.actor.id).avatar = name
            self.avatars[_avatar_url(person.actor.id, name)] = (
                f"avatar-{name}.png",
                avatar(person.initial, person.colour),
            )
            # Opened here, so that its id does not depend on when the bot writes first.
            _ = person.actor.user.dm_channel

    @property
    def env(self) -> simcord.Env:
        return self.world.env

    @property
    def now(self) -> datetime:
        """The simulated instant, aware UTC."""
        return self.world.now

    def person(self, id: int) -> Person:
        """Raises LookupError."""
        for person in self.people:
            if person.actor.id == id:
                return person
        raise LookupError(f"nobody here has the id {id}")

    def channels(self) -> list[Channel]:
        """The server's channels in the order in which a client shows them, threads below theirs."""
        found = []
        known = list(self.world.guild.channels.values())
        first = {self.welcome.id: 0, self.voice.id: 2}
        for handle in sorted(known, key=lambda handle: (first.get(handle.id, 1), handle.id)):
            channel = self._channel(handle)
            if channel is None:
                continue
            found.append(channel)
            for thread in sorted(handle.threads, key=lambda thread: thread.id):
                found.append(Channel(thread, thread.name or "thread", "thread", "", parent=handle.id))
        return found

    def clear_private_answers(self) -> None:
        """Forget what only one person could see, as Discord's client does when it is closed."""
        for messages in self.env.backend.messages.values():
            for number in [item.id for item in messages.values() if item.is_ephemeral]:
                del messages[number]

    def newest(self, channel: simcord.ChannelHandle, viewer: int) -> int:
        """The id of the newest message that this person can see and did not write, or 0."""
        messages = self.env.backend.messages.get(channel.id, {})
        return max(
            (item.id for item in messages.values() if item.author_id != viewer and item.visible_to(viewer)),
            default=0,
        )

    def events(self) -> list[dict[str, Any]]:
        """The server's coming Scheduled Events, soonest first, as its sidebar shows them."""
        guild = self.env.backend.guilds[self.world.guild.id]
        coming = [event for event in guild.scheduled_events.values() if event.status in (1, 2)]
        return [
            {
                "id": str(event.id),
                "name": event.name,
                "start": event.scheduled_start_time,
                "active": event.status == 2,
                "interested": len(event.user_ids),
            }
            for event in sorted(coming, key=lambda event: event.scheduled_start_time)
        ]

    def in_voice(self, person: Person) -> bool:
        state = self.env.backend.guilds[self.world.guild.id].voice_states.get(person.actor.id)
        return state is not None and state.channel_id is not None

    async def sit_down(self, person: Person, *, seated: bool) -> None:
        """Go into the study room, or leave it."""
        async with self.lock:
            if seated:
                await person.actor.join_voice(self.voice)
            else:
                await person.actor.leave_voice()

    async def skip(self, amount: timedelta) -> None:
        """Let time go by at once; what is due in between happens, each at its time."""
        if amount < timedelta(0):
            raise ValueError("time only goes forward")
        self._ahead += amount
        await self.catch_up()

    async def catch_up(self) -> None:
        """Bring the simulated clock to where it should be."""
        async with self.lock:
            lag = (self._present() + self._ahead - self.now).total_seconds()
            if lag > 0:
                await self.world.pass_time(seconds=lag)

    async def run_clock(self, changed: Callable[[], Any]) -> None:
        """Follow real time until cancelled; `changed` is awaited after each step."""
        while True:
            await asyncio.sleep(STEP)
            try:
                await self.catch_up()
                await changed()
            except (TimeoutError, simcord.SetupError) as error:
                # Slow work of the bot: it goes on, and the next step makes the time good.
                log.warning("the clock waits for the bot", exc_info=error)
            except Exception:
                # Whatever it was, a clock that stands still would hide it.
                log.exception("a step of the clock failed")

    def _channel(self, handle: simcord.ChannelHandle) -> Channel | None:
        stored = self.env.backend.get_channel(handle.id)
        kinds = {
            discord.ChannelType.text.value: "text",
            discord.ChannelType.news.value: "text",
            discord.ChannelType.voice.value: "voice",
        }
        kind = kinds.get(int(stored.type))
        return Channel(handle, handle.name or "", kind, stored.topic or "") if kind is not None else None


def avatar(initial: str, colour: str, *, size: int = AVATAR_SIZE) -> bytes:
    """A PNG with someone's initial on their colour."""
    image = Image.new("RGB", (size * 2, size * 2), colour)
    ImageDraw.Draw(image).text(
        (size, size), initial, fill="white", font=ImageFont.load_default(size * 0.95), anchor="mm"
    )
    buffer = io.BytesIO()
    image.resize((size, size), Image.Resampling.LANCZOS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _avatar_url(user_id: int, name: str) -> str:
    return f"{AVATARS}/{user_id}/{name}.png"
