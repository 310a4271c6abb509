"""The ledger on random walks: planned, taken back, given another time, sent by two owners that fail and die.

The model is what a member may rely on: everything is said once, at its time, by whoever may, in its order;
or not at all, for a reason.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from bot.db.models import Delivery, DeliveryState
from bot.delivery.ledger import OTHERS_AFTER, Outgoing, Share
from bot.delivery.messages import VIA
from tests.delivery.acting import ActingSender, Discord, Faults, MortalLedger, Process, live, target_of
from tests.delivery.conftest import Clock
from tests.stateful import Place, place, walks

T = TypeVar("T")
LEASE = timedelta(seconds=30)
OWNERS = ("a", "b")
SHARES = {"a": Share(shards=(0,), count=2), "b": Share(shards=(1,), count=2)}
OPEN = (DeliveryState.PENDING, DeliveryState.CLAIMED)


def id_on(shard: int, number: int) -> int:
    """An id that Discord's formula gives to this shard out of two."""
    return ((number * 2 + shard) << 22) + number


GUILDS = (id_on(0, 1), id_on(1, 2))
#: Channels with their server; two in the first.
CHANNELS = ((id_on(1, 3), GUILDS[0]), (id_on(0, 4), GUILDS[0]), (id_on(0, 5), GUILDS[1]))
GONE = (id_on(1, 6), GUILDS[1])
OPEN_MEMBER, CLOSED_MEMBER = id_on(0, 7), id_on(1, 8)
SUBJECTS = ("meetup 1", "meetup 2", "reminder 3")
MINUTES = st.sampled_from((0, 0, 1, 2, 10, 60))
#: None: after the ledger's own 24 hours.
USEFUL_MINUTES = st.sampled_from((None, None, 1, 5, 90))
FAULTS = st.lists(
    st.sampled_from(
        (
            "503",
            "429",
            "timeout",
            "503 after the deed",
            "dropped after the deed",
            "database lost after the claim",
            "database lost before settling",
            "database lost after settling",
        )
    ),
    max_size=3,
)
#: The point at which a process dies: None lets it live.
DIES_AT = st.one_of(st.none(), st.none(), st.integers(1, 14))
ADVANCES = (1, 5, 20, 31, 59, 61, 150, 400, 3700, 90_000)


@dataclass
class Taken:
    """What the model remembers of a delivery beyond its row."""

    reachable: bool = True
    #: Somebody took it back while it was open, and while an attempt was on its way.
    skipped: bool = False
    skipped_in_flight: bool = False


