"""Trainings that were asked for in Discord: begun, watched over, and what came of them."""

from bot.services.trainings.facts import TrainingFacts, TrainingStarted
from bot.services.trainings.service import (
    EPOCHS_LIMIT,
    LOST_AFTER,
    TrainingService,
)

__all__ = [
    "EPOCHS_LIMIT",
    "LOST_AFTER",
    "TrainingFacts",
    "TrainingService",
    "TrainingStarted",
]
