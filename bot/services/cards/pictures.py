"""Pictures on cards: kept by name for a group, so that no deck's picture takes another deck's place."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from sqlalchemy import Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Card, CardMedia, Group, Note, NoteState
from bot.errors import TooManyPictures
from bot.services.cards.incoming import Incoming, rename_pictures

#: All pictures of one group, in bytes.
PICTURES_LIMIT = 200 * 2**20
NAME_LIMIT = 255
BATCH = 500


async def keep_pictures(
    session: AsyncSession, group: Group, incoming: Sequence[Incoming], pictures: Mapping[str, bytes]
) -> tuple[list[Incoming], int]:
    """Keep the pictures that came with these notes. Returns the notes, and how many pictures are new.

    A name that is taken by another picture gets that one's place when only these notes use it: then this is a
    newer version of it. Else the picture gets another name, here and in the notes. Raises TooManyPictures.
    """
    if not pictures:
        return list(incoming), 0
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in pictures.items()}
    known = await _known(session, group, list(pictures))
    other = {name for name, sha256 in known.items() if sha256 != hashes[name]}
    foreign = await _used_elsewhere(session, group, other, guids={one.guid for one in incoming})
    names = {name: _another(name, hashes[name]) for name in foreign}
    renamed = {names[name]: pictures[name] for name in foreign}
    known |= await _known(session, group, list(renamed))
    new = {name: data for name, data in {**pictures, **renamed}.items() if name not in known}
    await _require_room(session, group, sum(map(len, new.values())))
    for name, data in new.items():
        sha256 = hashlib.sha256(data).hexdigest()
        session.add(CardMedia(group_id=group.id, name=name, sha256=sha256, data=data))
    for name in other - foreign:
        row = await session.scalar(
            select(CardMedia).where(CardMedia.group_id == group.id, CardMedia.name == name)
        )
        if row is not None:
            row.sha256, row.data = hashes[name], pictures[name]
    await session.flush()
    return rename_pictures(incoming, names), len(new) + len(other - foreign)


async def _known(session: AsyncSession, group: Group, names: Sequence[str]) -> dict[str, str]:
    """The hashes of the group's pictures of these names."""
    found: dict[str, str] = {}
    for start in range(0, len(names), BATCH):
        rows = await session.execute(
            select(CardMedia.name, CardMedia.sha256).where(
                CardMedia.group_id == group.id, CardMedia.name.in_(names[start : start + BATCH])
            )
        )
        found |= {name: sha256 for name, sha256 in rows}
    return found


async def _used_elsewhere(
    session: AsyncSession, group: Group, names: set[str], *, guids: set[str]
) -> set[str]:
    """Those of the names that notes of other guids use."""
    if not names:
        return set()
    rows = await session.execute(
        select(Note.guid, Card.front_media, Card.back_media)
        .join(Card, Card.note_id == Note.id)
        .where(
            Note.group_id == group.id,
            Note.state != NoteState.REMOVED,
            (cast(Card.front_media, Text) != "[]") | (cast(Card.back_media, Text) != "[]"),
        )
    )
    return {
        name for guid, front, back in rows if guid not in guids for name in (*front, *back) if name in names
    }


async def _require_room(session: AsyncSession, group: Group, wanted: int) -> None:
    size = select(func.sum(func.length(CardMedia.data))).where(CardMedia.group_id == group.id)
    there = await session.scalar(size) or 0
    if there + wanted > PICTURES_LIMIT:
        raise TooManyPictures(there=there, wanted=wanted, limit=PICTURES_LIMIT)


def _another(name: str, sha256: str) -> str:
    path = PurePosixPath(name)
    ending = f"-{sha256[:16]}{path.suffix[:20]}"
    return path.stem[: NAME_LIMIT - len(ending)] + ending
