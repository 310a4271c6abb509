"""What a server looks like when it opens: made by the people in it, through real commands."""

import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import simcord

if TYPE_CHECKING:
    from bot.sandbox.stage import Stage
    from bot.sandbox.world import World

GROUP = "fast.ai Berlin"
ZONE = "Europe/Berlin"
MEETUP = "Thursday study night"
THURSDAY = 3
# How far behind the present the demo's story begins, at least: it needs a meetup that is over.
STORY = timedelta(days=7)


async def seed(world: "World") -> None:
    """For tests: a group of three with a weekly meetup ahead."""
    await world.organizer.slash(world.channel, "group create", name=GROUP, timezone=ZONE)
    for member in (world.organizer, world.alice, world.bob):
        await member.slash(world.channel, "group join")
    await world.organizer.slash(
        world.channel,
        "meetup schedule",
        when="next thursday at 19:00",
        title="Lesson 1: your first classifier",
        repeat="weekly",
    )


@dataclass(frozen=True)
class Line:
    """Something a person says: who, where (`welcome` or `group`), when."""

    at: datetime
    who: str
    where: str
    text: str


@dataclass(frozen=True)
class Deed:
    """Something a person does with the bot; it is in the database from then on."""

    at: datetime
    do: Callable[[], Awaitable[object]]


class Story:
    """Two weeks of a small group, up to `now`: aware UTC.

    The first run lives through all of it. Later runs find the deeds in their database and set up the
    talk alone, for the simulated Discord forgets it.
    """

    def __init__(self, stage: "Stage", *, now: datetime) -> None:
        self._stage = stage
        self._now = now
        self._met = last_meetup(now)

    @property
    def begins(self) -> datetime:
        return self._met - STORY

    def recall(self) -> None:
        """Put the talk of the last days into the channels, before the bot connects."""
        for line in self.talk():
            self._say(line)

    async def live(self) -> None:
        """Go through the story from its beginning to the present; the bot is connected."""
        world = self._stage.world
        steps: list[Line | Deed] = [*self.talk(), *self.deeds()]
        for step in sorted(steps, key=lambda step: step.at):
            if isinstance(step, Line) and (world.next_due is None or world.next_due > step.at):
                # Nothing of the bot's happens up to then, so nothing of it needs to run.
                self._say(step)
                continue
            if step.at > world.now:
                await world.pass_time(seconds=(step.at - world.now).total_seconds())
            if isinstance(step, Line):
                self._say(step)
            else:
                await step.do()
        await world.env.settle()
        self._stage.clear_private_answers()

    def talk(self) -> list[Line]:
        """What is said up to now."""
        text = (files("bot.sandbox") / "talk.toml").read_text("utf-8")
        lines = [
            Line(
                self._after(line["share"])
                if "share" in line
                else self._before(days=line["days"], hour=line["hour"]),
                line["who"],
                line["where"],
                line["text"].replace("{voice}", str(self._stage.voice.id)),
            )
            for line in tomllib.loads(text)["line"]
        ]
        return [line for line in lines if line.at < self._now]

    def deeds(self) -> list[Deed]:
        world, stage, before, after = self._stage.world, self._stage, self._before, self._after
        mira, alice, bob, channel = world.organizer, world.alice, world.bob, world.channel
        met = self._met.astimezone(ZoneInfo(ZONE))
        deeds = [
            Deed(
                before(days=6, hour=18.1),
                lambda: mira.slash(
                    channel,
                    "group create",
                    name=GROUP,
                    timezone=ZONE,
                    course="Practical deep learning",
                    role=stage.group_role,
                ),
            ),
            Deed(before(days=6, hour=18.2), lambda: mira.slash(channel, "group join")),
            Deed(
                before(days=6, hour=18.3),
                lambda: mira.slash(
                    channel,
                    "meetup schedule",
                    when=f"{met:%Y-%m-%d %H:%M}",
                    title=MEETUP,
                    where=stage.voice,
                    repeat="weekly",
                ),
            ),
            Deed(before(days=5, hour=9.5), lambda: alice.slash(channel, "timezone", zone="Europe/London")),
            Deed(before(days=5, hour=9.6), lambda: alice.slash(channel, "group join")),
            Deed(before(days=5, hour=15.7), lambda: bob.slash(channel, "timezone", zone="America/New_York")),
            Deed(before(days=5, hour=15.8), lambda: bob.slash(channel, "group join")),
            *(Deed(before(days=4, hour=12.0), self._answer(one, "Going")) for one in (mira, alice, bob)),
            *(Deed(self._met - timedelta(minutes=4), self._enter(one)) for one in (mira, alice, bob)),
            *(Deed(self._met + timedelta(minutes=86), one.leave_voice) for one in (mira, alice, bob)),
            Deed(after(0.30), self._answer(alice, "Going")),
            Deed(after(0.34), self._answer(bob, "Maybe")),
            Deed(
                after(0.90),
                lambda: alice.slash(
                    channel, "remind me", when="tomorrow 18:00", what="watch lesson 2 once more"
                ),
            ),
            Deed(after(0.94), lambda: mira.slash(channel, "meetup show")),
        ]
        return [deed for deed in deeds if deed.at < self._now]

    def _say(self, line: Line) -> None:
        backend = self._stage.env.backend
        backend.advance_clock(max(0.0, (line.at - self._stage.now).total_seconds()))
        backend.create_message(self._channel(line.where).id, self._actor(line.who).id, line.text)

    def _answer(self, member: simcord.MemberActor, label: str) -> Callable[[], Awaitable[object]]:
        async def press() -> None:
            posts = [item for item in self._stage.world.channel.history() if _has_button(item, label)]
            await member.click(posts[-1], label=label)

        return press

    def _enter(self, member: simcord.MemberActor) -> Callable[[], Awaitable[object]]:
        return lambda: member.join_voice(self._stage.voice)

    def _before(self, *, days: int, hour: float) -> datetime:
        """That many days before the last meetup, at that hour of the group's own clock."""
        day = (self._met.astimezone(ZoneInfo(ZONE)) - timedelta(days=days)).replace(hour=0, minute=0)
        return (day + timedelta(hours=hour)).astimezone(UTC)

    def _after(self, share: float) -> datetime:
        """Between the evening of the last meetup and now."""
        start = self._met + timedelta(hours=2)
        return start + (self._now - start) * share

    def _actor(self, name: str) -> simcord.MemberActor:
        return next(person.actor for person in self._stage.people if person.actor.name == name)

    def _channel(self, where: str) -> simcord.ChannelHandle:
        return self._stage.welcome if where == "welcome" else self._stage.world.channel


def last_meetup(now: datetime) -> datetime:
    """The latest Thursday, 19:00 in Berlin, that is over for half a day; aware UTC."""
    local = (now - timedelta(hours=14)).astimezone(ZoneInfo(ZONE))
    day = local.replace(hour=19, minute=0, second=0, microsecond=0)
    if day > local:
        day -= timedelta(days=1)
    return (day - timedelta(days=(day.weekday() - THURSDAY) % 7)).astimezone(UTC)


def _has_button(message: object, label: str) -> bool:
    rows = getattr(message, "components", ())
    return any(getattr(item, "label", None) == label for row in rows for item in getattr(row, "children", ()))
