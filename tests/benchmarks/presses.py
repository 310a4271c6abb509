"""How long a press under a flashcard takes end to end: from the gateway event to the edited message."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.acknowledgement import Site, bare_site, members_of, site_of, until_quiet
from tests.benchmarks.figures import ms, percentile, ratio, section, table
from tests.benchmarks.processes import Databases, cohort, until_idle
from tests.wire.standin import Interaction, Message, StandIn, User
from tests.wire.standin.world import walk

AT_ONCE = 20
#: What every member meets on the first day, and as many grades again while these cards are learnt.
CARDS = 10
GRADES = 12


@dataclass
class Times:
    """Seconds until Discord was told that the press arrived, and until the message showed what came of it."""

    acknowledged: list[float] = field(default_factory=list)
    edited: list[float] = field(default_factory=list)

    def take(self, press: Interaction) -> None:
        assert press.sent_at is not None
        assert press.answered_at is not None
        self.acknowledged.append(press.seconds_to_acknowledge)
        self.edited.append(press.answered_at - press.sent_at)


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    section(
        "A press under a flashcard, end to end",
        "From the gateway event's bytes leaving to the arrival of the request that edits the message, in",
        f"milliseconds: one member at a time, and {AT_ONCE} at the same moment. A grade writes the review,",
        "the memory and the session, commits, and shows the next card. Bare: a button that defers and",
        "answers, with nothing in between and no database.",
    )
    rows = []
    for kind in databases.kinds:
        for at_once in (1, 3 if quick else AT_ONCE):
            async with AsyncExitStack() as stack:
                bare = await bare_site(stack, folder, f"{kind}-{at_once}")
                least = await _bare_times(bare, at_once, rounds=3 if quick else GRADES)
            async with AsyncExitStack() as stack:
                standin = await site_of(stack)
                url = await databases.fresh(kind)
                program = await stack.enter_async_context(
                    cohort(standin, folder, url, name=f"presses-{kind}-{at_once}")
                )
                await until_idle(program.pid)
                members = await _group_with_cards(standin, 5 if at_once == 1 else at_once)
                shows, grades = await _review(standin, members, at_once, rounds=3 if quick else GRADES)
                problems = standin.violations
            for name, times in (("Show answer", shows), ("a grade", grades)):
                middle, late = percentile(times.edited, 0.5), percentile(times.edited, 0.99)
                rows.append(
                    (
                        f"{kind}, {name}",
                        at_once,
                        len(times.edited),
                        ms(percentile(times.acknowledged, 0.99)),
                        ms(middle),
                        ms(late),
                        ratio(middle, percentile(least.edited, 0.5)),
                        ratio(late, percentile(least.edited, 0.99)),
                    )
                )
            print(*problems, sep="\n", end="")
    heads = ("", "at once", "n", "acknowledged p99", "edited p50", "p99", "to bare p50", "p99")
    print(table(heads, rows), flush=True)


async def _bare_times(site: Site, at_once: int, *, rounds: int) -> Times:
    times = Times()
    press = site.press("Going")
    for turn in range(rounds + 1):
        sent = [press(turn * at_once + i) for i in range(at_once)]
        await site.standin.wait_until(lambda sent=sent: all(one.answered for one in sent), 60, "presses")
        if turn:  # the first one also warms up
            for one in sent:
                times.take(one)
    return times


async def _group_with_cards(standin: StandIn, count: int) -> list[User]:
    members = members_of(standin)[:count]
    channel = standin.channel
    await standin.slash(
        standin.organizer, channel, "group create", {"name": "Algebra", "timezone": "Europe/Berlin"}
    )
    lines = [
        f"What does the letter number {n} stand for?,The element number {n} of the set" for n in range(CARDS)
    ]
    table_file = ("cards.csv", "\n".join(["front,back", *lines]).encode())
    for user in (standin.organizer, *members):
        await standin.slash(user, channel, "group join")
    done = await standin.slash(standin.organizer, channel, "cards import", {"file": table_file})
    assert str(CARDS) in done.text, done.text
    await until_quiet(standin)
    return members


async def _review(standin: StandIn, members: list[User], at_once: int, *, rounds: int) -> tuple[Times, Times]:
    """Everybody reviews; with one at a time the members take turns."""
    sessions: dict[int, Message] = {}
    for user in members:
        opened = await standin.slash(user, standin.channel, "review")
        assert opened.message is not None
        sessions[user.id] = opened.message
    shows, grades = Times(), Times()
    for turn in range(rounds):
        for begin in range(0, len(members), at_once):
            for verb, times in (("show", shows), ("good", grades)):
                sent = [
                    standin.driving.component(user, sessions[user.id], _button(sessions[user.id], verb))
                    for user in members[begin : begin + at_once]
                ]
                await standin.wait_until(lambda sent=sent: all(one.answered for one in sent), 60, verb)
                if turn:
                    for one in sent:
                        times.take(one)
    return shows, grades


def _button(message: Message, verb: str) -> str:
    """The custom id of the button with that verb; its label also tells the interval."""
    ids = [str(component.get("custom_id", "")) for component in walk(message.components)]
    return next(id_ for id_ in ids if id_.rsplit(":", 1)[-1].startswith(verb))
