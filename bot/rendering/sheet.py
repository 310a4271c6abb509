"""A sheet to draw on: boxes, rings, lines and text, then all of it as a PNG."""

from html import escape
from typing import Literal

import resvg_py

from bot.rendering.fonts import Fonts
from bot.rendering.palette import Palette
from bot.rendering.text import Line, Typesetter

# On a phone a picture is about 400 pixels wide, half of this: no letter is drawn smaller than SMALL.
WIDTH = 800
MARGIN = 40
RIGHT = WIDTH - MARGIN
TITLE, LARGE, BODY, SMALL = 40, 36, 28, 24

Anchor = Literal["start", "middle", "end"]
BEFORE: dict[Anchor, float] = {"start": 0, "middle": 0.5, "end": 1}
EMOJI_FAMILY = "Noto Color Emoji"  # the same in every language


class Sheet:
    """Collects what is drawn, in SVG's pixels, y growing downwards; later things lie on earlier ones."""

    def __init__(self, palette: Palette, fonts: Fonts) -> None:
        self.palette = palette
        self._fonts = fonts
        self._typesetter = Typesetter(fonts)
        self._elements: list[str] = []

    def text(
        self,
        x: float,
        baseline: float,
        text: str,
        *,
        size: float = BODY,
        bold: bool = False,
        color: str | None = None,
        anchor: Anchor = "start",
        width: float = WIDTH - 2 * MARGIN,
    ) -> float:
        """The text at x, shortened to `width`. Returns how wide it became."""
        line = self._typesetter.fit(text, size=size, bold=bold, width=width)
        self._line(x - line.width * BEFORE[anchor], baseline, line, color or self.palette.ink)
        return line.width

    def measure(self, text: str, *, size: float, bold: bool = False, width: float) -> float:
        """How wide `text` would become."""
        return self._typesetter.fit(text, size=size, bold=bold, width=width).width

    def wrap(self, text: str, *, size: float, bold: bool = False, width: float, lines: int) -> list[Line]:
        """The text in at most so many lines, for `paragraph`."""
        return self._typesetter.wrap(text, size=size, bold=bold, width=width, lines=lines)

    def paragraph(self, x: float, baseline: float, lines: list[Line], *, leading: float) -> None:
        """The lines below each other, the first on this baseline."""
        for i, line in enumerate(lines):
            self._line(x, baseline + i * leading, line, self.palette.ink)

    def box(self, x: float, y: float, width: float, height: float, color: str, *, radius: float = 0) -> None:
        corner = min(radius, width / 2, height / 2)
        rounding = f' rx="{_number(corner)}"' if radius else ""  # the same in every language
        self._add(
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
            f'{rounding} fill="{color}"/>'
        )

    def disc(self, x: float, y: float, radius: float, color: str) -> None:
        self._add(f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}" fill="{color}"/>')

    def shape(self, path: str, color: str) -> None:
        """What an SVG path encloses."""
        self._add(f'<path d="{path}" fill="{color}"/>')

    def stroke(self, path: str, color: str, *, width: float, dashes: str = "") -> None:
        """A line along an SVG path, with round ends."""
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""  # the same in every language
        self._add(
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{_number(width)}"'
            f' stroke-linecap="round" stroke-linejoin="round"{dashed}/>'
        )

    def ring(self, x: float, y: float, radius: float, color: str, *, width: float) -> None:
        self._add(
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius - width / 2)}" fill="none"'
            f' stroke="{color}" stroke-width="{_number(width)}"/>'
        )

    def png(self, height: float) -> bytes:
        """Everything drawn so far, on paper of this height."""
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{_number(height)}">'
            f'<rect width="100%" height="100%" fill="{self.palette.paper}"/>{"".join(self._elements)}</svg>'
        )
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg, skip_system_fonts=True, font_files=[str(self._fonts.emoji.path)]
            )
        )

    def _line(self, x: float, baseline: float, line: Line, color: str) -> None:
        y = _number(baseline)
        for part in line.parts:
            left = _number(x + part.x)
            if part.emoji:
                self._add(
                    f'<text x="{left}" y="{y}" font-family="{EMOJI_FAMILY}" font-size="{_number(part.size)}">'
                    f"{escape(part.emoji)}</text>"
                )
            elif part.glyphs:
                scale = f"{part.size / part.face.units:.6f}"
                self._add(
                    f'<path transform="translate({left} {y}) scale({scale} -{scale})" fill="{color}"'
                    f' d="{part.face.outline(part.glyphs)}"/>'
                )

    def _add(self, element: str) -> None:
        self._elements.append(element)


def _number(value: float) -> str:
    """At most two decimals, without zeros at the end."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
