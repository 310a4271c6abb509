"""Reviewing: sessions of one member, the group's daily post, and what came of it."""

from bot.services.reviews.daily import (
    DAILY,
    DEFAULT_COUNT,
    MOST_CARDS,
    Answer,
    DailyService,
    Post,
    Setting,
)
from bot.services.reviews.images import Image, Images
from bot.services.reviews.leeches import EXPLAIN
from bot.services.reviews.outcomes import Outcome
from bot.services.reviews.service import ReviewService
from bot.services.reviews.sittings import Question, Rest, Sitting
from bot.services.reviews.stats import Month, Stats, StatsService

__all__ = [
    "DAILY",
    "DEFAULT_COUNT",
    "EXPLAIN",
    "MOST_CARDS",
    "Answer",
    "DailyService",
    "Image",
    "Images",
    "Month",
    "Outcome",
    "Post",
    "Question",
    "Rest",
    "ReviewService",
    "Setting",
    "Sitting",
    "Stats",
    "StatsService",
]
