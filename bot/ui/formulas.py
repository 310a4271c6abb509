"""The formulas of a card as a picture under it."""

import io
import re
from collections.abc import Sequence

import discord

from bot.flashcards.math import Formula, formulas_of, in_unicode
from bot.rendering.cards import Theme
from bot.rendering.formulas.pictures import FormulaPictures
from bot.ui.answers import Reply

# What a line of code cannot show as well: `f(x)` needs no picture, x² over 2 does.
BUILT = re.compile(r"[\\^_]")
ALT_LIMIT = 1024
#: What Discord takes in one message.
MOST_FILES = 10


async def with_formulas(pictures: FormulaPictures, drawn: Reply, *texts: str, theme: str) -> Reply:
    """The message with one more picture: the formulas of these texts, in its first embed when that has no
    picture yet. The texts say them as code, those too that could not be drawn.
    """
    files = await formula_files(pictures, texts, embed=drawn.embeds[0] if drawn.embeds else None, theme=theme)
    drawn.files = [*drawn.files, *files][:MOST_FILES]
    return drawn


async def formula_files(
    pictures: FormulaPictures,
    texts: Sequence[str],
    *,
    embed: discord.Embed | None,
    theme: str,
    number: int = 1,
) -> list[discord.File]:
    """One picture, `formulas-<number>`, of all formulas in these texts that are more than a line of signs;
    none without any.
    """
    found = dict.fromkeys(one for text in texts for one in formulas_of(text))
    formulas: tuple[Formula, ...] = tuple(one for one in found if BUILT.search(one.source))
    if not formulas:
        return []
    picture = await pictures.picture(formulas, Theme(theme))
    if not picture.png:
        return []
    name = f"formulas-{number}.png"
    if embed is not None and embed.image.url is None:
        embed.set_image(url=f"attachment://{name}")
    alt = "; ".join(in_unicode(one.source) for one in formulas if one not in picture.lacking)
    return [discord.File(io.BytesIO(picture.png), name, description=alt[:ALT_LIMIT])]
