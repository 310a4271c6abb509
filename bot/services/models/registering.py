"""Versions written down, and one put in the place of another."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Group, Model, ModelVersion, VersionState
from bot.db.types import name_key
from bot.errors import UnknownGroup
from bot.services.models.facts import ModelFacts, facts_of


async def insert_version(
    session: AsyncSession,
    *,
    group_id: int,
    name: str,
    digest: str,
    labels: Sequence[str],
    accuracy: float | None,
    tested: int,
    created_by: int,
    now: datetime,
) -> ModelFacts:
    """The next version of the group's model of this name, as a draft; the model is made with its first one.

    Raises UnknownGroup when the group is gone.
    """
    # Whoever adds to the group's models waits here for the one before: numbers have no gaps and no doubles.
    locked = select(Group).where(Group.id == group_id).with_for_update(key_share=True)
    group = await session.scalar(locked)
    if group is None:
        raise UnknownGroup(typed=str(group_id), names=())
    key = name_key(name)
    model = await session.scalar(select(Model).where(Model.group_id == group_id, Model.name_key == key))
    if model is None:
        model = Model(group_id=group_id, name=name, name_key=key, created_by=created_by, created_at=now)
        session.add(model)
        await session.flush()
    last = await session.scalar(
        select(func.max(ModelVersion.number)).where(ModelVersion.model_id == model.id)
    )
    version = ModelVersion(
        model_id=model.id,
        number=(last or 0) + 1,
        digest=digest,
        state=VersionState.DRAFT,
        labels=list(labels),
        accuracy=accuracy,
        tested=tested,
        created_by=created_by,
        created_at=now,
    )
    session.add(version)
    await session.flush()
    return facts_of(version, model, group)


async def lock_model(session: AsyncSession, model_id: int) -> None:
    """Whoever changes which version is published waits here for the one before."""
    await session.execute(select(Model.id).where(Model.id == model_id).with_for_update(key_share=True))


async def put_in_place(
    session: AsyncSession, version: ModelVersion, *, by: int | None, now: datetime
) -> None:
    """Publish this version of a locked model; the one before is superseded in the same moment."""
    await session.execute(
        update(ModelVersion)
        .where(ModelVersion.model_id == version.model_id, ModelVersion.state == VersionState.PUBLISHED)
        .values(state=VersionState.SUPERSEDED)
        .execution_options(synchronize_session=False)
    )
    version.state = VersionState.PUBLISHED
    version.published_by, version.published_at = by, now
    version.damage = None
    await session.flush()
