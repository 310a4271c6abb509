"""The dispatcher: what each answer of Discord leads to, order, lateness, expiry, and stopping."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError

from bot.db.engine import Database
from bot.db.models import DeliveryState
from bot.delivery.dispatcher import (
    DirectMessagesClosed,
    Pointless,
    Rejected,
    TargetGone,
    TryLater,
    Unauthorized,
)
from bot.delivery.ledger import Claimed, Ledger, Outgoing
from tests.delivery.conftest import Clock
from tests.delivery.office import Office, Sender, raising, until_settled


@pytest.fixture
def office(database: Database, ledger: Ledger, clock: Clock) -> Office:
    return Office(database, ledger, clock)


async def test_a_pass_sends_everything_that_is_due(office: Office) -> None:
    sender = Sender()
    await office.plan(*(f"{number:02}" for number in range(40)), due_at=office.clock() - timedelta(hours=1))
    tomorrow = office.clock() + timedelta(days=1)
    await office.plan("tomorrow", due_at=tomorrow)
    assert await office.dispatcher(sender).run() == tomorrow
    assert sender.sent == [f"{number:02}" for number in range(40)]  # one channel: in order
    row = await office.row("39")
    assert (row.state, row.message_channel_id, row.message_id) == (DeliveryState.SENT, 7, 1)
    assert sender.looked == []


async def test_what_is_planned_by_sending_goes_out_in_the_same_pass(office: Office) -> None:
    async def plan_another(delivery: Claimed) -> None:
        if delivery.key == "a":
            await office.plan("b")

    sender = Sender(plan_another)
    await office.plan("a")
    assert await office.dispatcher(sender).run() is None
    assert sender.sent == ["a", "b"]


async def test_a_slow_target_holds_up_nobody_else(office: Office) -> None:
    release = asyncio.Event()

    async def wait(delivery: Claimed) -> None:
        if delivery.channel_id == 1:
            await release.wait()

    sender = Sender(wait)
    await office.plan("slow 1", "slow 2", channel_id=1)
    await office.plan("quick 1", channel_id=2)
    running = asyncio.create_task(office.dispatcher(sender, concurrency=4).run())
    await until_settled(office, "quick 1")
    await office.plan("quick 2", channel_id=3)
    await until_settled(office, "quick 2")
    assert sender.tried == ["slow 1", "quick 1", "quick 2"]
    release.set()
    await running
    assert sender.sent[-2:] == ["slow 1", "slow 2"]


async def test_no_more_than_the_limit_are_on_their_way(office: Office) -> None:
    now = most = 0

    async def count(_: Claimed) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1

    for number in range(30):
        await office.plan(f"r{number}", channel_id=number)
    sender = Sender(count)
    await office.dispatcher(sender, concurrency=5).run()
    assert len(sender.sent) == 30
    assert most == 5


async def test_two_passes_at_once_take_turns(office: Office) -> None:
    sender = Sender()
    await office.plan("a", "b", "c")
    dispatcher = office.dispatcher(sender)
    await asyncio.gather(dispatcher.run(), dispatcher.run())
    assert sender.sent == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TargetGone("404 10003: Unknown Channel"), DeliveryState.FAILED),
        (DirectMessagesClosed("403 50007"), DeliveryState.FAILED),
        (Rejected("400 50035: Invalid Form Body"), DeliveryState.FAILED),
        (Pointless("cancelled"), DeliveryState.SKIPPED),
    ],
)
async def test_answers_that_settle_at_once(office: Office, error: Any, state: DeliveryState) -> None:
    sender = Sender(raising(error))
    await office.plan("a")
    assert await office.dispatcher(sender, on_failed=office.tell).run() is None
    row = await office.row()
    assert (row.state, row.last_error) == (state, error.reason)
    assert row.settled_at == office.clock()
    assert office.told == ([("a", error.reason)] if state is DeliveryState.FAILED else [])


async def test_closed_messages_lead_through_the_fallbacks_to_a_note(office: Office) -> None:
    async def answer(delivery: Claimed) -> None:
        if delivery.user_id == 5:
            raise DirectMessagesClosed("403 50007")
        if delivery.channel_id == 11:
            raise TargetGone("404 10003")

    async def note(delivery: Claimed, reason: str) -> Outgoing | None:
        office.told.append((delivery.key, reason))
        if delivery.kind == "note":
            return None
        return Outgoing(key="note", kind="note", subject="s", due_at=office.clock(), user_id=6)

    sender = Sender(answer)
    await office.plan("a", channel_id=None, user_id=5, fallback=(11, 12))
    await office.plan("b", channel_id=11)
    await office.dispatcher(sender, on_failed=note).run()
    assert sorted(sender.sent) == ["a via 12", "note"]
    assert office.told == [("b", "404 10003")]
    assert [(await office.row(key)).state.value for key in ("a", "a via 11", "a via 12")] == [
        "failed",
        "failed",
        "sent",
    ]


async def test_a_note_that_cannot_be_planned_fails_nothing(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async def note(_: Claimed, __: str) -> None:
        raise KeyError("organizer")

    await office.plan("a")
    await office.dispatcher(Sender(raising(TargetGone("gone"))), on_failed=note).run()
    assert (await office.row()).state is DeliveryState.FAILED
    assert "nobody could be told" in caplog.text


async def test_try_later_backs_off_and_looks_first(office: Office) -> None:
    sender = Sender(raising(TryLater("503")))
    dispatcher = office.dispatcher(sender)
    await office.plan("a", channel_id=7)
    await office.plan("b", channel_id=9)
    await office.plan("c", channel_id=8, due_at=office.clock() + timedelta(hours=2))
    start = office.clock()
    first = await dispatcher.run()
    assert first is not None
    assert timedelta(seconds=1) <= first - start <= timedelta(seconds=2)
    row = await office.row()
    assert (row.state, row.last_error) == (DeliveryState.PENDING, "503")
    office.clock.now = max(row.next_attempt_at, (await office.row("b")).next_attempt_at)
    sender.before = raising(TryLater("429", timedelta(seconds=90)))
    sender.there = {"b"}  # its first attempt had got through
    second = await dispatcher.run()
    assert second == office.clock() + timedelta(seconds=90)
    assert sender.looked == ["a", "b"]
    assert (await office.row("b")).state is DeliveryState.SENT
    assert (await office.row("b")).message_id == 2
    office.clock.now = second
    sender.before = None
    await dispatcher.run()
    assert sender.sent == ["a"]
    assert sender.tried == ["a", "b", "a", "a"]


async def test_backoff_grows_with_jitter_up_to_ten_minutes(office: Office) -> None:
    dispatcher = office.dispatcher(Sender(raising(TryLater("503"))))
    await office.plan("a", expires_at=office.clock() + timedelta(days=1))
    waits = []
    for _ in range(12):
        at = await dispatcher.run()
        assert at is not None
        waits.append((at - office.clock()).total_seconds())
        office.clock.now = at
    for number, wait in enumerate(waits):
        longest = min(2 * 2**number, 600)
        assert longest / 2 <= wait <= longest
    assert len(set(waits)) == len(waits)


async def test_a_process_that_died_does_not_lengthen_the_pause(office: Office) -> None:
    await office.plan("a", expires_at=office.clock() + timedelta(days=1))
    for _ in range(5):
        assert await office.ledger.claim(1)
        office.clock.now += office.ledger.lease
    at = await office.dispatcher(Sender(raising(TryLater("503")))).run()
    assert at is not None
    assert at - office.clock() <= timedelta(seconds=2)


async def test_what_never_worked_is_looked_for_a_last_time_when_it_expires(office: Office) -> None:
    sender = Sender(raising(TryLater("503")))
    dispatcher = office.dispatcher(sender, on_failed=office.tell)
    end = office.clock() + timedelta(seconds=9)
    await office.plan("a", expires_at=end, channel_id=7)
    await office.plan("b", expires_at=end, channel_id=8)
    while (at := await dispatcher.run()) is not None:
        assert at <= end
        sender.there = {"b"} if at == end else set()
        office.clock.now = at
    assert (await office.row("b")).state is DeliveryState.SENT
    assert office.told == [("a", "expired; before that: 503")]
    assert (await office.row()).state is DeliveryState.FAILED


@pytest.mark.parametrize(
    ("late", "given", "state"), [(23, None, "sent"), (25, None, "skipped"), (2, 1, "skipped")]
)
async def test_overdue_is_sent_late_and_expired_is_skipped(
    office: Office, late: float, given: float | None, state: str
) -> None:
    due = office.clock() - timedelta(hours=late)
    await office.plan("a", due_at=due, expires_at=due + timedelta(hours=given) if given else None)
    seen: list[timedelta] = []

    async def look(delivery: Claimed) -> None:
        seen.append(office.clock() - delivery.due_at)

    await office.dispatcher(Sender(look), on_failed=office.tell).run()
    row = await office.row()
    assert row.state.value == state
    assert row.last_error == (None if state == "sent" else "expired")
    assert seen == ([timedelta(hours=late)] if state == "sent" else [])
    assert office.told == []


async def test_an_unexpected_error_is_logged_once_and_fails_after_five(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(delivery: Claimed) -> None:
        if delivery.key == "a":
            raise KeyError("occurrence")

    sender = Sender(fail)
    dispatcher = office.dispatcher(sender, on_failed=office.tell)
    await office.plan("a", "b")
    runs = 0
    at = office.clock()
    while at is not None:
        office.clock.now = at
        runs += 1
        at = await dispatcher.run()
    assert runs == 5
    assert sender.sent == ["b"]
    assert office.told == [("a", "KeyError: 'occurrence'")]
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert errors[0].exc_info is not None


@pytest.mark.parametrize(
    "error",
    [
        OSError("reset"),
        TimeoutError(),
        OperationalError("SELECT 1", {}, Exception("shutting down")),
        InternalError("SELECT 1", {}, Exception("another operation is in progress")),
        # What SQLAlchemy makes of asyncpg's CannotConnectNowError, while PostgreSQL recovers from a crash.
        DBAPIError("SELECT 1", {}, Exception("the database system is not yet accepting connections")),
    ],
)
async def test_network_and_database_trouble_is_no_error_of_the_delivery(
    office: Office, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher = office.dispatcher(Sender(raising(*[error] * 8, None)))
    await office.plan("a")
    at = office.clock()
    while at is not None:
        office.clock.now = at
        at = await dispatcher.run()
    assert (await office.row()).state is DeliveryState.SENT
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_refused_token_stops_everything(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    sender = Sender(raising(Unauthorized("401")))
    dispatcher = office.dispatcher(sender)
    assert dispatcher.healthy
    await office.plan("a", "b")
    assert await dispatcher.run() is None
    assert not dispatcher.healthy
    assert sender.tried == ["a"]
    rows = [await office.row(key) for key in "ab"]
    assert [(row.state, row.attempts, row.first_attempt_at) for row in rows] == [
        (DeliveryState.PENDING, 0, None)
    ] * 2
    sender.before = None
    assert await dispatcher.run() is None
    assert sender.sent == []
    assert [record.levelname for record in caplog.records].count("CRITICAL") == 1
    await office.dispatcher(sender).run()
    assert sender.sent == ["a", "b"]


async def test_a_send_is_given_up_before_its_lease_ends(database: Database, clock: Clock) -> None:
    office = Office(database, Ledger(database, clock=clock, owner="a", lease=timedelta(seconds=0.6)), clock)

    async def hang(_: Claimed) -> None:
        await asyncio.sleep(60)

    sender = Sender(hang)
    await office.plan("a", "b")
    started = asyncio.get_running_loop().time()
    await office.dispatcher(sender).run()
    assert asyncio.get_running_loop().time() - started < 5
    # The second waited for the first, and was given back when that was postponed.
    assert sender.tried == ["a"]
    row = await office.row("a")
    assert (row.state, row.attempts, row.fence) == (DeliveryState.PENDING, 1, 1)
    assert row.last_error is not None
    assert row.last_error.startswith("TimeoutError")
    row = await office.row("b")
    assert (row.state, row.attempts, row.last_error) == (DeliveryState.PENDING, 0, None)


async def test_words_that_come_too_late_for_the_lease_are_not_sent(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(database, Ledger(database, clock=clock, owner="a", lease=timedelta(seconds=0.6)), clock)
    sender = Sender()
    waits = [0.5, 0.0]

    async def slow(delivery: Claimed) -> str:
        await asyncio.sleep(waits.pop(0))
        return delivery.key

    monkeypatch.setattr(sender, "render", slow)
    await office.plan("a")
    await office.dispatcher(sender).run()
    assert sender.tried == ["a"]
    row = await office.row()
    # The first claim was given back unused: the second is no retry, and reads nothing back.
    assert (row.state, row.attempts, row.fence, sender.looked) == (DeliveryState.SENT, 1, 2, [])


async def test_draining_lets_arrive_what_is_on_its_way(office: Office) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def wait(_: Claimed) -> None:
        started.set()
        await release.wait()

    sender = Sender(wait)
    await office.plan("a", "b", "c")
    dispatcher = office.dispatcher(sender)
    running = asyncio.create_task(dispatcher.run())
    await started.wait()
    draining = asyncio.create_task(dispatcher.drain(timedelta(seconds=20)))
    await asyncio.sleep(0.01)
    assert not draining.done()
    release.set()
    await draining
    assert await running is None
    assert sender.sent == ["a"]
    assert [(await office.row(key)).attempts for key in "abc"] == [1, 0, 0]
    assert await dispatcher.run() is None
    assert sender.sent == ["a"]
    assert len(await office.ledger.claim(5)) == 2


@pytest.mark.parametrize("how", ["drain", "cancel"])
async def test_what_takes_too_long_at_shutdown_is_given_back_as_a_retry(office: Office, how: str) -> None:
    started = asyncio.Event()

    async def hang(_: Claimed) -> None:
        started.set()
        await asyncio.sleep(60)

    sender = Sender(hang)
    await office.plan("a", "b")
    dispatcher = office.dispatcher(sender)
    running = asyncio.create_task(dispatcher.run())
    await started.wait()
    if how == "cancel":
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    else:
        await dispatcher.drain(timedelta(seconds=0.05))
        assert await running is None
    first, second = await office.ledger.claim(5)
    assert (first.key, first.is_retry, first.last_error) == ("a", True, "cut short by a shutdown")
    assert (second.key, second.is_retry) == ("b", False)


async def test_a_database_that_fails_while_settling_leaves_it_to_the_lease(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("gone"))

    sender = Sender()
    dispatcher = office.dispatcher(sender)
    await office.plan("a", "b")
    with monkeypatch.context() as patch:
        patch.setattr(office.ledger, "sent", broken)
        assert await dispatcher.run() == office.clock() + timedelta(seconds=30)
    assert "stays open until its lease ends" in caplog.text
    office.clock.advance(seconds=30)
    sender.there = {"a", "b"}
    await dispatcher.run()
    assert sender.sent == ["a", "b"]
    assert (await office.row()).state is DeliveryState.SENT
