"""A version of a model, as it is shown and asked."""

from dataclasses import dataclass
from datetime import datetime

from bot.classifier.manifest import Manifest
from bot.classifier.protocol import ModelRef
from bot.db.models import Group, Model, ModelVersion, VersionState


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """A group's version, or a model that comes with the bot: then all but `name`, `ref`, `labels`, `accuracy`
    and `tested` is None.

    `accuracy` (0 to 1) is of the `tested` images that were not trained on; None where that is not known.
    `created_by` and `published_by` are 0 when that member was erased, and `published_by` is None while it
    never was and where it took a damaged version's place by itself. `damage` says what is wrong with its
    files. `theme` is the colours of its group's pictures.
    """

    model_id: int | None = None
    version_id: int | None = None
    name: str
    number: int | None = None
    group: str | None = None
    group_id: int | None = None
    guild_id: int | None = None
    ref: ModelRef
    labels: tuple[str, ...]
    state: VersionState | None = None
    accuracy: float | None
    tested: int
    created_by: int | None = None
    created_at: datetime | None = None
    published_by: int | None = None
    published_at: datetime | None = None
    damage: str | None = None
    theme: str = "dark"

    @property
    def is_shipped(self) -> bool:
        return self.version_id is None

    @property
    def is_active(self) -> bool:
        """Whether this is what answers under its name."""
        return self.state is None or self.state is VersionState.PUBLISHED


def facts_of(version: ModelVersion, model: Model, group: Group) -> ModelFacts:
    return ModelFacts(
        model_id=model.id,
        version_id=version.id,
        name=model.name,
        number=version.number,
        group=group.name,
        group_id=group.id,
        guild_id=group.guild_id,
        ref=ModelRef(name=model.name, digest=version.digest),
        labels=tuple(version.labels),
        state=version.state,
        accuracy=version.accuracy,
        tested=version.tested,
        created_by=version.created_by,
        created_at=version.created_at,
        published_by=version.published_by,
        published_at=version.published_at,
        damage=version.damage,
        theme=group.theme,
    )


def shipped_facts(ref: ModelRef, manifest: Manifest) -> ModelFacts:
    metrics = manifest.metrics
    return ModelFacts(
        name=ref.name,
        ref=ref,
        labels=manifest.labels,
        accuracy=metrics.accuracy if metrics is not None else None,
        tested=metrics.tested if metrics is not None else 0,
    )
