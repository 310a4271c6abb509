"""The one place that chooses implementations and connects them."""

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

import discord

from bot.client import Services, StudyBot
from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.delivery.ledger import Ledger
from bot.rendering.painter import Painter
from bot.scheduling.alarm import AlarmClock, Scheduler
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
from bot.settings import Settings


def build_bot(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = discord.utils.utcnow,
    scheduler: Scheduler | None = None,
    shard_count: int | None = None,
) -> StudyBot:
    """A bot with everything it needs, not yet connected.

    Tests and the demo bring their own clock, and a scheduler that they drive by hand.
    """
    database = Database(settings.database_url)
    ledger = Ledger(
        database,
        clock=clock,
        owner=f"{socket.gethostname()[:40]}:{os.getpid()}",
        lease=timedelta(seconds=settings.lease_seconds),
        # A clock of our own is a simulated one; else the processes agree on the database's.
        database_clock=scheduler is None and not database.is_sqlite,
    )
    library = CourseLibrary()
    services = Services(
        boards=BoardService(database, library=library, clock=clock),
        calendars=CalendarService(database, clock=clock),
        cards=CardService(database, ledger=ledger, library=library, clock=clock),
        checkins=CheckinService(database, clock=clock),
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
        notes=NoteService(database, clock=clock),
        plans=PlanService(database, library=library, clock=clock),
        profiles=ProfileService(database, library=library, clock=clock),
        projects=ProjectService(database, library=library, ledger=ledger, clock=clock),
        reminders=ReminderService(database, ledger=ledger, clock=clock),
        reviews=ReviewService(database, ledger=ledger, library=library, clock=clock),
        stats=StatsService(database, clock=clock),
    )
    return StudyBot(
        database=database,
        services=services,
        ledger=ledger,
        scheduler=scheduler if scheduler is not None else AlarmClock(clock=clock),
        painter=Painter(fonts=settings.fonts),
        clock=clock,
        shard_count=shard_count,
    )
