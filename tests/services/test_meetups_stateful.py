"""Meetups on random walks over clock changes and crashes, beside a reference model of a page or two."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from bot.db.models import Answer, Delivery, Group, Meetup, Membership, Occurrence, Rsvp
from bot.errors import DateTaken, MeetupCancelled, MeetupOver, NotRecurring, StudyError
from bot.scheduling.recurrence import Repeat
from bot.services.access import Caller
from bot.services.meetups import POST, PROMOTED, REMINDER, MeetupChanges, MeetupService
from tests.delivery.acting import ActingSender, Discord, Faults, MortalLedger, Process, live
from tests.delivery.conftest import Clock
from tests.services.meetup_model import GOING, PLANNED, Date, Series, typed
from tests.stateful import AFTER, BEFORE, Died, Place, dying, place, walks

GUILD, CHANNEL, MIRA = 10, 20, 1
MEMBERS = (2, 3, 4, 5)
#: Shortly before the clocks change in each of these zones, and once half a year from it.
BEGINNINGS = (
    datetime(2026, 3, 5, 9, tzinfo=UTC),
    datetime(2026, 3, 27, 18, tzinfo=UTC),
    datetime(2026, 10, 20, 6, tzinfo=UTC),
)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
CLOCKS = (time(2, 30), time(1, 30), time(19, 0), time(23, 45))
REPEATS = {0: Repeat.NONE, 7: Repeat.WEEKLY, 14: Repeat.FORTNIGHTLY}
ADVANCES = tuple(
    timedelta(minutes=minutes) for minutes in (1, 20, 61, 6 * 60, 24 * 60, 3 * 24 * 60, 8 * 24 * 60)
)
LEASE = timedelta(seconds=30)
#: When the process dies at a deed, if it does.
DEATHS = st.sampled_from((None, None, None, None, BEFORE, AFTER))
WHICH = st.integers(0, 30)
ANSWERS = st.lists(
    st.tuples(st.sampled_from(MEMBERS), st.sampled_from((GOING, GOING, "maybe", "cant"))),
    min_size=2,
    max_size=6,
)


class MeetupMachine(RuleBasedStateMachine):
    """One group, its meetups, and the model of them."""

    def __init__(self, home: Place) -> None:
        super().__init__()
        self.home = home
        self.clock = Clock()
        self.discord = Discord(self.clock)
        self.series: list[Series] = []
        self.noted = 0
        self.started = 0
        #: When a process last died while it was sending: what it held is held for a lease.
        self.died_at: datetime | None = None
        home.clear(Delivery, Rsvp, Occurrence, Meetup, Membership, Group)

    @initialize(
        beginning=st.sampled_from(BEGINNINGS),
        zone=st.sampled_from(ZONES),
        clock=st.sampled_from(CLOCKS),
        every=st.sampled_from((7, 14, 0)),
    )
    def make_a_group(self, beginning: datetime, zone: str, clock: time, every: int) -> None:
        """With a meetup for one, so that somebody waits for a place soon."""
        self.clock.now = beginning
        self.zone = ZoneInfo(zone)
        self.group_id = self.home.run(self._made_group(GUILD, zone))
        # Another server's, which nothing here may touch.
        other = self.home.run(self._made_group(GUILD + 1, zone))
        self.noise = self.home.run(self._noise(other))
        self._start()
        self._schedule(2, clock, every, minutes=90, capacity=1, death=None)

    # What people do.

    @precondition(lambda self: len(self.series) < 2)
    @rule(
        days=st.integers(1, 30),
        clock=st.sampled_from(CLOCKS),
        every=st.sampled_from((0, 7, 7, 14)),
        minutes=st.sampled_from((30, 90)),
        capacity=st.sampled_from((None, 1, 1, 2)),
        death=DEATHS,
    )
    def schedule(
        self, days: int, clock: time, every: int, minutes: int, capacity: int | None, death: str | None
    ) -> None:
        self._schedule(days, clock, every, minutes=minutes, capacity=capacity, death=death)

    def _schedule(
        self, days: int, clock: time, every: int, *, minutes: int, capacity: int | None, death: str | None
    ) -> None:
        day = (self.clock() + timedelta(days=days)).date()
        starts_at = datetime.combine(day, clock, tzinfo=self.zone).astimezone(UTC)
        local = starts_at.astimezone(self.zone)
        made = Series(self.zone, local.date(), local.time(), every, minutes, capacity)
        done = self._do(
            self.meetups.schedule(
                caller=self.caller, group_id=self.group_id, when=typed(starts_at), minutes=minutes,
                repeat=REPEATS[every], capacity=capacity,
            ),
            death,
        )  # fmt: skip
        if done:
            made.begin(starts_at, self.clock())
            self.series.append(made)

    @precondition(lambda self: self.series)
    @rule(which=WHICH, death=DEATHS)
    def skip(self, which: int, death: str | None) -> None:
        series, one = self._chosen(which)
        refusal = self._refusal(one) or (None if series.every_days else NotRecurring)
        work = self.meetups.skip(caller=self.caller, typed=str(one.id))
        self._change(work, refusal, death, lambda: series.skip(one, self.clock()))

    @precondition(lambda self: self.series)
    @rule(which=WHICH, hours=st.sampled_from((1, 5, 24, 24 * 7, 24 * 10)), death=DEATHS)
    def move(self, which: int, hours: int, death: str | None) -> None:
        series, one = self._chosen(which)
        starts_at = max(one.starts_at, self.clock()) + timedelta(hours=hours)
        refusal = self._refusal(one)
        taken = any(o.state == PLANNED and o.starts_at == starts_at for o in series.dates.values())
        work = self.meetups.move(caller=self.caller, typed=str(one.id), when=typed(starts_at))
        refusal = refusal or (DateTaken if taken else None)
        self._change(work, refusal, death, lambda: series.move(one, starts_at, self.clock()))

    @precondition(lambda self: self.series)
    @rule(which=WHICH, death=DEATHS)
    def call_off(self, which: int, death: str | None) -> None:
        series, one = self._chosen(which)
        work = self.meetups.cancel(caller=self.caller, typed=str(one.id))
        self._change(work, self._refusal(one), death, lambda: series.cancel(self.clock()))

    @precondition(lambda self: self.series)
    @rule(which=WHICH, minutes=st.sampled_from((5, 60, 240)), death=DEATHS)
    def change_its_length(self, which: int, minutes: int, death: str | None) -> None:
        series, one = self._chosen(which)
        work = self._edit(one, MeetupChanges(minutes=minutes))
        self._change(work, self._refusal(one), death, lambda: series.last(minutes, self.clock()))

    @precondition(lambda self: self.series)
    @rule(which=WHICH, capacity=st.sampled_from((1, 2, 3)), death=DEATHS)
    def change_its_places(self, which: int, capacity: int, death: str | None) -> None:
        series, one = self._chosen(which)
        work = self._edit(one, MeetupChanges(capacity=capacity))
        self._change(work, self._refusal(one), death, lambda: series.take(capacity, self.clock()))

    @precondition(lambda self: any(series.every_days for series in self.series))
    @rule(which=WHICH, every=st.sampled_from((7, 14)), death=DEATHS)
    def repeat_otherwise(self, which: int, every: int, death: str | None) -> None:
        series, one = self._chosen(which)
        if series.every_days:
            work = self._edit(one, MeetupChanges(repeat=REPEATS[every]))
            self._change(work, self._refusal(one), death, lambda: series.repeat_every(every, self.clock()))

    @precondition(lambda self: self.series)
    @rule(which=st.integers(0, 2), answers=ANSWERS, death=DEATHS)
    def answer(self, which: int, answers: list[tuple[int, str]], death: str | None) -> None:
        """Several in a row, as happens where places are few; the process may die at the last."""
        for number, (user, wanted) in enumerate(answers, start=1):
            series, one = self._chosen(which)
            work = self.meetups.answer(
                occurrence_id=one.id, guild_id=GUILD, user_id=user, wanted=Answer(wanted)
            )
            told = partial(series.answer, one, user, wanted, self.clock())
            self._change(work, self._refusal(one), death if number == len(answers) else None, told)

    # What happens by itself.

    @rule(by=st.sampled_from(ADVANCES), looks=st.booleans())
    def time_goes_by(self, by: timedelta, looks: bool) -> None:
        self.clock.now += by
        if looks:
            self._look_at_the_clock()

    @rule(death=DEATHS)
    def look_at_the_clock(self, death: str | None) -> None:
        self._look_at_the_clock(death)

    @rule(dies_at=st.one_of(st.none(), st.none(), st.integers(1, 12)))
    def dispatch(self, dies_at: int | None) -> None:
        self._dispatch(dies_at)

    @precondition(lambda self: self.series)
    @rule(which=st.integers(0, 3), looks=st.booleans())
    def time_goes_on_until_something_is_due(self, which: int, looks: bool) -> None:
        every = [window for series in self.series for one in series.dates.values() for window in one.windows]
        coming = sorted({window.due_at for window in every if window.due_at > self.clock()})
        if coming:
            self.clock.now = coming[which % len(coming)]
            if looks:
                self._look_at_the_clock()
            self._dispatch(None)

    def _dispatch(self, dies_at: int | None) -> None:
        process = Process(dies_at)
        self._start(process)
        self.home.run(live(process, self.ledger, ActingSender(self.discord, process, Faults()), self.clock))
        self._note_what_was_said()
        if process.dead:
            self.died_at = self.clock()
            self.home.restart()
        elif self.died_at is None or self.clock() - self.died_at > self.ledger.holds_up_for:
            self._check_nothing_is_missing()
        self._start()
        self.home.run(self.meetups.adopt_posts())

    @rule()
    def the_process_starts_anew(self) -> None:
        self.home.restart()
        self._start()

    # What must hold.

    @invariant()
    def the_dates_and_places_are_as_told(self) -> None:
        for series in self.series:
            rows = self.home.run(self._occurrences(series))
            found = [(row.slot, row.starts_at, row.ends_at, row.state.value) for row, _ in rows]
            told = [(o.slot, o.starts_at, o.ends_at, o.state) for o in series.dates.values()]
            assert sorted(found) == sorted(told)
            for row, answers in rows:
                one = series.dates[row.slot]
                one.id = row.id
                assert [(user, given.value) for user, given in answers] == list(one.answers.items()), one.slot
                assert series.capacity is None or not one.of("waitlisted") or one.of(GOING)
        if hasattr(self, "noise"):
            assert self.home.run(self._noise_rows()) == self.noise

    # Pieces.

    def _start(self, process: Process | None = None) -> None:
        """Everything built anew on the same database."""
        self.started += 1
        self.ledger = MortalLedger(
            self.home.database, clock=self.clock, owner=f"process {self.started}", lease=LEASE
        )
        self.ledger.process, self.ledger.faults = process or Process(), Faults()
        self.meetups = MeetupService(self.home.database, ledger=self.ledger, clock=self.clock)
        self.caller = Caller(user_id=MIRA, guild_id=GUILD, channel_ids=(CHANNEL,))

    def _do(self, work: Coroutine[Any, Any, object], death: str | None = None) -> bool:
        """Whether it is done; a process that died says nothing, but its commit may stand."""
        try:
            with dying(death):
                self.home.run(work)
        except Died:
            self.home.restart()
            self._start()
            return death == AFTER
        return True

    def _change(
        self,
        work: Coroutine[Any, Any, object],
        refusal: type[StudyError] | None,
        death: str | None,
        told: Callable[[], object],
    ) -> None:
        """Do it, and tell the model; or see it refused for the reason that the model knows."""
        done, refused = False, None
        try:
            done = self._do(work, death if refusal is None else None)
        except StudyError as error:
            refused = type(error)
        assert refused is refusal
        if done:
            told()

    def _refusal(self, one: Date) -> type[StudyError] | None:
        if one.state != PLANNED:
            return MeetupCancelled
        return MeetupOver if one.ends_at <= self.clock() else None

    def _chosen(self, which: int) -> tuple[Series, Date]:
        every = [(series, one) for series in self.series for one in series.in_order()]
        return every[which % len(every)]

    def _edit(self, one: Date, changes: MeetupChanges) -> Coroutine[Any, Any, object]:
        return self.meetups.edit(caller=self.caller, typed=str(one.id), changes=changes)

    def _look_at_the_clock(self, death: str | None = None) -> None:
        if self._do(self.meetups.materialise(), death):
            for series in self.series:
                series.look_at_the_clock(self.clock())

    def _note_what_was_said(self) -> None:
        """Each message must be one that the model still has to say, now; then it is said."""
        rows = self.home.run(self._deliveries())
        dates = {one.id: one for series in self.series for one in series.dates.values()}
        for message in self.discord.posted[self.noted :]:
            row = rows[message.mark]
            one = dates[row.refs["occurrence"]]
            wanted: list[object] = {
                POST: ["post"],
                REMINDER: [row.refs.get("lead")],
                PROMOTED: [key for key in one.to_say if isinstance(key, tuple) and key[1] == row.user_id],
            }[row.kind]
            said = next((key for key in wanted if key in one.to_say), None)
            assert said is not None, f"{row.dedupe_key} was not to be said"
            window = one.to_say.pop(said)
            assert window.open_at(message.at), f"{row.dedupe_key} at {message.at}, not {window}"
            one.posted |= said == "post"
        self.noted = len(self.discord.posted)

    def _check_nothing_is_missing(self) -> None:
        for series in self.series:
            for one in series.dates.values():
                for what, window in list(one.to_say.items()):
                    assert not window.open_at(self.clock()), (
                        f"{one.slot}: {what} is due since {window.due_at}"
                    )
                    if window.expires_at <= self.clock():
                        del one.to_say[what]

    # The database.

    async def _made_group(self, guild_id: int, zone: str) -> int:
        async with self.home.database.write() as session:
            group = Group(
                guild_id=guild_id, name="Group", name_key="group", timezone=zone, channel_id=CHANNEL,
                created_by=MIRA, created_at=self.clock(),
            )  # fmt: skip
            session.add(group)
            await session.flush()
            session.add(Membership(group_id=group.id, user_id=MIRA, joined_at=self.clock()))
            return group.id

    async def _noise(self, group_id: int) -> object:
        day = date(2027, 5, 1)
        async with self.home.database.write() as session:
            meetup = Meetup(
                group_id=group_id, title="Other", starts_local=datetime.combine(day, time(12)),
                timezone="UTC", minutes=60, repeat="none", host_id=MIRA, created_by=MIRA,
                created_at=self.clock(), sequence=0,
            )  # fmt: skip
            session.add(meetup)
            await session.flush()
            starts_at = datetime(2027, 5, 1, 12, tzinfo=UTC)
            occurrence = Occurrence(
                meetup_id=meetup.id, slot=day, starts_at=starts_at,
                ends_at=starts_at + timedelta(hours=1), checkin_secret="x" * 40,
            )  # fmt: skip
            session.add(occurrence)
            await session.flush()
            session.add_all(
                Rsvp(occurrence_id=occurrence.id, user_id=user, answer=Answer.GOING, answered_at=starts_at)
                for user in MEMBERS
            )
            self.noise_id = occurrence.id
        return await self._noise_rows()

    async def _noise_rows(self) -> object:
        async with self.home.database.read() as session:
            columns = Occurrence.starts_at, Occurrence.state, Occurrence.version, Rsvp.user_id, Rsvp.answer
            query = select(*columns).join(Rsvp).where(Occurrence.id == self.noise_id)
            return [tuple(row) for row in await session.execute(query.order_by(Rsvp.user_id))]

    async def _occurrences(self, series: Series) -> list[tuple[Occurrence, list[tuple[int, Answer]]]]:
        async with self.home.database.read() as session:
            if not series.id:
                known = [one.id for one in self.series if one.id]
                mine = select(Meetup.id).where(Meetup.group_id == self.group_id, Meetup.id.not_in(known))
                series.id = await session.scalar(mine) or 0
            rows = await session.scalars(select(Occurrence).where(Occurrence.meetup_id == series.id))
            found = list(rows)
            answers = await session.execute(
                select(Rsvp.occurrence_id, Rsvp.user_id, Rsvp.answer)
                .where(Rsvp.occurrence_id.in_([row.id for row in found]))
                .order_by(Rsvp.answered_at, Rsvp.user_id)
            )
            given = list(answers)
        return [(row, [(u, a) for at, u, a in given if at == row.id]) for row in found]

    async def _deliveries(self) -> dict[int, Delivery]:
        async with self.home.database.read() as session:
            return {row.id: row for row in await session.scalars(select(Delivery))}


def test_meetups_on_random_walks(database_url: str) -> None:
    with place(database_url) as home:
        run_state_machine_as_test(lambda: MeetupMachine(home), settings=walks(examples=8, steps=30))
