"""What models said of members' pictures, who corrected it, and the training sets that come of that."""

from bot.services.predictions.answers import has_pictures
from bot.services.predictions.facts import FeedbackExport, FeedbackFacts, PredictionFacts, TrainingSet
from bot.services.predictions.limits import Allowance
from bot.services.predictions.service import KEPT_FOR, PredictionService

__all__ = [
    "KEPT_FOR",
    "Allowance",
    "FeedbackExport",
    "FeedbackFacts",
    "PredictionFacts",
    "PredictionService",
    "TrainingSet",
    "has_pictures",
]
