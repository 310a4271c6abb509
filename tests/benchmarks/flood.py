"""A flood of /classify, twice what the machine can classify: what members wait, and what the others wait."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.classifier.protocol import ModelRef
from bot.db.engine import Database
from bot.db.models import Group, Membership, Model, ModelVersion, VersionState
from tests.benchmarks.acknowledgement import site_of
from tests.benchmarks.figures import ms, percentile, section, table
from tests.benchmarks.processes import Databases, until_idle
from tests.classifier import pictures
from tests.wire.process import BotProcess
from tests.wire.standin import Interaction, StandIn, User
from tests.wire.standin.world import Channel

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
#: So many that nobody's and no server's limit a minute is reached: the queue is what turns members away.
SERVERS, MEMBERS = 40, 10
AT_ONCE = 16
CAPACITY_SECONDS, FLOOD_SECONDS = 12.0, 30.0
BESIDE_EVERY = 0.25
GOAL = 0.150
BUSY = "I am busy with other pictures"
OFTEN = "many pictures"
ANSWERED = "answered"


@dataclass(frozen=True)
class Hall:
    """A server with a group whose model is published, and its members."""

    channel: Channel
    members: list[User]


async def measure(databases: Databases, folder: Path, *, quick: bool) -> None:
    servers = 4 if quick else SERVERS
    section(
        "A flood of /classify",
        f"cohort run with resnet34 on the processor, {servers} servers of {MEMBERS} members, photos of",
        f"0.3 MP. What it can do: {AT_ONCE} members who ask again when they are answered. Then twice as",
        "many a second, evenly, whatever comes back; beside it a private command four times a second.",
        "Milliseconds from the gateway event's bytes leaving to the callback's arrival, or to the words that",
        "answer; stand-in and members need some of the same cores.",
    )
    from tests.classifier.serving import bundles  # brings torch

    ref, _ = await asyncio.to_thread(
        bundles.write, folder / "models", bundles.manifest("birds", architecture="resnet34", size=224)
    )
    kind = databases.kinds[0]
    async with AsyncExitStack() as stack:
        standin = await site_of(stack)
        halls = [_hall(standin, number) for number in range(servers)]
        url = await databases.fresh(kind)
        await _publish(url, halls, ref)
        environment = {
            "COHORT_CLASSIFIER": "auto",
            "COHORT_CLASSIFIER_DEVICE": "cpu",
            "COHORT_MODELS": str(folder / "models"),
        }
        bot = BotProcess(standin, folder, database_url=url, name="flood", env=environment)
        await stack.enter_async_context(bot)
        await until_idle(bot.pid)
        photo = ("photo.jpg", pictures.photo(0.3, 1))
        asking = itertools.cycle(_in_turns(halls))
        capacity = await _capacity(standin, asking, photo, seconds=3 if quick else CAPACITY_SECONDS)
        flood = _Flood(standin, asking, photo)
        await flood.run(2 * capacity, seconds=3 if quick else FLOOD_SECONDS)
        flood.report(capacity)
        print(*standin.violations, sep="\n", end="")


def _hall(standin: StandIn, number: int) -> Hall:
    world = standin.world
    if number == 0:
        guild, channel = standin.guild, standin.channel
    else:
        guild = world.add_guild(f"Hall {number}", owner=world.add_user(f"Owner {number}"))
        channel = world.add_channel(guild, "general")
    members = [world.add_user(f"Member {number}-{place}") for place in range(MEMBERS)]
    for user in members:
        world.add_member(guild, user)
    return Hall(channel, members)


async def _publish(url: str, halls: Sequence[Hall], ref: ModelRef) -> None:
    database = Database(url)
    try:
        async with database.write() as session:
            for hall in halls:
                assert hall.channel.guild_id is not None
                group = Group(
                    guild_id=hall.channel.guild_id,
                    name="Birds",
                    name_key="birds",
                    timezone="Europe/Berlin",
                    channel_id=hall.channel.id,
                    created_by=hall.members[0].id,
                    created_at=NOW,
                )
                session.add(group)
                await session.flush()
                session.add_all(
                    Membership(group_id=group.id, user_id=user.id, joined_at=NOW) for user in hall.members
                )
                model = Model(
                    group_id=group.id,
                    name=ref.name,
                    name_key=ref.name,
                    created_by=hall.members[0].id,
                    created_at=NOW,
                )
                session.add(model)
                await session.flush()
                session.add(
                    ModelVersion(
                        model_id=model.id,
                        number=1,
                        digest=ref.digest,
                        state=VersionState.PUBLISHED,
                        labels=["ant", "bee", "cat"],
                        accuracy=None,
                        tested=0,
                        created_by=hall.members[0].id,
                        created_at=NOW,
                        published_by=hall.members[0].id,
                        published_at=NOW,
                    )
                )
    finally:
        await database.close()


def _in_turns(halls: Sequence[Hall]) -> list[tuple[User, Channel]]:
    """One member of each server, then the next of each: who has asked rests the longest."""
    return [(hall.members[place], hall.channel) for place in range(MEMBERS) for hall in halls]


async def _capacity(
    standin: StandIn, asking: Iterator[tuple[User, Channel]], photo: tuple[str, bytes], *, seconds: float
) -> float:
    """Verdicts a second."""
    end = time.monotonic() + seconds
    answered = 0

    async def one() -> None:
        nonlocal answered
        while time.monotonic() < end:
            sent = _ask(standin, asking, photo)
            await standin.wait_until(lambda sent=sent: sent.answered, 60, "a verdict")
            assert _kind(sent.text) == ANSWERED, sent.text
            answered += 1

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return answered / seconds


def _ask(standin: StandIn, asking: Iterator[tuple[User, Channel]], photo: tuple[str, bytes]) -> Interaction:
    user, channel = next(asking)
    return standin.driving.command(user, channel, "classify", {"image": photo})


class _Flood:
    def __init__(
        self, standin: StandIn, asking: Iterator[tuple[User, Channel]], photo: tuple[str, bytes]
    ) -> None:
        self._standin = standin
        self._asking = asking
        self._photo = photo
        self._sent: list[Interaction] = []
        self._beside: list[Interaction] = []
        self._rate = 0.0

    async def run(self, rate: float, *, seconds: float) -> None:
        self._rate = rate
        began = time.monotonic()
        beside = asyncio.create_task(self._others(began + seconds))
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(began + number / rate - time.monotonic(), 0))
            self._sent.append(_ask(self._standin, self._asking, self._photo))
        await beside
        every = self._sent + self._beside
        await self._standin.wait_until(lambda: all(one.answered for one in every), 120, "every answer")

    async def _others(self, end: float) -> None:
        zones = itertools.cycle(("Europe/Berlin", "Europe/Paris"))
        standin = self._standin
        while time.monotonic() < end:
            options = {"zone": next(zones)}
            self._beside.append(standin.driving.command(standin.alice, standin.channel, "timezone", options))
            await asyncio.sleep(BESIDE_EVERY)

    def report(self, capacity: float) -> None:
        answers = Counter(_kind(one.text) for one in self._sent)
        rows = []
        for name, sent in (("/classify", self._sent), ("/timezone, beside it", self._beside)):
            taken = [one.seconds_to_acknowledge for one in sent]
            answered = [(one.answered_at or 0) - (one.sent_at or 0) for one in sent]
            rows.append(
                (
                    name,
                    len(sent),
                    *(ms(percentile(taken, share)) for share in (0.5, 0.99)),
                    ms(max(taken)),
                    *(ms(percentile(answered, share)) for share in (0.5, 0.99)),
                )
            )
        print(
            table(
                ("", "n", "acknowledged p50", "p99", "slowest", "answered p50", "p99"),
                rows,
            )
        )
        late = percentile([one.seconds_to_acknowledge for one in self._sent], 0.99)
        print(
            f"\nCapacity {capacity:.1f} verdicts a second, flood {self._rate:.1f} a second: "
            + ", ".join(f"{kind} {count:,}" for kind, count in answers.most_common())
            + f"\np99 of the acknowledgement under {ms(GOAL)} ms: {'reached' if late < GOAL else 'missed'}",
            flush=True,
        )


def _kind(text: str) -> str:
    if BUSY in text:
        return "told that it is busy"
    if OFTEN in text:
        return "told that they ask too often"
    return ANSWERED if "%" in text else f"something else ({text[:80]!r})"
