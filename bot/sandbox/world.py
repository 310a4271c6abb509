"""The real bot in a simulated Discord, with a clock that moves when told to."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import discord
import simcord

from bot.bootstrap import build_bot
from bot.classifier.protocol import Classifier
from bot.classifier.serving.off import NoClassifier
from bot.classifier.store import ModelStore
from bot.client import StudyBot
from bot.db import migrate
from bot.sandbox.reopening import reopen
from bot.sandbox.seed import seed
from bot.scheduling.alarm import HandDriven
from bot.settings import Settings
from bot.ui.downloads import at_once
from bot.ui.errors import domain_error

# Only a bound for what never ends: a busy machine may need more than SimCord's five seconds.
SETTLE_SECONDS = 30.0

ClassifierKind = Literal["off", "fake", "local"]

# A server's ids stay the same from run to run, so that a database kept between runs still fits.
GUILD_ID = 1_456_000_000_000_000_001


class World:
    """One server, one channel, three people and the bot.

    `env`, `guild`, `channel` and the actors are SimCord's own handles: whatever a member can do in
    Discord's client, they do through them.
    """

    def __init__(
        self,
        env: simcord.Env,
        bot: StudyBot,
        scheduler: HandDriven,
        build: Callable[[HandDriven], StudyBot],
    ) -> None:
        self.env = env
        self._bot = bot
        self._scheduler = scheduler
        self._build = build
        env.backend.edit_bot_profile("Cohort")
        self.guild = env.create_guild("Study Berlin", id=GUILD_ID)
        manages = self.guild.create_role("Organizers", permissions=discord.Permissions(manage_guild=True))
        self.channel = self.guild.create_text_channel(
            "fastai-berlin", topic="Practical deep learning, together"
        )
        self.organizer = self.guild.add_member(env.create_user("mira", global_name="Mira"), roles=[manages])
        self.alice = self.guild.add_member(env.create_user("alice", global_name="Alice"))
        self.bob = self.guild.add_member(env.create_user("bob", global_name="Bob"))

    async def connect(self, *, at: datetime | None = None) -> None:
        """Log the bot in, at the instant `at` if given, and do what is due then; aware, not before
        SimCord's own first one.

        People and channels are there before: so their ids depend on their order alone, not on how
        many commands this version of the bot has, and still fit a database that was kept.
        """
        if at is not None and at > self.now:
            self.env.backend.advance_clock((at - self.now).total_seconds())
        # SimCord's login has a clock of its own, in which a tick that sends several messages gets stuck.
        self._scheduler.hold()
        await self.env.start()
        await self.run_due()

    @property
    def bot(self) -> StudyBot:
        """The running bot; another one after `restart`."""
        return self._bot

    @property
    def now(self) -> datetime:
        """The simulated instant, aware UTC."""
        return self.env.now()

    @property
    def next_due(self) -> datetime | None:
        """When the bot next wants to do something by itself; None when nothing is planned."""
        return self._scheduler.next_at()

    async def pass_time(self, **amount: float) -> None:
        """Let time go by (`timedelta` keywords): everything due in between happens, each at its time."""
        target = self.now + timedelta(**amount)
        await self.run_due()
        while (due := self._scheduler.next_at()) is not None and due <= target:
            await self._advance_to(due)
            await self.run_due()
        await self._advance_to(target)
        await self.run_due()

    async def run_due(self) -> None:
        """Do what is due at this instant."""
        with self.env.time_context():
            await self._scheduler.run_due()
        await self.env.settle()

    async def restart(self) -> None:
        """A fresh bot on the same database and the same Discord, as after a crash and a restart."""
        old = self._bot
        await self._scheduler.stop()
        self._scheduler = HandDriven(clock=self.env.now)
        self._scheduler.hold()
        self._bot = self._build(self._scheduler)
        await self.env.restart_bot(self._bot)
        await old.release()
        await self.run_due()

    def dms(self, member: simcord.MemberActor) -> list[discord.Message]:
        """What the bot and this member wrote to each other, oldest first."""
        return member.user.dm_channel.history()

    def last_dm(self, member: simcord.MemberActor) -> discord.Message:
        """The newest direct message; raises LookupError when there is none."""
        messages = self.dms(member)
        if not messages:
            raise LookupError(f"{member.name} has no direct message")
        return messages[-1]

    def raise_errors(self) -> None:
        """Raise what the bot did not expect. Refusals, which members saw as answers, are no errors."""
        unexpected = [error for error in self.env.errors if domain_error(error) is None]
        if unexpected:
            raise BaseExceptionGroup("the bot raised", unexpected)

    async def close(self) -> None:
        """Disconnect the bot and let go of all that it held."""
        await self._scheduler.stop()
        await self.env.shutdown()
        await self._bot.release()

    async def _advance_to(self, instant: datetime) -> None:
        seconds = (instant - self.now).total_seconds()
        if seconds > 0:
            await self.env.advance_time(seconds)


@asynccontextmanager
async def open_world(
    *,
    database_url: str,
    classifier: ClassifierKind = "off",
    empty: bool = False,
    start: datetime | None = None,
    models: Path | None = None,
) -> AsyncIterator[World]:
    """Migrate the database, connect the real bot to a simulated Discord, and hand both over.

    The clock starts at `start`, else at 2026-01-01 00:00 UTC. `empty` leaves out the demo's group and
    its data. A database that was used before keeps its own groups instead; the simulated Discord forgot
    them, so that posts and events of what is still to come are made anew. `classifier` chooses who
    answers `/classify`: nobody, one that tells colours apart at once, or the real one in its own process.
    Models lie in `models`, else in a folder that is gone afterwards. Leaving the block raises whatever the
    bot did not expect.
    """
    if classifier not in CLASSIFIERS:
        raise ValueError("classifier must be off, fake or local")
    await migrate.upgrade(database_url)
    with tempfile.TemporaryDirectory(prefix="cohort-models-") as temporary:
        settings = Settings(database_url=database_url, models=models or Path(temporary), _env_file=None)
        world = new_world(settings, classifier=classifier)
        known = await reopen(world, database_url=database_url, now=max(start or world.now, world.now))
        await world.connect(at=start)
        try:
            if not empty and not known:
                await seed(world)
            yield world
            world.raise_errors()
        finally:
            await world.close()


class PatientEnv(simcord.Env):
    """A simulated Discord for slow machines.

    SimCord gives the bot five seconds to start, whatever it is told. And a timer that rings while something
    is being done, which takes a machine that is slow just then, moves its clock along.
    """

    async def _settle_internal(self, *, timeout: float | None = None, **arguments: Any) -> None:  # noqa: ASYNC109
        timeout = self.settle_timeout if timeout is None else max(timeout, self.settle_timeout)
        await super()._settle_internal(timeout=timeout, **arguments)

    async def _advance_to(self, target: float, deadline: float) -> None:
        if asyncio.current_task() is not self._real_advance_task:
            await super()._advance_to(target, deadline)
            return
        # Timers have run out in real time: they ring, and the simulated clock stands still.
        now = asyncio.get_running_loop().time() + time.get_clock_info("monotonic").resolution
        for timer in list(self._work.callbacks):
            real = timer.real_handle
            if real is not None and not real.cancelled() and real.when() <= now and timer.handle is not None:
                timer.handle._run()


def new_world(settings: Settings, *, classifier: ClassifierKind = "local") -> World:
    """A bot and a simulated Discord that do not know each other yet; `World.connect` brings them together."""
    classifiers = CLASSIFIERS[classifier]

    def clock() -> datetime:
        return env.now()

    def build(scheduler: HandDriven) -> StudyBot:
        return build_bot(
            settings,
            clock=clock,
            scheduler=scheduler,
            shard_count=1,
            classifier=classifiers,
            download=at_once,
        )

    scheduler = HandDriven(clock=clock)
    bot = build(scheduler)
    env: simcord.Env = PatientEnv(bot, shard_count=1, check_errors=False, settle_timeout=SETTLE_SECONDS)
    return World(env, bot, scheduler, build)


def nobody(_store: ModelStore) -> Classifier:
    return NoClassifier("This server was opened without a classifier.")


def by_colour(store: ModelStore) -> Classifier:
    # Reading pictures takes numpy, which a demo can do without.
    from bot.sandbox.classifier import ColourClassifier

    return ColourClassifier(store)


#: Who answers `/classify`; None leaves it to the settings.
CLASSIFIERS: dict[ClassifierKind, Callable[[ModelStore], Classifier] | None] = {
    "off": nobody,
    "fake": by_colour,
    "local": None,
}
