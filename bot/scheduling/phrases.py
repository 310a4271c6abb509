"""English phrases for durations, times of day and dates, as `bot.scheduling.when` needs them.

dateparser reads the worded dates ("next thursday", "22nd of october"). The rest is read here, because
dateparser 1.5 answers "tonight at 8" with the present hour, "5" with next May and "22 october 23" with the
year 2123, drops "est" and other zones without a word, puts "the 1st" in the past, and never tells that a date
has two readings or contradicts its weekday. It is handed only words of a closed vocabulary, and its answer is
compared with them.
"""

import re
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMED = ("today", "tonight", "tomorrow", "yesterday", "overmorrow")
_SPELLINGS = {
    **{month[:3]: month for month in _MONTHS},
    **{weekday[:3]: weekday for weekday in _WEEKDAYS},
    "sept": "september", "tues": "tuesday", "weds": "wednesday", "thur": "thursday", "thurs": "thursday",
    "tmr": "tomorrow", "tmrw": "tomorrow",
    "tomorow": "tomorrow", "tommorow": "tomorrow", "tommorrow": "tomorrow",
    "coming": "this", "upcoming": "this", "following": "next",
}  # fmt: skip
_FILLERS = ("on", "the", "of", "at")
_HOURS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_NUMBERS = _HOURS | {
    "a": 1, "an": 1, "couple": 2, "fifteen": 15, "twenty": 20, "twenty-five": 25, "thirty": 30, "forty": 40,
    "forty-five": 45, "fifty": 50, "sixty": 60, "ninety": 90,
}  # fmt: skip
_MINUTES = {"quarter": 15, "half": 30, "five": 5, "ten": 10, "twenty": 20, "twenty-five": 25}
_LARGEST = 1_000_000
"""Of a number in a duration: years of this size leave the calendar, which is found out later."""

_FIXED_PHRASES = (
    (r"\bhalf an? hour\b", "30 minutes"),
    (r"\b(?:a )?quarter of an hour\b", "15 minutes"),
    (r"\bthree quarters of an hour\b", "45 minutes"),
    (r"\b(?:an|one|1) hour and a half\b", "90 minutes"),
    (r"\b(one|two|three|four|five|six|\d{1,2}) and a half hours\b", r"\1 hours 30 minutes"),
    (r"\b(\d{1,3}h) ?(\d\d)$", r"\1 \2m"),
    (r"\ba couple (?:of )?", "couple "),
)
_QUANTITY = re.compile(
    r"(?P<number>\d{1,9}(?:[.,]\d{1,3})?|[a-z]+(?:-five)?(?=\s))\s*"
    r"(?P<unit>mo(?:nth)?s?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:(?:ee)?ks?)?|"
    r"fortnights?|y(?:(?:ea)?rs?)?)(?![a-z])(?P<link>\s*(?:,|and\b)\s*|\s*)"
)
_ELAPSED = {"s": "seconds", "m": "minutes", "h": "hours"}

_HOUR = rf"(?:\d{{1,2}}|{'|'.join(_HOURS)})"
_CLOCK = re.compile(
    rf"""(?<![\w.:/+-])(?P<at>at\s+)?
    (?: (?P<word>noon|midday|midnight)
      | (?P<minutes>half|(?:a\s+)?quarter|five|ten|twenty(?:-five)?|\d{{1,2}}(?=\s+(?:minutes|past)\b))
        \s+(?:minutes\s+)?(?P<side>past|to)\s+
        (?P<near>{_HOUR})(?:\s*(?P<near_half>am|pm))?
      | (?P<hour>\d{{1,2}})(?P<dot>[:.])(?P<minute>\d\d)(?::(?P<second>\d\d))?(?:\s*(?P<half>am|pm))?
      | (?P<whole>{_HOUR})\s*(?:(?P<whole_half>am|pm)|o'?\s?clock(?:\s*(?P<clock_half>am|pm))?)
      | (?(at)(?:(?P<digits>\d{{4}})|(?P<bare>{_HOUR}))|(?!))
    )(?![\w:/+-])(?!\.\d)""",
    re.VERBOSE,
)
_PART_OF_DAY = re.compile(r"(?:\b(?:in\s+the|at)\s+)?\b(?P<part>morning|afternoon|evening|night)\b")
_HOUR_OF_PART = re.compile(rf"\b(?:at )?({_HOUR})(?= (?:in the|at) (?:morning|afternoon|evening|night)\b)")
_NUMERIC_DATE = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?:(?P=mark)(?P<year>\d{4}|\d\d)?)?"
    r"|(?P<iso_year>\d{4})(?P<iso_mark>[/.-])(?P<iso_month>\d{1,2})(?P=iso_mark)(?P<iso_day>\d{1,2})"
)
_DAY_NUMBER = re.compile(r"(\d{1,2})(st|nd|rd|th)?\.?")


