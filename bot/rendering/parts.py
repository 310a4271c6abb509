"""What more than one picture is made of."""

from datetime import date

from bot.locales import _
from bot.locales.writing import short_month
from bot.rendering.cards import Cell
from bot.rendering.sheet import MARGIN, RIGHT, SMALL, TITLE, Sheet

TITLE_BASELINE = 76
TITLE_LEADING = 50
PILL_PADDING = 14


def heading(sheet: Sheet, title: str, subtitle: str, *, room: float = 0) -> float:
    """The title, with `room` left free after it, and a quieter line below. Returns where the rest goes on."""
    lines = sheet.wrap(title, size=TITLE, bold=True, width=RIGHT - MARGIN - room, lines=2)
    sheet.paragraph(MARGIN, TITLE_BASELINE, lines, leading=TITLE_LEADING)
    y = TITLE_BASELINE + (len(lines) - 1) * TITLE_LEADING
    sheet.text(MARGIN, y + 42, subtitle, size=SMALL + 2, color=sheet.palette.muted)
    return y + 70


def bar(sheet: Sheet, x: float, y: float, width: float, height: float, part: int, whole: int) -> None:
    """How much of the whole is there; more than all of it fills the bar."""
    sheet.box(x, y, width, height, sheet.palette.track, radius=height / 2)
    share = min(max(part / whole, 0), 1) if whole > 0 else 0
    if share:
        sheet.box(x, y, max(width * share, height), height, sheet.palette.accent, radius=height / 2)


def pill(sheet: Sheet, x: float, baseline: float, text: str, *, width: float = 300) -> None:
    """A short word on a coloured ground, its box beginning at x."""
    wide = pill_width(sheet, text, width=width)
    sheet.box(x, baseline - 27, wide, 36, sheet.palette.accent, radius=18)
    sheet.text(
        x + PILL_PADDING,
        baseline - 1,
        text,
        size=SMALL,
        bold=True,
        color=sheet.palette.on_accent,
        width=width - 2 * PILL_PADDING,
    )


def pill_width(sheet: Sheet, text: str, *, width: float = 300) -> float:
    return sheet.measure(text, size=SMALL, bold=True, width=width - 2 * PILL_PADDING) + 2 * PILL_PADDING


def mark(sheet: Sheet, x: float, y: float, state: Cell, *, radius: int = 17) -> None:
    """A state by its shape as well as its colour: an empty ring, a half-filled one, a disc with a tick."""
    colors = sheet.palette
    if state is Cell.DONE:
        sheet.disc(x, y, radius, colors.accent)
        left, low, reach = x - 0.42 * radius, y + 0.04 * radius, 0.3 * radius
        tick = f"M{left:.2f} {low:.2f}l{reach:.2f} {reach:.2f}l{1.8 * reach:.2f} {-2.1 * reach:.2f}"
        sheet.stroke(tick, colors.on_accent, width=0.22 * radius)
    elif state is Cell.CLAIMED:
        sheet.ring(x, y, radius, colors.waiting, width=3.5)
        inner = radius - 7
        sheet.shape(f"M{x:.2f} {y - inner:.2f}a{inner} {inner} 0 0 0 0 {2 * inner}z", colors.waiting)
    else:
        sheet.ring(x, y, radius, colors.line, width=2.5)


def day(value: date, *, beside: date | None = None) -> str:
    """The day, with its year where that is not the year of `beside`."""
    month = short_month(value)
    if beside is None or value.year == beside.year:
        return _("{day} {month}", day=value.day, month=month)
    return _("{day} {month} {year}", day=value.day, month=month, year=value.year)


def blend(ground: str, color: str, strength: float) -> str:
    """So much of the color, from 0 to 1, on the ground; each is written as #rrggbb."""
    mixed = (round(a + (b - a) * strength) for a, b in zip(channels(ground), channels(color), strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def channels(color: str) -> list[int]:
    """Red, green and blue of #rrggbb, 0 to 255."""
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]
