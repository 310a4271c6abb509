"""The fonts: those that ship are enough, come along when installed, and more can be added."""

import logging
import shutil
import sys
from pathlib import Path

import pytest
import uharfbuzz as hb
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hatchling.builders.wheel import WheelBuilder

from bot.rendering.cards import BoardCard, BoardRow, Theme
from bot.rendering.drawing import draw
from bot.rendering.fonts import SHIPPED, Face, Fonts

ROOT = Path(__file__).parents[2]
NAMES = {
    "Latin": "Katharina Schönfelder Ngọc Ánh Łukasz Þór Ŧ",
    "Greek": "Αλέξανδρος ᾧ",
    "Cyrillic": "Олена Ґалаґан Қайрат",
    "Arabic": "شهرزاد نوری پژمان ٣",
    "Hebrew": "דָּנָה כהן",
    "Devanagari": "क्षत्रिय ज़ुबैर ॐ",
    "emoji": "😀👩🏽‍🔬🇩🇪🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "signs": "→ ≤ ≈ ✓ ★ ♥ № € ₹ … “”",
}


def a_font(file: Path, text: str) -> Path:
    """A font in which each of these characters is a box as wide as high."""
    names = [".notdef", *(f"u{ord(character):X}" for character in text)]
    pen = TTGlyphPen(None)
    for point, move in [((0, 0), pen.moveTo)] + [(p, pen.lineTo) for p in ((0, 900), (900, 900), (900, 0))]:
        move(point)
    pen.closePath()
    box = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(character): f"u{ord(character):X}" for character in text})
    builder.setupGlyf(dict.fromkeys(names, box))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupPost()
    file.parent.mkdir(parents=True, exist_ok=True)
    builder.save(file)
    return file


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("script", NAMES)
def test_every_shipped_script_is_complete(script: str, bold: bool, fonts: Fonts) -> None:
    for character in NAMES[script]:
        if character not in "\u200d\U000e0067":
            assert fonts.face(character, bold=bold), hex(ord(character))


def test_a_bold_name_is_drawn_bold(fonts: Fonts) -> None:
    for letter in "aЖαשعक":
        regular, bold = (fonts.face(letter, bold=weight) for weight in (False, True))
        assert regular
        assert bold
        assert regular.path.name.replace("Regular", "Bold") == bold.path.name


def test_a_language_of_the_machine_changes_no_glyph(fonts: Fonts, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fonts.first(bold=False).shape("бгдпт ŞŢ", leftward=False, script="Cyrl")
    monkeypatch.setenv("LC_ALL", "sr_RS.UTF-8")
    monkeypatch.setenv("LANG", "sr_RS.UTF-8")
    assert Fonts(system=False).first(bold=False).shape("бгдпт ŞŢ", leftward=False, script="Cyrl") == before


def test_the_fonts_their_licence_and_their_origin_are_in_the_wheel() -> None:
    """The notice names each file with the version that stands in it."""
    wheel = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    notice = (SHIPPED / "NOTICE").read_text("utf-8")
    files = sorted(SHIPPED.glob("*.ttf"))
    assert len(files) == 9
    for file in files:
        version = (
            hb.Face(hb.Blob.from_file_path(str(file))).get_name(5).split(";")[0].removeprefix("Version ")
        )
        assert [line.split()[:2] for line in notice.splitlines() if line.startswith(file.name)] == [
            [file.name, version]
        ]
    assert {f"bot/rendering/fonts/{file.name}" for file in files} <= wheel
    assert {"bot/rendering/fonts/NOTICE", "bot/rendering/fonts/OFL.txt"} <= wheel
    assert sum(file.stat().st_size for file in files) < 10_000_000


def test_the_operators_fonts_are_used_where_the_shipped_ones_end(tmp_path: Path) -> None:
    a_font(tmp_path / "more" / "Sino-Regular.ttf", "李明A")
    a_font(tmp_path / "more" / "Sino-Bold.ttf", "李明")
    (tmp_path / "more" / "README.txt").write_text("no font")
    fonts = Fonts(tmp_path, system=False)
    regular, bold = (fonts.face("李", bold=weight) for weight in (False, True))
    assert regular
    assert bold
    assert (regular.path.name, bold.path.name) == ("Sino-Regular.ttf", "Sino-Bold.ttf")
    assert fonts.face("A", bold=False) is fonts.first(bold=False)
    assert fonts.face("김", bold=False) is None


def test_a_name_is_drawn_with_the_operators_font(tmp_path: Path, fonts: Fonts) -> None:
    a_font(tmp_path / "Sino.ttf", "李明")
    card = BoardCard(title="", subtitle="", unit="", rows=(BoardRow(rank=1, name="李明", score=1),))
    assert draw(card, Theme.DARK, Fonts(tmp_path, system=False)) != draw(card, Theme.DARK, fonts)


def test_a_broken_file_among_them_is_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    (tmp_path / "empty.otf").touch()
    (tmp_path / "folder.ttf").mkdir()
    a_font(tmp_path / "good.ttf", "李")
    fonts = Fonts(tmp_path, system=False)
    with caplog.at_level(logging.WARNING):
        assert fonts.face("李", bold=False)
        assert fonts.face("李", bold=True)
    assert [name for name in ("broken", "empty", "good") if f"{name}." in caplog.text] == ["broken", "empty"]
    assert len(caplog.records) == 3


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.ttf"
    file.write_bytes(b"not a font")
    with pytest.raises(ValueError, match="not a font"):
        Face(file)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folder is that of Linux")
def test_the_system_has_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    place = tmp_path / ".local/share/fonts/noto"
    a_font(place / "NotoSansCJK-Regular.ttc", "\U0002ebf0")
    shutil.copy(place / "NotoSansCJK-Regular.ttc", place / "Other.ttf")
    face = Fonts().face("\U0002ebf0", bold=False)
    assert face
    assert face.path == place / "NotoSansCJK-Regular.ttc"
    assert Fonts(system=False).face("\U0002ebf0", bold=False) is None
