"""The ledger on both databases: planned once, claimed once, settled by whoever may."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState
from bot.delivery.ledger import Claimed, Ledger, Outgoing, nonce
from tests.delivery.conftest import Clock


def outgoing(clock: Clock, key: str = "reminder:1:0", **facts: Any) -> Outgoing:
    given = {"kind": "reminder", "subject": "reminder:1", "due_at": clock(), "channel_id": 7, **facts}
    return Outgoing(key=key, **given)


async def plan(database: Database, ledger: Ledger, *items: Outgoing) -> None:
    async with database.write() as session:
        await ledger.plan(session, *items)


async def row(ledger: Ledger, key: str = "reminder:1:0") -> Delivery:
    found = await ledger.get(key)
    assert found is not None
    return found


async def claim_one(ledger: Ledger) -> Claimed:
    [claimed] = await ledger.claim(10)
    return claimed


async def test_a_key_is_planned_once_and_for_ever(database: Database, ledger: Ledger, clock: Clock) -> None:
    await plan(database, ledger, outgoing(clock), outgoing(clock, "reminder:2:0", user_id=5, channel_id=None))
    await plan(database, ledger, outgoing(clock, channel_id=8))
    assert (await row(ledger)).channel_id == 7
    claimed = await ledger.claim(10)
    assert sorted(one.key for one in claimed) == ["reminder:1:0", "reminder:2:0"]
    for one in claimed:
        await ledger.sent(one, channel_id=7, message_id=1)
    await plan(database, ledger, outgoing(clock))
    assert await ledger.claim(10) == []
    assert (await row(ledger)).state is DeliveryState.SENT


async def test_a_rollback_plans_nothing_and_wakes_nobody(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    woken: list[datetime] = []
    ledger.on_planned = woken.append

    async def plan_and_fail() -> None:
        async with database.write() as session:
            await ledger.plan(session, outgoing(clock))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await plan_and_fail()
    assert await ledger.get("reminder:1:0") is None
    assert woken == []
    later = outgoing(clock, "b", due_at=clock() + timedelta(hours=1))
    async with database.write() as session:
        async with session.begin_nested():
            await ledger.plan(session, outgoing(clock, "a", due_at=clock() + timedelta(hours=2)))
        assert woken == []
        await ledger.plan(session, later)
    assert woken == [later.due_at]


async def test_what_waits_untried_can_be_given_another_time(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    woken: list[datetime] = []
    ledger.on_planned = woken.append
    later = clock() + timedelta(hours=2)
    await plan(database, ledger, outgoing(clock, due_at=later), outgoing(clock, "other", due_at=later))
    now = outgoing(clock, expires_at=later)
    async with database.write() as session:
        await ledger.reschedule(session, now)
    assert woken[-1] == clock()
    [claimed] = await ledger.claim(10)
    assert (claimed.key, claimed.due_at, claimed.expires_at) == (now.key, clock(), later)
    # What is being sent, or waits for another attempt, keeps its own time.
    await ledger.retry(claimed, after=timedelta(minutes=5), error="busy")
    async with database.write() as session:
        await ledger.reschedule(session, now)
    assert await ledger.claim(10) == []


async def test_what_was_given_up_can_be_tried_anew(database: Database, ledger: Ledger, clock: Clock) -> None:
    async def revive(**facts: Any) -> None:
        async with database.write() as session:
            await ledger.revive(session, outgoing(clock, **facts))

    await plan(database, ledger, outgoing(clock), outgoing(clock, "other", channel_id=9))
    other, refused = await ledger.claim(10)
    await ledger.sent(other, channel_id=9, message_id=1)
    await revive(channel_id=8)
    assert (await row(ledger)).state is DeliveryState.CLAIMED  # it is being sent
    await ledger.fail(refused, reason="403")
    clock.advance(days=1)
    await revive(channel_id=8)
    again = await claim_one(ledger)
    assert (again.channel_id, again.due_at, again.is_retry) == (8, clock(), False)
    # An attempt of unknown end: from now on it is looked for, and only where it was.
    await ledger.retry(again, after=timedelta(0), error="no answer")
    unsure = await claim_one(ledger)
    await ledger.fail(unsure, reason="403")
    await revive(channel_id=7)
    assert await ledger.claim(10) == []
    await revive(channel_id=8)
    last = await claim_one(ledger)
    assert (last.is_retry, last.first_attempt_at) == (True, unsure.first_attempt_at)
    assert nonce(last) == nonce(refused)
    assert (await row(ledger, "other")).state is DeliveryState.SENT


async def test_what_cannot_be_kept_is_refused_before_the_database(clock: Clock) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"user_id": 3}, "to a channel or to a member"),
        ({"channel_id": None}, "to a channel or to a member"),
        ({"kind": "k" * 41}, "too long"),
        ({"subject": "s" * 61}, "too long"),
        ({"key": "k" * 96}, "1 to 95 characters"),
        ({"key": ""}, "1 to 95 characters"),
    ]
    for facts, said in wrong:
        with pytest.raises(ValueError, match=said):
            outgoing(clock, **facts)
    with pytest.raises(TypeError):
        outgoing(clock, due_at=datetime(2026, 1, 1))  # noqa: DTZ001


async def test_twenty_claimers_claim_each_row_once(
    database_url: str, database: Database, ledger: Ledger, clock: Clock
) -> None:
    rows = (outgoing(clock, f"r:{number}", channel_id=number) for number in range(200))
    await plan(database, ledger, *rows)
    databases = [Database(database_url) for _ in range(4)]
    ledgers = [Ledger(databases[n % 4], clock=clock, owner=f"tests:{n}") for n in range(20)]
    seen: Counter[str] = Counter()

    async def claim_all(of: Ledger) -> None:
        while claimed := await of.claim(7):
            seen.update(one.key for one in claimed)

    await asyncio.gather(*map(claim_all, ledgers))
    for one in databases:
        await one.close()
    assert len(seen) == 200
    assert set(seen.values()) == {1}


async def test_claims_come_in_order_and_carry_all_facts(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    clock.advance(microseconds=123_456)
    await plan(
        database,
        ledger,
        outgoing(clock, "second", due_at=clock() - timedelta(minutes=1)),
        outgoing(clock, "third", due_at=clock()),
        outgoing(clock, "tomorrow", due_at=clock() + timedelta(days=1)),
        outgoing(
            clock,
            "first",
            due_at=clock() - timedelta(minutes=2),
            expires_at=clock() + timedelta(hours=1),
            guild_id=4,
            channel_id=None,
            user_id=2**62,
            refs={"reminder": 1},
            fallback=(11, 12),
        ),
    )
    claimed = await ledger.claim(10)
    assert [one.key for one in claimed] == ["first", "second", "third"]
    first = claimed[0]
    assert (first.kind, first.subject, first.guild_id, first.channel_id) == (
        "reminder",
        "reminder:1",
        4,
        None,
    )
    assert (first.user_id, first.refs["reminder"], first.fallback) == (2**62, 1, (11, 12))
    assert (first.due_at, first.created_at) == (clock() - timedelta(minutes=2), clock())
    assert first.gives_up_at == first.expires_at == clock() + timedelta(hours=1)
    assert claimed[1].gives_up_at == claimed[1].due_at + timedelta(hours=24)
    assert (first.attempts, first.fence, first.is_retry) == (1, 1, False)
    assert first.lease_until == clock() + timedelta(seconds=30)
    assert first.due_at.tzinfo is UTC


async def test_a_lease_that_runs_out_hands_the_row_on_as_a_retry(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    await plan(database, ledger, outgoing(clock))
    first = await claim_one(ledger)
    clock.advance(seconds=29.9)
    assert await ledger.claim(10) == []
    assert await ledger.next_due() == first.lease_until
    clock.advance(seconds=0.1)
    second = await claim_one(ledger)
    assert (second.attempts, second.fence, second.is_retry) == (2, 2, True)
    assert second.first_attempt_at == first.first_attempt_at
    assert nonce(second) == nonce(first)


async def test_a_stale_claim_settles_nothing_except_that_it_arrived(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    await plan(database, ledger, outgoing(clock))
    stale = await claim_one(ledger)
    clock.advance(seconds=31)
    newest = await claim_one(ledger)
    instead = outgoing(clock, "note")
    assert not await ledger.retry(stale, after=timedelta(0), error="stale")
    assert not await ledger.fail(stale, reason="stale", follow_on=instead)
    assert not await ledger.drop(stale, reason="stale")
    assert not await ledger.give_back(stale)
    assert await ledger.get("note") is None
    assert (await row(ledger)).state is DeliveryState.CLAIMED
    await ledger.sent(stale, channel_id=7, message_id=99)
    assert not await ledger.retry(newest, after=timedelta(0), error="too late")
    settled = await row(ledger)
    assert (settled.state, settled.message_channel_id, settled.message_id) == (DeliveryState.SENT, 7, 99)
    assert await ledger.settled("reminder:1:0")
    assert await ledger.next_due() is None


async def test_a_retry_waits_its_time_and_says_why(database: Database, ledger: Ledger, clock: Clock) -> None:
    await plan(database, ledger, outgoing(clock))
    assert await ledger.retry(await claim_one(ledger), after=timedelta(seconds=40), error="e" * 600)
    assert await ledger.next_due() == clock() + timedelta(seconds=40)
    clock.advance(seconds=39)
    assert await ledger.claim(10) == []
    clock.advance(seconds=1)
    again = await claim_one(ledger)
    assert (again.attempts, again.last_error) == (2, "e" * 500)


async def test_a_claim_given_back_leaves_no_trace(database: Database, ledger: Ledger, clock: Clock) -> None:
    await plan(database, ledger, outgoing(clock))
    assert await ledger.give_back(await claim_one(ledger))
    clock.advance(minutes=5)
    again = await claim_one(ledger)
    assert not again.is_retry
    assert again.first_attempt_at == clock()
    assert await ledger.retry(again, after=timedelta(0), error="dropped")
    assert await ledger.give_back(await claim_one(ledger))
    third = await claim_one(ledger)
    assert third.is_retry
    assert third.first_attempt_at == again.first_attempt_at


async def test_skipping_takes_back_what_is_open(database: Database, ledger: Ledger, clock: Clock) -> None:
    await plan(
        database,
        ledger,
        outgoing(clock, "sent"),
        outgoing(clock, "claimed", due_at=clock() + timedelta(seconds=1)),
        outgoing(clock, "pending", due_at=clock() + timedelta(hours=1)),
        outgoing(clock, "post", kind="post", due_at=clock() + timedelta(hours=1)),
        outgoing(clock, "other", subject="reminder:2", due_at=clock() + timedelta(hours=1)),
    )
    await ledger.sent(await claim_one(ledger), channel_id=7, message_id=1)
    clock.advance(seconds=1)
    claimed = await claim_one(ledger)
    async with database.write() as session:
        counted = await ledger.skip(session, subject="reminder:1", reason="cancelled", kinds=["reminder"])
    assert counted == 2
    states = {key: (await row(ledger, key)).state.value for key in ("sent", "claimed", "pending", "post")}
    assert states == {"sent": "sent", "claimed": "skipped", "pending": "skipped", "post": "pending"}
    assert (await row(ledger, "pending")).last_error == "cancelled"
    # It was on its way when it was cancelled: the record tells what happened, and no retry revives it.
    assert not await ledger.retry(claimed, after=timedelta(0), error="503")
    await ledger.sent(claimed, channel_id=7, message_id=2)
    assert (await row(ledger, "claimed")).state is DeliveryState.SENT
    async with database.write() as session:
        assert await ledger.skip(session, subject="reminder:1", reason="cancelled") == 1
    assert (await row(ledger, "other")).state is DeliveryState.PENDING


async def test_failing_plans_what_follows_in_the_same_transaction(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    planned = outgoing(clock, guild_id=4, channel_id=None, user_id=5, refs={"reminder": 1}, fallback=(11, 12))
    await plan(database, ledger, planned)
    first = await claim_one(ledger)
    assert await ledger.fail(first, reason="closed", follow_on=first.via_fallback())
    second = await claim_one(ledger)
    assert second.key == "reminder:1:0 via 11"
    assert (second.channel_id, second.user_id, second.guild_id, second.fallback) == (11, None, 4, (12,))
    assert second.refs["instead_of"] == {"user": 5}
    assert second.refs["reminder"] == 1
    assert nonce(second) != nonce(first)
    assert await ledger.fail(second, reason="gone", follow_on=second.via_fallback())
    third = await claim_one(ledger)
    assert (third.key, third.channel_id) == ("reminder:1:0 via 12", 12)
    assert third.refs["instead_of"] == {"user": 5}
    assert third.via_fallback() is None
    assert await ledger.fail(third, reason="gone too")
    assert [one.dedupe_key for one in await ledger.failed(2)] == [third.key, second.key]
    assert [one.last_error for one in await ledger.failed(9, guild_id=4)] == ["gone too", "gone", "closed"]
    assert await ledger.failed(9, guild_id=5) == []
    # The whole chain belongs to its subject: cancelling the reminder cancels its fallbacks too.
    assert third.subject == "reminder:1"


async def test_a_command_that_answers_itself_dies_and_is_taken_over(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    woken: list[datetime] = []
    ledger.on_planned = woken.append
    async with database.write() as session:
        mine = await ledger.plan_claimed(session, outgoing(clock))
    assert (mine.attempts, mine.fence, mine.is_retry) == (1, 1, False)
    assert woken == [mine.lease_until] == [clock() + timedelta(seconds=30)]
    assert await ledger.claim(10) == []
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            await ledger.plan_claimed(session, outgoing(clock))
    clock.advance(seconds=30)
    assert (await claim_one(ledger)).is_retry
    await ledger.sent(mine, channel_id=7, message_id=3)
    assert await ledger.settled(mine.key)


async def test_nonces_fit_and_differ(database: Database, ledger: Ledger, clock: Clock) -> None:
    await plan(database, ledger, *(outgoing(clock, f"r:{number}") for number in range(50)))
    nonces = {nonce(one) for one in await ledger.claim(50)}
    assert len(nonces) == 50
    assert max(map(len, nonces)) <= 25


async def test_a_database_made_anew_has_other_nonces(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    due_at = clock() + timedelta(hours=1)
    seen = []
    for _ in range(2):
        await plan(database, ledger, outgoing(clock, due_at=due_at))
        clock.now = due_at
        [claimed] = await ledger.claim(1)
        seen.append((claimed.key, nonce(claimed)))
        async with database.write() as session:
            await session.execute(text("DELETE FROM deliveries"))
            if database.is_sqlite:
                await session.execute(text("DELETE FROM sqlite_sequence"))
            else:
                await session.execute(text("ALTER SEQUENCE deliveries_id_seq RESTART"))
        clock.advance(minutes=3)
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] != seen[1][1]


async def test_postgresql_decides_by_its_own_clock(postgres_url: str, clock: Clock) -> None:
    """The process's clock is wrong by weeks, and nobody notices."""
    database = Database(postgres_url)
    ledger = Ledger(database, clock=clock, owner="a", lease=timedelta(seconds=0.4), database_clock=True)
    real = datetime.now(UTC)
    await plan(
        database,
        ledger,
        outgoing(clock, "due", due_at=real - timedelta(seconds=1)),
        outgoing(clock, "soon", due_at=real + timedelta(hours=1)),
    )
    assert abs(clock() - real) > timedelta(days=7)
    first = await claim_one(ledger)
    assert abs(first.first_attempt_at - real) < timedelta(seconds=5)
    assert await ledger.claim(5) == []
    due = await ledger.next_due()
    assert due is not None
    assert timedelta(0) < due - clock() < timedelta(seconds=0.4)
    await asyncio.sleep(0.5)
    second = await claim_one(ledger)
    assert second.fence == 2
    assert await ledger.retry(second, after=timedelta(hours=2), error="later")
    due = await ledger.next_due()
    assert due is not None
    assert timedelta(minutes=59) < due - clock() < timedelta(hours=1)
    await database.close()


