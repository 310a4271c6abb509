"""Meetups: planned, repeated, answered, changed, called off."""

from bot.services.meetups.announcing import LEADS, POST, PROMOTED, REMINDER
from bot.services.meetups.facts import MeetupFacts
from bot.services.meetups.finding import Suggestion
from bot.services.meetups.groupwide import cancel_all, retarget
from bot.services.meetups.horizon import carry_on
from bot.services.meetups.planning import MeetupChanges, NewMeetup
from bot.services.meetups.rsvps import Standing, stop_hosting, withdraw
from bot.services.meetups.service import MeetupService, Scheduled

__all__ = [
    "LEADS",
    "POST",
    "PROMOTED",
    "REMINDER",
    "MeetupChanges",
    "MeetupFacts",
    "MeetupService",
    "NewMeetup",
    "Scheduled",
    "Standing",
    "Suggestion",
    "cancel_all",
    "carry_on",
    "retarget",
    "stop_hosting",
    "withdraw",
]
