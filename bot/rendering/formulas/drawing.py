"""From formulas to their picture. Pure: the same formulas and theme give the same bytes.

For the process that draws only: ziamath reads its font, which ships with it, as soon as it is imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

import resvg_py
from ziafont.config import config
from ziamath.nodes.mrow import Mrow
from ziamath.zmath import Math, loadedfonts

from bot.flashcards.math import Formula
from bot.rendering.cards import Theme
from bot.rendering.formulas import FORMULAS_AT_MOST, FormulaPicture
from bot.rendering.formulas.mathml import NotUnderstood, mathml
from bot.rendering.palette import PALETTES
from bot.rendering.sheet import MARGIN, WIDTH

INLINE, DISPLAY = 40, 48
BETWEEN = 40
BREADTH = WIDTH - 2 * MARGIN
#: Of the whole picture; Discord shows higher ones too small to be read.
HEIGHT = 2400
#: Of all formulas of a picture, counted as in `mathml`: about one second.
WORK_AT_MOST = 8_000
#: How far a formula is shrunk before it is broken into lines, and how far at all.
BREAK_BELOW, SMALLEST = 0.8, 0.5

# Lines are broken before these, outside of brackets.
_BREAKS = frozenset("=<>≤≥≈≠≡∼∝→←⇒⇔+−±")
_BRACKETS = dict.fromkeys("([{⟨⌊⌈", 1) | dict.fromkeys(")]}⟩⌋⌉", -1)


def draw_formulas(formulas: Sequence[Formula], theme: Theme) -> FormulaPicture:
    """The formulas below each other, each in display style: 800 pixels wide and as high as they need."""
    drawn: list[_Drawn] = []
    lacking: list[Formula] = []
    work = 0
    for formula in formulas[:FORMULAS_AT_MOST]:
        try:
            tree, cost = mathml(formula.source)
            work += cost
            if work > WORK_AT_MOST:
                raise NotUnderstood("too much for one picture")  # the same in every language
            one = _drawn(tree, PALETTES[theme].ink, DISPLAY if formula.display else INLINE)
            if _height([*drawn, one]) > HEIGHT:
                raise NotUnderstood("too high for one picture")  # the same in every language
            drawn.append(one)
        except Exception:  # two libraries raise whatever comes for what is no LaTeX
            lacking.append(formula)
    lacking += formulas[FORMULAS_AT_MOST:]
    return FormulaPicture(png=_png(drawn, PALETTES[theme].paper) if drawn else b"", lacking=tuple(lacking))


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Paths right and below of (0, 0), to be scaled; `height` is then theirs."""

    paths: str
    scale: float
    height: float


def _drawn(tree: Element, ink: str, size: int) -> _Drawn:
    font = loadedfonts["default"]
    if any(not font.glyphindex(sign) for sign in "".join(tree.itertext()) if not sign.isspace()):
        raise NotUnderstood("the font lacks a character")  # the same in every language
    font.language("math", "")  # type: ignore[no-untyped-call]  # an error amid words leaves it set for words
    config.svg2 = False  # its symbols would give several brackets the same id
    tree.set("mathcolor", ink)
    math = Math(tree, size=size)
    if math.getsize()[0] * BREAK_BELOW > BREADTH:
        math = Math(_broken(math, size), size=size)
    width, height = math.getsize()
    if not (0 < width * SMALLEST <= BREADTH and height > 0):
        raise NotUnderstood("nothing, or too wide to be read")  # the same in every language
    scale = min(1.0, BREADTH / width)
    group = Element("g")
    math.node.draw(-math.node.bbox.xmin, math.node.bbox.ymax, group)
    # The line over a term is always black.
    paths = tostring(group, encoding="unicode").replace('"black"', f'"{ink}"')
    return _Drawn(paths, scale, height * scale)


def _broken(math: Math, size: int) -> Element:
    """The same formula in lines that fit, as far as there are operators to break it before."""
    row = math.node.nodes[0]
    if not isinstance(row, Mrow) or len(row.nodes) != len(row.element):
        return math.mathml
    before: set[int] = set()
    start, depth, candidate, last_sign = 0.0, 0, 0, ""
    positions = [x for x, _ in row.nodexy]
    for place, (element, x, node) in enumerate(zip(row.element, positions, row.nodes, strict=True)):
        sign = element.text or ""
        depth += _BRACKETS.get(sign, 0)
        may_begin = last_sign == "," or (sign in _BREAKS and element.get("lspace") != "0")
        if place and not depth and may_begin and element.tag != "mspace":
            candidate = place
        if element.tag != "mspace":
            last_sign = sign
        if candidate and x + node.bbox.xmax - start > BREADTH:
            before.add(candidate)
            start, candidate = positions[candidate] - size, 0
    tree = Element("math", math.mathml.attrib)
    line = SubElement(tree, "mrow")
    for place, element in enumerate(row.element):
        if place in before:
            SubElement(line, "mspace", linebreak="newline")
            SubElement(line, "mspace", width=f"{size}px")  # the same in every language
        line.append(element)
    return tree


def _height(drawn: Sequence[_Drawn]) -> float:
    return 2 * MARGIN + sum(one.height for one in drawn) + BETWEEN * (len(drawn) - 1)


def _png(drawn: Sequence[_Drawn], paper: str) -> bytes:
    y = float(MARGIN)
    groups = []
    for one in drawn:
        groups.append(f'<g transform="translate({MARGIN} {y:.2f}) scale({one.scale:.4f})">{one.paths}</g>')
        y += one.height + BETWEEN
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{_height(drawn):.0f}">'
        f'<rect width="100%" height="100%" fill="{paper}"/>{"".join(groups)}</svg>'
    )
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True))
