"""Who asks, which group they mean, and whether they may."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Group, Membership
from bot.db.types import name_key
from bot.errors import GroupArchived, NoGroupHere, NotAMember, NotOrganizer, UnknownGroup

#: Stands where a member's id was, in a row that is the group's. Discord gives nobody this id.
NOBODY = 0


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The member behind a command or a button.

    `channel_ids` is where they are: the channel, and the thread's parent when it is a thread.
    `manages_server` is Discord's Manage Server permission, `name` how the server sees them.
    """

    user_id: int
    guild_id: int
    channel_ids: tuple[int, ...] = ()
    role_ids: frozenset[int] = field(default_factory=frozenset)
    manages_server: bool = False
    name: str | None = None


def is_organizer(group: Group, caller: Caller) -> bool:
    """Manage Server, the group's organizer role, or having created the group."""
    return (
        caller.manages_server
        or caller.user_id == group.created_by
        or (group.organizer_role_id is not None and group.organizer_role_id in caller.role_ids)
    )


def require_organizer(group: Group, caller: Caller) -> None:
    if not is_organizer(group, caller):
        raise NotOrganizer(group=group.name)


async def is_member(session: AsyncSession, *, group_id: int, user_id: int) -> bool:
    return bool(
        await session.scalar(
            select(exists().where(active(Membership.group_id == group_id), Membership.user_id == user_id))
        )
    )


async def require_member(session: AsyncSession, group: Group, user_id: int) -> None:
    if not await is_member(session, group_id=group.id, user_id=user_id):
        raise NotAMember(group=group.name)


async def active_groups(session: AsyncSession, guild_id: int) -> Sequence[Group]:
    query = select(Group).where(Group.guild_id == guild_id, Group.archived_at.is_(None))
    return (await session.scalars(query.order_by(Group.name_key))).all()


async def archived_groups(session: AsyncSession, guild_id: int) -> Sequence[Group]:
    """The newest first: an older one may have the same name."""
    query = select(Group).where(Group.guild_id == guild_id, Group.archived_at.is_not(None))
    return (await session.scalars(query.order_by(Group.id.desc()))).all()


async def open_group(session: AsyncSession, *, caller: Caller, group_id: int) -> Group:
    """The group behind a button. Raises UnknownGroup, for one of another server too, and GroupArchived."""
    group = await session.get(Group, group_id)
    if group is None or group.guild_id != caller.guild_id:
        names = tuple(group.name for group in await active_groups(session, caller.guild_id))
        raise UnknownGroup(typed=str(group_id), names=names)
    if group.archived_at is not None:
        raise GroupArchived(name=group.name)
    return group


async def find_group(session: AsyncSession, *, caller: Caller, typed: str | None) -> Group:
    """See `GroupService.resolve`. Several groups may share a channel: then membership decides.

    Raises UnknownGroup, NoGroupHere, and GroupArchived for the id of a group that was open when offered.
    """
    groups = await active_groups(session, caller.guild_id)
    names = tuple(group.name for group in groups)
    if typed is not None:
        for group in groups:
            if typed.strip() == str(group.id) or name_key(typed) == group.name_key:
                return group
        for group in await archived_groups(session, caller.guild_id):
            if typed.strip() == str(group.id):
                raise GroupArchived(name=group.name)
        raise UnknownGroup(typed=typed[:100], names=names)
    here = [group for group in groups if group.channel_id in caller.channel_ids]
    if len(here) == 1:
        return here[0]
    joined = set(
        await session.scalars(
            select(Membership.group_id).where(
                active(Membership.group_id.in_([group.id for group in groups])),
                Membership.user_id == caller.user_id,
            )
        )
    )
    for candidates in (here, groups):
        mine = [group for group in candidates if group.id in joined]
        if len(mine) == 1:
            return mine[0]
    raise NoGroupHere(names=names)


def active(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return condition & Membership.left_at.is_(None)


async def mark_left(session: AsyncSession, *, group: Group, user_id: int, now: datetime) -> None:
    """End a membership; raises NotAMember."""
    await require_member(session, group, user_id)
    await session.execute(
        update(Membership)
        .where(Membership.group_id == group.id, Membership.user_id == user_id)
        .values(left_at=now)
    )
