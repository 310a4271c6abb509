"""What the tests of the classifier share: pictures, models with files, the answers' buttons."""

import colorsys
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

import discord
import numpy as np
from PIL import Image
from simcord import InteractionResult, MemberActor
from sqlalchemy import select

from bot.classifier import bodies
from bot.classifier.bundle import write_bundle
from bot.classifier.manifest import (
    Architecture,
    DataCard,
    Input,
    Judgement,
    Manifest,
    Metrics,
    Normalisation,
    Origin,
    ResizeMethod,
)
from bot.db.models import Group, Prediction, PredictionFeedback
from bot.sandbox import World
from bot.services.access import Caller
from bot.services.models import ModelFacts
from tests.features.reading import said

BEARS = ("black bear", "grizzly", "teddy")


def png(color: str | tuple[int, int, int], *, size: tuple[int, int] = (48, 32)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def picture_of(index: int, labels: tuple[str, ...] = BEARS) -> bytes:
    """A picture of which the sandbox's classifier says the label at `index`."""
    red, green, blue = colorsys.hsv_to_rgb(index / len(labels), 1, 1)
    return png((round(255 * red), round(255 * green), round(255 * blue)))


def between(index: int, labels: tuple[str, ...] = BEARS) -> bytes:
    """A picture of which it can't say whether it is this label or the next."""
    red, green, blue = colorsys.hsv_to_rgb((index + 0.5) / len(labels), 1, 1)
    return png((round(255 * red), round(255 * green), round(255 * blue)))


GREY = png((128, 128, 128))


def manifest(name: str, labels: tuple[str, ...] = BEARS, **changed: Any) -> Manifest:
    count = len(labels)
    confusion = tuple(
        tuple(9 if i == j else int(j == (i + 1) % count) for j in range(count)) for i in range(count)
    )
    values: dict[str, Any] = {
        "name": name,
        "labels": labels,
        "architecture": Architecture(name="small", hidden=(8,)),
        "input": Input(mode="L", size=(28, 28), resize=ResizeMethod.SQUISH),
        "normalisation": Normalisation(mean=(0.5,), std=(0.25,)),
        "batch_resize": None,
        "judgement": Judgement(temperature=1.0, threshold=0.5, distance=None),
        "metrics": Metrics(
            accuracy=0.9,
            interval=(0.74, 0.97),
            tested=10 * count,
            confusion=confusion,
            ece=0.012,
            ece_before=0.041,
            answered=0.93,
            answered_right=0.97,
        ),
        "data": DataCard(
            images=dict.fromkeys(labels, 40), source="Photos of the group.", licence="CC BY 4.0"
        ),
        "origin": Origin(
            made_at="2026-01-01T00:00:00+00:00", base="digits", epochs=4, versions=("fastai 2.8.12",)
        ),
        "licence": "CC BY 4.0",
    }
    return Manifest(**(values | changed))


def stored(world: World, name: str, labels: tuple[str, ...] = BEARS, **changed: Any) -> str:
    """Put a model's files into the world's store; its weights are zeros. Returns the digest."""
    made = manifest(name, labels, **changed)
    tensors = {
        tensor: np.zeros(shape, np.int64 if bodies.counts(tensor) else np.float32)
        for tensor, shape in bodies.shapes(made).items()
    }
    folder = Path(tempfile.mkdtemp())
    try:
        write_bundle(folder / "bundle", made, tensors, b"no graph")
        return world.bot.store.add(folder / "bundle")
    finally:
        shutil.rmtree(folder)


def caller(world: World, member: MemberActor | None = None) -> Caller:
    member = member or world.organizer
    return Caller(
        user_id=member.id,
        guild_id=world.guild.id,
        channel_ids=(world.channel.id,),
        manages_server=member is world.organizer,
    )


async def group_id(world: World, name: str = "Berlin") -> int:
    async with world.bot.database.read() as session:
        found = await session.scalar(select(Group.id).where(Group.name == name))
    assert found is not None
    return found


async def draft(
    world: World,
    name: str = "bears",
    labels: tuple[str, ...] = BEARS,
    *,
    group: str = "Berlin",
    **changed: Any,
) -> ModelFacts:
    """A version that was trained and not published yet."""
    digest = stored(world, name, labels, **changed)
    return await world.bot.services.models.add_version(
        group_id=await group_id(world, group),
        name=name,
        digest=digest,
        labels=labels,
        accuracy=0.9,
        tested=10 * len(labels),
        created_by=world.organizer.id,
    )


async def published(
    world: World, name: str = "bears", labels: tuple[str, ...] = BEARS, **options: Any
) -> ModelFacts:
    made = await draft(world, name, labels, **options)
    return await world.bot.services.models.publish(caller=caller(world), typed=str(made.version_id))


async def classify(
    world: World, by: MemberActor, data: bytes, *, file: str = "picture.png", **options: Any
) -> InteractionResult:
    """`/classify` in the group's channel."""
    return await by.slash(world.channel, "classify", image=(file, data), **options)


async def answered(world: World, by: MemberActor, data: bytes, **options: Any) -> discord.Message:
    """The answer's message, whether it came at once or after some time."""
    result = await classify(world, by, data, **options)
    assert result.response is not None, said(result)
    assert not result.followups, said(result)
    return result.response.message


def refused(result: InteractionResult) -> str:
    """The refusal that only its reader sees; nothing stays in the channel."""
    words = said(result)
    private = [result.response] if result.ephemeral else result.followups
    assert private, words
    assert all(message.ephemeral for message in private if message is not None)
    assert result.ephemeral or result.response is None, "the public answer was taken back"
    assert "wrong on my side" not in words
    return words


def button(message: discord.Message, label: str) -> str:
    """The custom id of the button that is called this."""
    [found] = [
        item.custom_id
        for row in message.components
        for item in row.children  # type: ignore[union-attr]
        if item.label == label
    ]
    return str(found)


async def predictions(world: World) -> list[Prediction]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(Prediction).order_by(Prediction.id)))


async def feedback(world: World) -> list[PredictionFeedback]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(PredictionFeedback).order_by(PredictionFeedback.id)))
