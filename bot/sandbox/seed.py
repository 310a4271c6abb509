"""What a server looks like when it opens: made by the people in it, through real commands."""

import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import simcord

from bot.locales import known
from bot.ui.languages import of_guild

if TYPE_CHECKING:
    from bot.sandbox.stage import Stage
    from bot.sandbox.world import World

GROUP = "fast.ai Berlin"
ZONE = "Europe/Berlin"
COURSE = "fastai-2019"
THURSDAY = 3
WEEK = timedelta(weeks=1)
# How far before the last meetup the demo's story begins: the group has met for two lessons before.
STORY = timedelta(days=19)


async def seed(world: "World") -> None:
    """For tests: a group of three that follows a course, with a weekly meetup ahead."""
    await world.organizer.slash(world.channel, "group create", name=GROUP, timezone=ZONE, course=COURSE)
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
    """Three weeks of a small group, up to `now` (aware UTC): it has met for three lessons of its course.

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
        """What is done up to now, week by week."""
        deeds = [*self._beginning(), *self._meetups(), *self._learning(), *self._since()]
        return [deed for deed in deeds if deed.at < self._now]

    def _beginning(self) -> list[Deed]:
        stage, before = self._stage, self._before
        mira, alice, bob, channel = self._everybody()
        first = (self._met - 2 * WEEK).astimezone(ZoneInfo(ZONE))
        return [
            Deed(
                before(days=18, hour=18.1),
                lambda: mira.slash(
                    channel,
                    "group create",
                    name=GROUP,
                    timezone=ZONE,
                    course=COURSE,
                    role=stage.group_role,
                ),
            ),
            Deed(before(days=18, hour=18.2), lambda: mira.slash(channel, "group join")),
            Deed(
                before(days=18, hour=18.3),
                lambda: mira.slash(
                    channel,
                    "course start",
                    course=COURSE,
                    first=f"{first:%Y-%m-%d} 19:00",
                    every="weekly",
                    where=stage.voice,
                ),
            ),
            Deed(
                before(days=16, hour=18.4),
                lambda: mira.slash(channel, "group edit", goal="21 lessons", digest=True),
            ),
            Deed(before(days=17, hour=9.5), lambda: alice.slash(channel, "timezone", zone="Europe/London")),
            Deed(before(days=17, hour=9.6), lambda: alice.slash(channel, "group join")),
            Deed(before(days=17, hour=15.7), lambda: bob.slash(channel, "timezone", zone="America/New_York")),
            Deed(before(days=17, hour=15.8), lambda: bob.slash(channel, "group join")),
        ]

    def _meetups(self) -> list[Deed]:
        """Everybody says so and comes, but for Bob to the second one."""
        deeds = []
        mira, alice, bob, _ = self._everybody()
        for start, who in (
            (self._met - 2 * WEEK, (mira, alice, bob)),
            (self._met - WEEK, (mira, alice)),
            (self._met, (mira, alice, bob)),
        ):
            deeds += [Deed(start - timedelta(days=1, hours=7), self._press(one, "Going")) for one in who]
            deeds += [Deed(start - timedelta(minutes=4), self._enter(one)) for one in who]
            deeds += [Deed(start + timedelta(minutes=86), one.leave_voice) for one in who]
        deeds.append(Deed(self._met - WEEK - timedelta(days=1, hours=7), self._press(bob, "Can't")))
        return deeds

    def _learning(self) -> list[Deed]:
        """What they did with the lessons, and with a project."""
        before, done = self._before, self._done
        mira, alice, bob, channel = self._everybody()
        notebook = "https://github.com/{who}/notebooks/blob/main/{what}.ipynb"
        return [
            Deed(before(days=15, hour=19.0), done(alice, 1, "watched")),
            Deed(before(days=13, hour=20.0), done(alice, 1, "ran")),
            Deed(before(days=13, hour=21.0), done(mira, 1, "ran")),
            Deed(before(days=12, hour=15.0), done(bob, 1, "ran")),
            Deed(
                before(days=11, hour=20.0),
                done(alice, 1, "reproduced", notebook.format(who="alice", what="pets")),
            ),
            Deed(before(days=11, hour=21.5), self._press(bob, "Verify")),
            Deed(
                before(days=10, hour=18.0),
                lambda: bob.slash(
                    channel,
                    "project start",
                    title="Crow or raven?",
                    goal="Tell the two apart on photos from the rescue, well enough to sort a day's pictures",
                ),
            ),
            Deed(
                before(days=9, hour=16.0),
                lambda: bob.slash(
                    channel,
                    "project update",
                    text="120 photos sorted by hand, 11 pigeons thrown out",
                    stage="data",
                ),
            ),
            Deed(before(days=6, hour=9.0), done(alice, 2, "ran")),
            Deed(before(days=6, hour=20.0), done(mira, 2, "ran")),
            Deed(
                before(days=5, hour=20.0),
                done(alice, 2, "own_data", notebook.format(who="alice", what="mushrooms")),
            ),
            Deed(before(days=5, hour=20.7), self._press(mira, "Verify")),
            Deed(
                before(days=4, hour=17.0),
                lambda: bob.slash(
                    channel,
                    "kudos",
                    member=alice.user,
                    reason="showed me why my learning rate was far too high",
                ),
            ),
            Deed(
                before(days=2, hour=15.0),
                lambda: bob.slash(
                    channel, "project update", text="A first resnet18 gets 87 % right", stage="baseline"
                ),
            ),
        ]

    def _since(self) -> list[Deed]:
        """After the last meetup."""
        after, done = self._after, self._done
        mira, alice, bob, channel = self._everybody()
        return [
            Deed(after(0.06), lambda: mira.slash(channel, "cards starter")),
            Deed(after(0.07), lambda: mira.slash(channel, "cards daily", hour=8, count=1)),
            Deed(after(0.22), done(alice, 3, "ran")),
            Deed(
                after(0.36),
                lambda: alice.slash(
                    channel,
                    "cards add",
                    front="Why can the validation loss rise while the accuracy still gets better?",
                    back="It grows ever surer of the few that it has wrong, and the loss counts that.",
                    lesson="3",
                ),
            ),
            Deed(after(0.38), self._press(bob, "Approve")),
            Deed(after(0.40), self._press(alice, "Going")),
            Deed(after(0.44), self._press(bob, "Maybe")),
            Deed(after(0.52), done(bob, 2, "ran")),
            Deed(after(0.86), lambda: alice.slash(channel, "plan", hours_per_week=8)),
            Deed(
                after(0.88),
                lambda: alice.slash(
                    channel, "remind me", when="tomorrow 18:00", what="watch lesson 3 once more"
                ),
            ),
            Deed(
                after(0.90),
                done(mira, 2, "reproduced", "https://github.com/mira/notebooks/blob/main/bears.ipynb"),
            ),
            Deed(after(0.95), lambda: mira.slash(channel, "leaderboard show", by="points")),
        ]

    def _say(self, line: Line) -> None:
        backend = self._stage.env.backend
        backend.advance_clock(max(0.0, (line.at - self._stage.now).total_seconds()))
        backend.create_message(self._channel(line.where).id, self._actor(line.who).id, line.text)

    def _press(self, member: simcord.MemberActor, label: str) -> Callable[[], Awaitable[object]]:
        async def press() -> None:
            world = self._stage.world
            spoken = known(label, of_guild(world.bot, world.guild.id)) or label
            posts = [item for item in world.channel.history() if _has_button(item, spoken)]
            await member.click(posts[-1], label=spoken)

        return press

    def _done(
        self, member: simcord.MemberActor, lesson: int, stage: str, evidence: str | None = None
    ) -> Callable[[], Awaitable[object]]:
        options = {"lesson": str(lesson), "stage": stage} | ({"evidence": evidence} if evidence else {})
        return lambda: member.slash(self._stage.world.channel, "lesson done", **options)

    def _everybody(
        self,
    ) -> tuple[simcord.MemberActor, simcord.MemberActor, simcord.MemberActor, simcord.ChannelHandle]:
        world = self._stage.world
        return world.organizer, world.alice, world.bob, world.channel

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
