"""What a Scheduled Event shows, and for which date of a meetup it stands."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from bot.db.models import OccurrenceState
from bot.services.calendars import link_of
from bot.services.meetups.finding import Found

MARK = re.compile(r"^Cohort meetup (\d{1,18})$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a Scheduled Event shows; a voice or stage event has a channel, an external one a location.

    `ends_at` is None only for a voice or stage event whose end somebody took out in Discord.
    """

    name: str
    description: str
    starts_at: datetime
    ends_at: datetime | None
    channel_id: int | None
    location: str | None

    @property
    def place(self) -> tuple[int | None, str | None]:
        return self.channel_id, self.location

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat() if self.ends_at else None,
            "channel_id": self.channel_id,
            "location": self.location,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        ends_at = stored["ends_at"]
        return cls(
            name=stored["name"],
            description=stored["description"],
            starts_at=datetime.fromisoformat(stored["starts_at"]),
            ends_at=datetime.fromisoformat(ends_at) if ends_at else None,
            channel_id=stored["channel_id"],
            location=stored["location"],
        )


@dataclass(frozen=True, kw_only=True)
class Work(Found):
    """A date whose event has to be made, changed or taken away, as of `version`."""

    version: int
    event_id: int | None
    base: Shown | None

    @property
    def is_wanted(self) -> bool:
        return self.occurrence.state is OccurrenceState.PLANNED

    @property
    def where_channel_id(self) -> int | None:
        """The channel of this date; None when it has none, or somebody put words in its place."""
        if self.occurrence.where_text is not None:
            return None
        return self.occurrence.where_channel_id or self.meetup.where_channel_id

    @property
    def link(self) -> str | None:
        return link_of(self.group, self.occurrence)


def mark_of(occurrence_id: int) -> str:
    """The last line of an event's description, which tells whose event it is."""
    return f"Cohort meetup {occurrence_id}"


def marked(description: str | None) -> int | None:
    """The occurrence whose mark the description carries."""
    found = MARK.findall(description or "")
    return int(found[-1]) if found else None
