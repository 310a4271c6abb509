"""`python -m tests.rendering`: draw the samples anew. Look at each that git then shows as changed."""

from pathlib import Path

from bot.rendering.cards import Theme
from bot.rendering.drawing import draw
from bot.rendering.fonts import Fonts
from tests.rendering.cards import SAMPLES

FOLDER = Path(__file__).parent / "samples"


def main() -> None:
    # Whatever fonts this machine has: the samples show what ships.
    fonts = Fonts(system=False)
    for name, card in SAMPLES.items():
        for theme in Theme:
            (FOLDER / f"{name}-{theme}.png").write_bytes(draw(card, theme, fonts))


if __name__ == "__main__":
    main()
