"""Meetups as plainly as they can be told: which dates there are, who has a place, what is still to be said.

No database, no ledger and none of the bot's arithmetic: a reference to hold the real thing against.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: How many dates of a series stand ahead, and how long before the start each reminder comes and still helps.
AHEAD = 4
LEADS = {
    "24h": (timedelta(hours=24), timedelta(hours=1)),
    "1h": (timedelta(hours=1), timedelta(minutes=10)),
    "10m": (timedelta(minutes=10), timedelta(0)),
}
PLANNED, SKIPPED, CANCELLED = "planned", "skipped", "cancelled"
GOING, MAYBE, CANT, WAITING = "going", "maybe", "cant", "waitlisted"


@dataclass(frozen=True)
class Window:
    """From when to when something is worth saying."""

    due_at: datetime
    expires_at: datetime

    def open_at(self, now: datetime) -> bool:
        return self.due_at <= now < self.expires_at


@dataclass(eq=False)
class Date:
    """One date of a meetup."""

    slot: date
    starts_at: datetime
    ends_at: datetime
    state: str = PLANNED
    closed: bool = False
    #: Everybody's answer in the order given; those that wait keep their turn in it.
    answers: dict[int, str] = field(default_factory=dict)
    #: What is still to be said, by what it is: "post", a reminder's lead, ("promoted", user).
    to_say: dict[object, Window] = field(default_factory=dict)
    promoted: Counter[int] = field(default_factory=Counter)
    post_planned: bool = False
    posted: bool = False
    id: int = 0

    def of(self, answer: str) -> list[int]:
        return [user for user, given in self.answers.items() if given == answer]

    @property
    def windows(self) -> list[Window]:
        return list(self.to_say.values())

    def is_coming(self, now: datetime) -> bool:
        return self.state == PLANNED and self.ends_at > now

    def plan_reminders(self, now: datetime) -> None:
        for lead, (before, useful_until) in LEADS.items():
            self.to_say.pop(lead, None)
            if self.starts_at - before > now:
                self.to_say[lead] = Window(self.starts_at - before, self.starts_at - useful_until)


@dataclass(eq=False)
class Series:
    """A meetup: a wall clock in a zone, every so many days (0: once)."""

    zone: ZoneInfo
    anchor: date
    clock: time
    every_days: int
    minutes: int
    capacity: int | None
    dates: dict[date, Date] = field(default_factory=dict)
    cancelled: bool = False
    id: int = 0

    def instant(self, slot: date) -> datetime:
        return datetime.combine(slot, self.clock, tzinfo=self.zone).astimezone(UTC)

    def in_order(self) -> list[Date]:
        return sorted(self.dates.values(), key=lambda one: (one.starts_at, one.id))

    # What is done to it.

    def begin(self, starts_at: datetime, now: datetime) -> None:
        self._add(self.anchor, starts_at, now)
        self.extend(now)
        self._post(self.dates[self.anchor], now)

    def skip(self, which: Date, now: datetime) -> None:
        which.state = SKIPPED
        which.to_say.clear()
        self._carry_on(now)

    def move(self, which: Date, starts_at: datetime, now: datetime) -> bool:
        """False when a date of it starts at that moment already."""
        if any(one.state == PLANNED and one.starts_at == starts_at for one in self.dates.values()):
            return False
        if not self.every_days:
            local = starts_at.astimezone(self.zone)
            del self.dates[which.slot]
            which.slot = self.anchor = local.date()
            self.clock = local.time()
            self.dates[which.slot] = which
        which.ends_at = starts_at + (which.ends_at - which.starts_at)
        which.starts_at = starts_at
        which.plan_reminders(now)
        self._carry_on(now)
        return True

    def cancel(self, now: datetime) -> None:
        self.cancelled = True
        for one in self.dates.values():
            if one.ends_at > now:
                if one.state == PLANNED:
                    one.state = CANCELLED
                one.to_say.clear()

    def repeat_every(self, days: int, now: datetime) -> None:
        if days == self.every_days:
            return
        planned = [one for one in self.dates.values() if one.is_coming(now)]
        self.anchor, self.every_days = min(one.slot for one in planned), days
        for one in planned:
            if (one.slot - self.anchor).days % days:
                one.state = CANCELLED
                one.to_say.clear()
        self._carry_on(now)

    def last(self, minutes: int, now: datetime) -> None:
        self.minutes = minutes
        for one in self.dates.values():
            if one.ends_at > now:
                one.ends_at = one.starts_at + timedelta(minutes=minutes)

    def take(self, capacity: int, now: datetime) -> None:
        coming = [one for one in self.in_order() if one.is_coming(now)]
        self.capacity = capacity
        for one in coming:
            self._fill(one, now)

    def answer(self, which: Date, user: int, wanted: str, now: datetime) -> str:
        before = which.answers.get(user)
        given = wanted
        if wanted == GOING and before in (GOING, WAITING):
            given = str(before)
        elif wanted == GOING and self.capacity is not None and len(which.of(GOING)) >= self.capacity:
            given = WAITING
        if given != before:
            which.answers.pop(user, None)
            which.answers[user] = given
            if before == GOING:
                self._fill(which, now)
        return given

    def look_at_the_clock(self, now: datetime) -> None:
        """What is over is closed, and the series goes on."""
        over = [one for one in self.dates.values() if not one.closed and one.ends_at <= now]
        for one in over:
            one.closed = True
        if over and not self.cancelled:
            self._carry_on(now)

    # What follows from it.

    def extend(self, now: datetime) -> None:
        """As many dates ahead as there should be; skipped ones stay away."""
        if not self.every_days:
            return
        first = now.date() - timedelta(days=2)
        slot, coming = self.anchor, 0
        while coming < AHEAD:
            there = self.dates.get(slot)
            if slot >= first:
                if there is not None and there.state == PLANNED:
                    coming += there.ends_at > now
                elif (there is None or there.state == CANCELLED) and self.instant(slot) > now:
                    self._add(slot, self.instant(slot), now)
                    coming += 1
            slot += timedelta(days=self.every_days)

    def _add(self, slot: date, starts_at: datetime, now: datetime) -> None:
        one = self.dates.setdefault(slot, Date(slot, starts_at, starts_at))
        one.state, one.starts_at = PLANNED, starts_at
        one.ends_at = starts_at + timedelta(minutes=self.minutes)
        one.plan_reminders(now)

    def _carry_on(self, now: datetime) -> None:
        self.extend(now)
        coming = [one for one in self.in_order() if one.is_coming(now)]
        if coming:
            self._post(coming[0], now)

    def _post(self, one: Date, now: datetime) -> None:
        """The next date is posted at once, each date once for ever."""
        if not one.posted and (not one.post_planned or "post" in one.to_say):
            one.post_planned = True
            one.to_say["post"] = Window(now, max(one.ends_at, now))

    def _fill(self, which: Date, now: datetime) -> None:
        while which.of(WAITING) and (self.capacity is None or len(which.of(GOING)) < self.capacity):
            user = which.of(WAITING)[0]
            which.answers[user] = GOING
            which.promoted[user] += 1
            which.to_say["promoted", user, which.promoted[user]] = Window(now, which.ends_at)


def typed(instant: datetime) -> str:
    """An instant as a member may type it, the same in every zone."""
    return f"{instant:%Y-%m-%dT%H:%MZ}"
