"""The alarm clock in real time, and the one that is driven by hand."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest

from bot.scheduling import alarm
from bot.scheduling.alarm import AlarmClock, HandDriven

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


async def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    for _ in range(int(seconds / 0.005)):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not within the time")


class Ticking:
    """A tick that notes its runs and wishes for what it is told."""

    def __init__(self, *wishes: timedelta | None) -> None:
        self.runs: list[datetime] = []
        self.wishes = list(wishes)
        self.clock: Callable[[], datetime] = now

    async def __call__(self) -> datetime | None:
        self.runs.append(self.clock())
        wish = self.wishes.pop(0) if self.wishes else None
        return None if wish is None else self.clock() + wish


@pytest.fixture
async def alarms() -> AsyncIterator[AlarmClock]:
    clock = AlarmClock(clock=now)
    yield clock
    await clock.stop()


async def test_a_tick_runs_at_once_and_then_when_it_wishes(alarms: AlarmClock) -> None:
    tick = Ticking(timedelta(seconds=0.2), timedelta(seconds=0.1))
    alarms.add("dispatch", tick, at_least_every=HOUR)
    assert not alarms.healthy
    await alarms.start()
    await until(lambda: len(tick.runs) == 3)
    assert alarms.healthy
    first, second, third = tick.runs
    assert timedelta(seconds=0.2) <= second - first < timedelta(seconds=1.2)
    assert timedelta(seconds=0.1) <= third - second < timedelta(seconds=1.1)
    [(name, at)] = alarms.upcoming()
    assert name == "dispatch"
    assert HOUR - timedelta(seconds=5) < at - now() <= HOUR


async def test_it_runs_now_and_then_without_a_wish(alarms: AlarmClock) -> None:
    tick = Ticking()
    alarms.add("posts", tick, at_least_every=timedelta(seconds=0.1))
    await alarms.start()
    await until(lambda: len(tick.runs) >= 3)


async def test_waking_only_ever_makes_it_earlier(alarms: AlarmClock) -> None:
    tick = Ticking()
    await alarms.start()
    alarms.wake("dispatch", now())  # nobody there yet
    alarms.add("dispatch", tick, at_least_every=HOUR)
    await until(lambda: alarms.upcoming() and len(tick.runs) == 1)
    alarms.wake("dispatch", now() + timedelta(seconds=0.3))
    alarms.wake("dispatch", now() + HOUR * 5)
    soon = alarms.upcoming()[0][1]
    await until(lambda: len(tick.runs) == 2)
    assert tick.runs[1] >= soon
    alarms.wake("dispatch", now() - HOUR)
    await until(lambda: len(tick.runs) == 3)


async def test_a_wake_during_the_run_is_not_lost_and_runs_never_overlap(alarms: AlarmClock) -> None:
    running = most = runs = 0

    async def tick() -> datetime | None:
        nonlocal running, most, runs
        running += 1
        runs += 1
        most = max(most, running)
        if runs == 1:
            alarms.wake("dispatch", now())
            alarms.wake("dispatch", now() - HOUR)
        await asyncio.sleep(0.1)
        running -= 1
        return None

    alarms.add("dispatch", tick, at_least_every=HOUR)
    await alarms.start()
    await until(lambda: runs == 2 and not running)
    await asyncio.sleep(0.1)
    assert (runs, most) == (2, 1)


async def test_a_tick_that_asks_for_the_past_does_not_spin(alarms: AlarmClock) -> None:
    tick = Ticking(*[-HOUR] * 1000)
    alarms.add("dispatch", tick, at_least_every=HOUR)
    await alarms.start()
    await asyncio.sleep(0.5)
    assert 1 < len(tick.runs) <= 11


async def test_a_tick_that_raises_is_logged_and_tried_again(
    alarms: AlarmClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alarm, "AFTER_AN_ERROR", timedelta(seconds=0.05))
    tick = Ticking()

    async def failing() -> datetime | None:
        await tick()
        if len(tick.runs) < 3:
            raise RuntimeError("the database is away")
        return None

    other = Ticking()
    alarms.add("dispatch", failing, at_least_every=HOUR)
    alarms.add("posts", other, at_least_every=HOUR)
    await alarms.start()
    await until(lambda: len(tick.runs) == 3)
    assert len(other.runs) == 1
    assert caplog.text.count("tick dispatch failed") == 2
    assert alarms.healthy


async def test_a_name_is_taken_until_it_is_removed(alarms: AlarmClock) -> None:
    tick, next_one = Ticking(timedelta(seconds=0.2)), Ticking()
    alarms.add("dispatch", tick, at_least_every=HOUR)
    await alarms.start()
    await until(lambda: len(tick.runs) == 1 and alarms.upcoming())
    with pytest.raises(ValueError, match="dispatch"):
        alarms.add("dispatch", next_one, at_least_every=HOUR)
    alarms.remove("dispatch")
    alarms.remove("dispatch")
    assert alarms.upcoming() == []
    alarms.add("dispatch", next_one, at_least_every=HOUR)
    await until(lambda: len(next_one.runs) == 1)
    await asyncio.sleep(0.25)
    assert len(tick.runs) == 1


async def test_stopping_lets_a_tick_end_and_runs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms = AlarmClock(clock=now)
    ended: list[str] = []
    started = asyncio.Event()

    async def quick() -> datetime | None:
        started.set()
        await asyncio.sleep(0.1)
        ended.append("quick")
        return now()

    async def endless() -> datetime | None:
        try:
            await asyncio.sleep(HOUR.total_seconds())
        finally:
            ended.append("cut short")
        return None

    alarms.add("quick", quick, at_least_every=HOUR)
    alarms.add("endless", endless, at_least_every=HOUR)
    await alarms.start()
    await started.wait()
    monkeypatch.setattr(alarm, "STOP_SECONDS", 0.3)
    await alarms.stop()
    assert ended == ["quick", "cut short"]
    await asyncio.sleep(0.1)
    assert ended == ["quick", "cut short"]
    assert not alarms.healthy
    await alarms.stop()


class SetBack(datetime):
    """The machine's wall clock, after someone has set it back by `by`."""

    by = timedelta(0)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) - cls.by


