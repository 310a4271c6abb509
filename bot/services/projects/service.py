"""The use cases of projects: each method is one transaction."""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.courses.packs import Capstone
from bot.db.engine import Database
from bot.db.models import EntryKind, Group, Project, ProjectEntry, ProjectStage, ProjectState
from bot.delivery.ledger import Ledger
from bot.errors import ActiveProject, AskedLately, GroupArchived, NoCourse, ProjectGone
from bot.services.access import Caller, find_group, require_member
from bot.services.activity import note_activity
from bot.services.courses import pack_of
from bot.services.lessons import load_course
from bot.services.links import checked_link
from bot.services.projects import finding, saying
from bot.services.projects.facts import ProjectFacts, Step, load_facts
from bot.services.projects.finding import RESUMABLE, UNFINISHED, Gallery, find_own
from bot.services.text import clean_text

TITLE_LIMIT = 100
GOAL_LIMIT = 300
TEXT_LIMIT = 1000
#: How long a question to the group stands before the next one.
ASK_AGAIN_AFTER = timedelta(days=1)
ACTIVE = frozenset({ProjectState.ACTIVE})


class ProjectService:
    """Where a method takes `answer_in`, that is the channel in which its command will be answered."""

    def __init__(
        self, database: Database, *, library: CourseLibrary, ledger: Ledger, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._library = library
        self._ledger = ledger
        self._clock = clock

    async def start(
        self, *, caller: Caller, group: str | None, title: str, goal: str, repo: str | None, answer_in: int
    ) -> Step:
        """Begin a project; the answer is its post.

        Raises ActiveProject, BadText, BadLink, NotAMember, UnknownGroup, NoGroupHere.
        """
        title = clean_text("title", title, limit=TITLE_LIMIT)
        goal = clean_text("goal", goal, limit=GOAL_LIMIT)
        link = checked_link("repo", repo) if repo is not None else None
        async with self._database.write() as session:
            now = self._clock()
            home = await find_group(session, caller=caller, typed=group)
            await require_member(session, home, caller.user_id)
            project = Project(
                guild_id=home.guild_id,
                group_id=home.id,
                user_id=caller.user_id,
                title=title,
                goal=goal,
                repo=link,
                stage=ProjectStage.IDEA,
                started_at=now,
                updated_at=now,
            )
            await _make_active(session, project)
            capstone = await self._open_capstone(session, home, caller.user_id)
            entry = ProjectEntry(kind=EntryKind.STARTED, text=goal, stage=ProjectStage.IDEA)
            return await self._record(
                session, caller, project, entry, post_in=answer_in, answers=True, capstone=capstone
            )

    async def update(
        self,
        *,
        caller: Caller,
        typed: str | None,
        text: str,
        stage: ProjectStage | None = None,
        link: str | None = None,
        has_image: bool = False,
        answer_in: int | None = None,
    ) -> Step:
        """Add to the log of one's active project, and move it to `stage`. The answer is the post about it;
        without `answer_in` the ledger posts it in the group's channel.

        Raises BadText, BadLink, GroupArchived, NotAMember, and as `find_own` does.
        """
        text = clean_text("text", text, limit=TEXT_LIMIT, lines=True)
        link = checked_link("link", link) if link is not None else None
        async with self._database.write() as session:
            project, group = await self._with_group(session, caller, typed, ACTIVE)
            moved = stage if stage is not project.stage else None
            project.stage = stage or project.stage
            entry = ProjectEntry(
                kind=EntryKind.UPDATE, text=text, stage=moved, link=link, has_image=has_image
            )
            return await self._record(
                session,
                caller,
                project,
                entry,
                post_in=answer_in or group.channel_id,
                answers=answer_in is not None,
            )

    async def ask(self, *, caller: Caller, typed: str, text: str) -> Step:
        """Call for help with an active project in its group's channel, through the ledger.

        Raises AskedLately within a day of the last time, BadText, GroupArchived, NotAMember, and as
        `find_own` does.
        """
        text = clean_text("text", text, limit=TEXT_LIMIT)
        async with self._database.write() as session:
            project, group = await self._with_group(session, caller, typed, ACTIVE)
            asked = select(func.max(ProjectEntry.at, type_=ProjectEntry.at.type)).where(
                ProjectEntry.project_id == project.id, ProjectEntry.kind == EntryKind.QUESTION
            )
            asked_at = await session.scalar(asked)
            if asked_at is not None and self._clock() - asked_at < ASK_AGAIN_AFTER:
                raise AskedLately(title=project.title, asked_at=asked_at)
            entry = ProjectEntry(kind=EntryKind.QUESTION, text=text)
            return await self._record(session, caller, project, entry, post_in=group.channel_id)

    async def ship(self, *, caller: Caller, typed: str | None, link: str | None, answer_in: int) -> Step:
        """Finish a project, active or paused, and announce it in its group's channel: by the answer when the
        command was used there, else through the ledger.

        Raises BadLink, GroupArchived, NotAMember, and as `find_own` does.
        """
        link = checked_link("link", link) if link is not None else None
        async with self._database.write() as session:
            project, group = await self._with_group(session, caller, typed, UNFINISHED)
            project.state = ProjectState.SHIPPED
            project.finished_at = self._clock()
            project.link = link
            entry = ProjectEntry(kind=EntryKind.SHIPPED, text="", link=link)
            here = answer_in == group.channel_id
            return await self._record(session, caller, project, entry, post_in=group.channel_id, answers=here)

    async def resume(self, *, caller: Caller, typed: str | None) -> Step:
        """Take up a project that was paused or dropped.

        Raises ActiveProject, GroupArchived, NotAMember, and as `find_own` does.
        """
        async with self._database.write() as session:
            project, _ = await self._with_group(session, caller, typed, RESUMABLE)
            await _make_active(session, project)
            project.finished_at = None
            return await self._record(session, caller, project, ProjectEntry(kind=EntryKind.RESUMED, text=""))

    async def pause(self, *, caller: Caller, typed: str | None = None) -> Step:
        """Let the active project rest; also for those who have left its group. Raises as `find_own` does."""
        async with self._database.write() as session:
            project = await find_own(session, caller=caller, typed=typed, states=ACTIVE)
            project.state = ProjectState.PAUSED
            return await self._record(session, caller, project, ProjectEntry(kind=EntryKind.PAUSED, text=""))

    async def drop(self, *, caller: Caller, typed: str | None) -> Step:
        """Give up an active or paused project; also for those who have left its group. Raises as `find_own`
        does.
        """
        async with self._database.write() as session:
            project = await find_own(session, caller=caller, typed=typed, states=UNFINISHED)
            project.state = ProjectState.DROPPED
            project.finished_at = self._clock()
            return await self._record(session, caller, project, ProjectEntry(kind=EntryKind.DROPPED, text=""))

    async def show(self, *, caller: Caller, typed: str | None, owner_id: int | None) -> ProjectFacts:
        """Raises UnknownProject, NoProjects."""
        async with self._database.read() as session:
            project = await finding.find_shown(session, caller=caller, typed=typed, owner_id=owner_id)
            return await load_facts(session, project, now=self._clock())

    async def look(self, *, caller: Caller, project_id: int) -> ProjectFacts:
        """The project behind a button; raises ProjectGone when the caller may not see it."""
        async with self._database.read() as session:
            project = await session.scalar(finding.visible(caller).where(Project.id == project_id))
            if project is None:
                raise ProjectGone
            return await load_facts(session, project, now=self._clock())

    async def gallery(self, *, caller: Caller, typed: str | None) -> Gallery:
        """Raises UnknownGroup, NoGroupHere."""
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            return await finding.load_gallery(session, group)

    async def suggestions(
        self, *, caller: Caller, typed: str, states: Collection[ProjectState] | None, limit: int
    ) -> list[Project]:
        """See `finding.suggestions`."""
        async with self._database.read() as session:
            return await finding.suggestions(session, caller=caller, typed=typed, states=states, limit=limit)

    async def own(self, *, user_id: int, project_id: int) -> Project:
        """The member's own project behind a button, wherever it stands; raises ProjectGone for others'."""
        async with self._database.read() as session:
            project = await session.get(Project, project_id)
        if project is None or project.user_id != user_id:
            raise ProjectGone
        return project

    async def facts(self, project_id: int) -> ProjectFacts | None:
        """For what the bot says by itself."""
        async with self._database.read() as session:
            project = await session.get(Project, project_id)
            return await load_facts(session, project, now=self._clock()) if project is not None else None

    async def adopt_posts(self) -> None:
        """Learn from the ledger where the posts stand that it sent."""
        async with self._database.write() as session:
            await saying.adopt_posts(session, now=self._clock())

    async def _with_group(
        self, session: AsyncSession, caller: Caller, typed: str | None, states: Collection[ProjectState]
    ) -> tuple[Project, Group]:
        """The caller's own project, for what only members of its group may do."""
        project = await find_own(session, caller=caller, typed=typed, states=states)
        group = await session.get_one(Group, project.group_id)
        if group.archived_at is not None:
            raise GroupArchived(name=group.name)
        await require_member(session, group, caller.user_id)
        return project, group

    async def _record(
        self,
        session: AsyncSession,
        caller: Caller,
        project: Project,
        entry: ProjectEntry,
        *,
        post_in: int | None = None,
        answers: bool = False,
        capstone: Capstone | None = None,
    ) -> Step:
        """Write the entry into the log, and let the quiet spell begin anew that leads to the next nudge.

        With `post_in` the entry has a public post in that channel; with `answers` the command's answer is it.
        """
        now = self._clock()
        entry.project_id, entry.at = project.id, now
        project.updated_at = now
        session.add(entry)
        await session.flush()
        subject = saying.subject_of(project.id)
        await self._ledger.skip(session, subject=subject, kinds=(saying.NUDGE,), reason=entry.kind)
        if project.state is ProjectState.ACTIVE:
            await self._ledger.plan(session, saying.nudge_row(project, entry))
        delivery = None
        if post_in is not None:
            post = saying.post_row(project, entry, channel_id=post_in)
            if answers:
                delivery = await self._ledger.plan_claimed(session, post)
            else:
                await self._ledger.plan(session, post)
        quiet = await note_activity(session, group_id=project.group_id, caller=caller, now=now)
        facts = await load_facts(session, project, now=now)
        return Step(facts=facts, entry=entry, delivery=delivery, capstone=capstone, quiet=quiet)

    async def _open_capstone(self, session: AsyncSession, group: Group, user_id: int) -> Capstone | None:
        """The course's, when enough of it is done; whoever has shipped something here has done that too."""
        shipped = exists().where(
            Project.group_id == group.id,
            Project.user_id == user_id,
            Project.state == ProjectState.SHIPPED,
        )
        if await session.scalar(select(shipped)):
            return None
        with suppress(NoCourse):
            pack = await pack_of(session, self._library, group)
            course = await load_course(session, group=group, pack=pack, user_id=user_id, now=self._clock())
            if course.capstone_is_open:
                return pack.capstone
        return None


async def _make_active(session: AsyncSession, project: Project) -> None:
    """Raises ActiveProject when the owner has one in this server, also when another transaction was first."""
    guild_id, user_id = project.guild_id, project.user_id
    try:
        async with session.begin_nested():
            project.state = ProjectState.ACTIVE
            session.add(project)
    except IntegrityError:
        present = await session.scalar(
            select(Project.title).where(
                Project.guild_id == guild_id,
                Project.user_id == user_id,
                Project.state == ProjectState.ACTIVE,
            )
        )
        raise ActiveProject(title=present or "") from None
