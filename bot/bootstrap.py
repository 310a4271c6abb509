"""The one place that chooses implementations and connects them."""

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

import discord

from bot.client import Services, StudyBot
from bot.db.engine import Database
from bot.delivery.ledger import Ledger
from bot.scheduling.alarm import AlarmClock, Scheduler
from bot.services.calendars import CalendarService
from bot.services.checkins import CheckinService
from bot.services.events import EventService
from bot.services.groups import GroupService
from bot.services.meetups import MeetupService
from bot.services.members import MemberService
from bot.services.notes import NoteService
from bot.services.reminders import ReminderService
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
    services = Services(
        calendars=CalendarService(database, clock=clock),
        checkins=CheckinService(database, clock=clock),
        events=EventService(database, ledger=ledger, clock=clock),
        groups=GroupService(database, ledger=ledger, clock=clock),
        members=MemberService(database),
        meetups=MeetupService(database, ledger=ledger, clock=clock),
        notes=NoteService(database, clock=clock),
        reminders=ReminderService(database, ledger=ledger, clock=clock),
    )
    return StudyBot(
        database=database,
        services=services,
        ledger=ledger,
        scheduler=scheduler if scheduler is not None else AlarmClock(clock=clock),
        clock=clock,
        shard_count=shard_count,
    )
