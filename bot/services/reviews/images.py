"""The images on a card's sides."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Card, CardMedia

#: What one message takes.
MOST_IMAGES = 10


@dataclass(frozen=True)
class Image:
    name: str
    data: bytes


@dataclass(frozen=True)
class Images:
    """Of both sides, each in the order in which the side names them."""

    front: tuple[Image, ...] = ()
    back: tuple[Image, ...] = ()

    @property
    def both(self) -> tuple[Image, ...]:
        return (self.front + self.back)[:MOST_IMAGES]


async def images_of(session: AsyncSession, card: Card) -> Images:
    """Those of the card's images that are there."""
    names = [*card.front_media, *card.back_media][: 2 * MOST_IMAGES]
    if not names:
        return Images()
    rows = await session.execute(
        select(CardMedia.name, CardMedia.data).where(
            CardMedia.group_id == card.group_id, CardMedia.name.in_(names)
        )
    )
    data: dict[str, bytes] = {name: content for name, content in rows}
    front, back = (
        tuple(Image(name, data[name]) for name in side[:MOST_IMAGES] if name in data)
        for side in (card.front_media, card.back_media)
    )
    return Images(front, back)
