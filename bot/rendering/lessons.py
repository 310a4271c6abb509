"""Lessons by stages, with the line that the plan has reached."""

from collections.abc import Sequence

from bot.locales import N_, _, ngettext
from bot.rendering.cards import Cell, GridLesson, LessonGrid
from bot.rendering.parts import day, heading, mark
from bot.rendering.sheet import BODY, MARGIN, RIGHT, SMALL, Sheet

COLUMN_WIDTH = 70
LAST_COLUMN = 56
STAGES_HEIGHT = 92
ROW_HEIGHT = 84
LEAD_WIDTH = 100
LEAD_APART = 20
TITLE_LINES = 2
LEADING = 34
PACE_HEIGHT = 44
LEFT_OUT_HEIGHT = 48
# Of a course with more lessons than this only a part is drawn: nobody reads a picture that long.
LESSONS_AT_MOST = 14
LEGEND = ((Cell.EMPTY, N_("not yet")), (Cell.CLAIMED, N_("to be verified")), (Cell.DONE, N_("done")))


def draw_lessons(card: LessonGrid, sheet: Sheet) -> float:
    shown = _shown(card)
    lessons = card.lessons[shown.start : shown.stop]
    columns = [RIGHT - LAST_COLUMN - COLUMN_WIDTH * i for i in reversed(range(len(card.stages)))]
    title_start = MARGIN + LEAD_APART + max((_lead(lesson, sheet) for lesson in lessons), default=0)
    y = heading(sheet, card.title, card.name)
    _stages(card.stages, columns, sheet, y)
    y += STAGES_HEIGHT
    if shown.start:
        words = ngettext("{n} earlier lesson", "{n} earlier lessons", shown.start)
        y = _left_out(words, sheet, y)
    pace = None if card.planned_done is None else min(card.planned_done, len(card.lessons))
    for i, lesson in zip(shown, lessons, strict=True):
        if i == pace:
            y = _pace(sheet, y)
        elif i > shown.start:
            sheet.box(MARGIN, y - 0.5, RIGHT - MARGIN, 1, sheet.palette.track)
        _lesson(lesson, title_start, columns, sheet, y)
        y += ROW_HEIGHT
    if pace == shown.stop:
        y = _pace(sheet, y)
    if left := len(card.lessons) - shown.stop:
        y = _left_out(ngettext("{n} more lesson", "{n} more lessons", left), sheet, y)
    return _legend(sheet, y)


def _shown(card: LessonGrid) -> range:
    """The lessons around the last one that was begun; all, if they are not too many."""
    begun = [
        i for i, lesson in enumerate(card.lessons) if any(cell is not Cell.EMPTY for cell in lesson.cells)
    ]
    middle = begun[-1] if begun else 0
    first = max(min(middle - LESSONS_AT_MOST // 2, len(card.lessons) - LESSONS_AT_MOST), 0)
    return range(first, min(first + LESSONS_AT_MOST, len(card.lessons)))


def _left_out(words: str, sheet: Sheet, y: float) -> float:
    sheet.text(MARGIN, y + 32, words, size=SMALL, color=sheet.palette.muted)
    return y + LEFT_OUT_HEIGHT


def _stages(stages: tuple[str, ...], columns: Sequence[float], sheet: Sheet, y: float) -> None:
    """The names of the stages on two levels in turn: so each has the room of two columns."""
    room = 2 * COLUMN_WIDTH - 8
    for i, (stage, x) in enumerate(zip(stages, columns, strict=True)):
        baseline = y + (28 if i % 2 == 0 else 62)
        sheet.text(x, baseline, stage, size=SMALL, color=sheet.palette.muted, anchor="middle", width=room)
        sheet.stroke(f"M{x} {baseline + 12}V{y + STAGES_HEIGHT - 4}", sheet.palette.track, width=2)


def _lead(lesson: GridLesson, sheet: Sheet) -> float:
    """How much room the lesson's number and date take."""
    number = sheet.measure(str(lesson.number), size=BODY, bold=True, width=LEAD_WIDTH)
    date = sheet.measure(_planned(lesson), size=SMALL, width=LEAD_WIDTH)
    return max(number, date)


def _planned(lesson: GridLesson) -> str:
    return day(lesson.planned) if lesson.planned is not None else ""


def _lesson(lesson: GridLesson, title_start: float, columns: Sequence[float], sheet: Sheet, y: float) -> None:
    middle = y + ROW_HEIGHT / 2
    number, planned = str(lesson.number), _planned(lesson)
    sheet.text(MARGIN, middle - 7 if planned else middle + 10, number, bold=True, width=LEAD_WIDTH)
    sheet.text(MARGIN, middle + 27, planned, size=SMALL, color=sheet.palette.muted, width=LEAD_WIDTH)
    title_room = columns[0] - COLUMN_WIDTH / 2 - title_start - 8 if columns else RIGHT - title_start
    lines = sheet.wrap(lesson.title, size=SMALL, width=title_room, lines=TITLE_LINES)
    sheet.paragraph(title_start, middle + 9 - (len(lines) - 1) * LEADING / 2, lines, leading=LEADING)
    for x, cell in zip(columns, lesson.cells, strict=True):
        mark(sheet, x, middle, cell)


def _pace(sheet: Sheet, y: float) -> float:
    """The line itself with its words: what stands above it should be done by now."""
    middle = y + PACE_HEIGHT / 2
    taken = sheet.text(MARGIN, middle + 8, _("planned by now"), size=SMALL, bold=True)
    line = f"M{MARGIN + taken + 16:.2f} {middle}H{RIGHT}"
    sheet.stroke(line, sheet.palette.ink, width=3, dashes="2 9")
    return y + PACE_HEIGHT


def _legend(sheet: Sheet, y: float) -> float:
    x: float = MARGIN
    for state, meaning in LEGEND:
        mark(sheet, x + 14, y + 36, state, radius=14)
        x += 40 + sheet.text(x + 40, y + 45, _(meaning), size=SMALL, color=sheet.palette.muted) + 40
    return y + 84
