"""The models that come with the bot, and the files of all others."""

import asyncio
import logging
from typing import Protocol

from bot.classifier.manifest import Manifest
from bot.classifier.protocol import ModelRef
from bot.classifier.reading import check_bundle
from bot.classifier.store import ModelStore
from bot.errors import ModelDamaged
from bot.services.models.facts import ModelFacts, shipped_facts

log = logging.getLogger(__name__)


class Store(Protocol):
    """What is asked of `bot.classifier.store.ModelStore`; all of it reads files."""

    def shipped(self) -> tuple[ModelRef, ...]: ...

    def manifest(self, digest: str, *, name: str = "") -> Manifest: ...


class Shipped:
    """The models that come with the bot, read once; they change with its version only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: tuple[ModelFacts, ...] | None = None

    async def facts(self) -> tuple[ModelFacts, ...]:
        """None where their files are damaged: groups' own models are none the worse for that."""
        if self._known is None:
            try:
                self._known = await asyncio.to_thread(self._read)
            except ModelDamaged as error:
                log.error("the models that come with the bot cannot be used: %s", error.part)
                self._known = ()
        return self._known

    def _read(self) -> tuple[ModelFacts, ...]:
        return tuple(
            shipped_facts(ref, self._store.manifest(ref.digest, name=ref.name))
            for ref in self._store.shipped()
        )


def problem_with(store: ModelStore, ref: ModelRef) -> str | None:
    """What is wrong with a model's files, None for nothing. Reads all of them; raises ModelMissing."""
    try:
        check_bundle(store.path(ref.digest, name=ref.name), ref.digest, ref.name)
    except ModelDamaged as error:
        return error.part
    return None
