"""All tables; importing this package registers every one of them."""

from bot.db.models.base import Base
from bot.db.models.deliveries import Delivery, DeliveryState
from bot.db.models.groups import Group, Member, Membership
from bot.db.models.meetups import Answer, Attendance, Meetup, Occurrence, OccurrenceState, Rsvp
from bot.db.models.reminders import Reminder

__all__ = [
    "Answer",
    "Attendance",
    "Base",
    "Delivery",
    "DeliveryState",
    "Group",
    "Meetup",
    "Member",
    "Membership",
    "Occurrence",
    "OccurrenceState",
    "Reminder",
    "Rsvp",
]
