"""Reviewing: the end of a session, and a year of it."""

from collections.abc import Sequence
from datetime import timedelta

from bot.locales import _, ngettext
from bot.locales.writing import number, short_month
from bot.rendering.parts import bar, blend, heading
from bot.rendering.review_cards import ReviewStats, ReviewSummary
from bot.rendering.sheet import BODY, MARGIN, RIGHT, SMALL, Sheet

ROW = 54
LABEL_WIDTH = 120
COUNT_WIDTH = 100
COLUMNS_HEIGHT = 150
WIDE = RIGHT - MARGIN
WEEK = 7
GAP = 2
# How strongly a day is coloured, by which share of the busiest day it has.
SHADES = (0.3, 0.53, 0.76, 1.0)


def draw_summary(card: ReviewSummary, sheet: Sheet) -> float:
    y = heading(sheet, card.title, card.subtitle)
    most = max((grade.count for grade in card.grades), default=0)
    for grade in card.grades:
        y += ROW
        start, end = MARGIN + LABEL_WIDTH, RIGHT - COUNT_WIDTH
        sheet.text(MARGIN, y - 14, grade.label, width=LABEL_WIDTH - 12)
        bar(sheet, start, y - 34, end - start, 20, grade.count, most)
        sheet.text(RIGHT, y - 14, number(grade.count), bold=True, anchor="end", width=COUNT_WIDTH - 16)
    if not card.coming:
        return y + MARGIN / 2
    y = _section(sheet, y, _("Due in the coming days"))
    counts = [day.count for day in card.coming]
    y = _columns(sheet, y, counts, top=max(counts), values=[number(count) for count in counts])
    step = WIDE / len(card.coming)
    for i, day in enumerate(card.coming):
        x = MARGIN + (i + 0.5) * step
        sheet.text(x, y, day.label, size=SMALL, color=sheet.palette.muted, anchor="middle", width=step - 4)
    return y + MARGIN


def draw_stats(card: ReviewStats, sheet: Sheet) -> float:
    y = heading(sheet, card.title, card.subtitle) - 14
    y = _months(card, sheet, y)
    due = _("Due in the next {days} days", days=len(card.coming))
    y = _section(sheet, y, due, ngettext("{n:,} card", "{n:,} cards", sum(card.coming)))
    busiest = max(card.coming, default=0)
    y = _columns(sheet, y, card.coming, top=busiest)
    step = WIDE / max(len(card.coming), 1)
    for i in range(0, len(card.coming) - WEEK // 2, WEEK):
        label = _("today") if i == 0 else _("+{days} days", days=i)
        sheet.text(MARGIN + i * step, y, label, size=SMALL, color=sheet.palette.muted, width=WEEK * step)
    return _year(card, sheet, y + 10) + MARGIN


def _months(card: ReviewStats, sheet: Sheet, y: float) -> float:
    wanted = _("wanted: {percent:.0f}", percent=100 * card.wanted)
    y = _section(sheet, y, _("Recalled by month, in %"), wanted)
    shares = [month.share for month in card.months]
    line = y + 30 + COLUMNS_HEIGHT * (1 - card.wanted)
    sheet.stroke(f"M{MARGIN} {line:.2f}H{RIGHT}", sheet.palette.waiting, width=2.5, dashes="2 8")
    y = _columns(
        sheet,
        y,
        [share or 0 for share in shares],
        top=1,
        values=["" if share is None else f"{100 * share:.0f}" for share in shares],
    )
    step = WIDE / max(len(card.months), 1)
    for i, month in enumerate(card.months):
        label = short_month(month.month)
        x = MARGIN + (i + 0.5) * step
        sheet.text(x, y, label, size=SMALL, color=sheet.palette.muted, anchor="middle", width=step - 4)
    return y


def _year(card: ReviewStats, sheet: Sheet, y: float) -> float:
    """A square per day: weeks from left to right, Mondays on top."""
    total = _("{reviews:,} in {days} days", reviews=sum(card.days), days=len(card.days))
    y = _section(sheet, y, _("Reviews day by day"), total)
    first = card.until - timedelta(days=len(card.days) - 1)
    weeks = (first.weekday() + len(card.days) + WEEK - 1) // WEEK
    step = WIDE / weeks
    busiest = max(card.days, default=0)
    said_at = -3.0 * SMALL
    for i, count in enumerate(card.days):
        day = first + timedelta(days=i)
        column, row = divmod(first.weekday() + i, WEEK)
        x = MARGIN + column * step
        if day.day == 1 and x - said_at > 2 * SMALL and x < RIGHT - 1.5 * SMALL:
            sheet.text(x, y + 22, short_month(day), size=SMALL, color=sheet.palette.muted)
            said_at = x
        sheet.box(x, y + 34 + row * step, step - GAP, step - GAP, _shade(sheet, count, busiest), radius=2)
    return y + 34 + WEEK * step


def _section(sheet: Sheet, y: float, title: str, aside: str = "") -> float:
    taken = sheet.text(RIGHT, y + 50, aside, bold=True, anchor="end", width=WIDE / 2) if aside else 0
    sheet.text(MARGIN, y + 50, title, size=BODY, width=WIDE - taken - 16)
    return y + 62


def _columns(
    sheet: Sheet, y: float, counts: Sequence[float], *, top: float, values: Sequence[str] = ()
) -> float:
    """Columns side by side, each with its value above it. Returns the baseline for labels below them."""
    step = WIDE / max(len(counts), 1)
    width = min(step * 0.7, 56)
    room = 30 if values else 8
    ground = y + room + COLUMNS_HEIGHT
    for i, count in enumerate(counts):
        middle = MARGIN + (i + 0.5) * step
        height = max(COLUMNS_HEIGHT * count / top, 4) if top and count else 0
        if height:
            sheet.box(middle - width / 2, ground - height, width, height, sheet.palette.accent, radius=4)
        if values:
            sheet.text(
                middle, ground - height - 8, values[i], size=SMALL, bold=True, anchor="middle", width=step
            )
    sheet.box(MARGIN, ground, WIDE, 2, sheet.palette.line)
    return ground + 32


def _shade(sheet: Sheet, count: int, busiest: int) -> str:
    if count == 0:
        return sheet.palette.track
    strength = next(shade for i, shade in enumerate(SHADES, 1) if count * len(SHADES) <= i * busiest)
    return blend(sheet.palette.track, sheet.palette.accent, strength)
