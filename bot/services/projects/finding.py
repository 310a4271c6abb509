"""Which project is meant, and which ones a member may see."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Exists, Select, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Group, Membership, Project, ProjectState
from bot.db.types import name_key
from bot.errors import (
    NoActiveProject,
    NoProjects,
    NothingToResume,
    UnknownProject,
    WhichProject,
    WrongProjectState,
)
from bot.services.access import Caller, active

#: What can be taken up again; only what is shipped is closed for good.
RESUMABLE = frozenset({ProjectState.PAUSED, ProjectState.DROPPED})
UNFINISHED = frozenset({ProjectState.ACTIVE, ProjectState.PAUSED})
MOST_IN_GALLERY = 60
MOST_SEARCHED = 1000


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A group's projects, shipped, active, paused, the newest of each first: the first of `total`."""

    group: Group
    projects: tuple[Project, ...]
    total: int


async def find_own(
    session: AsyncSession, *, caller: Caller, typed: str | None, states: Collection[ProjectState]
) -> Project:
    """The caller's own project that is in one of these states, locked: by its id, else by its title.

    Without either it is the active one, or, where that is not asked for, the only paused one. Raises
    UnknownProject, for others' ids no differently than for ids that never were, WrongProjectState,
    NoActiveProject, NothingToResume, WhichProject.
    """
    mine = await session.scalars(
        select(Project)
        .where(Project.guild_id == caller.guild_id, Project.user_id == caller.user_id)
        .order_by(Project.id.desc())
        .with_for_update()
    )
    projects = mine.all()
    if typed is None:
        return _meant(projects, states)
    named = _named(projects, typed)
    project = next((one for one in named if one.state in states), named[0])
    if project.state not in states:
        raise WrongProjectState(title=project.title, state=project.state)
    return project


async def find_shown(
    session: AsyncSession, *, caller: Caller, typed: str | None, owner_id: int | None
) -> Project:
    """A project that the caller may see: by its id or title, else the active or newest one of `owner_id`, who
    is the caller unless told otherwise. Raises UnknownProject, NoProjects.
    """
    query = visible(caller)
    if typed is None or owner_id is not None:
        query = query.where(Project.user_id == (owner_id or caller.user_id))
    projects = (await session.scalars(query.order_by(*_likeliest(caller)).limit(MOST_SEARCHED))).all()
    if typed is not None:
        return _named(projects, typed)[0]
    if not projects:
        raise NoProjects(user_id=owner_id or caller.user_id)
    return projects[0]


async def load_gallery(session: AsyncSession, group: Group) -> Gallery:
    """Without what was dropped, and without the projects of those who are not in the group."""
    shown = (Project.group_id == group.id, Project.state != ProjectState.DROPPED, _owner_is_member())
    rank = case(
        (Project.state == ProjectState.SHIPPED, 0), (Project.state == ProjectState.ACTIVE, 1), else_=2
    )
    newest = func.coalesce(Project.finished_at, Project.updated_at).desc()
    projects = await session.scalars(
        select(Project).where(*shown).order_by(rank, newest, Project.id.desc()).limit(MOST_IN_GALLERY)
    )
    total = await session.scalar(select(func.count()).select_from(Project).where(*shown))
    return Gallery(group=group, projects=tuple(projects), total=total or 0)


async def suggestions(
    session: AsyncSession,
    *,
    caller: Caller,
    typed: str,
    states: Collection[ProjectState] | None,
    limit: int,
) -> list[Project]:
    """For autocomplete: the caller's own in these states; with None, everything that they may see."""
    query = visible(caller)
    if states is not None:
        query = query.where(Project.user_id == caller.user_id, Project.state.in_(states))
    found = await session.scalars(query.order_by(*_likeliest(caller)).limit(MOST_SEARCHED))
    wanted = name_key(typed)
    return [project for project in found if wanted in name_key(project.title)][:limit]


def visible(caller: Caller) -> Select[Project]:
    """The caller's own projects in this server, and those of others who are in their project's group and have
    not dropped it: whoever leaves keeps nothing public.
    """
    theirs = (Project.state != ProjectState.DROPPED) & _owner_is_member()
    return select(Project).where(
        Project.guild_id == caller.guild_id, or_(Project.user_id == caller.user_id, theirs)
    )


def _owner_is_member() -> Exists:
    return exists().where(
        active(Membership.group_id == Project.group_id), Membership.user_id == Project.user_id
    )


def _likeliest(caller: Caller) -> tuple[ColumnElement[Any], ...]:
    """One's own first, what goes on before what does not, what was dropped last, then the newest."""
    own = case((Project.user_id == caller.user_id, 0), else_=1)
    state = case(
        (Project.state == ProjectState.ACTIVE, 0), (Project.state == ProjectState.DROPPED, 2), else_=1
    )
    return own, state, Project.updated_at.desc(), Project.id.desc()


def _meant(projects: Sequence[Project], states: Collection[ProjectState]) -> Project:
    """Which one is meant by somebody who names none."""
    if ProjectState.ACTIVE in states:
        for project in projects:
            if project.state is ProjectState.ACTIVE:
                return project
        raise NoActiveProject(resumable=_titles(projects))
    paused = [project for project in projects if project.state is ProjectState.PAUSED]
    if not paused:
        raise NothingToResume
    if len(paused) > 1:
        raise WhichProject(titles=_titles(projects))
    return paused[0]


def _titles(projects: Sequence[Project]) -> tuple[str, ...]:
    return tuple(project.title for project in projects if project.state is ProjectState.PAUSED)


def _named(projects: Sequence[Project], typed: str) -> list[Project]:
    """Those with this id, else those with this title; at least one, or UnknownProject."""
    wanted = typed.strip()
    named = [project for project in projects if str(project.id) == wanted] or [
        project for project in projects if name_key(project.title) == name_key(wanted)
    ]
    if not named:
        raise UnknownProject(typed=typed[:100])
    return named