async def test_claiming_reads_open_rows_only(sqlite_url: str, clock: Clock) -> None:
    """However many settled rows there are, the claim goes through the index of the open ones."""
    database = Database(sqlite_url)
    statements: list[tuple[str, Any]] = []
    ledger = Ledger(database, clock=clock, owner="a")

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    await ledger.claim(5)
    await ledger.next_due()
    wanted = [(sql, values) for sql, values in statements if "next_attempt_at" in sql]
    assert len(wanted) == 2
    async with database.engine.connect() as connection:
        for sql, values in wanted:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            plan = " ".join(str(line[-1]) for line in rows)
            assert "ix_deliveries_next_attempt_at_open" in plan
            assert "SCAN deliveries USING" in plan or "SCAN deliveries" not in plan
    await database.close()


async def test_what_was_skipped_for_a_reason_that_is_gone_comes_back_in_time(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    later, gone = clock() + timedelta(hours=3), timedelta(minutes=30)
    await plan(
        database,
        ledger,
        outgoing(clock, "tried", guild_id=1),
        outgoing(clock, "coming", guild_id=1, due_at=later),
        outgoing(clock, "over", guild_id=1, expires_at=clock() + gone),
        outgoing(clock, "elsewhere", guild_id=2, due_at=later),
        outgoing(clock, "cancelled", guild_id=1, due_at=later, subject="other"),
    )
    first = {one.key: one for one in await ledger.claim(10)}["tried"]
    async with database.write() as session:
        await ledger.skip(session, subject="other", reason="cancelled")
        await ledger.skip(session, subject="reminder:1", reason="server gone")
    clock.advance(hours=1)
    woken: list[datetime] = []
    ledger.on_planned = woken.append
    async with database.write() as session:
        assert await ledger.reopen(session, guild_id=1, reason="server gone") == 2
    assert len(woken) == 1
    # Whoever held it when it was skipped may have sent it: the next looks, and the old claim counts no more.
    claimed = await claim_one(ledger)
    assert (claimed.key, claimed.is_retry) == ("tried", True)
    assert not await ledger.give_back(first)
    await ledger.sent(claimed, channel_id=7, message_id=1)
    clock.advance(hours=3)
    assert [one.key for one in await ledger.claim(10)] == ["coming"]
    async with database.write() as session:
        assert await ledger.reopen(session, guild_id=1, reason="server gone") == 0
