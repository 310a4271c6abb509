"""Discord's Scheduled Events beside our meetups: what lags behind, and what people changed over there."""

from bot.services.events.service import CREATION_TAKES, TROUBLE, EventService
from bot.services.events.shown import Shown, Work, mark_of, marked

__all__ = ["CREATION_TAKES", "TROUBLE", "EventService", "Shown", "Work", "mark_of", "marked"]
