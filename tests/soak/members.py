"""Servers full of members, what they do at random, and what the bot has told them is so."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar

from bot.db.models import Answer, Stage
from tests.wire.standin import Interaction, Message, StandIn, User
from tests.wire.standin.world import Channel, Guild, walk

COURSE = "fastai-2019"
LESSONS = 7
ZONES = ("Europe/Berlin", "Europe/Paris", "America/New_York", "Asia/Tokyo", "Africa/Nairobi")
PRESSES = {"Going": Answer.GOING, "Maybe": Answer.MAYBE}
#: The stages that are recorded privately and at once.
STAGES = (Stage.WATCHED, Stage.RAN)
#: Below what one member may have open at a time.
MOST_REMINDERS = 95
MEETUP = "Algebra"
SUGGESTIONS = "suggestions"
PATIENCE = 120.0

Value = TypeVar("Value", bound=Hashable)


@dataclass
class Belief(Generic[Value]):
    """What a fact in the database may be. What the bot confirmed is so; what it did not may be so or not."""

    possible: set[Value]
    #: How often the bot confirmed a change of it.
    confirmed: int = 0

    @property
    def certain(self) -> Value | None:
        return next(iter(self.possible)) if len(self.possible) == 1 else None

    def attempt(self, value: Value) -> Callable[[bool], None]:
        """A member asks for this value; returns what to call with the answer: confirmed or not."""
        self.possible = self.possible | {value}

        def answered(confirmed: bool) -> None:
            if confirmed:
                self.possible = {value}
                self.confirmed += 1

        return answered


@dataclass(eq=False)
class Person:
    """A member of one server; does one thing at a time."""

    user: User
    hall: Hall
    zone: Belief[str | None] = field(default_factory=lambda: Belief({None}))
    answer: Belief[Answer | None] = field(default_factory=lambda: Belief({None}))
    marks: dict[tuple[int, Stage], Belief[bool]] = field(default_factory=dict)
    #: How many rows of each text there should be: one, or perhaps none where it was not confirmed.
    reminders: dict[str, Belief[int]] = field(default_factory=dict)


@dataclass(eq=False)
class Hall:
    """A server with a group that takes a course and has a meetup to answer."""

    guild: Guild
    channel: Channel
    organizer: User
    people: list[Person] = field(default_factory=list)
    post: Message | None = None

    @property
    def occurrence_id(self) -> int:
        """The date that the post's buttons answer for."""
        assert self.post is not None
        ids = [c["custom_id"] for c in walk(self.post.components) if c.get("label") == "Going"]
        return int(ids[0].split(":")[1])


@dataclass(eq=False)
class Deed:
    """Something a member did. An answer with one of `words` confirms it; none: nothing is written."""

    kind: str
    person: Person
    interaction: Interaction
    words: tuple[str, ...] = ()
    answered: Callable[[bool], None] = lambda _: None

    @property
    def confirmed(self) -> bool:
        return any(words in self.interaction.text for words in self.words)


async def typed(
    standin: StandIn, user: User, channel: Channel, name: str, options: dict[str, str] | None = None
) -> Interaction:
    """A command that is not measured: its answer may take its time."""
    sent = await standin.slash(user, channel, name, options, wait=False)
    await standin.wait_until(lambda: sent.answered, PATIENCE, f"an answer to /{name}")
    return sent


async def populate(standin: StandIn, *, servers: int, members: int) -> list[Hall]:
    """Servers whose groups were made, joined and given a course and a meetup through the commands."""
    halls = []
    for number in range(servers):
        hall = _hall(standin, number, members)
        halls.append(hall)
        group = {"name": f"Group {number}", "timezone": "Europe/Berlin", "course": COURSE}
        await typed(standin, hall.organizer, hall.channel, "group create", group)
        for person in hall.people:
            joined = await typed(standin, person.user, hall.channel, "group join")
            assert f"Group {number}" in joined.text, joined.text
        meetup = {"when": "in 2 days", "title": MEETUP}
        await typed(standin, hall.organizer, hall.channel, "meetup schedule", meetup)
        posts = standin.messages(hall.channel)
        hall.post = next(m for m in reversed(posts) if MEETUP in m.text and m.components)
    return halls


