"""The leaderboard: the group's goal, then the places."""

from bot.locales import N_, _
from bot.locales.writing import number
from bot.rendering.cards import BoardCard, BoardRow, Goal
from bot.rendering.parts import bar, heading, pill, pill_width
from bot.rendering.sheet import BODY, MARGIN, RIGHT, SMALL, Sheet

GOAL_HEIGHT = 112
ROW_HEIGHT = 68
GAP_HEIGHT = 36
RANK_WIDTH = 120
SCORE_WIDTH = 240
# Between a rank and its name, a name and its number.
APART = 24
# Panels reach further out than the text in them.
OUTSET = 16
# Others read it too, so it cannot say "you".
CALLER = N_("asked")


def draw_board(card: BoardCard, sheet: Sheet) -> float:
    y = heading(sheet, card.title, card.subtitle)
    if card.goal is not None:
        _goal(card.goal, sheet, y)
        y += GOAL_HEIGHT
    if not card.rows:
        sheet.text(MARGIN, y + 52, _("Nobody is on this board yet."), color=sheet.palette.muted)
        return y + 52 + MARGIN
    sheet.text(RIGHT, y + 40, card.unit, size=SMALL, color=sheet.palette.muted, anchor="end")
    y += 56
    ranks_end = MARGIN + max(
        sheet.measure(number(row.rank), size=BODY, width=RANK_WIDTH) for row in card.rows
    )
    most = max(row.score for row in card.rows)
    for row in card.rows:
        if row.apart:
            for i in (-1, 0, 1):
                sheet.disc(ranks_end - 8, y + GAP_HEIGHT / 2 + 10 * i, 2.5, sheet.palette.muted)
            y += GAP_HEIGHT
        _row(row, most, ranks_end, sheet, y)
        y += ROW_HEIGHT
    return y + MARGIN - OUTSET


def _goal(goal: Goal, sheet: Sheet, y: float) -> None:
    sheet.box(
        MARGIN - OUTSET, y, RIGHT - MARGIN + 2 * OUTSET, GOAL_HEIGHT, sheet.palette.panel, radius=OUTSET
    )
    share = _("{reached:,} of {wanted:,}", reached=goal.reached, wanted=goal.wanted)
    taken = sheet.text(RIGHT, y + 48, share, bold=True, anchor="end")
    sheet.text(MARGIN, y + 48, goal.label, width=RIGHT - MARGIN - taken - APART)
    bar(sheet, MARGIN, y + 72, RIGHT - MARGIN, 16, goal.reached, goal.wanted)


def _row(row: BoardRow, most: int, ranks_end: float, sheet: Sheet, y: float) -> None:
    """A place; the caller's own has a panel, a bolder name and a word that says so."""
    colors = sheet.palette
    baseline = y + 38
    start = ranks_end + APART
    if row.is_caller:
        sheet.box(MARGIN - OUTSET, y, RIGHT - MARGIN + 2 * OUTSET, ROW_HEIGHT, colors.panel, radius=12)
    rank = number(row.rank)
    sheet.text(ranks_end, baseline, rank, color=colors.muted, anchor="end", width=RANK_WIDTH)
    score = number(row.score)
    taken = sheet.text(RIGHT, baseline, score, size=BODY + 4, bold=True, anchor="end", width=SCORE_WIDTH)
    room = RIGHT - start - taken - APART
    if row.is_caller:
        room -= pill_width(sheet, _(CALLER)) + 16
    name = sheet.text(start, baseline, row.name, size=BODY + 2, bold=row.is_caller, width=room)
    if row.is_caller:
        pill(sheet, start + name + 16, baseline, _(CALLER))
    if row.score > 0:
        length = max((RIGHT - start) * row.score / most, 6)
        sheet.box(start, y + 52, length, 6, colors.accent if row.is_caller else colors.line, radius=3)
