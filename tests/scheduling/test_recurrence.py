"""A series meets once per local date, at the same wall clock whenever the clock shows it."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import vRecur

from bot.scheduling.recurrence import Occurrence, Recurrence, Repeat
from tests.scheduling.every_zone import DAYS, HALF_HOURS, faults

wall = datetime.fromisoformat  # a naive local time
BERLIN = ZoneInfo("Europe/Berlin")
THURSDAYS = Recurrence(wall("2026-10-22T19:00"), BERLIN, Repeat.WEEKLY)
ODD_ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Africa/Cairo",  # changes at midnight
    "Asia/Tehran",  # gave up summer time in 2022
    "America/Santiago",  # midnight does not exist in September
    "Pacific/Apia",  # left out 30 December 2011
    "Africa/Casablanca",  # goes back for Ramadan
    "Asia/Beirut",
    "Antarctica/Troll",  # two hours of summer time
)


def monthly(start: str, until: date | None = None) -> Recurrence:
    return Recurrence(wall(start), BERLIN, Repeat.MONTHLY, until)


def first(count: int, series: Recurrence) -> list[date]:
    return list(islice(series.dates_from(date.min), count))


def test_thursday_at_seven_stays_at_seven_when_berlin_leaves_summer_time():
    assert THURSDAYS.instant(date(2026, 10, 22)) == datetime(2026, 10, 22, 17, tzinfo=UTC)
    assert THURSDAYS.instant(date(2026, 10, 29)) == datetime(2026, 10, 29, 18, tzinfo=UTC)


def test_upcoming_starts_after_the_given_moment():
    start = datetime(2026, 10, 22, 17, tzinfo=UTC)
    assert THURSDAYS.upcoming(start - timedelta(seconds=1), 2) == [
        Occurrence(date(2026, 10, 22), start),
        Occurrence(date(2026, 10, 29), datetime(2026, 10, 29, 18, tzinfo=UTC)),
    ]
    assert THURSDAYS.upcoming(start, 1)[0].date == date(2026, 10, 29)
    assert THURSDAYS.upcoming(datetime(1, 1, 1, tzinfo=UTC), 1)[0].starts_at == start
    assert THURSDAYS.upcoming(start, 0) == []


def test_a_single_meetup_has_one_date():
    once = Recurrence(wall("2026-10-22T19:00"), BERLIN, Repeat.NONE)
    assert list(once.dates_from(date.min)) == [date(2026, 10, 22)]
    assert list(once.dates_from(date(2026, 10, 23))) == []
    assert once.upcoming(datetime(2026, 10, 22, 17, tzinfo=UTC), 5) == []
    assert once.rrule() == {}
    with pytest.raises(ValueError, match="2026-10-29"):
        once.instant(date(2026, 10, 29))


def test_every_second_thursday():
    series = Recurrence(wall("2026-10-22T19:00"), BERLIN, Repeat.FORTNIGHTLY)
    assert first(3, series) == [date(2026, 10, 22), date(2026, 11, 5), date(2026, 11, 19)]
    assert next(series.dates_from(date(2026, 10, 29))) == date(2026, 11, 5)
    with pytest.raises(ValueError, match="not a date"):
        series.index_of(date(2026, 10, 29))


def test_the_third_thursday_of_each_month():
    assert first(4, monthly("2026-10-15T19:00")) == [
        date(2026, 10, 15), date(2026, 11, 19), date(2026, 12, 17), date(2027, 1, 21),
    ]  # fmt: skip


def test_a_fifth_thursday_is_the_last_of_each_month():
    assert first(4, monthly("2026-10-29T19:00")) == [
        date(2026, 10, 29), date(2026, 11, 26), date(2026, 12, 31), date(2027, 1, 28),
    ]  # fmt: skip


def test_until_is_the_last_date_allowed():
    series = monthly("2026-10-15T19:00", until=date(2026, 12, 17))
    assert first(9, series)[-1] == date(2026, 12, 17)
    assert first(9, monthly("2026-10-15T19:00", until=date(2026, 12, 16)))[-1] == date(2026, 11, 19)
    assert series.upcoming(datetime(2027, 1, 1, tzinfo=UTC), 3) == []


def test_a_series_that_ends_before_it_starts_has_no_dates():
    series = monthly("2026-10-15T19:00", until=date(2026, 10, 14))
    assert first(1, series) == []
    with pytest.raises(ValueError, match="before it starts"):
        series.rrule()


def test_a_start_with_a_zone_is_refused():
    with pytest.raises(ValueError, match="naive"):
        Recurrence(datetime(2026, 10, 22, 19, tzinfo=BERLIN), BERLIN, Repeat.WEEKLY)
    with pytest.raises(ValueError, match="aware"):
        THURSDAYS.upcoming(wall("2026-10-22"), 1)


def test_the_calendar_ends_without_a_crash():
    for repeat in Repeat:
        series = Recurrence(wall("9999-10-28T19:00"), BERLIN, repeat)
        dates = list(series.dates_from(date.min))
        assert dates[0] == date(9999, 10, 28)
        assert all(day.year == 9999 for day in dates)
        with pytest.raises(ValueError, match="not a date"):
            series.index_of(date(9999, 10, 27))


def test_a_far_date_is_reached_without_walking_there():
    class Counted(Recurrence):
        steps = 0

        def _date_at(self, index: int) -> date:
            type(self).steps += 1
            return super()._date_at(index)

    for repeat in (Repeat.DAILY, Repeat.WEEKLY, Repeat.FORTNIGHTLY, Repeat.MONTHLY):
        Counted.steps = 0
        series = Counted(wall("2026-10-22T19:00"), BERLIN, repeat)
        assert next(series.dates_from(date(9000, 1, 1))).year == 9000
        assert Counted.steps <= 3


@pytest.mark.parametrize(
    ("series", "ical"),
    [
        (THURSDAYS, "FREQ=WEEKLY;BYDAY=TH"),
        (
            Recurrence(wall("2026-10-22T19:00"), BERLIN, Repeat.FORTNIGHTLY),
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH",
        ),
        (monthly("2026-10-15T19:00"), "FREQ=MONTHLY;BYDAY=3TH"),
        (monthly("2026-10-29T19:00"), "FREQ=MONTHLY;BYDAY=-1TH"),
        (monthly("2026-10-15T19:00", date(2027, 1, 21)), "FREQ=MONTHLY;UNTIL=20270121T180000Z;BYDAY=3TH"),
    ],
)
def test_calendars_get_the_rule(series, ical):
    assert vRecur(series.rrule()).to_ical().decode() == ical


wall_clocks = st.datetimes(wall("1980-01-01"), wall("2080-01-01"))
by_weekday = st.sampled_from([Repeat.WEEKLY, Repeat.FORTNIGHTLY, Repeat.MONTHLY])
repeating = st.one_of(st.just(Repeat.DAILY), by_weekday)
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)


@settings(max_examples=200, deadline=None)
@given(start=wall_clocks, repeat=repeating, ahead=st.integers(0, 3000))
def test_the_rule_means_the_same_to_an_independent_calendar(start, repeat, ahead):
    series = Recurrence(start.replace(microsecond=0), BERLIN, repeat)
    rule = rrulestr(vRecur(series.rrule()).to_ical().decode(), dtstart=series.start)
    judged = [moment.date() for moment in islice(rule, 40)]
    assert first(40, series) == judged
    assert judged[0] == start.date()
    since = start.date() + timedelta(days=ahead)
    expected = rule.after(datetime.combine(since, time.min), inc=since <= start.date())
    if expected.time() == time.min and since in (moment.date() for moment in islice(rule, 3100)):
        return  # a start at midnight of that very day, which after() does not count
    assert next(series.dates_from(since)) == expected.date()


@settings(max_examples=200, deadline=None)
@given(start=wall_clocks, repeat=repeating, since=st.dates(date(1979, 1, 1), date(2200, 1, 1)))
def test_dates_strictly_increase_and_know_their_number(start, repeat, since):
    series = Recurrence(start, BERLIN, repeat)
    dates = list(islice(series.dates_from(since), 30))
    assert dates[0] >= since
    numbers = [series.index_of(day) for day in dates]
    assert numbers == list(range(numbers[0], numbers[0] + 30))
    assert (numbers[0] == 0) == (since <= start.date())
    assert repeat is Repeat.DAILY or all(day.weekday() == start.weekday() for day in dates)
    assert all(a < b for a, b in pairwise(dates))


@settings(max_examples=300, deadline=None)
@given(zone=zones, start=wall_clocks, repeat=by_weekday, since=st.dates(date(1980, 1, 1), date(2085, 1, 1)))
def test_each_local_date_meets_once_in_every_zone(zone, start, repeat, since):
    series = Recurrence(start, zone, repeat)
    check_once_per_date(series, list(islice(series.dates_from(since), 60)))


@pytest.mark.parametrize("zone", ODD_ZONES)
def test_odd_zones_keep_the_clock_at_every_half_hour(zone):
    for minutes in range(0, 24 * 60, 30):
        clock = time(minutes // 60, minutes % 60)
        for day in (
            range(7) if minutes < 240 else (4,)
        ):  # clocks change in the small hours, mostly of a Sunday
            start = datetime.combine(date(2011, 1, 1) + timedelta(days=day), clock)
            series = Recurrence(start, ZoneInfo(zone), Repeat.WEEKLY, until=date(2029, 12, 31))
            check_once_per_date(
                series, list(series.dates_from(date(2011, 12, 1 + day)))[: 1000 : 1 if day == 0 else 2]
            )


@settings(max_examples=100, deadline=None)
@given(zone=zones, start=wall_clocks, repeat=repeating, after=st.integers(-30, 590))
def test_upcoming_misses_none_and_repeats_none(zone, start, repeat, after):
    series = Recurrence(start, zone, repeat)
    moment = start.replace(tzinfo=UTC) + timedelta(days=after)
    coming = series.upcoming(moment, 5)
    everything = [series.instant(day) for day in islice(series.dates_from(start.date()), 600)]
    assert [one.starts_at for one in coming] == [instant for instant in everything if instant > moment][:5]


def check_once_per_date(series: Recurrence, dates: list[date]) -> None:
    instants = [series.instant(day) for day in dates]
    assert all(a < b for a, b in pairwise(instants))
    for day, instant in zip(dates, instants, strict=True):
        naive = datetime.combine(day, series.start.time())
        shown = instant.astimezone(series.zone).replace(tzinfo=None, fold=0)
        if shown != naive:  # only where no instant shows this wall clock, and then later by the gap
            sought = naive.replace(tzinfo=series.zone, fold=1).astimezone(UTC).astimezone(series.zone)
            assert sought.replace(tzinfo=None) < naive < shown <= naive + timedelta(days=1)
        else:  # of two instants that show it, the first
            assert (instant - timedelta(hours=1)).astimezone(series.zone).replace(tzinfo=None) != naive


@pytest.mark.parametrize("zone", ODD_ZONES)
def test_every_half_hour_comes_once_on_each_date_in_every_odd_zone(zone: str):
    """A sample; `python -m tests.scheduling.every_zone` asks it of every zone for ten years."""
    assert faults(zone, half_hours=HALF_HOURS[::5] + HALF_HOURS[:4], days=DAYS[:366]) == []
