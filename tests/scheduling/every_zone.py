"""`python -m tests.scheduling.every_zone`: every zone, every half hour, every day of ten years.

A daily series at each half hour of the day, in each zone that there is: each local date has one occurrence,
at its wall clock wherever the clock shows it, and none comes before the one of the day before. Zones whose
clocks go alike through these years are one question, asked once and counted under all of their names. The
gate runs a sample of it.
"""

from __future__ import annotations

import os
import time as clock
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo, available_timezones

from bot.scheduling.recurrence import Recurrence, Repeat

FIRST, YEARS = date(2026, 1, 1), 10
DAYS = [FIRST + timedelta(days) for days in range((date(FIRST.year + YEARS, 1, 1) - FIRST).days)]
HALF_HOURS = [time(minutes // 60, minutes % 60) for minutes in range(0, 24 * 60, 30)]
# No clock is changed by more than this: a wall clock that it never shows is shown late by as much.
LARGEST_GAP = timedelta(hours=3)


def changes(zone: str) -> tuple[tuple[datetime, timedelta], ...]:
    """When this zone's clocks change in these years, to the second, and its offset from then on."""
    info = ZoneInfo(zone)
    found = []
    at, step = datetime.combine(DAYS[0], time(), UTC) - timedelta(days=2), timedelta(days=1)
    end = datetime.combine(DAYS[-1], time(), UTC) + timedelta(days=2)
    offset = at.astimezone(info).utcoffset()
    found.append((at, offset))
    while at < end:
        after = at + step
        if after.astimezone(info).utcoffset() != offset:
            low, high = at, after
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if middle.astimezone(info).utcoffset() == offset else (low, middle)
            offset = high.astimezone(info).utcoffset()
            found.append((high.replace(microsecond=0), offset))
        at = after
    return tuple((moment, offset) for moment, offset in found if offset is not None)


def alike() -> list[list[str]]:
    """All zones, those together whose clocks go alike."""
    groups: dict[object, list[str]] = defaultdict(list)
    for zone in sorted(available_timezones()):
        groups[changes(zone)].append(zone)
    return list(groups.values())


def faults(zone: str, *, half_hours: list[time] = HALF_HOURS, days: list[date] = DAYS) -> list[str]:
    """What is wrong in this zone; nothing, if each date has its one occurrence."""
    wrong = []
    info = ZoneInfo(zone)
    for wall in half_hours:
        series = Recurrence(datetime.combine(days[0], wall), info, Repeat.DAILY)
        before = datetime.min.replace(tzinfo=UTC)
        dates = series.dates_from(days[0])
        for day in days:
            given, instant = next(dates), series.instant(day)
            local = instant.astimezone(info)
            meant = datetime.combine(day, wall)
            late = local.replace(tzinfo=None) - meant
            # Late only where the clock never shows what was meant; and the first of two times that it does.
            shows = meant.replace(tzinfo=info).astimezone(UTC).astimezone(info).replace(tzinfo=None) == meant
            right = late == timedelta(0) and local.fold == 0 if shows else timedelta(0) < late <= LARGEST_GAP
            if given != day or not right or instant <= before:
                wrong.append(f"{zone} {wall:%H:%M} {day}: {instant} after {before}, date {given}")
            before = instant
    return wrong


def main() -> None:
    began = clock.monotonic()
    groups = alike()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(partial(faults), [zones[0] for zones in groups]))
    names = sum(map(len, groups))
    print(
        f"{names} zones ({len(groups)} that differ) x {len(HALF_HOURS)} half hours x {len(DAYS):,} days: "
        f"{names * len(HALF_HOURS) * len(DAYS):,} occurrences, {sum(map(len, found))} wrong, "
        f"in {clock.monotonic() - began:.0f} s"
    )
    for line in [line for lines in found for line in lines][:20]:
        print(line)


if __name__ == "__main__":
    main()
