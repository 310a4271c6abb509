"""The fonts that ship, and no other: what these tests see is what every machine draws."""

import pytest

from bot.rendering.fonts import Fonts


@pytest.fixture(scope="session")
def fonts() -> Fonts:
    return Fonts(system=False)
