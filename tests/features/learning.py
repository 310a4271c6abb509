"""What the tests of lessons and plans share: a group with a course, marking a lesson, the public posts."""

from typing import Any

import discord
from simcord import InteractionResult, MemberActor, ResponseMessage
from sqlalchemy import select

from bot.db.models import LessonMark
from bot.sandbox import World
from bot.ui.buttons import DurableButton, buttons
from tests.features.meeting import history
from tests.features.reading import said

COURSE = "fastai-2019"
EVIDENCE = "https://github.com/alice/bears"


async def follow(world: World, course: str = COURSE) -> None:
    """The group follows this course, without dates."""
    assert "Saved" in said(await world.organizer.slash(world.channel, "group edit", course=course))


async def mark(
    world: World, by: MemberActor, lesson: str = "1", stage: str = "ran", **options: Any
) -> InteractionResult:
    """`/lesson done` in the group's channel."""
    return await by.slash(world.channel, "lesson done", lesson=lesson, stage=stage, **options)


async def reproduce(world: World, by: MemberActor, lesson: str = "1", **options: Any) -> discord.Message:
    """Mark a stage that others verify, "reproduced" by default; its public post."""
    given = {"stage": "reproduced", "evidence": EVIDENCE, **options}
    answer = await mark(world, by, lesson, **given)
    assert not answer.ephemeral
    return history(world)[-1]


async def marks(world: World) -> list[LessonMark]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(LessonMark).order_by(LessonMark.id)))


async def forged(
    world: World, feature: str, id: int, verb: str, *, place: discord.PartialMessageable | None = None
) -> discord.Message:
    """A message of the bot's with a button that no feature put there; in the group's channel by default."""
    here = world.bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id)
    return await (place or here).send("?", view=buttons(DurableButton(feature, id, verb, label="Press")))


def offered(message: ResponseMessage) -> list[str]:
    """The labels of the buttons under an answer that only its reader sees."""
    return [item["label"] for row in message.components for item in row["components"]]
