"""How often something repeats, in words."""

from datetime import datetime

from bot.scheduling.recurrence import Repeat

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NTH = ("first", "second", "third", "fourth", "last")


def repeat_words(repeat: Repeat, first: datetime) -> str:
    """ "weekly on Thursday", "monthly on the third Thursday"; `first` is the first date's wall clock."""
    day = WEEKDAYS[first.weekday()]
    match repeat:
        case Repeat.NONE:
            return "once"
        case Repeat.DAILY:
            return "every day"
        case Repeat.WEEKLY:
            return f"weekly on {day}"
        case Repeat.FORTNIGHTLY:
            return f"every two weeks on {day}"
        case Repeat.MONTHLY:
            return f"monthly on the {NTH[(first.day - 1) // 7]} {day}"
