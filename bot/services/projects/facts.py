"""A project with its log, as it is shown."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.packs import Capstone
from bot.db.models import Group, Membership, Project, ProjectEntry, ProjectStage, ProjectState
from bot.delivery.ledger import Claimed
from bot.services.activity import QUIET


@dataclass(frozen=True, kw_only=True)
class ProjectFacts:
    """A project at the instant `now`, and its log, oldest first.

    `name` is the owner's in this server, for pictures; None when they never did anything under one.
    `is_member` says whether they are in the project's group.
    """

    project: Project
    group: Group
    entries: tuple[ProjectEntry, ...]
    name: str | None
    is_member: bool
    now: datetime

    @property
    def is_quiet(self) -> bool:
        """Whether it is time for a kind question: the project is active, its owner still in the group, and
        they gave no sign of life for two weeks.
        """
        return (
            self.project.state is ProjectState.ACTIVE
            and self.is_member
            and self.group.archived_at is None
            and self.now - self.project.updated_at >= QUIET
        )

    def reached_at(self, stage: ProjectStage) -> datetime | None:
        """When the project first came to this stage."""
        return next((entry.at for entry in self.entries if entry.stage is stage), None)

    def is_milestone(self, entry: ProjectEntry) -> bool:
        """Whether this entry moved the project to a stage where it had never been."""
        first = next((other for other in self.entries if other.stage is entry.stage), entry)
        return entry.stage is not None and first.id == entry.id


@dataclass(frozen=True, kw_only=True)
class Step:
    """One act on a project: where it stands now, and the entry that its log got.

    `delivery` is the public post about it when the command's own answer is that post: claimed, to be settled
    once Discord has the answer. `capstone` is the course's, when it is open and this project could be it.
    `quiet` as `note_activity` returns it.
    """

    facts: ProjectFacts
    entry: ProjectEntry
    delivery: Claimed | None
    capstone: Capstone | None
    quiet: timedelta | None


async def load_facts(session: AsyncSession, project: Project, *, now: datetime) -> ProjectFacts:
    group = await session.get_one(Group, project.group_id)
    membership = await session.get(Membership, (group.id, project.user_id))
    entries = await session.scalars(
        select(ProjectEntry).where(ProjectEntry.project_id == project.id).order_by(ProjectEntry.id)
    )
    return ProjectFacts(
        project=project,
        group=group,
        entries=tuple(entries),
        name=membership.name if membership is not None else None,
        is_member=membership is not None and membership.left_at is None,
        now=now,
    )
