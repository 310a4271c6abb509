"""Which model is meant, and which of its versions answers."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Group, Membership, Model, ModelVersion, VersionState
from bot.db.types import name_key
from bot.errors import UnknownModel
from bot.services.access import Caller, active, find_group, is_organizer
from bot.services.models.facts import ModelFacts, facts_of
from bot.services.models.names import VERSION

#: How many earlier versions stand in for one whose files are damaged.
MOST_EARLIER = 3
MOST_LISTED = 200
MOST_NAMES = 25
#: What answers where a group has no model of its own.
DEFAULT = "digits"
# PostgreSQL refuses to compare an id with a number that is none.
LONGEST_ID = 18


@dataclass(frozen=True, kw_only=True)
class Found:
    """A version with its model and group. `exact`: this version was named, not its model alone."""

    version: ModelVersion
    model: Model
    group: Group
    exact: bool = False

    @property
    def facts(self) -> ModelFacts:
        return facts_of(self.version, self.model, self.group)


def visible(guild_id: int) -> Select[ModelVersion, Model, Group]:
    """All versions of the server's groups, but for those of closed groups."""
    return versions().where(Group.guild_id == guild_id, Group.archived_at.is_(None))


def versions() -> Select[ModelVersion, Model, Group]:
    return (
        select(ModelVersion, Model, Group)
        .join(Model, Model.id == ModelVersion.model_id)
        .join(Group, Group.id == Model.group_id)
    )


async def load(session: AsyncSession, query: Select[ModelVersion, Model, Group]) -> list[Found]:
    rows = await session.execute(query)
    return [Found(version=version, model=model, group=group) for version, model, group in rows]


async def load_version(session: AsyncSession, version_id: int) -> ModelFacts | None:
    """Whatever its group and state."""
    found = await load(session, versions().where(ModelVersion.id == version_id))
    return found[0].facts if found else None


async def listed(session: AsyncSession, *, caller: Caller, group: str | None) -> list[ModelFacts]:
    """By name, the newest version of each first. Raises UnknownGroup."""
    query = visible(caller.guild_id)
    if group is not None:
        home = await find_group(session, caller=caller, typed=group)
        query = query.where(Group.id == home.id)
    newest = await load(session, query.order_by(ModelVersion.id.desc()).limit(MOST_LISTED))
    newest.sort(key=lambda one: (one.model.name_key, one.model.id, -one.version.number))
    return [one.facts for one in newest]


async def suggestions(
    session: AsyncSession, *, caller: Caller, states: Collection[VersionState] | None
) -> list[ModelFacts]:
    """The likeliest first: of one's own groups, then the newest."""
    query = visible(caller.guild_id)
    if states is not None:
        query = query.where(ModelVersion.state.in_(states))
    found = await load(session, query.order_by(ModelVersion.id.desc()).limit(MOST_LISTED))
    return [one.facts for one in await _likeliest(session, caller, found)]


async def find_version(
    session: AsyncSession, *, caller: Caller, typed: str, group: str | None, shipped: Collection[ModelFacts]
) -> Found:
    """A version by its id or as "name v2"; by the name alone the published one, else the newest.

    Raises UnknownModel, which names the `shipped` models too, and UnknownGroup.
    """
    found = await _named(session, caller=caller, typed=typed, group=group)
    if not found:
        raise await unknown(session, caller=caller, typed=typed, shipped=shipped)
    if found[0].exact:
        return found[0]
    same = _of_one_model(found, found[0].model.id)
    return next((one for one in same if one.version.state is VersionState.PUBLISHED), same[0])


async def find_model(session: AsyncSession, *, caller: Caller, typed: str) -> Found | None:
    """The same, but None when there is none in this server."""
    found = await _named(session, caller=caller, typed=typed, group=None)
    return found[0] if found else None


async def newest_of(session: AsyncSession, model_id: int) -> ModelVersion:
    """A model has at least one version, for they are made together."""
    query = select(ModelVersion).where(ModelVersion.model_id == model_id)
    return (await session.scalars(query.order_by(ModelVersion.number.desc()).limit(1))).one()


async def chosen(session: AsyncSession, *, caller: Caller, typed: str) -> list[ModelFacts]:
    """Who is to answer under this name, and who if that one's files are damaged. Empty for nobody.

    A version that is not published (any more) answers only to those who may publish it, and who made it.
    """
    found = await _named(session, caller=caller, typed=typed, group=None)
    if found and found[0].exact:
        one = found[0]
        if one.version.state in (VersionState.DRAFT, VersionState.RETIRED):
            return [one.facts] if _may_try(one, caller) else []
        return [one.facts, *await _stand_ins(session, one)]
    for one in found:
        if one.version.state is VersionState.PUBLISHED:
            return [one.facts, *await _stand_ins(session, one)]
    for one in found:
        if one.version.state is VersionState.DRAFT and _may_try(one, caller):
            return [one.facts]
    return [one.facts for one in found if one.version.state is VersionState.DAMAGED][:1]


