"""The use cases of predictions: each method is one transaction, unless it says otherwise."""

import asyncio
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from sqlalchemy import delete, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.classifier.protocol import ModelRef, Picture, Verdict
from bot.classifier.training.archive import ZIP_BYTES
from bot.db.engine import Database
from bot.db.models import Group, Prediction, PredictionFeedback
from bot.db.types import name_key
from bot.errors import (
    ImageFault,
    ImageRefused,
    NoFeedback,
    NotOrganizer,
    TooMuchFeedback,
    UnknownModel,
    UnknownPrediction,
)
from bot.services.access import Caller, active_groups, is_organizer, require_organizer
from bot.services.models import ModelFacts, ModelService, load_version
from bot.services.predictions import answers, sets
from bot.services.predictions.facts import FeedbackExport, FeedbackFacts, PredictionFacts, TrainingSet
from bot.services.predictions.folders import folder_name
from bot.services.predictions.limits import Allowance
from bot.services.text import clean_text

LABEL_LIMIT = 100
#: How long what nobody answered to is kept.
KEPT_FOR = timedelta(days=30)
#: Of one kept picture, and of all of one server, in bytes.
PICTURE_BYTES = 4 * 2**20
SERVER_BYTES = 200 * 2**20
STARTS = {"png": b"\x89PNG\r\n\x1a\n", "jpg": b"\xff\xd8\xff"}
PRUNED_AT_ONCE = 500