class Duration(NamedTuple):
    """Months and days counted on the local calendar, then `elapsed`; negative for "ago"."""

    months: int
    days: int
    elapsed: timedelta


class Clock(NamedTuple):
    """A time of day; `shift` days after the date it is said of ("friday at midnight" may end that day)."""

    at: time
    shift: int = 0


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later, or the last one of a shorter month.

    Raises OverflowError outside the years 1 to 9999, as date arithmetic does.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not date.min.year <= year <= date.max.year:
        raise OverflowError("year out of range")
    for last in (day.day, 30, 29, 28):
        found = _date(year, month + 1, min(day.day, last))
        if found:
            return found
    raise AssertionError("every month has 28 days")


def read_duration(text: str) -> Duration | None:
    """A duration such as "in 1h 30m", "2 days from now" or "an hour ago"; None if `text` is anything else."""
    for pattern, plain in _FIXED_PHRASES:
        text = re.sub(pattern, plain, text)
    match = re.fullmatch(r"(?:in )?(?P<body>.+?)(?: from now| later|'? time|(?P<ago> ago))?", text)
    if match is None:
        return None
    units: dict[str, float] = {}
    body, position, link = match["body"], 0, ""
    while position < len(body):
        quantity = _QUANTITY.match(body, position)
        if quantity is None:
            return None
        number, unit, link = quantity["number"], quantity["unit"], quantity["link"]
        unit = "mo" if unit.startswith("mo") else unit[0]
        amount = float(number.replace(",", ".")) if number[0].isdigit() else _NUMBERS.get(number)
        if amount is None or amount > _LARGEST or unit in units:
            return None
        if unit not in _ELAPSED and amount != int(amount):  # half a month has no agreed length
            return None
        units[unit] = -amount if match["ago"] else amount
        position = quantity.end()
    if link.strip():  # a dangling "and"
        return None
    elapsed = timedelta(**{name: units.get(unit, 0) for unit, name in _ELAPSED.items()})
    months = int(units.get("mo", 0) + 12 * units.get("y", 0))
    days = int(units.get("d", 0) + 7 * units.get("w", 0) + 14 * units.get("f", 0))
    return Duration(months, days, elapsed)


def read_clocks(text: str) -> tuple[list[Clock], str]:
    """The readings of the one time of day in `text`, and the other words.

    There is no reading if `text` has no time of day, several, or an impossible one.
    """
    text = text.replace("@", " at ")
    text = _HOUR_OF_PART.sub(r"at \1", text)
    text = re.sub(r"\btonight\b", "tonight night", text)
    text = re.sub(r"\bthis (morning|afternoon|evening)\b", r"today \1", text)
    parts = [match["part"] for match in _PART_OF_DAY.finditer(text)]
    text = _PART_OF_DAY.sub(" ", text)
    found = [match for match in _CLOCK.finditer(text) if not _is_dotted_date(match)]
    if len(found) != 1 or len(parts) > 1:
        return [], text
    rest = f"{text[: found[0].start()]} {text[found[0].end() :]}".strip(" ,")
    part = parts[0] if parts else None
    word = found[0]["word"]
    if word == "midnight":
        shifts = [1] if part == "night" else [] if part else [0, 1] if rest else [0]
        return [Clock(time(0), shift) for shift in shifts], rest
    if word:
        return [Clock(time(12))] if part in (None, "afternoon") else [], rest
    return _spoken(found[0], part), rest


