"""Projects: started, kept up to date, paused, shipped, and shown."""

from bot.services.projects.facts import ProjectFacts, Step
from bot.services.projects.finding import RESUMABLE, UNFINISHED, Gallery
from bot.services.projects.saying import NUDGE, POST
from bot.services.projects.service import TEXT_LIMIT, ProjectService

__all__ = [
    "NUDGE",
    "POST",
    "RESUMABLE",
    "TEXT_LIMIT",
    "UNFINISHED",
    "Gallery",
    "ProjectFacts",
    "ProjectService",
    "Step",
]
