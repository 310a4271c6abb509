"""Lines of text that fit: any name, in any script, as outlines of known width.

An empty box is never drawn. A character that no face has is tried in its plain form (a decorated letter
becomes the letter), then without its marks; then a symbol is left out, and letters become one "…".
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import regex
import uharfbuzz as hb

from bot.rendering.bidi import base_level, levels, visual
from bot.rendering.fonts import Face, Fonts, Glyph

ELLIPSIS = "…"
# More than any line can show: what follows would only cost time.
CHARACTERS_AT_MOST = 300
# The most that a spelling needs (Devanagari, pointed Hebrew); more of them climb into the lines around.
MARKS_PILED = regex.compile(r"(\p{M}{3})\p{M}+")
SPACES = regex.compile(r"\s+")
# Controls, direction overrides and whatever else shows nothing, signs that encircle letters with rays, and
# the two that stand for something lost. Joiners, the emoji selector and flag tags stay: Persian, Indic
# scripts and emoji need them.
SILENT = regex.compile(
    r"[[\p{Cc}\p{Cf}\p{Cs}\p{Me}\p{Default_Ignorable_Code_Point}\uFFFC\uFFFD]"
    r"--[\u200C\u200D\u20E3\uFE0F\U000E0020-\U000E007F]]",
    regex.VERSION1,
)
CLUSTER = regex.compile(r"\X")
MARKS = regex.compile(r"\p{M}")
SEEN = regex.compile(r"[^\p{M}\p{C}]")
LETTER = regex.compile(r"[\p{L}\p{N}]")
JOINER = "\u200d"
# Emoji are wider and taller than letters of the same size.
EMOJI_SIZE = 0.86


class Piece(NamedTuple):
    """What a reader takes for one character, and the face that draws it."""

    text: str
    face: Face


class Run(NamedTuple):
    """Characters that are shaped together: of one direction, face and script."""

    level: int
    face: Face
    script: str | None
    text: str


class Part(NamedTuple):
    """What stands in a line from `x` pixels on, at this size: glyphs of a face, or an emoji."""

    x: float
    size: float
    face: Face
    glyphs: Sequence[Glyph]
    emoji: str


class Line(NamedTuple):
    """One line, ready to be drawn; its width in pixels."""

    width: float
    parts: tuple[Part, ...]


class Typesetter:
    """Sets lines in the given fonts; sizes and widths are pixels."""

    def __init__(self, fonts: Fonts) -> None:
        self._fonts = fonts

    def fit(self, text: str, *, size: float, bold: bool = False, width: float) -> Line:
        """The text on one line, shortened between two characters to "…" where it is wider than `width`."""
        return self.wrap(text, size=size, bold=bold, width=width, lines=1)[0]

    def wrap(self, text: str, *, size: float, bold: bool = False, width: float, lines: int) -> list[Line]:
        """The text on one to so many lines, broken between words if possible; the last is shortened."""
        rest = self._pieces(text, bold=bold)
        # A second line goes on in the direction of the first.
        base = base_level([piece.text for piece in rest])
        end = Piece(ELLIPSIS, self._fonts.first(bold=bold))

        def wide(count: int) -> float:
            return self._line(rest[:count], size, base).width

        done: list[Line] = []
        while len(done) < lines - 1 and wide(len(rest)) > width:
            count = max(bisect_right(range(1, len(rest)), width, key=wide), 1)
            space = next((i for i in range(count, 0, -1) if rest[i].text == " "), None)
            done.append(self._shortened(rest[: space or count], end, size, base, width))
            rest = rest[space + 1 if space else count :]
        return [*done, self._shortened(rest, end, size, base, width)]

    def _shortened(self, pieces: Sequence[Piece], end: Piece, size: float, base: int, width: float) -> Line:
        whole = self._line(pieces, size, base)
        if whole.width <= width:
            return whole

        def cut(count: int) -> Line:
            while count and pieces[count - 1].text in (" ", ELLIPSIS):
                count -= 1
            return self._line([*pieces[:count], end], size, base)

        fitting = bisect_right(range(len(pieces)), width, key=lambda count: cut(count).width)
        return cut(fitting - 1) if fitting else Line(0, ())

    def _pieces(self, text: str, *, bold: bool) -> list[Piece]:
        """The characters that are drawn for the text; an ellipsis for letters that cannot be."""
        end = Piece(ELLIPSIS, self._fonts.first(bold=bold))
        space = Piece(" ", self._fonts.first(bold=bold))
        whole = SPACES.sub(" ", unicodedata.normalize("NFC", text[:CHARACTERS_AT_MOST])).strip()
        pieces: list[Piece] = []
        for cluster in CLUSTER.findall(MARKS_PILED.sub(r"\1", SILENT.sub("", whole))):
            # Whatever is piled on a space would make it look like none.
            found = [space] if cluster[0] == " " else self._drawable(cluster, bold=bold)
            if not found and LETTER.search(cluster):
                found = [end]
            # Where something was left out, one space or ellipsis is enough, and none at the start.
            if found in ([end], [space]) and (pieces[-1:] == found or (found == [space] and not pieces)):
                continue
            pieces += found
        if pieces[-1:] == [space]:
            del pieces[-1]
        if len(text) > CHARACTERS_AT_MOST or (whole and not pieces):
            pieces.append(end)
        return pieces

    def _drawable(self, cluster: str, *, bold: bool) -> list[Piece]:
        """The cluster, or what comes nearest to it, in faces that have it; nothing where none has."""
        if not SEEN.search(cluster):
            return []
        plain = unicodedata.normalize("NFKC", cluster)
        for version in (cluster, unicodedata.normalize("NFD", cluster), plain, MARKS.sub("", plain)):
            parts = [(part, self._fonts.face(part, bold=bold)) for part in CLUSTER.findall(version)]
            pieces = [Piece(part, face) for part, face in parts if face is not None]
            if len(pieces) == len(parts):
                return [small for piece in pieces for small in self._split(piece)]
        return []

    def _split(self, piece: Piece) -> list[Piece]:
        """Emoji that are joined, but not to one picture in this font, one by one: else a chain has no end."""
        if piece.face is not self._fonts.emoji or JOINER not in piece.text:
            return [piece]
        glyphs, _ = piece.face.shape(piece.text, leftward=False, script=None)
        if len(glyphs) == 1:
            return [piece]
        return [Piece(part, piece.face) for part in piece.text.split(JOINER) if SEEN.search(part)]

    def _line(self, pieces: Sequence[Piece], size: float, base: int) -> Line:
        emoji = self._fonts.emoji
        runs: list[Run] = []
        for (text, face), level in zip(pieces, levels([piece.text for piece in pieces], base), strict=True):
            before = runs[-1] if runs else None
            script = _script(text) or (before.script if before else None)
            # Each emoji is a run of its own, for each is placed by itself.
            if before and before[:3] == (level, face, script) and face is not emoji:
                runs[-1] = before._replace(text=before.text + text)
            else:
                runs.append(Run(level, face, script, text))
        x = 0.0
        parts = []
        for i in visual([run.level for run in runs]):
            level, face, script, text = runs[i]
            glyphs, units = face.shape(text, leftward=level % 2 == 1, script=script)
            real = size * EMOJI_SIZE if face is emoji else size
            parts.append(Part(x, real, face, glyphs, text if face is emoji else ""))
            x += units * real / face.units
        return Line(x, tuple(parts))


@lru_cache(maxsize=4096)
def _script(cluster: str) -> str | None:
    """The ISO 15924 name of its script; None for what all scripts share, such as digits and spaces."""
    buffer = hb.Buffer()
    buffer.add_str(cluster)
    buffer.guess_segment_properties()
    script: str | None = buffer.script
    return script