class PredictionService:
    def __init__(self, database: Database, *, models: ModelService, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._models = models
        self._clock = clock
        self._allowance = Allowance(clock=clock)
        # Each takes as much memory as the file that is made.
        self._one_export = asyncio.Lock()

    async def allow(self, *, caller: Caller) -> None:
        """Count a question to a model; raises ClassifiedTooOften. Without a transaction: see `Allowance`."""
        self._allowance.take(caller)

    async def record(self, *, caller: Caller, model: ModelFacts, verdict: Verdict) -> int:
        """Keep what was said of a picture, not the picture; returns the prediction's id.

        Raises UnknownModel when the model was deleted meanwhile.
        """
        first = verdict.guesses[0]
        prediction = Prediction(
            guild_id=caller.guild_id,
            user_id=caller.user_id,
            version_id=model.version_id,
            model=model.name,
            digest=model.ref.digest,
            label=first.label[:LABEL_LIMIT],
            probability=first.probability,
            sure=verdict.doubt is None,
            at=self._clock(),
        )
        try:
            async with self._database.write() as session:
                session.add(prediction)
        except IntegrityError:
            raise UnknownModel(typed=model.name, names=()) from None
        return prediction.id

    async def get(self, *, caller: Caller, prediction_id: int) -> PredictionFacts:
        """An answer that was given in this server; raises UnknownPrediction."""
        async with self._database.read() as session:
            return await self._load(session, caller, prediction_id)

    async def feedback(
        self, *, caller: Caller, prediction_id: int, right: bool, label: str, image: Picture | None
    ) -> FeedbackFacts:
        """A member's word on an answer, instead of what they said before: it was `right`, or `label` is.

        `image` is kept for training; only who asked can let it be kept. It stays when they say once more
        that the answer was right, and goes with every other word that comes without it.
        Raises UnknownPrediction, BadText, ImageRefused, TooMuchFeedback.
        """
        label = clean_text("label", label, limit=LABEL_LIMIT)
        if image is not None:
            _check_picture(image)
        async with self._database.write() as session:
            # Whoever has a word on it waits here for the one before.
            locked = select(Prediction.id).where(Prediction.id == prediction_id).with_for_update()
            await session.execute(locked)
            found = await self._load(session, caller, prediction_id)
            if image is not None and found.user_id != caller.user_id:
                raise UnknownPrediction
            known = (found.label, *found.model.labels)
            label = next((one for one in known if name_key(one) == name_key(label)), label)
            label = found.label if right else label[:LABEL_LIMIT]
            given = await session.scalar(
                select(PredictionFeedback).where(
                    PredictionFeedback.prediction_id == prediction_id,
                    PredictionFeedback.user_id == caller.user_id,
                )
            )
            if given is None:
                given = PredictionFeedback(prediction_id=prediction_id, user_id=caller.user_id)
                session.add(given)
            stays = image is None and right and given.right
            given.right, given.label, given.at = label == found.label, label, self._clock()
            if not stays:
                given.image = image.data if image is not None else None
                given.image_ending = image.ending if image is not None else None
            await session.flush()
            if image is not None:
                await _require_room(session, caller.guild_id)
            return FeedbackFacts(
                prediction_id=prediction_id,
                model=found.model,
                right=given.right,
                label=label,
                kept=given.image is not None,
            )

    async def export(self, *, caller: Caller, typed: str, limit: int) -> FeedbackExport:
        """All feedback on all versions of a model in this server, as a zip of at most `limit` bytes: a folder
        per label, as `/model train` takes it, and `feedback.csv`. It names no member.

        For organizers of the model's group; what comes with the bot is for organizers of any group here.
        Raises UnknownModel, NotOrganizer, NoFeedback.
        """
        async with self._one_export:
            file = io.BytesIO()
            training_set = await self._write(caller, typed, file, limit=limit)
            name = f"{folder_name(training_set.model.name)}-feedback.zip"
            return FeedbackExport(training_set=training_set, name=name, data=file.getvalue())

    async def collect(self, *, caller: Caller, typed: str, file: Path) -> TrainingSet:
        """The same for a training here, into a new file, without the labels that have too few pictures.

        Raises as `export` does, and FileExistsError.
        """
        output = await asyncio.to_thread(file.open, "xb")
        try:
            return await self._write(caller, typed, output, limit=ZIP_BYTES, to_train=True)
        finally:
            await asyncio.to_thread(output.close)

    async def prune(self, *, before: datetime) -> int:
        """Forget the older answers to which nobody said anything; returns how many. In many short
        transactions, so that nobody waits long for one.
        """
        unanswered = ~exists().where(PredictionFeedback.prediction_id == Prediction.id)
        some = select(Prediction.id).where(Prediction.at < before, unanswered).limit(PRUNED_AT_ONCE)
        pruned = 0
        while True:
            async with self._database.write() as session:
                statement = delete(Prediction).where(Prediction.id.in_(some)).returning(Prediction.id)
                gone = len((await session.scalars(statement)).all())
            pruned += gone
            if gone < PRUNED_AT_ONCE:
                return pruned

    async def _load(self, session: AsyncSession, caller: Caller, prediction_id: int) -> PredictionFacts:
        prediction = await session.get(Prediction, prediction_id)
        if prediction is None or prediction.guild_id != caller.guild_id:
            raise UnknownPrediction
        return PredictionFacts(
            prediction_id=prediction.id,
            guild_id=prediction.guild_id,
            user_id=prediction.user_id,
            model=await self._model(session, prediction),
            label=prediction.label,
            probability=prediction.probability,
            sure=prediction.sure,
            at=prediction.at,
        )

    async def _model(self, session: AsyncSession, prediction: Prediction) -> ModelFacts:
        """Also of a model that came with the bot before it was updated: of that one little is known."""
        if prediction.version_id is not None:
            version = await load_version(session, prediction.version_id)
            if version is None:
                raise UnknownPrediction
            return version
        ref = ModelRef(name=prediction.model, digest=prediction.digest)
        shipped = await self._models.shipped()
        earlier = ModelFacts(name=ref.name, ref=ref, labels=(prediction.label,), accuracy=None, tested=0)
        return next((one for one in shipped if one.ref == ref), earlier)

    async def _write(
        self, caller: Caller, typed: str, file: IO[bytes], *, limit: int, to_train: bool = False
    ) -> TrainingSet:
        model = await self._models.find(caller=caller, typed=typed)
        async with self._database.read() as session:
            await _require_organizer(session, model, caller)
            if not await answers.has_pictures(session, model=model, guild_id=caller.guild_id):
                raise NoFeedback(name=model.name)
            said = await answers.load_answers(session, model=model, guild_id=caller.guild_id)
            plan = await asyncio.to_thread(
                sets.planned, said, limit=limit, now=self._clock(), to_train=to_train
            )
            return await sets.write(session, plan, file, model=model)


async def _require_organizer(session: AsyncSession, model: ModelFacts, caller: Caller) -> None:
    if model.group_id is not None:
        require_organizer(await session.get_one(Group, model.group_id), caller)
        return
    groups = await active_groups(session, caller.guild_id)
    if not caller.manages_server and not any(is_organizer(group, caller) for group in groups):
        raise NotOrganizer(group=groups[0].name if groups else model.name)


async def _require_room(session: AsyncSession, guild_id: int) -> None:
    size = (
        select(func.sum(func.length(PredictionFeedback.image)))
        .join(Prediction, Prediction.id == PredictionFeedback.prediction_id)
        .where(Prediction.guild_id == guild_id)
    )
    if (await session.scalar(size) or 0) > SERVER_BYTES:
        raise TooMuchFeedback(limit=SERVER_BYTES)


def _check_picture(image: Picture) -> None:
    """That it is what an answer of ours carried; a member's own file never comes this way."""
    start = STARTS.get(image.ending)
    if start is None or not image.data.startswith(start):
        raise ImageRefused(fault=ImageFault.NOT_AN_IMAGE)
    if len(image.data) > PICTURE_BYTES:
        raise ImageRefused(fault=ImageFault.TOO_MANY_BYTES, limit=PICTURE_BYTES)
