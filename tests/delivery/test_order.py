"""To one channel or member in the order of their due times, whatever fails, dies, or has two owners."""

import asyncio
from collections import defaultdict
from datetime import timedelta
from random import Random

import pytest

from bot.db.engine import Database
from bot.delivery.dispatcher import TryLater
from bot.delivery.ledger import Claimed, Ledger
from bot.delivery.order import LOOK_AGAIN
from tests.delivery.conftest import Clock
from tests.delivery.test_dispatcher import Office, Sender, office, raising
from tests.delivery.test_ledger import outgoing, plan

__all__ = ["office"]  # a fixture


async def test_what_comes_later_waits_for_what_is_postponed(office: Office) -> None:
    async def refuse_the_first(delivery: Claimed) -> None:
        if delivery.key == "first":
            raise TryLater("503")

    sender = Sender(refuse_the_first)
    dispatcher = office.dispatcher(sender)
    await office.plan("first", "second")
    await office.plan("elsewhere", channel_id=8)
    await office.plan("to a member", channel_id=None, user_id=7)
    again = await dispatcher.run()
    assert again is not None
    assert sender.sent == ["elsewhere", "to a member"]
    # Planned meanwhile, and due before the first one is tried again.
    await office.plan("third", due_at=office.clock() + timedelta(microseconds=1))
    office.clock.advance(microseconds=1)
    await dispatcher.run()
    sender.before = None
    for _ in range(3):
        office.clock.advance(seconds=2)
        await dispatcher.run()
    assert sender.sent == ["elsewhere", "to a member", "first", "second", "third"]
    rows = [await office.row(key) for key in ("first", "second", "third")]
    assert [(row.attempts, row.errors) for row in rows] == [(2, 1), (1, 0), (1, 0)]


async def test_what_is_given_back_while_the_ledger_is_asked_is_not_left_due(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is given back just after a claim looked, and is gone when that claim returns."""
    ledger, asked, given = office.ledger, asyncio.Event(), asyncio.Event()
    claim, give_back = ledger.claim, ledger.give_back

    async def slow_claim(most: int) -> list[Claimed]:
        claimed = await claim(most)
        if not claimed and not asked.is_set():
            asked.set()
            await given.wait()
            await asyncio.sleep(0.05)
        return claimed

    async def late_give_back(delivery: Claimed) -> bool:
        await asked.wait()
        done = await give_back(delivery)
        given.set()
        return done

    monkeypatch.setattr(ledger, "claim", slow_claim)
    monkeypatch.setattr(ledger, "give_back", late_give_back)
    await office.plan("first", "second")
    again = await office.dispatcher(Sender(raising(TryLater("503")))).run()
    assert given.is_set()
    assert again is not None
    assert again > office.clock()


async def test_what_keeps_failing_holds_up_the_others_for_a_while_only(office: Office) -> None:
    sender = Sender(raising(TryLater("503")))
    dispatcher = office.dispatcher(sender)
    began = office.clock()
    await office.plan("poisoned", "second")
    at = await dispatcher.run()
    assert at is not None
    while "second" not in sender.tried:
        assert at - began <= office.ledger.holds_up_for + timedelta(minutes=2)
        office.clock.now = at
        at = await dispatcher.run()
        assert at is not None
    assert office.clock() - began >= office.ledger.holds_up_for
    assert not await office.ledger.settled("poisoned")


async def test_what_comes_later_waits_for_what_a_dead_process_held(
    office: Office, database: Database, clock: Clock
) -> None:
    dead = Ledger(database, clock=clock, owner="dead")
    await office.plan("first", "second", "third")
    assert [one.key for one in await dead.claim(1)] == ["first"]
    sender = Sender()
    dispatcher = office.dispatcher(sender)
    at = await dispatcher.run()
    assert sender.sent == []
    began = clock()
    while at is not None:
        clock.now = at
        at = await dispatcher.run()
    assert (sender.looked, sender.sent) == (["first"], ["first", "second", "third"])
    assert clock() - began <= dead.lease + LOOK_AGAIN


async def test_two_processes_take_turns_at_one_channel(database: Database, clock: Clock) -> None:
    one, other = (Ledger(database, clock=clock, owner=name) for name in ("one", "other"))
    await plan(database, one, *(outgoing(clock, f"{n}", channel_id=7) for n in range(3)))
    await plan(database, one, outgoing(clock, "elsewhere", channel_id=8))
    first = (await one.claim(1))[0]
    assert [row.key for row in await other.claim(10)] == ["elsewhere"]
    # A process may claim behind what is its own: it keeps those in order by itself.
    clock.advance(seconds=LOOK_AGAIN.total_seconds())
    second = (await one.claim(1))[0]
    assert (first.key, second.key) == ("0", "1")
    await one.sent(first, channel_id=7, message_id=1)
    assert await other.claim(10) == []
    await one.sent(second, channel_id=7, message_id=2)
    clock.advance(seconds=LOOK_AGAIN.total_seconds())
    (third,) = await other.claim(10)
    assert (third.key, third.is_retry, third.attempts) == ("2", False, 1)


async def test_any_processes_in_any_turn_keep_every_channel_in_order(
    database: Database, clock: Clock
) -> None:
    """Four of them claim, send, fail and die at random; what a channel got is always in order."""
    chance = Random(7)
    lease = timedelta(seconds=5)
    made = 0

    def process() -> Ledger:
        nonlocal made
        made += 1
        return Ledger(database, clock=clock, owner=f"process {made}", lease=lease)

    ledgers = [process() for _ in range(4)]
    for number in range(30):
        due = clock() + timedelta(seconds=chance.randrange(20))
        await plan(database, ledgers[0], outgoing(clock, f"{number}", due_at=due, channel_id=number % 5))
    got: dict[int | None, list[tuple[object, ...]]] = defaultdict(list)
    while sum(map(len, got.values())) < 30:
        turn = chance.randrange(4)
        held_up: set[int | None] = set()
        for row in await ledgers[turn].claim(chance.choice((1, 2, 8))):
            fate = chance.choice(("sent", "sent", "sent", "postponed", "died"))
            if row.channel_id in held_up:  # as the dispatcher does
                await ledgers[turn].give_back(row)
            elif fate == "sent":
                await ledgers[turn].sent(row, channel_id=7, message_id=1)
                got[row.channel_id].append((row.due_at, row.id))
            elif fate == "postponed":
                held_up.add(row.channel_id)
                await ledgers[turn].retry(row, after=timedelta(seconds=chance.randrange(1, 9)), error="503")
            else:
                ledgers[turn] = process()
                break
        clock.advance(seconds=chance.uniform(0, 3))
    assert made > 10
    assert {channel: sorted(rows) for channel, rows in got.items()} == got
