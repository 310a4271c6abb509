"""How soon an interaction is acknowledged: from the gateway event's bytes to the callback's arrival."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.figures import ms, percentile, ratio, section, table
from tests.benchmarks.processes import BARE, Databases, bare, cohort, cpu_seconds, until_idle
from tests.wire.standin import Interaction, Message, StandIn, User

AT_ONCE = 50
MEMBERS = 60
ROUNDS = 5
ZONES = ("Europe/Berlin", "Europe/Paris", "America/New_York")


@dataclass
class Site:
    """One stand-in, with the bot or the bare program alone behind it, members, and a post with a button."""

    standin: StandIn
    members: list[User]
    post: Message
    pid: int

    def command(self, name: str, **options: str) -> Callable[[int], Interaction]:
        """A function that makes the member of that turn type this; `{}` in an option becomes the turn."""

        def send(turn: int) -> Interaction:
            given = {key: value.format(turn) for key, value in options.items()}
            user = self.members[turn % MEMBERS]
            return self.standin.driving.command(user, self.standin.channel, name, given)

        return send

    def by_organizer(self, name: str, **options: str) -> Callable[[int], Interaction]:
        def send(turn: int) -> Interaction:
            given = {key: value.format(turn) for key, value in options.items()}
            return self.standin.driving.command(self.standin.organizer, self.standin.channel, name, given)

        return send

    def press(self, *labels: str) -> Callable[[int], Interaction]:
        """Every member presses in turn; in the next round the next label."""

        def send(turn: int) -> Interaction:
            label = labels[turn // MEMBERS % len(labels)]
            return self.standin.driving.component(self.members[turn % MEMBERS], self.post, label)

        return send

    def zone(self) -> Callable[[int], Interaction]:
        def send(turn: int) -> Interaction:
            zone = ZONES[turn // MEMBERS % len(ZONES)]
            user = self.members[turn % MEMBERS]
            return self.standin.driving.command(user, self.standin.channel, "timezone", {"zone": zone})

        return send


@dataclass
class Act:
    """Something members do on one side, and how long each time took, in seconds."""

    name: str
    site: Site
    send: Callable[[int], Interaction]
    turns: int = 0
    alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    #: Processor seconds of the process behind the stand-in, during the bursts.
    cpu: float = 0.0

    async def run(self, at_once: int) -> list[Interaction]:
        """That many at the same moment; returns when all are answered."""
        sent = [self.send(self.turns + i) for i in range(at_once)]
        self.turns += at_once
        await self.site.standin.wait_until(lambda: all(one.answered for one in sent), 60, self.name)
        return sent

    async def measure(self, at_once: int) -> None:
        sent = await self.run(at_once)
        taken = [one.seconds_to_acknowledge for one in sent]
        (self.alone if at_once == 1 else self.together).extend(taken)
        if at_once == 1:
            self.answered.extend((one.answered_at or 0) - (one.sent_at or 0) for one in sent)


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    section(
        "Acknowledgement",
        "From the gateway event's bytes leaving to the callback's arrival, in milliseconds: one",
        f"interaction at a time, and {AT_ONCE} members at the same moment (a burst; the next follows when",
        "all are answered). “Answered” is when the words were there, one at a time. CPU is the processor",
        "time of a burst, with all that it sets off, for each interaction. The measuring side needs some",
        "of its own: “to bare” says what is the bot's. Both sides take turns within one run.",
    )
    for kind in databases.kinds:
        async with AsyncExitStack() as stack:
            theirs = await bare_site(stack, folder, kind)
            ours = await _cohort_site(stack, folder, await databases.fresh(kind), kind)
            pairs = list(zip(_cohort_acts(ours), _bare_acts(theirs), strict=True))
            for act, least in pairs:
                await _measure_pair(act, least, quick=quick)
            problems = ours.standin.violations + theirs.standin.violations
        print(f"{kind}\n")
        print(_table(pairs), flush=True)
        print(*problems, sep="\n")


def _cohort_acts(site: Site) -> list[Act]:
    return [
        Act("/timezone (private)", site, site.zone()),
        Act("/remind me (private)", site, site.command("remind me", when="in 2 hours", what="algebra {}")),
        Act("/group list (public)", site, site.command("group list")),
        Act("/meetup show (public)", site, site.command("meetup show")),
        Act("/meetup schedule (public, writes)", site, _scheduling(site)),
        Act("Going (button)", site, site.press("Going", "Maybe")),
    ]


def _scheduling(site: Site) -> Callable[[int], Interaction]:
    return site.by_organizer("meetup schedule", when="in 3 days", title="Analysis {}")


def _bare_acts(site: Site) -> list[Act]:
    private, public = site.command("private"), site.command("public")
    sends = [private, private, public, public, public, site.press("Going")]
    return [Act(BARE, site, send) for send in sends]


async def _measure_pair(act: Act, least: Act, *, quick: bool) -> None:
    # Each meetup also becomes an event of the server, which may have no more than a hundred.
    scarce = "schedule" in act.name
    rounds = 1 if quick else 2 if scarce else ROUNDS
    singles = 5 if quick else 15 if scarce else 20
    for side in (act, least):
        await side.run(1)
        await side.run(3 if scarce or quick else AT_ONCE)
    for turn in range(rounds):
        for side in (act, least):
            for _ in range(singles):
                await side.measure(1)
            await until_quiet(side.site.standin)
            if not scarce or turn == 0:
                before = cpu_seconds(side.site.pid)
                await side.measure(AT_ONCE)
                await until_quiet(side.site.standin)
                side.cpu += cpu_seconds(side.site.pid) - before


async def until_quiet(standin: StandIn) -> None:
    """Wait until no request came for a tenth of a second: what an interaction sets off is over."""
    while True:
        before = len(standin.requests)
        await asyncio.sleep(0.1)
        if len(standin.requests) == before:
            return


def _table(pairs: list[tuple[Act, Act]]) -> str:
    rows = []
    for act, least in pairs:
        for at_once, ours, theirs in ((1, act.alone, least.alone), (AT_ONCE, act.together, least.together)):
            middle, late = percentile(ours, 0.5), percentile(ours, 0.99)
            bare_middle, bare_late = percentile(theirs, 0.5), percentile(theirs, 0.99)
            one = at_once == 1
            answered = ms(percentile(act.answered, 0.5)) if one else ""
            cpu = "" if one else ms(act.cpu / len(ours))
            bare_cpu = "" if one else ms(least.cpu / len(theirs))
            rows.append(
                (
                    act.name if one else "",
                    at_once,
                    len(ours),
                    ms(middle),
                    ms(late),
                    ms(bare_middle),
                    ms(bare_late),
                    ratio(middle, bare_middle),
                    ratio(late, bare_late),
                    answered,
                    cpu,
                    bare_cpu,
                )
            )
    measured = ("", "at once", "n", "p50", "p99", "bare p50", "bare p99", "to bare p50", "p99")
    heads = (*measured, "answered p50", "CPU", "bare CPU")
    return table(heads, rows)


async def site_of(stack: AsyncExitStack) -> StandIn:
    standin = await stack.enter_async_context(StandIn())
    standin.rest.global_limit = None  # answers to interactions do not count, what follows them would
    return standin


def members_of(standin: StandIn) -> list[User]:
    users = [standin.world.add_user(f"Member {i}") for i in range(MEMBERS)]
    for user in users:
        standin.world.add_member(standin.guild, user)
    return users


async def bare_site(stack: AsyncExitStack, folder: Path, kind: str) -> Site:
    standin = await site_of(stack)
    members = members_of(standin)
    program = await stack.enter_async_context(bare(standin, folder, name=f"bare-{kind}"))
    reply = await standin.slash(standin.organizer, standin.channel, "post")
    assert reply.message is not None
    return Site(standin, members, reply.message, program.pid)


async def _cohort_site(stack: AsyncExitStack, folder: Path, url: str, kind: str) -> Site:
    standin = await site_of(stack)
    members = members_of(standin)
    program = await stack.enter_async_context(cohort(standin, folder, url, name=f"cohort-{kind}"))
    await until_idle(program.pid)
    group = {"name": "Algebra", "timezone": "Europe/Berlin"}
    await standin.slash(standin.organizer, standin.channel, "group create", group)
    meetup = {"when": "in 2 days", "title": "Algebra"}
    await standin.slash(standin.organizer, standin.channel, "meetup schedule", meetup)
    post = next(
        m for m in reversed(standin.messages(standin.channel)) if "Algebra" in m.text and m.components
    )
    began = time.monotonic()
    await until_quiet(standin)
    assert time.monotonic() - began < 10, "the bot does not come to rest"
    return Site(standin, members, post, program.pid)