async def test_a_wall_clock_set_back_stalls_apscheduler_and_the_watchdog_notices(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", SetBack)
    monkeypatch.setattr(SetBack, "by", timedelta(0))
    monkeypatch.setattr(alarm, "WATCH_SECONDS", 1.0)
    monkeypatch.setattr(alarm, "LATE_SECONDS", 0.2)
    alarms = AlarmClock(clock=lambda: SetBack.now(UTC))
    tick = Ticking(*[timedelta(seconds=0.1)] * 3)
    tick.clock = lambda: SetBack.now(UTC)
    alarms.add("dispatch", tick, at_least_every=HOUR)
    await alarms.start()
    await until(lambda: len(tick.runs) == 1 and alarms.upcoming())
    SetBack.by = HOUR
    await asyncio.sleep(0.5)
    assert len(tick.runs) == 1
    assert not alarms.healthy
    await until(lambda: len(tick.runs) == 4)
    assert alarms.restarts == 1
    assert alarms.healthy
    assert "stopped ticking" in caplog.text
    await alarms.stop()


async def test_a_tick_that_never_ends_turns_health_red(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms = AlarmClock(clock=now)
    monkeypatch.setattr(alarm, "LONGEST_TICK_SECONDS", 0.1)
    monkeypatch.setattr(alarm, "STOP_SECONDS", 0.0)

    async def endless() -> datetime | None:
        await asyncio.sleep(HOUR.total_seconds())
        return None

    alarms.add("endless", endless, at_least_every=HOUR)
    await alarms.start()
    await asyncio.sleep(0.02)
    assert alarms.healthy
    await until(lambda: not alarms.healthy)
    await alarms.stop()


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hand(clock: Clock) -> HandDriven:
    return HandDriven(clock=clock)


def ticking(clock: Clock, *wishes: timedelta | None) -> Ticking:
    tick = Ticking(*wishes)
    tick.clock = clock
    return tick


async def test_by_hand_nothing_runs_until_told(hand: HandDriven, clock: Clock) -> None:
    tick = ticking(clock, HOUR, None)
    hand.add("dispatch", tick, at_least_every=HOUR * 24)
    await hand.start()
    assert hand.next_at() == clock()
    await asyncio.sleep(0)
    assert tick.runs == []
    await hand.run_due()
    assert tick.runs == [clock()]
    assert hand.next_at() == clock() + HOUR
    assert hand.upcoming() == [("dispatch", clock() + HOUR)]
    await hand.run_due()
    assert len(tick.runs) == 1
    clock.now += HOUR
    await hand.run_due()
    assert len(tick.runs) == 2
    assert hand.next_at() is None


async def test_by_hand_regular_runs_do_not_stop_time_and_come_once(hand: HandDriven, clock: Clock) -> None:
    tick = ticking(clock)
    hand.add("posts", tick, at_least_every=timedelta(seconds=15))
    await hand.start()
    await hand.run_due()
    clock.now += timedelta(seconds=14)
    await hand.run_due()
    assert len(tick.runs) == 1
    clock.now += timedelta(days=7)
    assert hand.next_at() is None
    await hand.run_due()
    await hand.run_due()
    assert len(tick.runs) == 2


async def test_by_hand_a_wake_for_now_runs_at_once_and_one_for_later_is_noted(
    hand: HandDriven, clock: Clock
) -> None:
    tick = ticking(clock)
    hand.wake("dispatch", clock())
    hand.add("dispatch", tick, at_least_every=HOUR)
    hand.wake("dispatch", clock())  # not started: noted
    await asyncio.sleep(0.01)
    assert tick.runs == []
    await hand.start()
    await hand.run_due()
    assert len(tick.runs) == 1
    hand.wake("dispatch", clock() + HOUR)
    await asyncio.sleep(0.01)
    assert len(tick.runs) == 1
    assert hand.next_at() == clock() + HOUR
    hand.wake("dispatch", clock())
    hand.wake("dispatch", clock())
    await until(lambda: len(tick.runs) == 2)
    await asyncio.sleep(0.01)
    assert len(tick.runs) == 2
    await hand.stop()


async def test_by_hand_ticks_take_turns_and_feed_each_other(hand: HandDriven, clock: Clock) -> None:
    running = most = 0
    order: list[str] = []

    async def dispatch() -> datetime | None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        order.append("dispatch")
        await asyncio.sleep(0.01)
        running -= 1
        return None

    async def materialise() -> datetime | None:
        order.append("materialise")
        hand.wake("dispatch", clock())
        return None

    hand.add("dispatch", dispatch, at_least_every=HOUR)
    hand.add("materialise", materialise, at_least_every=HOUR)
    await hand.start()
    await asyncio.gather(hand.run_due(), hand.run_due())
    # What one of them woke is over too.
    assert running == 0
    assert order.count("dispatch") >= 2
    assert most == 1
    assert order[:2] == ["dispatch", "materialise"]
    await hand.stop()


async def test_by_hand_a_failing_tick_is_logged_and_tried_again(
    hand: HandDriven, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    runs = 0

    async def failing() -> datetime | None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("no")
        return None

    hand.add("dispatch", failing, at_least_every=HOUR)
    await hand.run_due()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    again = hand.next_at()
    assert again is not None
    assert clock() < again <= clock() + timedelta(minutes=1)
    clock.now = again
    await hand.run_due()
    assert runs == 2


async def test_by_hand_a_tick_that_never_gets_enough_is_named(hand: HandDriven, clock: Clock) -> None:
    hand.add("greedy", ticking(clock, *[timedelta(0)] * 5000), at_least_every=HOUR)
    with pytest.raises(RuntimeError, match="greedy"):
        await hand.run_due()


async def test_by_hand_removed_ticks_and_their_wishes_are_gone(hand: HandDriven, clock: Clock) -> None:
    tick = ticking(clock)
    hand.add("dispatch", tick, at_least_every=HOUR)
    with pytest.raises(ValueError, match="dispatch"):
        hand.add("dispatch", tick, at_least_every=HOUR)
    hand.remove("dispatch")
    await hand.start()
    await hand.run_due()
    assert (tick.runs, hand.next_at()) == ([], None)
