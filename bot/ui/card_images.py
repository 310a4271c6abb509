"""The images on a card, as files beside its words."""

import io
from collections.abc import Sequence
from pathlib import PurePath

import discord

from bot.services.reviews import Image
from bot.ui.text import shown

ALT_LIMIT = 1024


def card_files(images: Sequence[Image], embed: discord.Embed, *, number: int = 1) -> list[discord.File]:
    """These images as files, `card-<number>-1` and so on; the first of them stands in the embed."""
    files = [
        discord.File(
            io.BytesIO(image.data),
            filename=f"card-{number}-{place}{_suffix(image.name)}",
            description=shown(image.name, most=ALT_LIMIT // 2),
        )
        for place, image in enumerate(images, 1)
    ]
    if files:
        embed.set_image(url=f"attachment://{files[0].filename}")
    return files


def _suffix(name: str) -> str:
    """Such as ".png"; what a file's name hides behind a dot besides is left out."""
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 5 else ""
