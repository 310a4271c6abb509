"""What the tests of projects share: starting one, its rows, a project that fell quiet."""

from typing import Any

from simcord import InteractionResult, MemberActor
from sqlalchemy import select

from bot.db.models import Project, ProjectEntry
from bot.sandbox import World
from tests.features.reading import said

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


async def project(world: World, by: MemberActor, verb: str, **options: Any) -> InteractionResult:
    """`/project …` in the group's channel."""
    return await by.slash(world.channel, f"project {verb}", **options)


async def start(
    world: World, by: MemberActor, title: str = "Bears", goal: str = "tell bears apart", **options: Any
) -> InteractionResult:
    answer = await project(world, by, "start", title=title, goal=goal, **options)
    assert not answer.ephemeral, said(answer)
    return answer


async def refused(world: World, by: MemberActor, verb: str, **options: Any) -> str:
    """The refusal that only its reader sees."""
    answer = await project(world, by, verb, **options)
    assert answer.ephemeral, said(answer)
    return said(answer)


async def projects(world: World) -> list[Project]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(Project).order_by(Project.id)))


async def entries(world: World) -> list[ProjectEntry]:
    async with world.bot.database.read() as session:
        return list(await session.scalars(select(ProjectEntry).order_by(ProjectEntry.id)))


async def states(world: World) -> list[str]:
    """Each project as "title state", in the order in which they were started."""
    return [f"{one.title} {one.state}" for one in await projects(world)]
