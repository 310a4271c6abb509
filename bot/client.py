"""StudyBot: holds the services and the scheduler, loads the cogs, closes everything it opened."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.classifier.protocol import Classifier
from bot.classifier.store import ModelStore
from bot.classifier.training.trainer import Trainer
from bot.db.engine import Database
from bot.delivery.dispatcher import Dispatcher
from bot.delivery.ledger import Claimed, Ledger
from bot.gateway import outlive_strange_events
from bot.locales import speak
from bot.metrics import Metrics
from bot.rendering.formulas.pictures import FormulaPictures
from bot.rendering.painter import Painter
from bot.scheduling.alarm import Scheduler
from bot.scheduling.when import warm_up
from bot.services.boards import BoardService
from bot.services.calendars import CalendarService
from bot.services.cards import CardService, DeckService
from bot.services.checkins import CheckinService
from bot.services.checkups import CheckupService
from bot.services.courses import CourseService
from bot.services.digests import DigestService
from bot.services.events import EventService
from bot.services.groups import GroupService
from bot.services.kudos import KudosService
from bot.services.lessons import LessonService
from bot.services.meetups import MeetupService
from bot.services.members import MemberService
from bot.services.models import ModelService
from bot.services.notes import NoteService
from bot.services.plans import PlanService
from bot.services.predictions import PredictionService
from bot.services.privacy import PrivacyService
from bot.services.profiles import ProfileService
from bot.services.projects import ProjectService
from bot.services.reminders import ReminderService
from bot.services.reviews import DailyService, ReviewService, StatsService
from bot.services.servers import ServerService
from bot.services.trainings import TrainingService
from bot.ui.buttons import ButtonHandlers, DurableButton
from bot.ui.downloads import Download
from bot.ui.errors import UNFIT, answer_error, reference_of
from bot.ui.given import check_options
from bot.ui.languages import CatalogueTranslator, of_guild, of_member
from bot.ui.modals import give_back, is_forgotten
from bot.ui.sending import DiscordSender, InvalidRequests

log = logging.getLogger(__name__)
# It sees who sits in voice and never speaks there: what that would need is not missing.
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False

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
    "cogs.privacy",
    "cogs.reminders",
    "cogs.events",
    "cogs.servers",
    "cogs.doctor",
    "cogs.voice",
    "cogs.leaderboards",
    "cogs.classify",
    "cogs.models",
    "cogs.digests",
    "cogs.notes",
    "cogs.setup",
    "cogs.help",
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
    checkups: CheckupService
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
    models: ModelService
    notes: NoteService
    plans: PlanService
    predictions: PredictionService
    privacy: PrivacyService
    profiles: ProfileService
    projects: ProjectService
    reminders: ReminderService
    reviews: ReviewService
    servers: ServerService
    stats: StatsService
    trainings: TrainingService


class StudyTree(app_commands.CommandTree["StudyBot"]):
    """The command tree with our error answers and a reference id on every log line."""

    async def interaction_check(self, interaction: discord.Interaction["StudyBot"], /) -> bool:
        structlog.contextvars.bind_contextvars(
            reference=reference_of(interaction),
            user=interaction.user.id,
            command=interaction.command.qualified_name if interaction.command else None,
        )
        speak(of_member(interaction))
        check_options(interaction)
        return True

    async def on_error(
        self, interaction: discord.Interaction["StudyBot"], error: app_commands.AppCommandError, /
    ) -> None:
        if interaction.type is discord.InteractionType.autocomplete:
            if isinstance(error, (*UNFIT, app_commands.TransformerError)):
                await interaction.response.autocomplete([])
            else:
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
        classifier: Classifier,
        trainer: Trainer,
        store: ModelStore,
        download: Download,
        clock: Callable[[], datetime],
        language: str | None = None,
        shard_count: int | None = None,
        shard_ids: Sequence[int] | None = None,
    ) -> None:
        intents = discord.Intents.none()
        intents.guilds = True
        # Not privileged: edits and deletions in Discord's own event dialog, and who sits in voice.
        intents.guild_scheduled_events = True
        intents.voice_states = True
        invalid_requests = InvalidRequests()
        self.metrics = Metrics()
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
            shard_ids=list(shard_ids) if shard_ids is not None else None,  # type: ignore[arg-type] # it may be
            http_trace=self.metrics.trace(invalid_requests.trace()),
            # What waits in the ledger starts at READY; discord.py would let it wait for two seconds more.
            guild_ready_timeout=1.0,
        )
        outlive_strange_events(self)
        self.database = database
        self.services = services
        self.ledger = ledger
        self.scheduler = scheduler
        self.painter = painter
        self.formulas = FormulaPictures(painter.draw_formulas)
        self.classifier = classifier
        self.trainer = trainer
        self.store = store
        self.download = download
        self.clock = clock
        #: What servers are spoken to in, all alike; None: each in its own.
        self.language = language
        self.buttons = ButtonHandlers()
        # Discord counts a bot's requests over all its processes: each takes its part of them.
        part = len(shard_ids) / shard_count if shard_ids is not None and shard_count else 1.0
        self.sender = DiscordSender(
            self, language=self._language_for, invalid_requests=invalid_requests, part=part
        )
        self.dispatcher = Dispatcher(ledger, self.sender, clock=clock, on_failed=services.notes.about_failure)
        ledger.on_planned = self._wake_dispatcher
        self._started = False
        #: Set once nothing may begin any more, for what works in threads.
        self.released = False

    async def setup_hook(self) -> None:
        self.add_dynamic_items(DurableButton)
        for name in COGS:
            await self.load_extension(name)
        await self.services.members.learn_languages()
        await self.tree.set_translator(CatalogueTranslator())
        await self.tree.sync()

    async def on_ready(self) -> None:
        """Start saying what is due; not before, for channels and permissions come with READY."""
        log.info("ready", extra={"guilds": len(self.guilds), "shards": self.shard_count})
        if self._started:
            return
        self._started = True
        self.scheduler.add(DISPATCH, self.dispatcher.run, at_least_every=DISPATCH_AT_LEAST_EVERY)
        await self.scheduler.start()
        await self.classifier.start()
        # The first typed time would otherwise hold up every other member while the library loads.
        await asyncio.to_thread(warm_up)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Before any command or button could have awaited an answer from Discord."""
        self.metrics.received(interaction)
        if is_forgotten(interaction):
            await give_back(interaction)
        command = interaction.command
        # Whoever has everything erased shall not get a row by asking for it.
        if command is None or not command.qualified_name.startswith("privacy"):
            language = of_member(interaction)
            await self.services.members.remember_language(user_id=interaction.user.id, language=language)

    async def close(self) -> None:
        """Stop in the order that loses nothing: no new work, finish what runs, then let go."""
        await self.dispatcher.drain(timedelta(seconds=10))
        await self.scheduler.stop()
        await super().close()
        await self.release()

    async def release(self) -> None:
        """Let go of what Discord knows nothing of: the database, and the processes that draw, read and
        classify.
        """
        self.released = True
        self.trainer.cancel()
        self.painter.close()
        self.services.decks.close()
        await self.classifier.close()
        await self.database.close()

    async def _language_for(self, delivery: Claimed) -> str:
        """A member's own for direct messages, the server's for channels."""
        if delivery.user_id is not None:
            return await self.services.members.language(user_id=delivery.user_id)
        return of_guild(self, delivery.guild_id)

    def _wake_dispatcher(self, due_at: datetime) -> None:
        self.scheduler.wake(DISPATCH, due_at)


Interaction = discord.Interaction[StudyBot]
