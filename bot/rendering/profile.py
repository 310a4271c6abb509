"""One member: the course so far, facts, and the project."""

from bot.locales import _
from bot.rendering.cards import Fact, ProfileCard
from bot.rendering.parts import bar, heading, pill, pill_width
from bot.rendering.sheet import BODY, LARGE, MARGIN, RIGHT, SMALL, Sheet

COLUMNS = 3
GAP = 16
TILE_WIDTH = (RIGHT - MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
TILE_HEIGHT = 116
PADDING = 20
# More lessons than this are drawn as one bar: as pieces they could not be counted any more.
PIECES_AT_MOST = 20


def draw_profile(card: ProfileCard, sheet: Sheet) -> float:
    y = heading(sheet, card.name, card.subtitle)
    if card.lessons_total:
        y = _lessons(card, sheet, y)
    for i, fact in enumerate(card.facts):
        row, column = divmod(i, COLUMNS)
        _tile(fact, sheet, MARGIN + column * (TILE_WIDTH + GAP), y + row * (TILE_HEIGHT + GAP))
    y += -(-len(card.facts) // COLUMNS) * (TILE_HEIGHT + GAP)
    if card.project is not None:
        y = _project(card.project, card.project_stage, sheet, y)
    return y + MARGIN - GAP


def _lessons(card: ProfileCard, sheet: Sheet, y: float) -> float:
    colors = sheet.palette
    share = _("{done:,} of {all:,}", done=card.lessons_done, all=card.lessons_total)
    sheet.text(MARGIN, y + 36, _("Lessons"))
    sheet.text(RIGHT, y + 36, share, bold=True, anchor="end")
    if 0 < card.lessons_total <= PIECES_AT_MOST:
        step = (RIGHT - MARGIN + 6) / card.lessons_total
        for i in range(card.lessons_total):
            x = MARGIN + i * step
            if i < card.lessons_done:
                sheet.box(x, y + 54, step - 6, 24, colors.accent, radius=6)
            else:
                sheet.box(x, y + 54, step - 6, 24, colors.line, radius=6)
                sheet.box(x + 2, y + 56, step - 10, 20, colors.paper, radius=4)
    else:
        bar(sheet, MARGIN, y + 58, RIGHT - MARGIN, 20, card.lessons_done, card.lessons_total)
    return y + 108


def _tile(fact: Fact, sheet: Sheet, x: float, y: float) -> None:
    room = TILE_WIDTH - 2 * PADDING
    sheet.box(x, y, TILE_WIDTH, TILE_HEIGHT, sheet.palette.panel, radius=14)
    sheet.text(x + PADDING, y + 54, fact.value, size=LARGE, bold=True, width=room)
    sheet.text(x + PADDING, y + 92, fact.label, size=SMALL, color=sheet.palette.muted, width=room)


def _project(title: str, stage: str | None, sheet: Sheet, y: float) -> float:
    sheet.box(MARGIN, y, RIGHT - MARGIN, TILE_HEIGHT, sheet.palette.panel, radius=14)
    sheet.text(MARGIN + PADDING, y + 44, _("Project"), size=SMALL, color=sheet.palette.muted)
    end: float = RIGHT - PADDING
    if stage is not None:
        end -= pill_width(sheet, stage)
        pill(sheet, end, y + 86, stage)
        end -= GAP
    sheet.text(MARGIN + PADDING, y + 88, title, size=BODY + 2, bold=True, width=end - MARGIN - PADDING)
    return y + TILE_HEIGHT + GAP
