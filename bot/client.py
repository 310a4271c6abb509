"""StudyBot: holds the services and the scheduler, loads the cogs, closes everything it opened."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.db.engine import Database
from bot.delivery.dispatcher import Dispatcher
from bot.delivery.ledger import Ledger
from bot.rendering.formulas.pictures import FormulaPictures
from bot.rendering.painter import Painter
from bot.scheduling.alarm import Scheduler
from bot.scheduling.when import warm_up
from bot.services.boards import BoardService
from bot.services.calendars import CalendarService
from bot.services.cards import CardService, DeckService
from bot.services.checkins import CheckinService
from bot.services.courses import CourseService
from bot.services.digests import DigestService
from bot.services.events import EventService
from bot.services.groups import GroupService
from bot.services.kudos import KudosService
from bot.services.lessons import LessonService
from bot.services.meetups import MeetupService
from bot.services.members import MemberService
from bot.services.notes import NoteService
from bot.services.plans import PlanService
from bot.services.profiles import ProfileService
from bot.services.projects import ProjectService
from bot.services.reminders import ReminderService
from bot.services.reviews import DailyService, ReviewService, StatsService
from bot.ui.buttons import ButtonHandlers, DurableButton
from bot.ui.errors import answer_error, reference_of
from bot.ui.sending import DiscordSender, InvalidRequests

log = logging.getLogger(__name__)

COGS = (
    "cogs.groups",
    "cogs.members",
    "cogs.courses",
    "cogs.meetups",
    "cogs.lessons",
    "cogs.cards",
    "cogs.reviews",
    "cogs.plans",
    "cogs.projects",
    "cogs.kudos",
    "cogs.profiles",
    "cogs.reminders",
    "cogs.events",
    "cogs.voice",
    "cogs.leaderboards",
    "cogs.digests",
    "cogs.notes",
)
DISPATCH = "dispatch"
# Another process may have written a row that this one's alarm does not know of.
DISPATCH_AT_LEAST_EVERY = timedelta(seconds=15)


@dataclass(frozen=True, kw_only=True)
class Services:
    """Every use case; cogs take what they need from here."""

    boards: BoardService
    calendars: CalendarService
    cards: CardService
    checkins: CheckinService
    courses: CourseService
    decks: DeckService
    daily: DailyService
    digests: DigestService
    events: EventService
    groups: GroupService
    kudos: KudosService
    lessons: LessonService
    members: MemberService
    meetups: MeetupService
    notes: NoteService
    plans: PlanService
    profiles: ProfileService
    projects: ProjectService
    reminders: ReminderService
    reviews: ReviewService
    stats: StatsService


class StudyTree(app_commands.CommandTree["StudyBot"]):
    """The command tree with our error answers and a reference id on every log line."""

    async def interaction_check(self, interaction: discord.Interaction["StudyBot"], /) -> bool:
        structlog.contextvars.bind_contextvars(
            reference=reference_of(interaction),
            user=interaction.user.id,
            command=interaction.command.qualified_name if interaction.command else None,
        )
        return True

    async def on_error(
        self, interaction: discord.Interaction["StudyBot"], error: app_commands.AppCommandError, /
    ) -> None:
        if interaction.type is discord.InteractionType.autocomplete:
            log.error("autocomplete failed", exc_info=error)
            return
        await answer_error(interaction, error)


class StudyBot(commands.AutoShardedBot):
    """The Discord side. Built by `bot.bootstrap`, which hands everything over."""

    tree: StudyTree

    def __init__(
        self,
        *,
        database: Database,
        services: Services,
        ledger: Ledger,
        scheduler: Scheduler,
        painter: Painter,
        clock: Callable[[], datetime],
        shard_count: int | None = None,
    ) -> None:
        intents = discord.Intents.none()
        intents.guilds = True
        # Not privileged: edits and deletions in Discord's own event dialog, and who sits in voice.
        intents.guild_scheduled_events = True
        intents.voice_states = True
        invalid_requests = InvalidRequests()
        super().__init__(
            command_prefix=(),
            help_command=None,
            intents=intents,
            tree_cls=StudyTree,
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            shard_count=shard_count,
            http_trace=invalid_requests.trace(),
            # What waits in the ledger starts at READY; discord.py would let it wait for two seconds more.
            guild_ready_timeout=1.0,
        )
        self.database = database
        self.services = services
        self.ledger = ledger
        self.scheduler = scheduler
        self.painter = painter
        self.formulas = FormulaPictures(painter.draw_formulas)
        self.clock = clock
        self.buttons = ButtonHandlers()
        self.sender = DiscordSender(self, invalid_requests=invalid_requests)
        self.dispatcher = Dispatcher(ledger, self.sender, clock=clock, on_failed=services.notes.about_failure)
        ledger.on_planned = self._wake_dispatcher
        self._started = False

    async def setup_hook(self) -> None:
        self.add_dynamic_items(DurableButton)
        for name in COGS:
            await self.load_extension(name)
        await self.tree.sync()

    async def on_ready(self) -> None:
        """Start saying what is due; not before, for channels and permissions come with READY."""
        log.info("ready", extra={"guilds": len(self.guilds), "shards": self.shard_count})
        if self._started:
            return
        self._started = True
        self.scheduler.add(DISPATCH, self.dispatcher.run, at_least_every=DISPATCH_AT_LEAST_EVERY)
        await self.scheduler.start()
        # The first typed time would otherwise hold up every other member while the library loads.
        await asyncio.to_thread(warm_up)

    async def close(self) -> None:
        """Stop in the order that loses nothing: no new work, finish what runs, then let go."""
        await self.dispatcher.drain(timedelta(seconds=10))
        await self.scheduler.stop()
        await super().close()
        await self.release()

    async def release(self) -> None:
        """Let go of what Discord knows nothing of: the database, and the processes that draw and read."""
        self.painter.close()
        self.services.decks.close()
        await self.database.close()

    def _wake_dispatcher(self, due_at: datetime) -> None:
        self.scheduler.wake(DISPATCH, due_at)


Interaction = discord.Interaction[StudyBot]
