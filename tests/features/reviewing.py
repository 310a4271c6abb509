"""What the tests of reviewing share: a deck, `/review`, the buttons under the card, the log."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from simcord import InteractionResult, MemberActor
from sqlalchemy import select

from bot.db.models import Card, CardMemory, Deck, Group, Note, NoteState, Review
from bot.db.types import name_key
from bot.sandbox import World
from tests.features.reading import said


async def deck(
    world: World,
    *fronts: str,
    name: str = "Deck",
    group: str = "Berlin",
    lesson: str | None = None,
) -> list[int]:
    """Cards that are in the group's deck already, as after their approval; their ids in this order."""
    async with world.bot.database.write() as session:
        home = await session.scalar(select(Group).where(Group.name == group))
        assert home is not None
        into = await session.scalar(select(Deck).where(Deck.group_id == home.id, Deck.name == name))
        if into is None:
            into = Deck(
                group_id=home.id,
                name=name,
                name_key=name_key(name),
                created_by=world.organizer.id,
                created_at=world.now,
            )
            session.add(into)
            await session.flush()
        made = []
        for front in fronts:
            note = Note(
                group_id=home.id,
                deck_id=into.id,
                guid=uuid4().hex,
                fields=[front, answer_to(front)],
                tags=[],
                front_key=front,
                pack="fastai-2019" if lesson is not None else None,
                lesson=lesson,
                state=NoteState.ACTIVE,
                created_by=world.organizer.id,
                created_at=world.now,
                updated_at=world.now,
            )
            session.add(note)
            await session.flush()
            card = Card(
                group_id=home.id,
                note_id=note.id,
                ordinal=0,
                front=front,
                back=answer_to(front),
                front_media=[],
                back_media=[],
            )
            session.add(card)
            await session.flush()
            made.append(card.id)
        return made


def answer_to(front: str) -> str:
    return f"answer to {front}"


async def review(world: World, by: MemberActor, **options: Any) -> InteractionResult:
    answer = await by.slash(world.channel, "review", **options)
    assert answer.ephemeral
    return answer


async def press(by: MemberActor, shown: InteractionResult, label: str) -> InteractionResult:
    """Press the button whose label begins so, under the one message of the review."""
    assert shown.response is not None
    return await by.click(shown.response, label=whole_label(shown, label))


def labels(shown: InteractionResult) -> list[str]:
    assert shown.response is not None
    return [item["label"] for row in shown.response.components for item in row["components"]]


def ids(shown: InteractionResult) -> list[str]:
    assert shown.response is not None
    return [item["custom_id"] for row in shown.response.components for item in row["components"]]


def whole_label(shown: InteractionResult, label: str) -> str:
    return next(one for one in labels(shown) if one == label or one.startswith(f"{label} "))


async def answer(by: MemberActor, shown: InteractionResult, *grades: str) -> None:
    """Show the answer and give this grade, card after card."""
    for grade in grades:
        await press(by, shown, "Show answer")
        await press(by, shown, grade)


def card_shown(shown: InteractionResult) -> str:
    """The words on the message: the card, and how far the session is."""
    assert shown.response is not None
    footers = [embed.footer.text or "" for embed in shown.response.embeds]
    return "\n".join([said(shown), *footers])


async def log(world: World) -> list[Review]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(Review).order_by(Review.id)))


async def grades(world: World, member: MemberActor) -> list[str]:
    return [one.grade for one in await log(world) if one.user_id == member.id]


async def memories(world: World, member: MemberActor) -> Sequence[CardMemory]:
    async with world.bot.database.read() as session:
        return (
            await session.scalars(
                select(CardMemory).where(CardMemory.user_id == member.id).order_by(CardMemory.card_id)
            )
        ).all()
