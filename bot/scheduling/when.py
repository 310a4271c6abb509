"""Typed time to UTC: what a member writes, read in a zone, or refused for a reason they can act on.

How the open questions are decided; the reply always shows the date that was understood:

- A weekday is the first one whose time is still to come, today included. "next thursday" is the first
  Thursday after today (as dateparser and GNU date read it), "thursday next week" the one in the week that
  starts next Monday.
- A day and month without a year is this year's, else next year's. Today's date is today: its past hours are
  refused.
- A date or weekday without a time of day is unreadable; "in 3 days" keeps the present time of day.
- `hh:mm` is the 24-hour clock. "at 8" has two readings unless am, pm, a part of the day or a leading zero
  settles it. "at 12" is noon. Midnight of a named day has two readings: the one that begins it, the one that
  ends it. Readings in the past do not count.
- "in 2 hours" is elapsed time; days, weeks, months and years in a duration are counted on the local calendar.
- Dots put the day first (24.12.2026). 03/04 has two readings, 25/12 has one.
- Only UTC and GMT, with or without an offset, are zones one can type; abbreviations such as CST name several.
"""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from bot.errors import AmbiguousTime, PastTime, SkippedTime, TooFarTime, UnreadableTime, VagueTime
from bot.scheduling.phrases import Clock, Duration, add_months, read_clocks, read_days, read_duration

LONGEST_TYPED = 100
"""Characters; anything longer is refused unread."""

FURTHEST_AHEAD = timedelta(days=1827)
"""The longest that five calendar years can be."""

_DISCORD = re.compile(r"<t:(-?\d{1,18})(?::[a-z])?>")
_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d|\d{8})(?P<gap>[t ])"
    r"(?P<clock>\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?|\d{4}(?:\d\d)?)\s?(?P<offset>z|[+-]\d\d(?::?\d\d)?)?"
)
_UTC = re.compile(r"\s*\b(?:utc|gmt)\s*(?P<offset>[+-]\d{1,2}(?::?\d\d)?)?$")


