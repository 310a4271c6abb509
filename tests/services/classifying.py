"""What the tests of models share: bundles whose files are what their hashes say, and a server with groups."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from bot.classifier.documents import render
from bot.classifier.manifest import (
    GRAPH,
    MANIFEST,
    WEIGHTS,
    Architecture,
    DataCard,
    Input,
    Judgement,
    Manifest,
    Metrics,
    Origin,
    ResizeMethod,
    StoredFile,
)
from bot.classifier.protocol import Doubt, Guess, Picture, Verdict
from bot.classifier.store import ModelStore
from bot.db.engine import Database
from bot.db.models import Group, Membership, ModelVersion
from bot.db.types import name_key
from bot.delivery.ledger import Ledger
from bot.services.access import Caller
from bot.services.models import ModelFacts, ModelService, problem_with
from bot.services.predictions import FeedbackFacts, PredictionService
from bot.services.trainings import TrainingService

T = TypeVar("T")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GUILD, OTHER_GUILD = 10, 11
BERLIN, PARIS = 20, 21  # the channels of the two groups
ORGANIZER, MIRA, TOM = 1, 2, 3
LABELS = ("bolete", "death cap", "porcini")
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def manifest(name: str, labels: tuple[str, ...], files: dict[str, bytes]) -> Manifest:
    tested = 10 * len(labels)
    confusion = tuple(tuple(10 if i == j else 0 for j in range(len(labels))) for i in range(len(labels)))
    return Manifest(
        name=name,
        labels=labels,
        architecture=Architecture(name="small"),
        input=Input(mode="L", size=(28, 28), resize=ResizeMethod.SQUISH),
        normalisation=None,
        batch_resize=None,
        judgement=Judgement(temperature=1.0, threshold=0.5, distance=None),
        metrics=Metrics(
            accuracy=1.0,
            interval=(0.9, 1.0),
            tested=tested,
            confusion=confusion,
            ece=0.01,
            ece_before=0.04,
            answered=1.0,
            answered_right=1.0,
        ),
        data=DataCard(images=dict.fromkeys(labels, 50), source="made by a test", licence="CC0"),
        origin=Origin(made_at=NOW.isoformat(), base="random", epochs=1, versions=("fastai 2",)),
        licence="CC0",
        files={
            file: StoredFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for file, data in files.items()
        },
    )


def write_bundle(folder: Path, *, name: str, labels: tuple[str, ...] = LABELS, seed: str = "") -> Manifest:
    """A bundle that every check of files passes; only who wants to compute with it learns that it is none."""
    files = {WEIGHTS: f"weights of {name} {seed}".encode(), GRAPH: f"graph of {name} {seed}".encode()}
    folder.mkdir(parents=True)
    for file, data in files.items():
        (folder / file).write_bytes(data)
    made = manifest(name, labels, files)
    (folder / MANIFEST).write_bytes(render(made))
    return made


def verdict(label: str = "porcini", probability: float = 0.9, doubt: Doubt | None = None) -> Verdict:
    return Verdict(guesses=(Guess(label=label, probability=probability),), doubt=doubt, seconds=0.01)


def png(content: str, size: int = 0) -> Picture:
    return Picture(data=PNG + content.encode().ljust(size, b"."), ending="png")


class Club:
    """A server with the groups Berlin and Paris, all services of the classifier, and a clock to be turned.

    ORGANIZER made both groups and is in Berlin, as is MIRA; TOM is in none.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.now = NOW
        self.folder = folder
        self.database = Database(url)
        self.ledger = Ledger(self.database, clock=self.clock, owner="test")
        write_bundle(folder / "shipped" / "digits", name="digits", labels=tuple("0123456789"))
        self.store = ModelStore(folder / "models", shipped=folder / "shipped")
        self.models = ModelService(
            self.database,
            ledger=self.ledger,
            store=self.store,
            check=partial(problem_with, self.store),
            clock=self.clock,
        )
        self.predictions = PredictionService(self.database, models=self.models, clock=self.clock)
        self.trainings = TrainingService(self.database, models=self.models, clock=self.clock)
        self.berlin = self.paris = 0

    def clock(self) -> datetime:
        return self.now

    def pass_time(self, **time: float) -> None:
        self.now += timedelta(**time)

    async def open(self) -> None:
        self.berlin = await self.make_group("Berlin", channel_id=BERLIN, members=(ORGANIZER, MIRA))
        self.paris = await self.make_group("Paris", channel_id=PARIS, members=())

    async def at_once(self, *work: Coroutine[Any, Any, T]) -> list[T | BaseException]:
        """Do all of it at the same time: on PostgreSQL each with a connection that is open already."""
        await asyncio.gather(*(self.database.ping() for _ in work))
        return await asyncio.gather(*work, return_exceptions=True)

    async def make_group(
        self,
        name: str,
        *,
        channel_id: int,
        members: tuple[int, ...],
        guild_id: int = GUILD,
        created_by: int = ORGANIZER,
    ) -> int:
        async with self.database.write() as session:
            group = Group(
                guild_id=guild_id,
                name=name,
                name_key=name_key(name),
                timezone="Europe/Berlin",
                channel_id=channel_id,
                created_by=created_by,
                created_at=self.now,
            )
            session.add(group)
            await session.flush()
            session.add_all(
                Membership(group_id=group.id, user_id=user_id, joined_at=self.now) for user_id in members
            )
            return group.id

    def caller(self, user_id: int = ORGANIZER, *, channel: int = BERLIN, guild_id: int = GUILD) -> Caller:
        return Caller(user_id=user_id, guild_id=guild_id, channel_ids=(channel,))

    async def add(
        self, name: str = "mushrooms", *, group_id: int | None = None, created_by: int = ORGANIZER
    ) -> ModelFacts:
        """The next draft of this name, with its files in the store."""
        home = group_id or self.berlin
        bundle = self.folder / f"bundle-{len(list(self.folder.iterdir()))}"
        made = write_bundle(bundle, name=name, seed=bundle.name)
        assert made.metrics is not None
        return await self.models.add_version(
            group_id=home,
            name=name,
            digest=self.store.add(bundle),
            labels=made.labels,
            accuracy=made.metrics.accuracy,
            tested=made.metrics.tested,
            created_by=created_by,
        )

    async def published(self, name: str = "mushrooms", *, group_id: int | None = None) -> ModelFacts:
        draft = await self.add(name, group_id=group_id)
        self.pass_time(hours=1)
        return await self.models.publish(caller=self.caller(), typed=str(draft.version_id))

    async def answered(self, user_id: int = MIRA, label: str = "porcini", *, model: str | None = None) -> int:
        """The id of what the model said of the member's picture."""
        chosen = (await self.models.chosen(caller=self.caller(user_id), typed=model))[0]
        self.pass_time(seconds=1)
        return await self.predictions.record(
            caller=self.caller(user_id), model=chosen, verdict=verdict(label)
        )

    async def say(
        self,
        prediction_id: int,
        label: str = "porcini",
        *,
        by: int = MIRA,
        right: bool = False,
        image: Picture | None = None,
    ) -> FeedbackFacts:
        self.pass_time(seconds=1)
        return await self.predictions.feedback(
            caller=self.caller(by), prediction_id=prediction_id, right=right, label=label, image=image
        )

    async def kept(self, label: str, content: str, *, size: int = 0) -> int:
        """MIRA's picture of this, of which she lets the group keep the image."""
        prediction_id = await self.answered()
        await self.say(prediction_id, label, right=label == "porcini", image=png(content, size))
        return prediction_id

    async def states(self) -> list[str]:
        async with self.database.read() as session:
            found = await session.scalars(select(ModelVersion.state).order_by(ModelVersion.id))
            return [state.value for state in found]


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Club]:
    club = Club(url, folder)
    try:
        await club.open()
        yield club
    finally:
        await club.database.close()
