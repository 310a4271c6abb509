"""All tables; importing this package registers every one of them."""

from bot.db.models.base import Base
from bot.db.models.cards import (
    Card,
    CardMedia,
    CardMemory,
    CardSettings,
    DailyCards,
    DailyPost,
    Deck,
    Note,
    NoteState,
    NoteType,
    Review,
    ReviewSession,
)
from bot.db.models.classifier import (
    Model,
    ModelVersion,
    Prediction,
    PredictionFeedback,
    Training,
    TrainingState,
    VersionState,
)
from bot.db.models.courses import CourseMeetup, CoursePack, CourseRun, CourseShift
from bot.db.models.deliveries import Delivery, DeliveryState
from bot.db.models.groups import Group, Member, Membership
from bot.db.models.kudos import Kudos
from bot.db.models.lessons import LessonMark, Stage
from bot.db.models.meetups import Answer, Attendance, Meetup, Occurrence, OccurrenceState, Rsvp
from bot.db.models.plans import StudyPlan
from bot.db.models.projects import EntryKind, Project, ProjectEntry, ProjectStage, ProjectState
from bot.db.models.reminders import Reminder
from bot.db.models.restores import Restore
from bot.db.models.servers import RemovedServer

__all__ = [
    "Answer",
    "Attendance",
    "Base",
    "Card",
    "CardMedia",
    "CardMemory",
    "CardSettings",
    "CourseMeetup",
    "CoursePack",
    "CourseRun",
    "CourseShift",
    "DailyCards",
    "DailyPost",
    "Deck",
    "Delivery",
    "DeliveryState",
    "EntryKind",
    "Group",
    "Kudos",
    "LessonMark",
    "Meetup",
    "Member",
    "Membership",
    "Model",
    "ModelVersion",
    "Note",
    "NoteState",
    "NoteType",
    "Occurrence",
    "OccurrenceState",
    "Prediction",
    "PredictionFeedback",
    "Project",
    "ProjectEntry",
    "ProjectStage",
    "ProjectState",
    "Reminder",
    "RemovedServer",
    "Restore",
    "Review",
    "ReviewSession",
    "Rsvp",
    "Stage",
    "StudyPlan",
    "Training",
    "TrainingState",
    "VersionState",
]