def parse_when(typed: str, *, zone: ZoneInfo, now: datetime) -> datetime:
    """The instant that `typed` means in `zone`, in UTC and later than the aware `now`.

    Raises UnreadableTime, VagueTime, SkippedTime, AmbiguousTime, PastTime or TooFarTime (more than five years
    ahead); their `typed` is cut to `LONGEST_TYPED` characters. Pure, and safe to call from several threads.
    The first worded date imports dateparser (about 0.6 s), everything else takes milliseconds.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be aware")
    shown = typed[:LONGEST_TYPED]
    try:
        instant = _instant(shown, _normalised(typed), zone, now.astimezone(UTC))
    except OverflowError:  # outside the years 1 to 9999
        raise UnreadableTime(shown) from None
    return _checked(shown, instant, now)


def warm_up() -> None:
    """Load what the first worded date would load; for a thread of its own, at a moment nobody waits."""
    parse_when("tomorrow 7pm", zone=ZoneInfo("UTC"), now=datetime(2026, 1, 1, tzinfo=UTC))


def local_instant(day: date, clock: time, zone: tzinfo, *, typed: str = "") -> datetime:
    """The one instant, in UTC, when clocks in `zone` show this naive date and time.

    Raises AmbiguousTime with both instants, or SkippedTime with the two that the offsets after and before the
    gap give: 02:30 in a gap from two to three offers 01:30 and 03:30. `typed` is what they quote, by default
    the date and time themselves.
    """
    naive = datetime.combine(day, clock)
    typed = typed or f"{naive:%Y-%m-%d %H:%M}"
    first, second = _instants(naive, zone)
    if first > second:  # PEP 495: in a gap fold=0 takes the offset before it, which gives the later instant
        raise SkippedTime(typed, second, first, str(zone))
    if first < second:
        raise AmbiguousTime(typed, first, second, str(zone))
    return first


def resolve_wall_clock(naive: datetime, zone: tzinfo) -> datetime:
    """Exactly one instant, in UTC, for any naive local time.

    RFC 5545, 3.3.5: a skipped time is read with the offset before the gap, so it moves forward by the gap's
    length; of a repeated one the first is meant. Raises OverflowError outside the years 1 to 9999.
    """
    return _instants(naive, zone)[0]


def _instants(naive: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    return (
        naive.replace(tzinfo=zone, fold=0).astimezone(UTC),
        naive.replace(tzinfo=zone, fold=1).astimezone(UTC),
    )


def _checked(typed: str, instant: datetime, now: datetime) -> datetime:
    if instant <= now:
        raise PastTime(typed, instant)
    if instant - now > FURTHEST_AHEAD:
        raise TooFarTime(typed, instant)
    return instant


def _normalised(typed: str) -> str:
    """Lower-case printable ASCII with single spaces, or "" for text that cannot be a time."""
    if len(typed) > LONGEST_TYPED:
        return ""
    text = unicodedata.normalize("NFKC", typed).casefold()
    text = re.sub("[\u2018\u2019\u02bc]", "'", text)
    text = re.sub("[\u2010-\u2015\u2212]", "-", text)
    text = re.sub(r"[ \t\r\n]+", " ", text).strip(" ")
    return text if text.isascii() and text.isprintable() and len(text) <= LONGEST_TYPED else ""


def _instant(typed: str, text: str, zone: tzinfo, now: datetime) -> datetime:
    if match := _DISCORD.fullmatch(text):
        try:
            return datetime.fromtimestamp(int(match[1]), UTC)
        except (ValueError, OSError):  # what the platform cannot represent
            raise UnreadableTime(typed) from None
    if match := _ISO.fullmatch(text):
        return _iso(typed, match, zone, now)
    text = re.sub(r"\b([ap])\.\s?m\b\.?", r"\1m", text).rstrip(" .!,")
    if match := _UTC.search(text):
        zone = _fixed_zone(typed, match["offset"] or "")
        text = text[: match.start()]
    if duration := read_duration(text):
        return _after(duration, zone, now)
    clocks, rest = read_clocks(text)
    days = read_days(rest, now.astimezone(zone).date()) if clocks else []
    return _choose(typed, days, clocks, zone, now)


def _iso(typed: str, match: re.Match[str], zone: tzinfo, now: datetime) -> datetime:
    offset = match["offset"] or ""
    try:
        day = date.fromisoformat(match["day"])
        clock = time.fromisoformat(match["clock"].replace(",", "."))
    except ValueError:
        raise UnreadableTime(typed) from None
    if ("-" in match["day"]) != (":" in match["clock"]):  # "2026-10-22 2026" is no ISO 8601
        raise UnreadableTime(typed)
    if match["clock"].startswith("24"):  # the day's end, which only newer Pythons read (as its beginning)
        raise UnreadableTime(typed)
    if (
        offset.startswith("-") and match["gap"] == " "
    ):  # "2026-10-22 09:00-11:00" is meant from nine to eleven
        raise UnreadableTime(typed)
    if offset:
        return datetime.combine(day, clock, _fixed_zone(typed, offset.lstrip("z"))).astimezone(UTC)
    return _choose(typed, [[day]], [Clock(clock)], zone, now)


def _fixed_zone(typed: str, offset: str) -> tzinfo:
    if not offset:
        return UTC
    digits = offset[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    if hours > 14 or minutes > 59:  # UTC+14 is the furthest offset in use
        raise UnreadableTime(typed)
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if offset[0] == "-" else size)


def _after(duration: Duration, zone: tzinfo, now: datetime) -> datetime:
    if not (duration.months or duration.days):
        return now + duration.elapsed
    local = now.astimezone(zone).replace(tzinfo=None)
    day = add_months(local.date(), duration.months) + timedelta(days=duration.days)
    return resolve_wall_clock(datetime.combine(day, local.time()), zone) + duration.elapsed


def _choose(typed: str, days: list[list[date]], clocks: list[Clock], zone: tzinfo, now: datetime) -> datetime:
    """The one reading still to come; `days` has, for each reading of the date, the dates to try in order."""
    past: list[datetime] = []
    coming: dict[datetime, datetime] = {}  # instant → local time
    for dates in days:
        for clock in clocks:
            for day in dates:
                naive = datetime.combine(day + timedelta(days=clock.shift), clock.at)
                instants = _instants(naive, zone)
                if max(instants) > now:
                    coming[instants[0]] = naive
                    break
                past.append(instants[0])
    if len(coming) > 1:
        if min(coming) - now > FURTHEST_AHEAD:
            raise TooFarTime(typed, min(coming))
        raise VagueTime(typed, tuple(sorted(coming)), str(zone))
    if coming:
        [(first, naive)] = coming.items()
        if first <= now:  # a repeated hour, and its first turn is over
            return _instants(naive, zone)[1]
        _checked(typed, first, now)
        return local_instant(naive.date(), naive.time(), zone, typed=typed)
    if past:
        raise PastTime(typed, max(past))
    raise UnreadableTime(typed)
