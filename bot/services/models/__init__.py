"""A group's classifiers: their versions, published, rolled back and retired; and those that come with us."""

from bot.services.models.facts import ModelFacts
from bot.services.models.finding import find_model, load_version
from bot.services.models.names import NAME_LIMIT, checked_name
from bot.services.models.registering import insert_version
from bot.services.models.service import DAMAGED, ModelService
from bot.services.models.shipped import Store, problem_with

__all__ = [
    "DAMAGED",
    "NAME_LIMIT",
    "ModelFacts",
    "ModelService",
    "Store",
    "checked_name",
    "find_model",
    "insert_version",
    "load_version",
    "problem_with",
]
