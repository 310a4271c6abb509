"""Pictures beside an answer. The text says the same, so an answer goes out without one too."""

import io
import logging

import discord

from bot.rendering.cards import Card, Theme
from bot.rendering.painter import Painter, PainterBusy, PictureFailed

log = logging.getLogger(__name__)

ALT_LIMIT = 1024


async def picture(painter: Painter, card: Card, *, theme: str, name: str, alt: str) -> list[discord.File]:
    """The card as one file `<name>.png` with its alt text; an empty list where it could not be drawn."""
    try:
        png = await painter.draw(card, Theme(theme))
    except PainterBusy as error:
        log.warning("too many pictures at once: %s goes out without one", name, exc_info=error)
        return []
    except (PictureFailed, OSError, ValueError):  # the last of a theme that does not exist
        log.exception("the picture %s could not be drawn", name)
        return []
    return [discord.File(io.BytesIO(png), filename=f"{name}.png", description=alt[:ALT_LIMIT])]
