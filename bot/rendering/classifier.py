"""The classifier: what it sees in a picture, and what it takes for what."""

from bot.locales import _
from bot.locales.writing import number as written
from bot.rendering.model_cards import ClassificationCard, ConfusionCard, LabelShare, percent
from bot.rendering.parts import blend, channels, heading
from bot.rendering.sheet import BODY, MARGIN, RIGHT, SMALL, Sheet

ROW = 84
PERCENT_WIDTH = 170
BAR_HEIGHT = 20
# The matrix: its rows' names, then the cells.
NAMES_WIDTH = 216
APART = 20
LARGEST_CELL = 88
# A narrower cell has no room for three digits, and its colour has to do.
NARROWEST_WITH_COUNT = 46
# Weaker than this, a colour could not be told from none.
FAINTEST = 0.22


def draw_classification(card: ClassificationCard, sheet: Sheet) -> float:
    y = heading(sheet, card.title, card.subtitle) - 10
    for guess in card.guesses:
        _guess(guess, card.sure and guess is card.guesses[0], sheet, y)
        y += ROW
    return y + MARGIN / 2


def _guess(guess: LabelShare, is_answer: bool, sheet: Sheet, y: float) -> None:
    """A label with its bar; the answer, if there is one, is bolder and in the accent's colour."""
    colors = sheet.palette
    taken = sheet.text(RIGHT, y + 44, percent(guess.share), bold=is_answer, anchor="end", width=PERCENT_WIDTH)
    sheet.text(MARGIN, y + 44, guess.label, bold=is_answer, width=RIGHT - MARGIN - taken - APART)
    width = RIGHT - MARGIN
    sheet.box(MARGIN, y + 58, width, BAR_HEIGHT, colors.track, radius=BAR_HEIGHT / 2)
    share = min(max(guess.share, 0), 1)
    if share > 0:
        color = colors.accent if is_answer else colors.waiting
        sheet.box(MARGIN, y + 58, max(width * share, BAR_HEIGHT), BAR_HEIGHT, color, radius=BAR_HEIGHT / 2)


def draw_confusion(card: ConfusionCard, sheet: Sheet) -> float:
    """Rows are what the images show, columns what they were taken for, both by the rows' numbers."""
    colors = sheet.palette
    y = heading(sheet, card.title, card.subtitle) + 22
    count = len(card.labels)
    start = MARGIN + NAMES_WIDTH + APART
    cell = min((RIGHT - start) / max(count, 1), LARGEST_CELL)
    sheet.text(start, y, _("taken for"), size=SMALL, color=colors.muted, width=RIGHT - start)
    sheet.text(MARGIN, y + 34, _("shows"), size=SMALL, color=colors.muted, width=NAMES_WIDTH)
    # Where the columns are too narrow for every number, every second or third says where one is.
    every = next(step for step in range(1, count + 2) if step * cell >= SMALL * 1.4)
    for i in range(0, count, every):
        x = start + (i + 0.5) * cell
        sheet.text(x, y + 34, str(i + 1), size=SMALL, color=colors.muted, anchor="middle", width=every * cell)
    y += 46
    height = max(cell, SMALL * 1.3)
    for i, (label, row) in enumerate(zip(card.labels, card.counts, strict=True)):
        top = y + i * height
        baseline = top + height / 2 + SMALL / 3
        number = sheet.text(
            MARGIN + NAMES_WIDTH, baseline, str(i + 1), size=SMALL, color=colors.muted, anchor="end"
        )
        sheet.text(MARGIN, baseline, label, size=SMALL, width=NAMES_WIDTH - number - 12)
        _row(row, i, start, top, cell, height, sheet)
    return y + count * height + MARGIN


def _row(
    row: tuple[int, ...], right: int, start: float, top: float, cell: float, height: float, sheet: Sheet
) -> None:
    colors = sheet.palette
    whole = sum(row)
    for j, count in enumerate(row):
        ground = colors.panel
        if count:
            strength = FAINTEST + (1 - FAINTEST) * count / whole
            ground = blend(colors.panel, colors.accent if j == right else colors.waiting, strength)
        sheet.box(start + j * cell + 1, top + 1, cell - 2, height - 2, ground, radius=4)
        if count and cell >= NARROWEST_WITH_COUNT:
            sheet.text(
                start + (j + 0.5) * cell,
                top + height / 2 + BODY / 3,
                written(count),
                size=SMALL,
                bold=True,
                color=_letters(sheet, ground),
                anchor="middle",
                width=cell - 4,
            )


def _letters(sheet: Sheet, ground: str) -> str:
    """The theme's ink or paper, whichever reads better on this ground."""
    colors = (sheet.palette.ink, sheet.palette.paper)
    return max(colors, key=lambda color: abs(_brightness(color) - _brightness(ground)))


def _brightness(color: str) -> float:
    """0 to 255, weighted as the eye does (ITU-R BT.601)."""
    red, green, blue = channels(color)
    return 0.299 * red + 0.587 * green + 0.114 * blue
