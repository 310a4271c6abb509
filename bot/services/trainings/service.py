"""The use cases of trainings: each method is one transaction. The training itself runs elsewhere."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.classifier.manifest import Manifest
from bot.db.engine import Database
from bot.db.models import Group, Training, TrainingState
from bot.errors import BadNumber, NoFeedback, NothingToTrainOn, TrainingBusy, TrainingGone, UnknownGroup
from bot.services.access import Caller, find_group, is_organizer, require_organizer
from bot.services.models import ModelFacts, ModelService, checked_name, insert_version
from bot.services.predictions import has_pictures
from bot.services.trainings.facts import TrainingFacts, TrainingStarted, facts_of

EPOCHS_LIMIT = 50
#: A training whose process has not said for so long that it lives is over.
LOST_AFTER = timedelta(minutes=2)
ERROR_LIMIT = 500


class TrainingService:
    """The process that runs a training calls `beat` every twenty seconds or so, and in the end one of
    `finish` and `fail`.
    """

    def __init__(self, database: Database, *, models: ModelService, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._models = models
        self._clock = clock

    async def begin(
        self,
        *,
        caller: Caller,
        group: str | None,
        name: str,
        epochs: int,
        channel_id: int,
        has_images: bool,
        base: str | None,
    ) -> TrainingStarted:
        """Write down that a training begins, of which the progress will be shown in `channel_id`.

        `base` is the model to begin with. Without images of its own the training takes what members let their
        group keep of that model's pictures. A group has one training at a time.
        Raises UnknownGroup, NoGroupHere, NotOrganizer, BadModelName, ModelNameTaken, BadNumber,
        NothingToTrainOn, UnknownModel, NoFeedback, TrainingBusy.
        """
        shipped = await self._models.shipped()
        name = checked_name(name, shipped=[one.name for one in shipped])
        if not 1 <= epochs <= EPOCHS_LIMIT:
            raise BadNumber(field="epochs", value=epochs, least=1, most=EPOCHS_LIMIT)
        if base is None and not has_images:
            raise NothingToTrainOn
        begins_with = await self._models.find(caller=caller, typed=base) if base is not None else None
        async with self._database.write() as session:
            now = self._clock()
            home = await find_group(session, caller=caller, typed=group)
            require_organizer(home, caller)
            if begins_with is not None and not has_images:
                await _require_pictures(session, begins_with, caller)
            await _require_no_other(session, home, now=now)
            training = Training(
                group_id=home.id,
                name=name,
                state=TrainingState.RUNNING,
                epochs=epochs,
                asked_by=caller.user_id,
                channel_id=channel_id,
                started_at=now,
                heartbeat_at=now,
            )
            session.add(training)
            await session.flush()
            return TrainingStarted(
                training=facts_of(training, home), base=begins_with, takes_feedback=not has_images
            )

    async def attach_message(self, *, training_id: int, message_id: int) -> None:
        """Remember which message shows the progress."""
        async with self._database.write() as session:
            statement = update(Training).where(Training.id == training_id)
            await session.execute(statement.values(message_id=message_id))

    async def beat(self, *, training_id: int) -> bool:
        """Say that the training lives; one that was given up comes back by that. False: it is not wanted any
        more, for it was cancelled, or its group was deleted.
        """
        alive = (TrainingState.RUNNING, TrainingState.INTERRUPTED)
        async with self._database.write() as session:
            statement = (
                update(Training)
                .where(Training.id == training_id, Training.state.in_(alive))
                .values(state=TrainingState.RUNNING, heartbeat_at=self._clock(), finished_at=None)
                .returning(Training.id)
            )
            return (await session.scalars(statement)).one_or_none() is not None

    async def finish(self, *, training_id: int, digest: str, manifest: Manifest) -> ModelFacts:
        """Register what came of it, as a draft; its files are in the store under `digest` by now.

        Raises TrainingGone when it was cancelled meanwhile, or is over.
        """
        async with self._database.write() as session:
            training, group = await _locked(session, training_id)
            if training.state not in (TrainingState.RUNNING, TrainingState.INTERRUPTED):
                raise TrainingGone
            metrics = manifest.metrics
            now = self._clock()
            version = await insert_version(
                session,
                group_id=group.id,
                name=training.name,
                digest=digest,
                labels=manifest.labels,
                accuracy=metrics.accuracy if metrics is not None else None,
                tested=metrics.tested if metrics is not None else 0,
                created_by=training.asked_by,
                now=now,
            )
            training.state, training.finished_at = TrainingState.DONE, now
            training.version_id = version.version_id
            return version

    async def fail(self, *, training_id: int, error: str) -> TrainingFacts:
        """It ended by itself, for this reason; what was cancelled stays so. Raises TrainingGone when it is
        over or was deleted.
        """
        async with self._database.write() as session:
            training, group = await _locked(session, training_id)
            if training.state not in (TrainingState.RUNNING, TrainingState.INTERRUPTED):
                raise TrainingGone
            training.state, training.finished_at = TrainingState.FAILED, self._clock()
            training.error = error[:ERROR_LIMIT]
            return facts_of(training, group)

    async def cancel(self, *, caller: Caller, training_id: int) -> TrainingFacts:
        """For who asked for it and for organizers. The process that runs it learns of it by `beat`, unless it
        is this one. Raises TrainingGone, NotOrganizer.
        """
        async with self._database.write() as session:
            training, group = await _locked(session, training_id)
            if group.guild_id != caller.guild_id:
                raise TrainingGone
            if caller.user_id != training.asked_by and not is_organizer(group, caller):
                require_organizer(group, caller)
            if training.state is not TrainingState.RUNNING:
                raise TrainingGone
            training.state, training.finished_at = TrainingState.CANCELLED, self._clock()
            return facts_of(training, group)

    async def interrupted(self) -> list[TrainingFacts]:
        """Give up those whose process has gone silent, and return them, so that their messages can say so.
        Each is returned once, whatever number of processes ask.
        """
        async with self._database.write() as session:
            now = self._clock()
            silent = (
                select(Training, Group)
                .join(Group, Group.id == Training.group_id)
                .where(Training.state == TrainingState.RUNNING, Training.heartbeat_at <= now - LOST_AFTER)
                .order_by(Training.id)
                .with_for_update(skip_locked=True, of=Training)
            )
            given_up = []
            for training, group in await session.execute(silent):
                training.state, training.finished_at = TrainingState.INTERRUPTED, now
                given_up.append(facts_of(training, group))
            return given_up

    async def get(self, training_id: int) -> TrainingFacts | None:
        """For what the bot says by itself."""
        async with self._database.read() as session:
            training = await session.get(Training, training_id)
            if training is None:
                return None
            return facts_of(training, await session.get_one(Group, training.group_id))


async def _locked(session: AsyncSession, training_id: int) -> tuple[Training, Group]:
    """Raises TrainingGone when there is none of that id."""
    training = await session.get(Training, training_id, with_for_update=True, populate_existing=True)
    if training is None:
        raise TrainingGone
    return training, await session.get_one(Group, training.group_id)


async def _require_pictures(session: AsyncSession, model: ModelFacts, caller: Caller) -> None:
    """That the caller may train with the model's pictures, and that there are any."""
    if model.group_id is not None:
        group = await session.get(Group, model.group_id)
        if group is None:
            raise UnknownGroup(typed=model.group or "", names=())
        require_organizer(group, caller)
    if not await has_pictures(session, model=model, guild_id=caller.guild_id):
        raise NoFeedback(name=model.name)


async def _require_no_other(session: AsyncSession, group: Group, *, now: datetime) -> None:
    """Raises TrainingBusy, also when two begin at the same moment: they wait here for each other."""
    await session.execute(select(Group.id).where(Group.id == group.id).with_for_update(key_share=True))
    running = exists().where(
        Training.group_id == group.id,
        Training.state == TrainingState.RUNNING,
        Training.heartbeat_at > now - LOST_AFTER,
    )
    if await session.scalar(select(running)):
        raise TrainingBusy
