"""A project from its start to now: a line of days, the stages, the newest of its log."""

from datetime import date

from bot.locales import _
from bot.rendering.cards import Cell, LogLine, Milestone, ProjectTimeline
from bot.rendering.parts import TITLE_BASELINE, day, heading, mark, pill, pill_width
from bot.rendering.sheet import MARGIN, RIGHT, SMALL, Sheet

AXIS_HEIGHT = 92
STEP = 52
LOG_LINES = 2
LEADING = 36
DATE_WIDTH = 170


def draw_project(card: ProjectTimeline, sheet: Sheet) -> float:
    state_room = pill_width(sheet, card.state)
    y = heading(sheet, card.title, card.name, room=state_room + 24)
    pill(sheet, RIGHT - state_room, TITLE_BASELINE - 4, card.state)
    y = _axis(card, sheet, y)
    y = _milestones(card.milestones, card.until, sheet, y)
    if card.log:
        y = _log(card.log, card.until, sheet, y)
    return y + MARGIN - 16


def _axis(card: ProjectTimeline, sheet: Sheet, y: float) -> float:
    """From the first day to the last, with a dot where a stage was reached."""
    colors = sheet.palette
    line = y + 20
    sheet.box(MARGIN, line - 3, RIGHT - MARGIN, 6, colors.track, radius=3)
    days = max((card.until - card.started).days, 1)
    for milestone in card.milestones:
        if milestone.reached is not None:
            share = min(max((milestone.reached - card.started).days / days, 0), 1)
            x = MARGIN + 9 + (RIGHT - MARGIN - 18) * share
            sheet.disc(x, line, 9, colors.paper)
            sheet.disc(x, line, 7, colors.accent)
    first = day(card.started, beside=card.until)
    count = (card.until - card.started).days + 1
    last = _("{date}, day {count:,}", date=day(card.until, beside=card.until), count=count)
    sheet.text(MARGIN, y + 60, first, size=SMALL, color=colors.muted)
    sheet.text(RIGHT, y + 60, last, size=SMALL, color=colors.muted, anchor="end")
    return y + AXIS_HEIGHT


def _milestones(milestones: tuple[Milestone, ...], until: date, sheet: Sheet, y: float) -> float:
    colors = sheet.palette
    x = MARGIN + 17
    for i, milestone in enumerate(milestones):
        middle = y + STEP / 2
        reached = milestone.reached is not None
        if i + 1 < len(milestones):
            onward = milestones[i + 1].reached is not None
            sheet.box(x - 1.5, middle, 3, STEP, colors.accent if reached and onward else colors.track)
        sheet.disc(x, middle, 17, colors.paper)
        mark(sheet, x, middle, Cell.DONE if reached else Cell.EMPTY)
        taken = 0.0
        if milestone.reached is not None:
            when = day(milestone.reached, beside=until)
            taken = sheet.text(RIGHT, middle + 10, when, size=SMALL, color=colors.muted, anchor="end")
        sheet.text(
            x + 36,
            middle + 10,
            milestone.label,
            bold=reached,
            color=colors.ink if reached else colors.muted,
            width=RIGHT - x - 36 - taken - 24,
        )
        y += STEP
    return y + 24


def _log(log: tuple[LogLine, ...], until: date, sheet: Sheet, y: float) -> float:
    colors = sheet.palette
    sheet.box(MARGIN, y, RIGHT - MARGIN, 2, colors.track)
    y += 12
    start = (
        MARGIN
        + max(sheet.measure(day(entry.day, beside=until), size=SMALL, width=DATE_WIDTH) for entry in log)
        + 24
    )
    for entry in log:
        when = day(entry.day, beside=until)
        sheet.text(MARGIN, y + 38, when, size=SMALL, color=colors.muted, width=DATE_WIDTH)
        lines = sheet.wrap(entry.text, size=SMALL + 1, width=RIGHT - start, lines=LOG_LINES)
        sheet.paragraph(start, y + 38, lines, leading=LEADING)
        y += LEADING * len(lines) + 16
    return y + 8
