"""The pictures look as they did when somebody last looked at them."""

from pathlib import Path

import pytest

from bot.rendering.cards import Theme
from bot.rendering.drawing import draw
from bot.rendering.fonts import Fonts
from bot.rendering.sheet import WIDTH
from tests.rendering.__main__ import FOLDER
from tests.rendering.cards import SAMPLES
from tests.rendering.png import size


@pytest.mark.parametrize("theme", Theme)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_picture_is_its_sample(name: str, theme: Theme, fonts: Fonts, tmp_path: Path) -> None:
    drawn = draw(SAMPLES[name], theme, fonts)
    assert size(drawn)[0] == WIDTH
    if drawn != (FOLDER / f"{name}-{theme}.png").read_bytes():
        (tmp_path / f"{name}-{theme}.png").write_bytes(drawn)
        pytest.fail(f"drawn otherwise: see {tmp_path}; if it is meant, python -m tests.rendering")


def test_every_sample_belongs_to_a_card_and_is_small() -> None:
    files = {file.name: file.stat().st_size for file in FOLDER.iterdir()}
    assert sorted(files) == sorted(f"{name}-{theme}.png" for name in SAMPLES for theme in Theme)
    assert max(files.values()) < 150_000


def test_a_second_drawing_is_the_same_to_the_byte(fonts: Fonts) -> None:
    """With other fonts opened, and other texts set before."""
    card = SAMPLES["board-hostile"]
    assert draw(card, Theme.DARK, fonts) == draw(card, Theme.DARK, Fonts(system=False))
