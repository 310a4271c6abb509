"""What a member types is read in their zone, or refused for the right reason."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import (
    AmbiguousTime,
    PastTime,
    SkippedTime,
    StudyError,
    TooFarTime,
    UnreadableTime,
    VagueTime,
)
from bot.scheduling.when import local_instant, parse_when, resolve_wall_clock

wall = datetime.fromisoformat  # a naive local time
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 10, 19, 12, 0, tzinfo=BERLIN)  # a Monday

UNDERSTOOD = {
    # a day and a time
    "tomorrow 7pm": "2026-10-20 19:00",
    "7pm tomorrow": "2026-10-20 19:00",
    "Tomorrow at 7 PM": "2026-10-20 19:00",
    "tomorrow at 7 p.m.": "2026-10-20 19:00",
    "tmrw @7pm": "2026-10-20 19:00",
    "noon tomorrow": "2026-10-20 12:00",
    "tomorrow, tuesday 7pm": "2026-10-20 19:00",
    "today 18:00": "2026-10-19 18:00",
    "day after tomorrow 18:00": "2026-10-21 18:00",
    "the day after tomorrow at 6pm": "2026-10-21 18:00",
    "12am tomorrow": "2026-10-20 00:00",
    "12pm tomorrow": "2026-10-20 12:00",
    # weekdays
    "sat 18:30": "2026-10-24 18:30",
    "Sat. 18.30": "2026-10-24 18:30",
    "thursday 7pm": "2026-10-22 19:00",
    "on Thursday at 19:00": "2026-10-22 19:00",
    "this thursday at 19:00": "2026-10-22 19:00",
    "coming thursday 19:00": "2026-10-22 19:00",
    "next thursday at 19:00": "2026-10-22 19:00",
    "thursday next week 19:00": "2026-10-29 19:00",
    "thurs 7pm": "2026-10-22 19:00",
    "weds 7pm": "2026-10-21 19:00",
    "sunday at nine in the morning": "2026-10-25 09:00",
    "monday 13:00": "2026-10-19 13:00",
    "monday 11:00": "2026-10-26 11:00",
    "next monday 13:00": "2026-10-26 13:00",
    # times alone
    "19:00": "2026-10-19 19:00",
    "11:00": "2026-10-20 11:00",
    "12:00": "2026-10-20 12:00",
    "７：３０ｐｍ": "2026-10-19 19:30",
    "19:00:30": "2026-10-19 19:00:30",
    "at 1930": "2026-10-19 19:30",
    "at 19": "2026-10-19 19:00",
    "midnight": "2026-10-20 00:00",
    "8 o'clock in the evening": "2026-10-19 20:00",
    # parts of the day
    "tonight at 8": "2026-10-19 20:00",
    "tonight 20:15": "2026-10-19 20:15",
    "tonight at 1": "2026-10-20 01:00",
    "tonight midnight": "2026-10-20 00:00",
    "this evening 7:30": "2026-10-19 19:30",
    "tomorrow evening at 7": "2026-10-20 19:00",
    "tomorrow night at 12": "2026-10-21 00:00",
    "7 in the evening on friday": "2026-10-23 19:00",
    "half past six pm tomorrow": "2026-10-20 18:30",
    "quarter to 7 pm friday": "2026-10-23 18:45",
    "ten to twelve am on friday": "2026-10-22 23:50",
    "tomorrow at 08": "2026-10-20 08:00",
    "at 12": "2026-10-20 12:00",
    # dates
    "22 october 19:00": "2026-10-22 19:00",
    "oct 22 2026 7pm": "2026-10-22 19:00",
    "7pm Oct 22nd, 2026": "2026-10-22 19:00",
    "22nd of October at 7 p.m.": "2026-10-22 19:00",
    "Thu. 22 Oct. 7pm": "2026-10-22 19:00",
    "sept 3 7pm": "2027-09-03 19:00",
    "18 october 19:00": "2027-10-18 19:00",
    "29 february 2028 19:00": "2028-02-29 19:00",
    "the 22nd at 7pm": "2026-10-22 19:00",
    "the 5th 7pm": "2026-11-05 19:00",
    "the 31st 7pm": "2026-10-31 19:00",
    "thursday the 22nd, 7pm": "2026-10-22 19:00",
    "25/12 at 7pm": "2026-12-25 19:00",
    "12/25/2026 at 7pm": "2026-12-25 19:00",
    "25.12. 19:00": "2026-12-25 19:00",
    "03.04.2027 19:00": "2027-04-03 19:00",
    "04/04 7pm": "2027-04-04 19:00",
    "24/12/26 18:00": "2026-12-24 18:00",
    "2026/10/22 7pm": "2026-10-22 19:00",
    # durations; "days" and longer keep the clock over the change of 25 October, hours do not
    "in 1 minute": "2026-10-19 12:01",
    "in 2 hours": "2026-10-19 14:00",
    "in an hour": "2026-10-19 13:00",
    "in half an hour": "2026-10-19 12:30",
    "an hour and a half": "2026-10-19 13:30",
    "in 1.5 hours": "2026-10-19 13:30",
    "1h30": "2026-10-19 13:30",
    "in 1 hour and 30 minutes": "2026-10-19 13:30",
    "90 min": "2026-10-19 13:30",
    "forty-five minutes from now": "2026-10-19 12:45",
    "a couple of hours": "2026-10-19 14:00",
    "in 3 days": "2026-10-22 12:00",
    "in 3 days at 9am": "2026-10-22 09:00",
    "in two weeks": "2026-11-02 12:00",
    "in 2 weeks' time at 19:00": "2026-11-02 19:00",
    "in 168 hours": "2026-10-26 11:00",
    "in 7 days 1 hour": "2026-10-26 13:00",
    "in a month": "2026-11-19 12:00",
    # ISO 8601 and Discord
    "2026-10-22T19:00": "2026-10-22 19:00",
    "2026-10-22 19:00:00": "2026-10-22 19:00",
    "2026-10-22t17:00z": "2026-10-22 19:00",
    "2026-10-22T19:00:00+05:30": "2026-10-22 15:30",
    "2026-10-22 19:00+02:00": "2026-10-22 19:00",
    "20261022T170000Z": "2026-10-22 19:00",
    "2026-10-22 7pm": "2026-10-22 19:00",
    "<t:1792688400>": "2026-10-22 19:00",
    "<t:1792688400:F>": "2026-10-22 19:00",
    " <t:1792688400:R> ": "2026-10-22 19:00",
    # other zones
    "tomorrow 17:00 UTC": "2026-10-20 19:00",
    "tomorrow 19:00 utc+2": "2026-10-20 19:00",
    "tomorrow 7pm GMT-05:00": "2026-10-21 02:00",
}

UNREADABLE = [
    *("", " ", "\n", "5", "22", "2026", "1792688400", "asdf", "soon", "now", "🎉"),
    *("7\x00pm", "7pm\x1b[0m", "½ hour"),
    *("friday", "tomorrow", "22 october", "2026-10-22", "25/12", "next week", "next month 7pm"),
    *("25:00", "24:00", "19:60", "13pm", "0am", "19:00 pm", "at 99", "half to six", "19:00 in the morning"),
    *("30 february 19:00", "29 february 19:00", "29 february 2027 19:00", "31 november 7pm", "32 may 7pm"),
    *("2026-02-30T19:00", "2026-10-22T24:00", "2026-10-22T25:00", "2026-13-01 19:00"),
    *("31.02. 19:00", "13/13 7pm", "tomorrow morning", "MMXXVII 7pm", "1st day of next month 7pm"),
    *("7-9pm", "7pm-9pm", "7pm - 9pm", "7 to 9pm", "from 7 to 9 pm", "2026-10-22 09:00-11:00"),
    *("2026-10-22 2026", "today thursday 7pm", "sun 19 october 2026 19:00", "thu 16 october 2026 19:00"),
    *("tonight at 8 at 9", "friday monday 7pm", "22 october 23 7pm", "22 23 october 7pm", "friday 7"),
    *("tomorrow 7pm EST", "7pm CST", "7pm utc+25", "7pm Berlin time"),
    *("in 5 to 10 minutes", "in minutes", "in 2", "in 1.5 months", "in 2 hours and", "in 1 hour 2 hours"),
    *("in 100000 years", "in 999999999 hours", "<t:999999999999999>", "<t:>", "<t:1792688400", "Q4 2026"),
    *("0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00"),
]  # fmt: skip


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def read(typed: str, now: datetime = NOON, zone: ZoneInfo = BERLIN) -> datetime:
    return parse_when(typed, zone=zone, now=now)


@pytest.mark.parametrize(("typed", "local"), UNDERSTOOD.items())
def test_a_member_is_understood(typed, local):
    instant = read(typed)
    assert instant == berlin(local)
    assert instant.tzinfo is UTC


@pytest.mark.parametrize("typed", UNREADABLE)
def test_what_is_not_clearly_a_time_is_unreadable(typed):
    with pytest.raises(UnreadableTime) as refusal:
        read(typed)
    assert refusal.value.typed == typed


def test_ten_thousand_characters_are_refused_unread():
    with pytest.raises(UnreadableTime) as refusal:
        read("tomorrow 7pm " * 800)
    assert len(refusal.value.typed) == 100


@pytest.mark.parametrize(
    ("typed", "local"),
    {
        "yesterday 7pm": "2026-10-18 19:00",
        "last friday 7pm": "2026-10-16 19:00",
        "2 hours ago": "2026-10-19 10:00",
        "in 0 minutes": "2026-10-19 12:00",
        "today 11:00": "2026-10-19 11:00",
        "19 october 11:00": "2026-10-19 11:00",
        "22 october 2025 19:00": "2025-10-22 19:00",
        "2026-10-19T12:00": "2026-10-19 12:00",
        "<t:1000000000>": "2001-09-09 03:46:40",
        "10/11/2012 7pm": "2012-11-10 19:00",
    }.items(),
)
def test_the_past_is_refused_with_the_instant_understood(typed, local):
    with pytest.raises(PastTime) as refusal:
        read(typed)
    assert refusal.value.instant == berlin(local)


@pytest.mark.parametrize(
    "typed", ["1 january 2040 19:00", "in 6 years", "2099-01-01T00:00Z", "<t:9999999999>", "3/4/2077 7pm"]
)
def test_more_than_five_years_ahead_is_refused(typed):
    with pytest.raises(TooFarTime) as refusal:
        read(typed)
    assert refusal.value.instant > NOON + timedelta(days=5 * 365)


def test_five_years_ahead_is_not_too_far():
    assert read("in 5 years") == berlin("2031-10-19 12:00")


@pytest.mark.parametrize(
    ("typed", "first", "second"),
    [
        ("03/04 at 7pm", "2027-03-04 19:00", "2027-04-03 19:00"),
        ("03/04/2027 at 7pm", "2027-03-04 19:00", "2027-04-03 19:00"),
        ("11-12 19:00", "2026-11-12 19:00", "2026-12-11 19:00"),
        ("tomorrow at 8", "2026-10-20 08:00", "2026-10-20 20:00"),
        ("at 8", "2026-10-19 20:00", "2026-10-20 08:00"),
        ("half past six tomorrow", "2026-10-20 06:30", "2026-10-20 18:30"),
        ("friday at midnight", "2026-10-23 00:00", "2026-10-24 00:00"),
        ("sat 25 october 19:00", "2026-10-24 19:00", "2026-10-25 19:00"),
        ("tomorrow friday 7pm", "2026-10-20 19:00", "2026-10-23 19:00"),
    ],
)
def test_two_plausible_readings_are_both_offered(typed, first, second):
    with pytest.raises(VagueTime) as refusal:
        read(typed)
    assert refusal.value.readings == (berlin(first), berlin(second))


def test_a_reading_in_the_past_is_no_reading():
    assert read("today at 8") == berlin("2026-10-19 20:00")
    assert read("today at midnight") == berlin("2026-10-20 00:00")
    assert read("10/12/2026 7pm") == berlin("2026-12-10 19:00")


def test_thursday_said_on_a_thursday_is_today_until_its_hour_has_come():
    before, after = berlin("2026-10-22 18:00"), berlin("2026-10-22 20:00")
    assert read("thursday 19:00", before) == berlin("2026-10-22 19:00")
    assert read("thursday 19:00", berlin("2026-10-22 19:00")) == berlin("2026-10-29 19:00")
    assert read("thursday 19:00", after) == berlin("2026-10-29 19:00")
    assert read("next thursday 19:00", before) == berlin("2026-10-29 19:00")


def test_a_weekday_of_next_week_counts_from_monday():
    sunday = berlin("2026-10-25 12:00")
    assert read("thursday next week 19:00", sunday) == berlin("2026-10-29 19:00")
    assert read("monday next week 19:00") == berlin("2026-10-26 19:00")
    assert read("next week sunday 19:00") == berlin("2026-11-01 19:00")


def test_tonight_began_yesterday_for_someone_still_awake():
    assert read("tonight at 1", berlin("2026-10-20 00:30")) == berlin("2026-10-20 01:00")
    with pytest.raises(PastTime):
        read("tonight at 8", berlin("2026-10-19 21:00"))


def test_the_day_is_the_members_not_utcs():
    # 03:00 on the 20th in UTC is the evening of the 19th in New York, and noon of the 20th in Tokyo.
    now = datetime(2026, 10, 20, 3, 0, tzinfo=UTC)
    assert read("tomorrow 7pm", now, ZoneInfo("America/New_York")) == datetime(2026, 10, 20, 23, tzinfo=UTC)
    assert read("tomorrow 7pm", now, ZoneInfo("Asia/Tokyo")) == datetime(2026, 10, 21, 10, tzinfo=UTC)


@pytest.mark.parametrize("year", [1995, 2026, 2031, 2200])
def test_the_machines_own_clock_plays_no_part(year):
    now = datetime(year, 1, 1, 12, 0, tzinfo=UTC)
    zone = ZoneInfo("UTC")
    assert read("tomorrow 7pm", now, zone) == datetime(year, 1, 2, 19, tzinfo=UTC)
    assert read("22 october 19:00", now, zone) == datetime(year, 10, 22, 19, tzinfo=UTC)
    assert read("1 january 13:00", now, zone) == datetime(year, 1, 1, 13, tzinfo=UTC)
    friday = read("friday 19:00", now, zone)
    assert friday.weekday() == 4
    assert timedelta(0) < friday - now < timedelta(days=7)


def test_a_day_of_the_month_is_the_next_one_there_is():
    for offset in range(0, 800, 3):
        today = date(2026, 1, 1) + timedelta(days=offset)
        now = datetime.combine(today, time(12), tzinfo=UTC)
        for number, typed in ((1, "the 1st 19:00"), (30, "30th 19:00"), (31, "the 31st 19:00")):
            expected = today
            while expected.day != number:
                expected += timedelta(days=1)
            assert read(typed, now, ZoneInfo("UTC")).date() == expected


def test_every_month_and_weekday_is_read_by_its_name_and_short_name():
    for month in range(1, 13):
        day = date(2027, month, 13)
        for name in (f"{day:%B}", f"{day:%b}"):
            for typed in (
                f"13 {name} 2027",
                f"{name} 13th, 2027",
                f"{day:%a} 13 {name} 2027",
                f"{day:%A}, {name} 13 2027",
            ):
                assert read(f"{typed} 19:00").astimezone(BERLIN).date() == day, typed
    for offset in range(7):
        day = NOON.date() + timedelta(days=offset)
        for name in (f"{day:%A}", f"{day:%a}"):
            assert read(f"{name} 19:00").astimezone(BERLIN).date() == day
            later = read(f"next {name} 19:00").astimezone(BERLIN).date()
            assert later == day + timedelta(days=0 if offset else 7)


def test_a_skipped_hour_is_refused_with_the_instants_around_it():
    with pytest.raises(SkippedTime) as refusal:
        read("28 march 2027 02:30")
    error = refusal.value
    assert (error.before, error.after) == (berlin("2027-03-28 01:30"), berlin("2027-03-28 03:30"))
    assert (error.typed, error.zone) == ("28 march 2027 02:30", "Europe/Berlin")


@pytest.mark.parametrize("typed", ["sunday 25 october 02:30", "2026-10-25T02:30", "sun 2:30 am"])
def test_a_repeated_hour_is_refused_with_both_instants(typed):
    with pytest.raises(AmbiguousTime) as refusal:
        read(typed)
    assert refusal.value.first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert refusal.value.second == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_an_offset_a_timestamp_or_a_duration_is_never_ambiguous():
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    for typed in ("2026-10-25T02:30+01:00", f"<t:{int(second.timestamp())}:t>", "2026-10-25 01:30 UTC"):
        assert read(typed) == second
    assert read("in 2 hours", datetime(2026, 10, 24, 23, 30, tzinfo=UTC)) == second
    assert read("in 6 days", berlin("2026-10-19 02:30")) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_between_the_two_turns_of_an_hour_only_the_second_is_left():
    assert read("02:30", datetime(2026, 10, 25, 0, 45, tzinfo=UTC)) == datetime(
        2026, 10, 25, 1, 30, tzinfo=UTC
    )


def test_a_whole_day_that_samoa_left_out_is_skipped():
    with pytest.raises(SkippedTime) as refusal:
        local_instant(date(2011, 12, 30), time(12), ZoneInfo("Pacific/Apia"))
    error = refusal.value
    assert error.typed == "2011-12-30 12:00"
    assert error.after - error.before == timedelta(days=1)


def test_now_must_be_aware():
    with pytest.raises(ValueError, match="aware"):
        read("tomorrow 7pm", wall("2026-10-19"))


def test_threads_get_the_same_answers():
    phrases = list(UNDERSTOOD) * 3
    alone = [read(typed) for typed in phrases]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, phrases)) == alone


def test_dateparser_is_imported_only_when_a_worded_date_is_read():
    program = (
        "import sys; from datetime import UTC, datetime; from zoneinfo import ZoneInfo\n"
        "from bot.scheduling.when import parse_when\n"
        "now = datetime(2026, 10, 19, tzinfo=UTC); zone = ZoneInfo('UTC')\n"
        "parse_when('in 2 hours', zone=zone, now=now); assert 'dateparser' not in sys.modules\n"
        "parse_when('friday 7pm', zone=zone, now=now); assert 'dateparser' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
instants = st.datetimes(wall("1990-01-01"), wall("2080-01-01"), timezones=st.just(UTC))
WORDS = """
tomorrow today tonight next this last thursday sat may oct 22 22nd 5 2026 2099 at on the of in and a half
quarter past to noon midnight 7pm 19:00 25:00 03/04 31.12. 2026-10-22 T19:00 utc +02:00 hours h m days week
month ago from now @ , . - : <t:1> evening morning night o'clock 999999 é 🎉
"""
fragments = st.sampled_from([*WORDS.split(), "\x00"])
sentences = st.lists(fragments, max_size=7).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(typed=st.text(max_size=120) | sentences, zone=zones, now=instants)
def test_any_text_gives_a_coming_instant_or_a_refusal(typed, zone, now):
    try:
        instant = parse_when(typed, zone=zone, now=now)
    except StudyError:
        return
    assert instant.tzinfo is UTC
    assert now < instant <= now + timedelta(days=1827)


@settings(max_examples=200, deadline=None)
@given(zone=zones, now=instants, ahead=st.timedeltas(timedelta(minutes=1), timedelta(days=1800)))
def test_every_written_form_of_a_coming_time_is_that_time(zone, now, ahead):
    local = (now + ahead).astimezone(zone).replace(second=0, microsecond=0)
    naive = local.replace(tzinfo=None)
    if (
        local <= now
        or naive.replace(tzinfo=zone, fold=0).utcoffset() != naive.replace(tzinfo=zone, fold=1).utcoffset()
    ):
        return
    for typed in (
        f"{local:%Y-%m-%dT%H:%M}", f"{local:%Y-%m-%d %H:%M}", f"<t:{int(local.timestamp())}:F>",
        f"{local:%A} {local.day} {local:%B %Y} {local:%H:%M}",
        f"{local:%b} {local.day} {local.year} at {local:%I:%M %p}",
        f"{local:%H:%M} on {local.day}.{local.month}.{local.year}",
    ):  # fmt: skip
        assert parse_when(typed, zone=zone, now=now) == local, typed


@settings(max_examples=300, deadline=None)
@given(
    zone=zones,
    naive=st.datetimes(wall("1950-01-01"), wall("2090-01-01")),
)
def test_a_wall_clock_has_one_instant_and_strictness_agrees(zone, naive):
    instant = resolve_wall_clock(naive, zone)
    shown = clock(instant, zone)
    try:
        strict = local_instant(naive.date(), naive.time(), zone)
    except AmbiguousTime as error:
        one, other = error.first, error.second
        twice = True
    except SkippedTime as error:
        one, other = error.after, error.before
        twice = False
    else:
        assert strict == instant
        assert shown == naive
        return
    assert one == instant
    if twice:
        assert one < other
        assert shown == clock(other, zone) == naive
    else:
        assert clock(other, zone) < naive < shown


def clock(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
