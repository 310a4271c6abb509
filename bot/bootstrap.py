"""The one place that chooses implementations and connects them."""

import os
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import discord

from bot.classifier.protocol import Classifier
from bot.classifier.serving.local import LocalClassifier
from bot.classifier.serving.off import NoClassifier
from bot.classifier.serving.remote import RemoteClassifier
from bot.classifier.store import ModelStore
from bot.classifier.training.trainer import Trainer
from bot.client import Services, StudyBot
from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.delivery.ledger import Ledger, Share
from bot.rendering.painter import Painter
from bot.scheduling.alarm import AlarmClock, Scheduler
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
from bot.services.models import ModelService, problem_with
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
from bot.settings import Settings
from bot.ui.downloads import Download, streamed


def build_bot(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = discord.utils.utcnow,
    scheduler: Scheduler | None = None,
    shard_count: int | None = None,
    classifier: Callable[[ModelStore], Classifier] | None = None,
    download: Download = streamed,
) -> StudyBot:
    """A bot with everything it needs, not yet connected.

    Tests and the demo bring their own clock, a scheduler that they drive by hand, a way to what a simulated
    Discord keeps, and sometimes a classifier; without one the settings choose it.
    """
    database = Database(settings.database_url)
    ledger = Ledger(
        database,
        clock=clock,
        # A container's next process has the same name and number.
        owner=f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}",
        lease=timedelta(seconds=settings.lease_seconds),
        # A clock of our own is a simulated one; else the processes agree on the database's.
        database_clock=scheduler is None and not database.is_sqlite,
        share=Share(shards=settings.share[0], count=settings.share[1]) if settings.share else None,
    )
    library = CourseLibrary()
    store = ModelStore(settings.models)
    models = ModelService(
        database, ledger=ledger, store=store, check=partial(problem_with, store), clock=clock
    )
    predictions = PredictionService(database, models=models, clock=clock)
    services = Services(
        boards=BoardService(database, library=library, clock=clock),
        calendars=CalendarService(database, clock=clock),
        cards=CardService(database, ledger=ledger, library=library, clock=clock),
        checkins=CheckinService(database, clock=clock),
        checkups=CheckupService(database, clock=clock),
        courses=CourseService(database, library=library, ledger=ledger, clock=clock),
        decks=DeckService(database, library=library, clock=clock),
        daily=DailyService(database, ledger=ledger, library=library, clock=clock),
        digests=DigestService(database, library=library, ledger=ledger, clock=clock),
        events=EventService(database, ledger=ledger, clock=clock),
        groups=GroupService(database, library=library, ledger=ledger, clock=clock),
        kudos=KudosService(database, clock=clock),
        lessons=LessonService(database, ledger=ledger, library=library, clock=clock),
        members=MemberService(database),
        meetups=MeetupService(database, ledger=ledger, clock=clock),
        models=models,
        notes=NoteService(database, clock=clock),
        plans=PlanService(database, library=library, clock=clock),
        predictions=predictions,
        privacy=PrivacyService(database, ledger=ledger, clock=clock),
        profiles=ProfileService(database, library=library, clock=clock),
        projects=ProjectService(database, library=library, ledger=ledger, clock=clock),
        reminders=ReminderService(database, ledger=ledger, clock=clock),
        reviews=ReviewService(database, ledger=ledger, library=library, clock=clock),
        servers=ServerService(database, ledger=ledger, clock=clock),
        stats=StatsService(database, clock=clock),
        trainings=TrainingService(database, models=models, clock=clock),
    )
    return StudyBot(
        database=database,
        services=services,
        ledger=ledger,
        scheduler=scheduler if scheduler is not None else AlarmClock(clock=clock),
        painter=Painter(fonts=settings.fonts),
        classifier=(classifier(store) if classifier is not None else build_classifier(settings, store)),
        trainer=Trainer(store, backbones=settings.models / "backbones", device=settings.classifier_device),
        store=store,
        download=download,
        clock=clock,
        language=settings.language,
        shard_count=settings.share[1] if settings.share else shard_count,
        shard_ids=settings.share[0] if settings.share else None,
    )


def build_classifier(settings: Settings, store: ModelStore) -> Classifier:
    """Where the settings say: elsewhere over HTTP, or in a process beside this one; or nowhere."""
    if settings.classifier == "off":
        return NoClassifier("COHORT_CLASSIFIER is off; auto switches it on.")
    if settings.classifier_url is not None:
        token = settings.classifier_token
        return RemoteClassifier(
            settings.classifier_url, token=token.get_secret_value() if token is not None else None
        )
    return LocalClassifier(store, device=settings.classifier_device)
