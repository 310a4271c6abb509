"""The use cases of models: each method is one transaction."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.classifier.manifest import Manifest
from bot.classifier.protocol import ModelRef
from bot.db.engine import Database
from bot.db.models import ModelVersion, VersionState
from bot.db.types import name_key
from bot.delivery.ledger import Ledger, Outgoing
from bot.errors import AlreadyPublished, ModelDamaged, NotPublished, UnknownModel
from bot.services.access import Caller, require_organizer
from bot.services.models import finding
from bot.services.models.facts import ModelFacts, facts_of
from bot.services.models.finding import Found
from bot.services.models.registering import insert_version, lock_model, put_in_place
from bot.services.models.shipped import Shipped, Store

#: The kind of the note that tells whoever made the group of a damaged model. Its refs are "group", "version",
#: and "instead": the version that goes on, or None.
DAMAGED = "model_damaged"
DAMAGE_LIMIT = 300


class ModelService:
    """`store` is asked for what comes with the bot and for models' cards. `check` reads a model's files, in a
    thread, and says what is wrong with them, or None; it may raise ModelMissing.
    """

    def __init__(
        self,
        database: Database,
        *,
        ledger: Ledger,
        store: Store,
        check: Callable[[ModelRef], str | None],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._shipped = Shipped(store)
        self._check = check
        self._clock = clock

    async def list(self, *, caller: Caller, group: str | None = None) -> tuple[ModelFacts, ...]:
        """Of this server's groups, by name, the newest version of each first; then what comes with the bot,
        unless one `group` is asked for. Raises UnknownGroup.
        """
        async with self._database.read() as session:
            listed = await finding.listed(session, caller=caller, group=group)
        return (*listed, *(await self.shipped() if group is None else ()))

    async def find(self, *, caller: Caller, typed: str, group: str | None = None) -> ModelFacts:
        """A version by its id or as "name v2"; by the name alone the published one, else the newest.

        Raises UnknownModel, UnknownGroup.
        """
        shipped = await self.shipped()
        ours = finding.shipped_called(shipped, typed)
        if ours is not None and group is None:
            return ours
        async with self._database.read() as session:
            found = await finding.find_version(
                session, caller=caller, typed=typed, group=group, shipped=shipped
            )
            return found.facts

    async def suggestions(
        self, *, caller: Caller, typed: str, states: Collection[VersionState] | None = None, limit: int
    ) -> Sequence[ModelFacts]:
        """For autocomplete, the likeliest first. What comes with the bot counts as published."""
        async with self._database.read() as session:
            found = await finding.suggestions(session, caller=caller, states=states)
        if states is None or VersionState.PUBLISHED in states:
            found += await self.shipped()
        wanted = name_key(typed)
        return [*islice((one for one in found if wanted in name_key(_title(one))), limit)]

    async def chosen(self, *, caller: Caller, typed: str | None) -> tuple[ModelFacts, ...]:
        """Who answers `/classify`, and after it who stands in, in this order, if its files are damaged or
        missing; at least one.

        Without a name it is what the channel's group published last, else the member's only group, else any
        group here, else the bot's own digits. Drafts and retired versions answer only to those who may
        publish them and to who made them. Raises UnknownModel.
        """
        shipped = await self.shipped()
        ours = finding.shipped_called(shipped, typed) if typed is not None else None
        if ours is not None:
            return (ours,)
        async with self._database.read() as session:
            if typed is not None:
                found = await finding.chosen(session, caller=caller, typed=typed)
            else:
                found = await finding.answering(session, caller=caller)
                ours = finding.shipped_called(shipped, finding.DEFAULT)
                if not found and ours is not None:
                    return (ours,)
            if not found:
                raise await finding.unknown(
                    session, caller=caller, typed=typed or finding.DEFAULT, shipped=shipped
                )
            return tuple(found)

    async def add_version(
        self,
        *,
        group_id: int,
        name: str,
        digest: str,
        labels: Sequence[str],
        accuracy: float | None,
        tested: int,
        created_by: int,
    ) -> ModelFacts:
        """Register a model whose files are in the store, as the next draft of this name in the group.

        Raises UnknownGroup.
        """
        async with self._database.write() as session:
            return await insert_version(
                session,
                group_id=group_id,
                name=name,
                digest=digest,
                labels=labels,
                accuracy=accuracy,
                tested=tested,
                created_by=created_by,
                now=self._clock(),
            )

    async def publish(self, *, caller: Caller, typed: str) -> ModelFacts:
        """Let a version answer under its name, in the place of the one before; an earlier one just the same.
        By the name alone it is the newest. Its files are checked first.

        Raises UnknownModel, NotOrganizer, AlreadyPublished, ModelDamaged, ModelMissing.
        """
        async with self._database.read() as session:
            found = await self._of_a_group(session, caller, typed)
            require_organizer(found.group, caller)
            version = found.version if found.exact else await finding.newest_of(session, found.model.id)
            wanted = facts_of(version, found.model, found.group)
        _refuse_published(wanted)
        # Outside any transaction: hashing half a gigabyte takes a second.
        if problem := await asyncio.to_thread(self._check, wanted.ref):
            raise ModelDamaged(wanted.name, wanted.ref.digest, problem)
        async with self._database.write() as session:
            again = await _locked(session, version.id)
            if again is None:
                raise UnknownModel(typed=typed[:100], names=())
            _refuse_published(again.facts)
            await put_in_place(session, again.version, by=caller.user_id, now=self._clock())
            return again.facts

    async def retire(self, *, caller: Caller, typed: str) -> ModelFacts:
        """Let the published version answer no longer; no other one takes its place.

        Raises UnknownModel, NotOrganizer, NotPublished.
        """
        async with self._database.write() as session:
            found = await self._of_a_group(session, caller, typed)
            require_organizer(found.group, caller)
            await lock_model(session, found.model.id)
            version = await session.scalar(
                select(ModelVersion)
                .where(ModelVersion.model_id == found.model.id, ModelVersion.state == VersionState.PUBLISHED)
                .execution_options(populate_existing=True)
            )
            if version is None or (found.exact and version.id != found.version.id):
                raise NotPublished(name=found.model.name)
            version.state = VersionState.RETIRED
            await session.flush()
            return facts_of(version, found.model, found.group)

    async def mark_damaged(self, *, version_id: int, part: str) -> ModelFacts | None:
        """Let a version rest whose files are damaged: `part` says what of them. If it was published, the one
        that was published before it answers again. Whoever made the group is told, at most once a day for
        each version. Returns what answers now under the name, None for nothing.
        """
        async with self._database.write() as session:
            found = await _locked(session, version_id)
            if found is None:
                return None
            if found.version.state is not VersionState.DAMAGED:
                was_published = found.version.state is VersionState.PUBLISHED
                found.version.state, found.version.damage = VersionState.DAMAGED, part[:DAMAGE_LIMIT]
                await session.flush()
                earlier = await _last_published(session, found.model.id) if was_published else None
                if earlier is not None:
                    await put_in_place(session, earlier, by=None, now=self._clock())
                present = await _published(session, found.model.id)
                if found.group.created_by:  # 0 once whoever that was is erased
                    await self._ledger.plan(session, self._note(found, instead=present))
            else:
                present = await _published(session, found.model.id)
            return facts_of(present, found.model, found.group) if present is not None else None

    async def version(self, version_id: int) -> ModelFacts | None:
        """For what the bot says by itself."""
        async with self._database.read() as session:
            return await finding.load_version(session, version_id)

    async def manifest(self, *, ref: ModelRef) -> Manifest:
        """What the model's card is made of. Raises ModelMissing, ModelDamaged."""
        return await asyncio.to_thread(self._store.manifest, ref.digest, name=ref.name)

    async def shipped(self) -> tuple[ModelFacts, ...]:
        """What comes with the bot."""
        return await self._shipped.facts()

    async def _of_a_group(self, session: AsyncSession, caller: Caller, typed: str) -> Found:
        """Of a name that several groups use, the one that is meant; what comes with the bot is no group's.

        Raises UnknownModel.
        """
        found = await finding.find_model(session, caller=caller, typed=typed)
        if found is None:
            raise await finding.unknown(session, caller=caller, typed=typed, shipped=())
        return found

    def _note(self, found: Found, *, instead: ModelVersion | None) -> Outgoing:
        now = self._clock()
        return Outgoing(
            key=f"{DAMAGED}:{found.version.id}:{now.date()}",
            kind=DAMAGED,
            subject=f"model:{found.model.id}",
            due_at=now,
            guild_id=found.group.guild_id,
            user_id=found.group.created_by,
            refs={
                "group": found.group.id,
                "version": found.version.id,
                "instead": instead.id if instead is not None else None,
            },
        )


