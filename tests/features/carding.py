"""What the tests of flashcards share: writing one, its post, its rows."""

from typing import Any

import discord
from simcord import InteractionResult, MemberActor
from sqlalchemy import select

from bot.db.models import Card, CardMemory, Deck, Note
from bot.sandbox import World
from tests.features.meeting import history, labels
from tests.features.reading import said

FRONT = "What does a learning rate set?"
BACK = "How far one step of training moves the weights."


async def cards(world: World, by: MemberActor, verb: str, **options: Any) -> InteractionResult:
    """`/cards …` in the group's channel."""
    return await by.slash(world.channel, f"cards {verb}", **options)


async def write(
    world: World, by: MemberActor, front: str = FRONT, back: str = BACK, **options: Any
) -> discord.Message:
    """`/cards add` where the group wants approval; the card's post."""
    answer = await cards(world, by, "add", front=front, back=back, **options)
    assert not answer.ephemeral, said(answer)
    assert answer.response is not None
    return answer.response.message


async def trust(world: World) -> None:
    """Let the group's cards need no approval."""
    answer = await world.organizer.slash(world.channel, "group edit", card_approval=False)
    assert "Saved" in said(answer)


def refused(answer: InteractionResult) -> str:
    """The refusal that only its reader sees."""
    words = said(answer)
    assert answer.ephemeral or answer.followups, words
    assert "wrong on my side" not in words
    return words


def waiting(world: World) -> list[discord.Message]:
    """Posts with an Approve button, oldest first."""
    return [message for message in history(world) if "Approve" in labels(message)]


async def rows(world: World, kind: type[Any]) -> list[Any]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(kind).order_by(*kind.__table__.primary_key)))


async def notes(world: World) -> list[Note]:
    return await rows(world, Note)


async def fronts(world: World) -> list[str]:
    return [card.front for card in await rows(world, Card)]


async def decks(world: World) -> list[str]:
    return [deck.name for deck in await rows(world, Deck)]


async def memories(world: World) -> list[CardMemory]:
    return await rows(world, CardMemory)
