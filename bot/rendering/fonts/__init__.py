"""The fonts of the pictures: which of them has a character, how wide a text is, what its glyphs look like."""

import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import regex
import uharfbuzz as hb

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent
# The text faces in the order in which they are asked; a face without a bold file stays regular.
TEXT = ("NotoSans", "NotoSansArabic", "NotoSansHebrew", "NotoSansMath", "NotoSansSymbols2")
EMOJI = "NotoColorEmoji.ttf"
FONT_FILE = re.compile(r"(?i)\.(ttf|otf|ttc|otc)$")
BOLD = re.compile(r"(?i)bold|black|heavy")
# Faces with Chinese, Japanese or Korean, by the names under which systems have them.
SYSTEM_CJK = re.compile(
    r"NotoSans(CJK|SC|TC|HK|JP|KR)|SourceHanSans|wqy-|DroidSansFallback"  # the same in every language
    r"|msyh\.|YuGothM\.|malgun\.|Hiragino Sans GB\.|AppleSDGothicNeo\."
)
# Asks for the picture instead of the sign: always one, turned into one, a keycap, half of a flag.
PICTORIAL = regex.compile(r"\p{Emoji_Presentation}|\p{Regional_Indicator}|[^0-9#*]\uFE0F|\u20E3")
# Joiners, variation selectors and flag tags: a face need not have them.
SELECTING = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f]")


class Glyph(NamedTuple):
    """A glyph and its place, in the face's units, counted from the start of its text; y grows upwards."""

    id: int
    x: int
    y: int


class Face:
    """One font file, mapped into memory. Raises ValueError where the file is no font."""

    def __init__(self, path: Path) -> None:
        face = hb.Face(hb.Blob.from_file_path(str(path)))
        if not face.glyph_count:
            raise ValueError(f"{path} is not a font")
        self.path = path
        self.units: int = face.upem
        self._font = hb.Font(face)
        self._characters = face.unicodes
        self._outlines: dict[int, str] = {}
        self._pen = _pen()

    def has(self, text: str) -> bool:
        return all(ord(character) in self._characters for character in SELECTING.sub("", text))

    def shape(self, text: str, *, leftward: bool, script: str | None) -> tuple[list[Glyph], int]:
        """The glyphs of text in one script and direction, from left to right, and how wide they are."""
        buffer = hb.Buffer()
        buffer.add_str(text)
        if script is not None:
            buffer.script = script
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if leftward else "ltr"
        # The system's language would choose other glyphs on another machine.
        buffer.language = "en"
        buffer.flags = hb.BufferFlags.REMOVE_DEFAULT_IGNORABLES | hb.BufferFlags.DO_NOT_INSERT_DOTTED_CIRCLE
        hb.shape(self._font, buffer)
        glyphs, x = [], 0
        for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            if info.codepoint:  # never the box that stands for a missing glyph
                glyphs.append(Glyph(info.codepoint, x + position.x_offset, position.y_offset))
                x += position.x_advance
        return glyphs, x

    def outline(self, glyphs: Sequence[Glyph]) -> str:
        """What an SVG path draws for them, y growing upwards."""
        return "".join(f"M{glyph.x} {glyph.y}{self._relative(glyph.id)}" for glyph in glyphs)

    def _relative(self, glyph: int) -> str:
        """The outline in relative commands, so that it needs no numbers of its own for each place."""
        if glyph not in self._outlines:
            trace = _Trace()
            self._font.draw_glyph(glyph, self._pen, trace)
            self._outlines[glyph] = "".join(trace.commands)
        return self._outlines[glyph]


class Fonts:
    """The shipped faces; what they lack comes from the operator's folder, then from the system."""

    def __init__(self, folder: Path | None = None, *, system: bool = True) -> None:
        self._folder = folder
        self._system = system
        self.emoji = Face(SHIPPED / EMOJI)
        regular = [Face(SHIPPED / f"{name}-Regular.ttf") for name in TEXT]
        bold = [Face(file) for name in TEXT if (file := SHIPPED / f"{name}-Bold.ttf").exists()]
        self._text = {False: regular, True: [*bold, *regular]}

    def first(self, *, bold: bool) -> Face:
        """The face that has Latin."""
        return self._text[bold][0]

    def face(self, cluster: str, *, bold: bool) -> Face | None:
        """The face that has all of the cluster; None where there is none."""
        faces = [*self._text[bold], self.emoji]
        if PICTORIAL.search(cluster):
            faces.insert(0, self.emoji)
        for face in faces:
            if face.has(cluster):
                return face
        return next((face for face in self._more[bold] if face.has(cluster)), None)

    @cached_property
    def _more(self) -> dict[bool, list[Face]]:
        """The faces that do not ship, opened when the first text needs them."""
        faces = list(_opened(sorted(self._folder.rglob("*")))) if self._folder is not None else []
        if self._system:
            faces += _opened(_system_files())
        bold = [face for face in faces if BOLD.search(face.path.stem)]
        regular = [face for face in faces if face not in bold]
        return {False: [*regular, *bold], True: [*bold, *regular]}


def _opened(files: Sequence[Path]) -> Iterator[Face]:
    for file in files:
        if FONT_FILE.search(file.name):
            try:
                yield Face(file)
            except (ValueError, OSError, hb.HarfBuzzError) as error:
                log.warning("the font %s cannot be read: %s", file, error)


def _system_files() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        places = [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]  # the same in every language
    elif sys.platform == "darwin":
        places = [home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
    else:
        places = [home / ".local/share/fonts", Path("/usr/local/share/fonts"), Path("/usr/share/fonts")]
    return [file for place in places for file in sorted(place.rglob("*")) if SYSTEM_CJK.match(file.name)]


class _Trace:
    """An outline while it is drawn: the commands so far, the pen, and where its present line began."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.pen = self.begin = (0.0, 0.0)

    def add(self, command: str, *points: float) -> None:
        x, y = self.pen
        moved = [f"{value - (y if i % 2 else x):g}" for i, value in enumerate(points)]
        self.commands.append(command + " ".join(moved))
        self.pen = (points[-2], points[-1])

    def begin_at(self, x: float, y: float) -> None:
        self.add("m", x, y)
        self.begin = self.pen

    def close(self) -> None:
        self.commands.append("z")
        self.pen = self.begin


def _pen() -> hb.DrawFuncs:
    pen = hb.DrawFuncs()
    pen.set_move_to_func(lambda x, y, trace: trace.begin_at(x, y))
    pen.set_line_to_func(lambda x, y, trace: trace.add("l", x, y))
    pen.set_quadratic_to_func(lambda a, b, x, y, trace: trace.add("q", a, b, x, y))
    pen.set_cubic_to_func(lambda a, b, c, d, x, y, trace: trace.add("c", a, b, c, d, x, y))
    pen.set_close_path_func(lambda trace: trace.close())
    return pen