def _is_dotted_date(match: re.Match[str]) -> bool:
    """Whether "18.10" may be the 18th of October: only a dot speaks for a time, and there is such a month."""
    return match["dot"] == "." and not (match["at"] or match["half"]) and int(match["minute"]) <= 12


def _spoken(match: re.Match[str], part: str | None) -> list[Clock]:
    minute, second, settled = 0, 0, False
    if match["hour"]:
        hour, minute, second, settled = (
            int(match["hour"]),
            int(match["minute"]),
            int(match["second"] or 0),
            True,
        )
    elif match["digits"]:
        hour, minute, settled = int(match["digits"][:2]), int(match["digits"][2:]), True
    else:
        word = match["near"] or match["whole"] or match["bare"]
        hour = _HOURS.get(word) or int(word)
        settled = word.startswith("0")
    half = match["half"] or match["near_half"] or match["whole_half"] or match["clock_half"]
    if hour > 23 or minute > 59 or second > 59 or (half and not 1 <= hour <= 12):
        return []
    if match["side"]:
        word = match["minutes"].removeprefix("a").strip()
        minute = _MINUTES.get(word) or int(word)
        if not 1 <= minute <= 30 or (word == "half" and match["side"] == "to"):
            return []
        minute = -minute if match["side"] == "to" else minute
    clocks = []
    for at, shift in _hours(hour, half, part, settled):
        total = at * 60 + minute
        clocks.append(Clock(time(total // 60 % 24, total % 60, second), shift + total // 1440))
    return clocks


def _hours(hour: int, half: str | None, part: str | None, settled: bool) -> list[tuple[int, int]]:
    """The readings of an hour as (0 to 23, days after the date); none if `part` of the day contradicts it."""
    if half:
        hour, settled = hour % 12 + (12 if half == "pm" else 0), True
    elif part and 1 <= hour <= 12:
        late = part in ("afternoon", "evening") or (part == "night" and 5 <= hour <= 11)
        hour = hour % 12 + (12 if late else 0)
    if part == "night":
        return [(hour, 0)] if hour >= 17 else [(hour, 1)] if hour < 5 else []
    if part:
        fits = {"morning": range(1, 12), "afternoon": range(12, 19), "evening": range(16, 24)}[part]
        return [(hour, 0)] if hour in fits else []
    if settled or hour in (0, 12) or hour > 12:
        return [(hour, 0)]
    return [(hour, 0), (hour + 12, 0)]


def read_days(text: str, today: date) -> list[list[date]]:
    """For each reading of a date phrase the dates to try, in order; no reading if it is unreadable.

    "" is today or tomorrow, "thursday" the first one from `today` on or the one after it.
    """
    text = re.sub(r"\b(?:the )?day after tomorrow\b", "overmorrow", text)
    typed = [word for word in re.split(r"[\s,]+", text) if word]
    if not typed:
        return [[today, today + timedelta(days=1)]]
    if duration := read_duration(" ".join(typed)):
        if duration.elapsed:
            return []
        return [[add_months(today, duration.months) + timedelta(days=duration.days)]]
    words = [_SPELLINGS.get(word.rstrip("."), word) for word in typed if word not in _FILLERS]
    weekdays = [word for word in words if word in _WEEKDAYS]
    numeric = [word for word in words if _NUMERIC_DATE.fullmatch(word)]
    if numeric:
        if len(words) != 1 + len(weekdays) or len(weekdays) > 1:
            return []
        readings = _numeric(numeric[0], today)
    else:
        readings = [_worded(words, today)]
    readings = [dates for dates in readings if dates]
    if not weekdays or len(words) == 1:
        return readings
    return [alternative for dates in readings for alternative in _agreeing(dates, weekdays[0], today)]


def _agreeing(dates: list[date], weekday: str, today: date) -> list[list[date]]:
    """`dates`, and the nearest `weekday` if they contradict it ("sat 25 october" when that is a Sunday).

    No reading if one of the two could be past, for that must not settle what the member meant.
    """
    off = (_WEEKDAYS.index(weekday) - dates[0].weekday() + 3) % 7 - 3
    if not off:
        return [dates]
    other = dates[0] + timedelta(days=off)
    return [dates, [other]] if min(dates[0], other) > today else []


def _numeric(word: str, today: date) -> list[list[date]]:
    match = _NUMERIC_DATE.fullmatch(word)
    if match is None:
        return []
    if match["iso_year"]:
        found = _date(int(match["iso_year"]), int(match["iso_month"]), int(match["iso_day"]))
        return [[found]] if found else []
    first, second, year = int(match["first"]), int(match["second"]), match["year"]
    orders = (
        [(first, second)] if match["mark"] == "." or first == second else [(first, second), (second, first)]
    )
    if year:
        century = 2000 if len(year) == 2 else 0
        exact = [_date(century + int(year), month, day) for day, month in orders]
        return [[found] for found in exact if found]
    return [_this_or_next_year(month, day, today) for day, month in orders]


def _this_or_next_year(month: int, day: int, today: date) -> list[date]:
    dates = (_date(today.year + ahead, month, day) for ahead in (0, 1))
    return [found for found in dates if found and found >= today][:1]


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _worded(words: list[str], today: date) -> list[date]:
    weekday = next((word for word in words if word in _WEEKDAYS), None)
    if len(words) == 2 and weekday and (named := [word for word in words if word in _NAMED]):
        words = named  # "tomorrow, friday"; `_agreeing` compares them
    text = " ".join(words)
    month = next((word for word in words if word in _MONTHS), None)
    if text == "today":
        return [today]
    if text == "tonight":  # after midnight it still began yesterday
        return [today - timedelta(days=1), today]
    if text == "overmorrow":
        return [today + timedelta(days=2)]
    if text in ("tomorrow", "yesterday"):
        return _read(text, seen_from=today)
    if weekday and text in (weekday, f"this {weekday}"):
        first = _read(weekday, seen_from=today - timedelta(days=1))
        return [*first, *(day + timedelta(days=7) for day in first)]
    if weekday and text in (f"next {weekday}", f"last {weekday}"):
        return _read(text, seen_from=today)
    if weekday and text in (f"{weekday} next week", f"next week {weekday}"):
        return _read(weekday, seen_from=today + timedelta(days=6 - today.weekday()))
    return _day_of_month([word for word in words if word not in (weekday, month)], words, month, today)


def _day_of_month(numbers: list[str], words: list[str], month: str | None, today: date) -> list[date]:
    """Reads "22 october", "october 22nd 2026" or "22nd"; `numbers` are those of `words` that are no names."""
    years = [int(word) for word in numbers if re.fullmatch(r"\d{4}", word)]
    numbered = [match for word in numbers if (match := _DAY_NUMBER.fullmatch(word))]
    if len(numbered) != 1 or len(years) > 1 or len(numbers) != len(years) + 1:
        return []
    day = int(numbered[0][1])
    if month is None:
        if years or not numbered[0][2]:  # a bare number is no date
            return []
        coming = (
            _date(first.year, first.month, day)
            for first in (add_months(today.replace(day=1), n) for n in (0, 1, 2))
        )
        return [found for found in coming if found and found >= today][:1]
    found = _read(
        " ".join(word for word in words if word not in _WEEKDAYS), seen_from=today - timedelta(days=1)
    )
    latest = (
        years[0] if years else today.year + 1
    )  # without a year, 29 February waits for no leap year beyond the next
    right = [(one.month, one.day) == (_MONTHS.index(month) + 1, day) and one.year <= latest for one in found]
    return found if right == [True] and (not years or found[0].year == latest) else []


def _read(text: str, *, seen_from: date) -> list[date]:
    """What dateparser reads, if anything; a weekday or day without a year is the first after `seen_from`."""
    from dateparser.date import DateDataParser  # 0.3 s, and as much again for its first answer

    parser = DateDataParser(
        languages=["en"],
        settings={
            "PARSERS": ["relative-time", "absolute-time"],
            "PREFER_DATES_FROM": "future",
            "RELATIVE_BASE": datetime.combine(seen_from, time(12)),
            "RETURN_AS_TIMEZONE_AWARE": False,
        },
    )
    answer = parser.get_date_data(text)
    return [answer.date_obj.date()] if answer.date_obj and "day" in answer.parts else []