async def _locked(session: AsyncSession, version_id: int) -> Found | None:
    """The version as it is once nobody else can change which one is published; None when it is gone."""
    model_id = await session.scalar(select(ModelVersion.model_id).where(ModelVersion.id == version_id))
    if model_id is None:
        return None
    await lock_model(session, model_id)
    fresh = finding.versions().where(ModelVersion.id == version_id)
    found = await finding.load(session, fresh.execution_options(populate_existing=True))
    return found[0] if found else None


async def _published(session: AsyncSession, model_id: int) -> ModelVersion | None:
    query = select(ModelVersion).where(
        ModelVersion.model_id == model_id, ModelVersion.state == VersionState.PUBLISHED
    )
    return (await session.scalars(query)).one_or_none()


async def _last_published(session: AsyncSession, model_id: int) -> ModelVersion | None:
    """Of those that another one took the place of, the last."""
    query = (
        select(ModelVersion)
        .where(ModelVersion.model_id == model_id, ModelVersion.state == VersionState.SUPERSEDED)
        .order_by(ModelVersion.published_at.desc(), ModelVersion.id.desc())
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


def _refuse_published(facts: ModelFacts) -> None:
    if facts.state is VersionState.PUBLISHED:
        raise AlreadyPublished(name=facts.name, number=facts.number or 0)


def _title(facts: ModelFacts) -> str:
    return facts.name if facts.number is None else f"{facts.name} v{facts.number}"
