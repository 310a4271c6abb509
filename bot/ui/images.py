"""Images that members attach: checked, and handed on as an upload of the bot's own."""

import io

import discord

from bot.errors import BadImage, ImageProblem

MOST_BYTES = 8 * 1024 * 1024
CONTENT_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
ALT_LIMIT = 1024


async def fetch_image(attachment: discord.Attachment, *, name: str, alt: str) -> discord.File:
    """The attached image as `name` with the ending of what it really is; raises BadImage.

    It is neither decoded nor kept: whoever looks at it gets it from Discord again.
    """
    declared = (attachment.content_type or "").partition(";")[0].strip().lower()
    if declared not in CONTENT_TYPES:
        raise BadImage(problem=ImageProblem.NO_IMAGE)
    if attachment.size > MOST_BYTES:
        raise BadImage(problem=ImageProblem.TOO_BIG)
    try:
        data = await attachment.read()
    except discord.HTTPException as error:
        raise BadImage(problem=ImageProblem.UNREADABLE) from error
    if len(data) > MOST_BYTES:
        raise BadImage(problem=ImageProblem.TOO_BIG)
    ending = ending_of(data)
    if ending is None:
        raise BadImage(problem=ImageProblem.NO_IMAGE)
    return discord.File(io.BytesIO(data), filename=f"{name}.{ending}", description=alt[:ALT_LIMIT])


def ending_of(data: bytes) -> str | None:
    """The file name's ending for these bytes, by how they begin; None for what is no image of ours."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None