async def answering(session: AsyncSession, *, caller: Caller) -> list[ModelFacts]:
    """Who answers where no model is named: what the channel's group published last, else the member's only
    group, else anybody here; with who stands in for it. Empty where nothing is published.
    """
    query = visible(caller.guild_id).where(ModelVersion.state == VersionState.PUBLISHED)
    newest = query.order_by(ModelVersion.published_at.desc(), ModelVersion.id.desc())
    joined = await _joined(session, caller)
    here = Group.channel_id.in_(caller.channel_ids)
    wishes = [newest.where(here, Group.id.in_(joined)), newest.where(here)]
    if len(joined) == 1:
        wishes.append(newest.where(Group.id.in_(joined)))
    for wish in (*wishes, newest):
        if found := await load(session, wish.limit(1)):
            return [found[0].facts, *await _stand_ins(session, found[0])]
    return []


async def unknown(
    session: AsyncSession, *, caller: Caller, typed: str, shipped: Collection[ModelFacts]
) -> UnknownModel:
    names = (
        select(Model.name)
        .join(Group, Group.id == Model.group_id)
        .where(Group.guild_id == caller.guild_id, Group.archived_at.is_(None))
        .order_by(Model.name_key, Model.id)
        .limit(MOST_NAMES)
    )
    there = (*(await session.scalars(names)).all(), *(one.name for one in shipped))
    return UnknownModel(typed=typed[:100], names=tuple(dict.fromkeys(there)))


def shipped_called(shipped: Iterable[ModelFacts], typed: str) -> ModelFacts | None:
    return next((one for one in shipped if name_key(one.name) == name_key(typed)), None)


async def _named(session: AsyncSession, *, caller: Caller, typed: str, group: str | None) -> list[Found]:
    """One exact version, or all versions of all models of that name: those of the likeliest group first, the
    newest first. Raises UnknownGroup.
    """
    wanted = typed.strip()
    query = visible(caller.guild_id)
    if group is not None:
        home = await find_group(session, caller=caller, typed=group)
        query = query.where(Group.id == home.id)
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= LONGEST_ID:
        found = await load(session, query.where(ModelVersion.id == int(wanted)))
        return _exactly(found)
    newest = query.order_by(Model.id, ModelVersion.number.desc())
    if found := await load(session, newest.where(Model.name_key == name_key(wanted))):
        return await _likeliest(session, caller, found)
    if (parts := VERSION.fullmatch(wanted)) is None:
        return []
    query = query.where(
        Model.name_key == name_key(parts["name"]), ModelVersion.number == int(parts["number"])
    )
    return _exactly(await _likeliest(session, caller, await load(session, query.order_by(Model.id))))


def _exactly(found: Sequence[Found]) -> list[Found]:
    return [Found(version=one.version, model=one.model, group=one.group, exact=True) for one in found[:1]]


async def _likeliest(session: AsyncSession, caller: Caller, found: Sequence[Found]) -> list[Found]:
    """The channel's group before others, one's own before others'; else as they come."""
    if len({one.group.id for one in found}) < 2:
        return list(found)
    joined = await _joined(session, caller)

    def rank(one: Found) -> tuple[bool, bool]:
        return one.group.channel_id not in caller.channel_ids, one.group.id not in joined

    return sorted(found, key=rank)


async def _joined(session: AsyncSession, caller: Caller) -> set[int]:
    """The groups of this server that the caller is in."""
    query = (
        select(Membership.group_id)
        .join(Group, Group.id == Membership.group_id)
        .where(
            active(Group.guild_id == caller.guild_id),
            Group.archived_at.is_(None),
            Membership.user_id == caller.user_id,
        )
    )
    return set(await session.scalars(query))


async def _stand_ins(session: AsyncSession, found: Found) -> list[ModelFacts]:
    """The other versions of its model that answer or have answered, the last one first."""
    good = (VersionState.PUBLISHED, VersionState.SUPERSEDED)
    query = (
        select(ModelVersion)
        .where(
            ModelVersion.model_id == found.model.id,
            ModelVersion.id != found.version.id,
            ModelVersion.state.in_(good),
        )
        .order_by(ModelVersion.published_at.desc(), ModelVersion.id.desc())
        .limit(MOST_EARLIER)
    )
    others = (await session.scalars(query)).all()
    return [facts_of(version, found.model, found.group) for version in others]


def _of_one_model(found: Sequence[Found], model_id: int) -> list[Found]:
    return [one for one in found if one.model.id == model_id]


def _may_try(found: Found, caller: Caller) -> bool:
    return is_organizer(found.group, caller) or found.version.created_by == caller.user_id
