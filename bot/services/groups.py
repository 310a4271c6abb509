"""Groups: made, found, joined, left, changed and archived."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.db.engine import Database
from bot.db.models import Group, Meetup, Membership, Occurrence, OccurrenceState
from bot.db.types import name_key
from bot.delivery.ledger import Claimed, Ledger, Outgoing
from bot.errors import (
    AlreadyMember,
    BadOption,
    GroupArchived,
    GroupNameTaken,
    NoGroupHere,
    NotAMember,
    NotAnOrganizer,
    NothingToChange,
    StudyError,
    UnknownGroup,
)
from bot.services.access import (
    Caller,
    active,
    active_groups,
    archived_groups,
    find_group,
    is_member,
    is_organizer,
    mark_left,
    open_group,
    require_organizer,
)
from bot.services.boards import GoalProgress, goal_progress, parse_goal, set_goal
from bot.services.cards import let_in
from bot.services.courses import choose_course
from bot.services.meetups import MeetupFacts, cancel_all, retarget, stop_hosting, withdraw
from bot.services.text import clean_text
from bot.services.zones import checked_zone

WELCOME = "group_welcome"
NAME_LIMIT = 80
#: The colours of a group's pictures.
THEMES = ("dark", "light")


@dataclass(frozen=True, kw_only=True)
class GroupFacts:
    """A group as `/group info` and `/group list` show it."""

    group: Group
    members: int
    next_meetup: Occurrence | None
    joined: bool
    goal: GoalProgress | None


@dataclass(frozen=True, kw_only=True)
class GroupChanges:
    """New values for `/group edit`; None keeps what is there."""

    name: str | None = None
    timezone: str | None = None
    channel_id: int | None = None
    course: str | None = None
    role_id: int | None = None
    organizer_role_id: int | None = None
    goal: str | None = None
    digest: bool | None = None
    theme: str | None = None
    card_approval: bool | None = None


class GroupService:
    def __init__(
        self, database: Database, *, library: CourseLibrary, ledger: Ledger, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._library = library
        self._ledger = ledger
        self._clock = clock

    async def create(
        self,
        *,
        caller: Caller,
        name: str,
        timezone: str,
        channel_id: int,
        course: str | None = None,
        role_id: int | None = None,
        answer_is_welcome: bool = False,
    ) -> tuple[Group, Claimed | None]:
        """Make a group, whoever makes it being its organizer, and plan its welcome.

        With `answer_is_welcome` the command's own answer is the welcome: then the delivery comes back
        claimed, to be settled once Discord has the answer, and the ledger sends it should we die first.
        Raises BadText, UnknownZone, GroupNameTaken.
        """
        name = clean_text("name", name, limit=NAME_LIMIT)
        zone = checked_zone(timezone)
        async with self._database.write() as session:
            await self._refuse_taken_name(session, caller.guild_id, name)
            group = Group(
                guild_id=caller.guild_id,
                name=name,
                name_key=name_key(name),
                timezone=zone.key,
                channel_id=channel_id,
                role_id=role_id,
                created_by=caller.user_id,
                created_at=self._clock(),
            )
            if course is not None:
                await choose_course(session, self._library, group=group, typed=course)
            session.add(group)
            await session.flush()
            welcome = Outgoing(
                key=f"welcome:{group.id}",
                kind=WELCOME,
                subject=f"group:{group.id}",
                due_at=self._clock(),
                guild_id=group.guild_id,
                channel_id=channel_id,
                refs={"group": group.id},
            )
            if answer_is_welcome:
                return group, await self._ledger.plan_claimed(session, welcome)
            await self._ledger.plan(session, welcome)
            return group, None

    async def resolve(self, *, caller: Caller, typed: str | None) -> Group:
        """The group that a command is about, by the contract's rule: the option, the channel, the
        member's only group in this server, else an error that lists the groups.

        Raises UnknownGroup, NoGroupHere.
        """
        async with self._database.read() as session:
            return await find_group(session, caller=caller, typed=typed)

    async def join(self, *, caller: Caller, typed: str | None = None, group_id: int | None = None) -> Group:
        """Raises UnknownGroup, NoGroupHere, AlreadyMember, GroupArchived."""
        async with self._database.write() as session:
            group = await self._wanted(session, caller, typed, group_id)
            membership = await session.get(Membership, (group.id, caller.user_id))
            if membership is None:
                session.add(
                    Membership(
                        group_id=group.id,
                        user_id=caller.user_id,
                        joined_at=self._clock(),
                        name=caller.name,
                    )
                )
            elif membership.left_at is None:
                raise AlreadyMember(group=group.name)
            else:
                membership.left_at = None
                membership.joined_at = self._clock()
                membership.name = caller.name
            return group

    async def leave(self, *, caller: Caller, typed: str | None) -> Group:
        """End the membership, free the places it held, and name the member no more as host; an archived group
        can be left too.

        Raises UnknownGroup, NoGroupHere, NotAMember.
        """
        async with self._database.write() as session:
            group = await self._joined(session, caller, typed)
            await mark_left(session, group=group, user_id=caller.user_id, now=self._clock())
            await stop_hosting(session, group_id=group.id, user_id=caller.user_id)
            await withdraw(
                session, group_id=group.id, user_id=caller.user_id, ledger=self._ledger, now=self._clock()
            )
            return group

    async def _joined(self, session: AsyncSession, caller: Caller, typed: str | None) -> Group:
        """The group that the caller means and is in; an archived one by its name, or in its channel."""
        refusal: StudyError
        try:
            group = await find_group(session, caller=caller, typed=typed)
            if await is_member(session, group_id=group.id, user_id=caller.user_id):
                return group
            refusal = NotAMember(group=group.name)
        except (GroupArchived, NoGroupHere, UnknownGroup) as error:
            refusal = error
        for closed in await archived_groups(session, caller.guild_id):
            if typed is None:
                is_meant = closed.channel_id in caller.channel_ids
            else:
                is_meant = typed.strip() == str(closed.id) or name_key(typed) == closed.name_key
            if is_meant and await is_member(session, group_id=closed.id, user_id=caller.user_id):
                return closed
        raise refusal

    async def archive(self, *, caller: Caller, typed: str | None) -> tuple[Group, list[MeetupFacts]]:
        """Close the group and cancel what it had planned; also returns the dates that do not take place.

        Raises NotOrganizer, UnknownGroup, NoGroupHere.
        """
        async with self._database.write() as session:
            group = await find_group(session, caller=caller, typed=typed)
            require_organizer(group, caller)
            group.archived_at = self._clock()
            called_off = await cancel_all(session, group_id=group.id, ledger=self._ledger, now=self._clock())
            await self._ledger.skip(session, subject=f"group:{group.id}", reason="group archived")
            return group, called_off

    async def organized(self, *, caller: Caller) -> list[Group]:
        """The active groups of the server that the caller organizes, by name; none where a server has no
        group and they manage it. Raises NotAnOrganizer for everybody else.
        """
        async with self._database.read() as session:
            groups = await active_groups(session, caller.guild_id)
        mine = [group for group in groups if is_organizer(group, caller)]
        if not mine and not caller.manages_server:
            raise NotAnOrganizer
        return mine

    async def joined(self, *, caller: Caller) -> list[Group]:
        """The active groups of the server that the caller is in, by name."""
        mine = select(Membership.group_id).where(active(Membership.user_id == caller.user_id))
        wanted = select(Group).where(
            Group.guild_id == caller.guild_id, Group.archived_at.is_(None), Group.id.in_(mine)
        )
        async with self._database.read() as session:
            return list(await session.scalars(wanted.order_by(Group.name_key)))

    async def is_member(self, *, group_id: int, user_id: int) -> bool:
        async with self._database.read() as session:
            return await is_member(session, group_id=group_id, user_id=user_id)

    async def get(self, group_id: int) -> Group | None:
        async with self._database.read() as session:
            return await session.get(Group, group_id)

    async def facts(self, *, caller: Caller, typed: str | None) -> GroupFacts:
        """Raises UnknownGroup, NoGroupHere."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            return await self._facts(session, group, caller.user_id)

    async def all_facts(self, *, caller: Caller) -> list[GroupFacts]:
        """Every active group of the server, by name."""
        async with self._database.read() as session:
            groups = await active_groups(session, caller.guild_id)
            return [await self._facts(session, group, caller.user_id) for group in groups]

    async def edit(self, *, caller: Caller, typed: str | None, changes: GroupChanges) -> Group:
        """Raises NotOrganizer, NothingToChange, BadText, BadOption, UnknownZone, GroupNameTaken,
        GoalUnreadable, UnknownGroup.
        """
        if changes == GroupChanges():
            raise NothingToChange(what="group")
        async with self._database.write() as session:
            group = await find_group(session, caller=caller, typed=typed)
            require_organizer(group, caller)
            if changes.name is not None:
                name = clean_text("name", changes.name, limit=NAME_LIMIT)
                if name_key(name) != group.name_key:
                    await self._refuse_taken_name(session, caller.guild_id, name)
                group.name, group.name_key = name, name_key(name)
            if changes.timezone is not None:
                group.timezone = checked_zone(changes.timezone).key
            if changes.course is not None:
                await choose_course(session, self._library, group=group, typed=changes.course)
            if changes.channel_id is not None and changes.channel_id != group.channel_id:
                group.channel_id = changes.channel_id
                await retarget(session, group=group)
            if changes.goal is not None:
                set_goal(group, parse_goal(changes.goal))
            if changes.digest is not None:
                group.digest_since = (group.digest_since or self._clock()) if changes.digest else None
            if changes.theme is not None:
                if changes.theme not in THEMES:
                    raise BadOption(field="theme", value=changes.theme[:40], choices=THEMES)
                group.theme = changes.theme
            if changes.card_approval is not None:
                group.cards_need_approval = changes.card_approval
                if not changes.card_approval:
                    await let_in(session, group_id=group.id)
            group.role_id = changes.role_id or group.role_id
            group.organizer_role_id = changes.organizer_role_id or group.organizer_role_id
            return group

    async def leavable(self, *, caller: Caller, typed: str, limit: int) -> list[Group]:
        """The groups that the caller is in, archived ones last."""
        mine = select(Membership.group_id).where(active(Membership.user_id == caller.user_id))
        here = select(Group).where(Group.guild_id == caller.guild_id, Group.id.in_(mine))
        async with self._database.read() as session:
            groups = (await session.scalars(here.order_by(Group.name_key, Group.id))).all()
        wanted = name_key(typed)
        found = [group for group in groups if wanted in group.name_key]
        return sorted(found, key=lambda group: group.archived_at is not None)[:limit]

    async def suggestions(self, *, guild_id: int, typed: str, limit: int) -> list[Group]:
        async with self._database.read() as session:
            groups = await active_groups(session, guild_id)
        wanted = name_key(typed)
        return [group for group in groups if wanted in group.name_key][:limit]

    async def _wanted(
        self, session: AsyncSession, caller: Caller, typed: str | None, group_id: int | None
    ) -> Group:
        if group_id is None:
            return await find_group(session, caller=caller, typed=typed)
        return await open_group(session, caller=caller, group_id=group_id)

    async def _refuse_taken_name(self, session: AsyncSession, guild_id: int, name: str) -> None:
        taken = await session.scalar(
            select(Group.name).where(
                Group.guild_id == guild_id, Group.name_key == name_key(name), Group.archived_at.is_(None)
            )
        )
        if taken is not None:
            raise GroupNameTaken(name=taken)

    async def _facts(self, session: AsyncSession, group: Group, user_id: int) -> GroupFacts:
        members = await session.scalar(
            select(func.count()).select_from(Membership).where(active(Membership.group_id == group.id))
        )
        coming = await next_meetup(session, group.id, now=self._clock())
        joined = await is_member(session, group_id=group.id, user_id=user_id)
        goal = await goal_progress(session, group, now=self._clock())
        return GroupFacts(group=group, members=members or 0, next_meetup=coming, joined=joined, goal=goal)


async def next_meetup(session: AsyncSession, group_id: int, *, now: datetime) -> Occurrence | None:
    """The group's next date that takes place, or the one that is on."""
    return await session.scalar(
        select(Occurrence)
        .join(Meetup)
        .where(
            Meetup.group_id == group_id,
            Occurrence.state == OccurrenceState.PLANNED,
            Occurrence.ends_at > now,
        )
        .order_by(Occurrence.starts_at, Occurrence.id)
        .limit(1)
    )
