"""Files that members attach, fetched from Discord piece by piece under a limit."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import discord

from bot.errors import UnreachableFile

PIECE = 256 * 1024
#: Yields an attachment's bytes; raises UnreachableFile.
Download = Callable[[discord.Attachment], AsyncIterator[bytes]]


async def streamed(attachment: discord.Attachment) -> AsyncIterator[bytes]:
    """From Discord's servers, never more than a piece of it in memory."""
    try:
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.get(attachment.url, raise_for_status=True) as answer,
        ):
            async for piece in answer.content.iter_chunked(PIECE):
                yield piece
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnreachableFile(name=attachment.filename) from error


async def at_once(attachment: discord.Attachment) -> AsyncIterator[bytes]:
    """As discord.py reads it, whose requests a simulated Discord answers too."""
    try:
        yield await attachment.read()
    except discord.HTTPException as error:
        raise UnreachableFile(name=attachment.filename) from error


async def save(
    attachment: discord.Attachment, file: Path, *, download: Download, limit: int, too_large: Exception
) -> None:
    """Write the attachment into a new file of at most `limit` bytes, else raise `too_large`.

    What was announced is looked at first, and what comes is counted, whatever was announced.
    """
    if attachment.size > limit:
        raise too_large
    written = 0
    with file.open("xb") as output:
        async for piece in download(attachment):
            written += len(piece)
            if written > limit:
                raise too_large
            output.write(piece)