class LedgerMachine(RuleBasedStateMachine):
    """Two processes and their clock; a member counts what arrives."""

    def __init__(self, home: Place, *, shared: bool) -> None:
        super().__init__()
        self.home = home
        self.shared = shared
        self.clock = Clock()
        self.discord = Discord(self.clock, refused={CLOSED_MEMBER: 50007, GONE[0]: 10003})
        self.taken: dict[str, Taken] = {}
        self.started = 0
        self.known: dict[str, Delivery] | None = None
        home.clear(Delivery)

    # What happens.

    @rule(
        target_number=st.integers(0, 5),
        subject=st.sampled_from(SUBJECTS),
        due_in=MINUTES,
        useful=USEFUL_MINUTES,
    )
    def plan(self, target_number: int, subject: str, due_in: int, useful: int | None) -> None:
        item = self._outgoing(target_number, subject, due_in, useful)
        self._plan(item)
        self._remember(item)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def plan_a_known_key_again(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.taken)))
        before = self._rows()[key].channel_id, self._rows()[key].due_at, self._rows()[key].state
        item = Outgoing(
            key=key, kind="other", subject="other", due_at=self.clock(), channel_id=CHANNELS[0][0]
        )
        self._plan(item)
        row = self._rows()[key]
        assert (row.channel_id, row.due_at, row.state) == before

    @rule(
        target_number=st.integers(0, 2),
        subject=st.sampled_from(SUBJECTS),
        fate=st.sampled_from(("settled", "dies before", "dies after")),
        owner=st.sampled_from(OWNERS),
    )
    def answer_at_once(self, target_number: int, subject: str, fate: str, owner: str) -> None:
        """A command's own answer: planned as claimed, said by the process itself, which may die."""
        item = self._outgoing(target_number, subject, 0, None)
        ledger = self._ledger(owner)

        async def answer() -> None:
            async with self.home.database.write() as session:
                claimed = await ledger.plan_claimed(session, item)
            if fate == "dies before":
                return
            posted = self.discord.create(target_of(claimed), claimed.id, None)
            if fate == "settled":
                await ledger.sent(claimed, channel_id=posted.target, message_id=posted.id)

        self._do(answer())
        self._remember(item)

    @precondition(lambda self: self.taken)
    @rule(subject=st.sampled_from(SUBJECTS))
    def take_back(self, subject: str) -> None:
        before = self._rows()

        async def skip() -> int:
            async with self.home.database.write() as session:
                return await self._ledger("a").skip(session, subject=subject, reason="cancelled")

        open_ones = [row for row in before.values() if row.subject == subject and row.state in OPEN]
        assert self._do(skip()) == len(open_ones)
        for row in open_ones:
            mine = self.taken.setdefault(row.dedupe_key, Taken())
            mine.skipped = True
            # Tried before, perhaps in vain and perhaps not: nobody looks for it any more.
            mine.skipped_in_flight = row.attempts > 0

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), due_in=MINUTES, useful=USEFUL_MINUTES)
    def give_another_time(self, data: st.DataObject, due_in: int, useful: int | None) -> None:
        key = data.draw(st.sampled_from(sorted(self.taken)))
        row = self._rows()[key]
        due_at = self.clock() + timedelta(minutes=due_in)
        item = Outgoing(
            key=key, kind="k", subject=row.subject, due_at=due_at, channel_id=CHANNELS[0][0],
            expires_at=due_at + timedelta(minutes=useful) if useful else None,
        )  # fmt: skip

        async def reschedule() -> None:
            async with self.home.database.write() as session:
                await self._ledger("a").reschedule(session, item)

        self._do(reschedule())
        changed = row.state is DeliveryState.PENDING and row.attempts == 0
        after = self._rows()[key]
        assert after.due_at == (due_at if changed else row.due_at)
        assert after.expires_at == (item.expires_at if changed else row.expires_at)

    @rule(owner=st.sampled_from(OWNERS), dies_at=DIES_AT, faults=FAULTS)
    def dispatch(self, owner: str, dies_at: int | None, faults: list[str]) -> None:
        before, posted = self._rows(), len(self.discord.posted)
        process = Process(dies_at)
        self._do(self._pass(owner, process, Faults(list(faults))))
        self._check_who_said_it(before, posted, owner)
        self._check_order(before, posted)
        if not process.dead and not faults:
            self._check_all_said(before, owner)

    @rule(dies_at=st.tuples(DIES_AT, DIES_AT), faults=FAULTS)
    def dispatch_together(self, dies_at: tuple[int | None, int | None], faults: list[str]) -> None:
        before, posted = self._rows(), len(self.discord.posted)
        shared_faults = Faults(list(faults))

        async def both() -> None:
            passes = (
                self._pass(owner, Process(at), shared_faults)
                for owner, at in zip(OWNERS, dies_at, strict=True)
            )
            await asyncio.gather(*passes)

        self._do(both())
        self._check_order(before, posted)

    @rule(seconds=st.sampled_from(ADVANCES))
    def time_goes_by(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule()
    def everything_restarts(self) -> None:
        self.home.restart()
        self.known = None

    # What must hold.

    @invariant()
    def everything_is_said_once_at_its_time_or_not_for_a_reason(self) -> None:
        rows = self._rows()
        by_id = {row.id: row for row in rows.values()}
        marks = Counter(message.mark for message in self.discord.posted)
        assert all(count == 1 for count in marks.values()), marks
        for message in self.discord.posted:
            row = by_id[message.mark]
            assert message.target == (row.channel_id or row.user_id)
            assert row.due_at <= message.at < self._gives_up_at(row), row.dedupe_key
        for key, row in rows.items():
            self._check_reason(key, row, said=row.id in marks, keys=set(rows))

    def _check_reason(self, key: str, row: Delivery, *, said: bool, keys: set[str]) -> None:
        mine = self.taken.setdefault(key, Taken())
        expired = self._gives_up_at(row) <= self.clock()
        if row.state is DeliveryState.SENT:
            assert said, key
        elif row.state is DeliveryState.SKIPPED:
            assert mine.skipped or expired, (key, row.last_error)
            assert not said or mine.skipped_in_flight, key
        elif row.state is DeliveryState.FAILED:
            assert not said, key
            assert not mine.reachable or expired, (key, row.last_error)
            if row.user_id == CLOSED_MEMBER and not expired:
                assert f"{key}{VIA}{CHANNELS[0][0]}" in keys, "no fallback planned"

    def teardown(self) -> None:
        """However it went: left alone and with a network that works, everything ends."""
        for _ in range(200):
            for owner in OWNERS:
                self._do(self._pass(owner, Process(), Faults()))
            next_due = [self._do(self._ledger(owner).next_due()) for owner in OWNERS]
            coming = [due for due in next_due if due is not None]
            if not coming:
                break
            self.clock.now = max(self.clock.now, min(coming))
        left = [key for key, row in self._rows().items() if row.state in OPEN]
        assert not left, left
        self.everything_is_said_once_at_its_time_or_not_for_a_reason()

    # The order.

    def _check_order(self, before: dict[str, Delivery], posted: int) -> None:
        """To one place nothing overtakes what was due earlier and still holds it up."""
        now = self._rows()
        place_of = {message.mark: place for place, message in enumerate(self.discord.posted)}
        for later in now.values():
            if place_of.get(later.id, -1) < posted:
                continue
            for earlier in self._ahead_of(later, before):
                stands = place_of.get(earlier.id)
                over = now[earlier.dedupe_key].state not in OPEN
                assert (stands is not None and stands < place_of[later.id]) or (stands is None and over), (
                    f"{later.dedupe_key} overtook {earlier.dedupe_key}"
                )

    def _ahead_of(self, later: Delivery, rows: dict[str, Delivery]) -> list[Delivery]:
        """What was open then, to the same place and due earlier, not expired, not tried for too long."""
        longest = self._ledger("a").holds_up_for
        return [
            row
            for row in rows.values()
            if row.state in OPEN
            and (row.channel_id, row.user_id) == (later.channel_id, later.user_id)
            and (row.due_at, row.id) < (later.due_at, later.id)
            and self._gives_up_at(row) > self.clock()
            and (row.first_attempt_at is None or row.first_attempt_at > self.clock() - longest)
            and row.next_attempt_at <= self.clock() + longest
        ]

    def _check_who_said_it(self, before: dict[str, Delivery], posted: int, owner: str) -> None:
        if not self.shared:
            return
        by_id = {row.id: row for row in before.values()}
        for message in self.discord.posted[posted:]:
            row = by_id.get(message.mark)
            if row is not None:
                overdue = row.next_attempt_at <= self.clock() - OTHERS_AFTER
                assert self._is_of(row, owner) or overdue, (row.dedupe_key, owner)

    def _check_all_said(self, before: dict[str, Delivery], owner: str) -> None:
        """A pass that met no fault leaves nothing but what waits behind an earlier one that others hold."""
        now = self._rows()
        for key, row in before.items():
            due = row.state in OPEN and row.next_attempt_at <= self.clock() < self._gives_up_at(row)
            mine = not self.shared or self._is_of(row, owner)
            if due and mine and self.taken[key].reachable:
                held = any(now[one.dedupe_key].state in OPEN for one in self._ahead_of(row, now))
                assert held or now[key].state is DeliveryState.SENT, key

    # Pieces.

    def _is_of(self, row: Delivery, owner: str) -> bool:
        target = row.user_id or row.guild_id or row.channel_id or 0
        return (target >> 22) % 2 in SHARES[owner].shards

    def _gives_up_at(self, row: Delivery) -> datetime:
        return row.expires_at if row.expires_at is not None else row.due_at + timedelta(hours=24)

    def _ledger(self, owner: str) -> MortalLedger:
        """Of a process that has just started in this one's place."""
        self.started += 1
        ledger = MortalLedger(
            self.home.database,
            clock=self.clock,
            owner=f"{owner}:{self.started}",
            lease=LEASE,
            share=SHARES[owner] if self.shared else None,
        )
        ledger.process, ledger.faults = Process(), Faults()
        return ledger

    async def _pass(self, owner: str, process: Process, faults: Faults) -> None:
        await live(process, self._ledger(owner), ActingSender(self.discord, process, faults), self.clock)

    def _outgoing(self, target_number: int, subject: str, due_in: int, useful: int | None) -> Outgoing:
        due_at = self.clock() + timedelta(minutes=due_in)
        facts: dict[str, object] = {}
        if target_number < len(CHANNELS):
            facts["channel_id"], facts["guild_id"] = CHANNELS[target_number]
        elif target_number == 3:
            facts["user_id"] = OPEN_MEMBER
        elif target_number == 4:
            facts |= {"user_id": CLOSED_MEMBER, "guild_id": GUILDS[0], "fallback": (CHANNELS[0][0],)}
        else:
            facts["channel_id"], facts["guild_id"] = GONE
        return Outgoing(
            key=f"{len(self.taken)}", kind="k", subject=subject, due_at=due_at,
            expires_at=due_at + timedelta(minutes=useful) if useful else None, **facts,  # type: ignore[arg-type]
        )  # fmt: skip

    def _plan(self, item: Outgoing) -> None:
        async def plan() -> None:
            async with self.home.database.write() as session:
                await self._ledger("a").plan(session, item)

        self._do(plan())

    def _remember(self, item: Outgoing) -> None:
        reachable = item.user_id != CLOSED_MEMBER and item.channel_id != GONE[0]
        self.taken[item.key] = Taken(reachable=reachable)

    def _rows(self) -> dict[str, Delivery]:
        async def rows() -> list[Delivery]:
            async with self.home.database.read() as session:
                return list(await session.scalars(select(Delivery).order_by(Delivery.id)))

        if self.known is None:
            self.known = {row.dedupe_key: row for row in self.home.run(rows())}
        return self.known

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it; what was read before may be so no more."""
        self.known = None
        return self.home.run(work)


@pytest.mark.parametrize("shared", [False, True], ids=["together", "shares"])
def test_the_ledger_on_random_walks(database_url: str, shared: bool) -> None:
    with place(database_url) as home:
        run_state_machine_as_test(
            lambda: LedgerMachine(home, shared=shared), settings=walks(examples=5, steps=30)
        )
