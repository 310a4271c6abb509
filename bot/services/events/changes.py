"""What a person changed in Discord's own dialog, told apart from what we changed ourselves."""

import re
from dataclasses import replace
from typing import Any

from bot.errors import BadText
from bot.services.events.shown import Shown
from bot.services.meetups.finding import Found
from bot.services.meetups.planning import TITLE_LIMIT
from bot.services.text import clean_text

LOCATION_LIMIT = 100
CHANNEL_MENTION = re.compile(r"<#(\d{15,20})>")


class Change:
    """What a person changed: `seen` against the base, beside what we may have changed meanwhile."""

    def __init__(self, found: Found, seen: Shown) -> None:
        self.found, self.seen = found, seen
        stored = found.occurrence.event_shows or {}
        self.base, self.ours = Shown.from_json(stored), stored["ours"]
        self.after = self.base
        now_ours = ours_of(found)
        self.has_new_name = seen.name != self.base.name and now_ours["title"] == self.ours["title"]
        self.has_new_place = seen.place != self.base.place and now_ours["where"] == self.ours["where"]
        times = (seen.starts_at, seen.ends_at) != (self.base.starts_at, self.base.ends_at)
        self.has_new_times = times and now_ours["times"] == self.ours["times"]

    @property
    def is_any(self) -> bool:
        return self.has_new_name or self.has_new_place or self.has_new_times

    def take_name(self) -> bool:
        if not self.has_new_name:
            return False
        try:
            self.found.occurrence.title = clean_text("title", self.seen.name, limit=TITLE_LIMIT)
        except BadText:
            return False
        return True

    def take_place(self) -> bool:
        if not self.has_new_place:
            return False
        occurrence, location = self.found.occurrence, self.seen.location or ""
        mention = CHANNEL_MENTION.fullmatch(location.strip())
        if self.seen.channel_id is not None or mention is not None:
            occurrence.where_channel_id = self.seen.channel_id or int(mention[1] if mention else 0)
            occurrence.where_text = None
            return True
        try:
            occurrence.where_text = clean_text("location", location, limit=LOCATION_LIMIT)
        except BadText:
            return False
        occurrence.where_channel_id = None
        return True

    def base_after(self) -> dict[str, Any]:
        """What the event shows, now that we know: fields in which ours is newer keep their old base."""
        base, ours = self.base, dict(self.ours)
        now_ours = ours_of(self.found)
        if self.has_new_name:
            base, ours["title"] = replace(base, name=self.seen.name), now_ours["title"]
        if self.has_new_place:
            base = replace(base, channel_id=self.seen.channel_id, location=self.seen.location)
            ours["where"] = now_ours["where"]
        if self.has_new_times:
            base = replace(base, starts_at=self.seen.starts_at, ends_at=self.seen.ends_at)
            ours["times"] = now_ours["times"]
        return {**base.as_json(), "ours": ours}


def ours_of(found: Found) -> dict[str, Any]:
    """Our side of what an event shows: when it differs from the base's, we have news for Discord."""
    occurrence, meetup = found.occurrence, found.meetup
    where = occurrence.where_text or occurrence.where_channel_id or meetup.where_channel_id
    return {
        "title": found.title,
        "where": where,
        "times": [occurrence.starts_at.isoformat(), occurrence.ends_at.isoformat()],
    }


def base_of(found: Found, shows: Shown) -> dict[str, Any]:
    """What is kept with the date: what its event shows, and our side of it at that moment."""
    return {**shows.as_json(), "ours": ours_of(found)}


def is_newer(found: Found) -> bool:
    """Whether Discord still lacks a change of ours that people must see."""
    stored = found.occurrence.event_shows
    return stored is not None and stored["ours"] != ours_of(found)