def _hall(standin: StandIn, number: int, members: int) -> Hall:
    world = standin.world
    if number == 0:
        hall = Hall(standin.guild, standin.channel, standin.organizer)
    else:
        owner = world.add_user(f"Owner {number}")
        guild = world.add_guild(f"Hall {number}", owner=owner)
        hall = Hall(guild, world.add_channel(guild, "general"), owner)
        # The bot was in this server before it started, or it is invited now.
        for session in standin.gateway.sessions.values():
            if session.shard == standin.gateway.shard_of(guild.id):
                standin.gateway.send_guild(session, guild)
    for place in range(members):
        user = world.add_user(f"Member {number}-{place}")
        world.add_member(hall.guild, user)
        hall.people.append(Person(user, hall))
    return hall


class Habits:
    """What members do, chosen by chance; a seed decides it."""

    def __init__(self, standin: StandIn, *, seed: int) -> None:
        self.random = Random(seed)
        self._standin = standin
        self._seed = seed
        self._reminders = 0
        weighted: list[tuple[int, Callable[[Person], Deed]]] = [
            (14, self.set_zone),
            (12, self.be_reminded),
            (12, self.mark_a_lesson),
            (18, self.press),
            (10, self.suggest_zones),
            (6, self.suggest_lessons),
            (6, self.suggest_meetups),
            (6, self.read("remind list")),
            (6, self.read("group list")),
            (6, self.read("meetup show")),
            (3, self.read("lesson next")),
            (1, self.read("profile")),
        ]
        self._weights = [weight for weight, _ in weighted]
        self._deeds = [deed for _, deed in weighted]

    def act(self, person: Person) -> Deed:
        """One deed of this member, on its way."""
        [deed] = self.random.choices(self._deeds, self._weights)
        return deed(person)

    def set_zone(self, person: Person) -> Deed:
        zone = self.random.choice([zone for zone in ZONES if zone != person.zone.certain])
        sent = self._command(person, "timezone", zone=zone)
        return Deed("/timezone", person, sent, (f"**{zone}**",), person.zone.attempt(zone))

    def be_reminded(self, person: Person) -> Deed:
        if len(person.reminders) >= MOST_REMINDERS:
            return self.set_zone(person)
        self._reminders += 1
        what = f"soak {self._seed}-{self._reminders:07}"
        belief = person.reminders[what] = Belief({0})
        sent = self._command(person, "remind me", when=f"in {self.random.randint(20, 90)} hours", what=what)
        return Deed("/remind me", person, sent, ("I’ll remind you",), belief.attempt(1))

    def mark_a_lesson(self, person: Person) -> Deed:
        lesson, stage = self.random.randint(1, LESSONS), self.random.choice(STAGES)
        belief = person.marks.setdefault((lesson, stage), Belief({False}))
        options = {"lesson": str(lesson), "stage": stage.value}
        if belief.certain is True:
            sent = self._command(person, "lesson undo", **options)
            return Deed("/lesson undo", person, sent, ("Taken back:",), belief.attempt(False))
        # An earlier mark whose answer got lost may have been made; the refusal then says that it was.
        words = ("Noted:",) if belief.certain is False else ("Noted:", "You marked")
        sent = self._command(person, "lesson done", **options)
        return Deed("/lesson done", person, sent, words, belief.attempt(True))

    def press(self, person: Person) -> Deed:
        label = self.random.choice(list(PRESSES))
        words = ("You are going",) if label == "Going" else ("as a maybe",)
        assert person.hall.post is not None
        sent = self._standin.driving.component(person.user, person.hall.post, label)
        return Deed("a button", person, sent, words, person.answer.attempt(PRESSES[label]))

    def suggest_zones(self, person: Person) -> Deed:
        typed = self.random.choice(("ber", "pa", "new y", "tok", ""))
        return self._suggested(person, "timezone", "zone", typed)

    def suggest_lessons(self, person: Person) -> Deed:
        return self._suggested(person, "lesson done", "lesson", self.random.choice(("", "im", "2")))

    def suggest_meetups(self, person: Person) -> Deed:
        return self._suggested(person, "meetup show", "meetup", self.random.choice(("", "alg")))

    def read(self, name: str) -> Callable[[Person], Deed]:
        """A command that changes nothing."""
        return lambda person: Deed(f"/{name}", person, self._command(person, name))

    def _command(self, person: Person, name: str, **options: str) -> Interaction:
        return self._standin.driving.command(person.user, person.hall.channel, name, options)

    def _suggested(self, person: Person, name: str, option: str, typed: str) -> Deed:
        sent = self._standin.driving.command(
            person.user, person.hall.channel, name, {option: typed}, focused=option
        )
        return Deed(SUGGESTIONS, person, sent)
