"""How often something repeats, in words."""

from datetime import datetime

from bot.locales import N_, _
from bot.locales.writing import weekday
from bot.scheduling.recurrence import Repeat

NTH = (
    N_("monthly on the first {day}"),
    N_("monthly on the second {day}"),
    N_("monthly on the third {day}"),
    N_("monthly on the fourth {day}"),
    N_("monthly on the last {day}"),
)


def repeat_words(repeat: Repeat, first: datetime) -> str:
    """ "weekly on Thursday", "monthly on the third Thursday"; `first` is the first date's wall clock."""
    day = weekday(first)
    match repeat:
        case Repeat.NONE:
            return _("once")
        case Repeat.DAILY:
            return _("every day")
        case Repeat.WEEKLY:
            return _("weekly on {day}", day=day)
        case Repeat.FORTNIGHTLY:
            return _("every two weeks on {day}", day=day)
        case Repeat.MONTHLY:
            return _(NTH[(first.day - 1) // 7], day=day)
