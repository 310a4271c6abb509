"""What members said of a model's answers, as rows to make a training set of."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import ModelVersion, Prediction, PredictionFeedback
from bot.services.models import ModelFacts

#: The newest of them.
MOST_ANSWERS = 20_000
# Read at a time.
BATCH_PICTURES = 25


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A member's word. Of its picture `size` is in bytes, 0 for none, and `subject` the same as that of every
    other word on the same picture. `version` is None for a model that comes with the bot. `said`,
    `probability` and `sure` were the model's.
    """

    id: int
    prediction_id: int
    version: int | None
    said: str
    probability: float
    sure: bool
    right: bool
    label: str
    at: datetime
    size: int
    ending: str
    subject: str = ""


def about(model: ModelFacts, guild_id: int) -> ColumnElement[bool]:
    """What was said of any version of this model in this server."""
    here = Prediction.guild_id == guild_id
    if model.model_id is None:
        return here & Prediction.version_id.is_(None) & (Prediction.model == model.name)
    mine = select(ModelVersion.id).where(ModelVersion.model_id == model.model_id)
    return here & Prediction.version_id.in_(mine)


async def has_pictures(session: AsyncSession, *, model: ModelFacts, guild_id: int) -> bool:
    """Whether members let any picture be kept that could be trained with."""
    kept = (
        PredictionFeedback.prediction_id == Prediction.id,
        PredictionFeedback.image.is_not(None),
        about(model, guild_id),
    )
    return bool(await session.scalar(select(exists().where(*kept))))


async def load_answers(session: AsyncSession, *, model: ModelFacts, guild_id: int) -> list[Answer]:
    """The newest first, without the pictures themselves."""
    rows = await session.execute(
        select(
            PredictionFeedback.id,
            PredictionFeedback.prediction_id,
            ModelVersion.number,
            Prediction.label,
            Prediction.probability,
            Prediction.sure,
            PredictionFeedback.right,
            PredictionFeedback.label,
            PredictionFeedback.at,
            func.coalesce(func.length(PredictionFeedback.image), 0),
            func.coalesce(PredictionFeedback.image_ending, ""),
        )
        .join(Prediction, Prediction.id == PredictionFeedback.prediction_id)
        .outerjoin(ModelVersion, ModelVersion.id == Prediction.version_id)
        .where(about(model, guild_id))
        .order_by(PredictionFeedback.at.desc(), PredictionFeedback.id.desc())
        .limit(MOST_ANSWERS)
    )
    names = [field.name for field in fields(Answer)]
    answers = [Answer(**dict(zip(names, row, strict=False))) for row in rows]
    hashes: dict[int, str] = {}
    async for some in load_pictures(session, [answer for answer in answers if answer.size]):
        hashes |= await asyncio.to_thread(_hashed, some)
    return [
        replace(answer, subject=hashes.get(answer.prediction_id, str(answer.prediction_id)))
        for answer in answers
    ]


async def load_pictures(
    session: AsyncSession, answers: Sequence[Answer]
) -> AsyncIterator[list[tuple[Answer, bytes]]]:
    """A few at a time, in this order, without those that were erased meanwhile."""
    for start in range(0, len(answers), BATCH_PICTURES):
        some = answers[start : start + BATCH_PICTURES]
        rows = await session.execute(
            select(PredictionFeedback.id, PredictionFeedback.image).where(
                PredictionFeedback.id.in_([answer.id for answer in some])
            )
        )
        images = {key: image for key, image in rows if image is not None}
        yield [(answer, images[answer.id]) for answer in some if answer.id in images]


def _hashed(pictures: Sequence[tuple[Answer, bytes]]) -> dict[int, str]:
    return {answer.prediction_id: hashlib.sha256(image).hexdigest() for answer, image in pictures}
