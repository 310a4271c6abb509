"""What members did with the lessons: marked, verified by others, taken back."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.courses.pace import capstone_opens_at
from bot.courses.packs import Lesson, Pack
from bot.db.engine import Database
from bot.db.models import Delivery, Group, LessonMark, Membership, Stage
from bot.db.types import name_key
from bot.delivery.ledger import Claimed, Ledger, Outgoing
from bot.errors import (
    AlreadyMarked,
    AlreadyVerified,
    EvidenceNeeded,
    NeverMarked,
    NoCourse,
    NothingToVerify,
    NotShown,
    OwnMark,
    SamePairAgain,
    StudyError,
    UnknownCourse,
    UnknownLesson,
)
from bot.services.access import Caller, find_group, require_member
from bot.services.activity import note_activity
from bot.services.courses import find_pack, pack_of
from bot.services.lessons.course import CourseState, load_course
from bot.services.lessons.ladder import NEED_VERIFYING, POINTS, counts_from
from bot.services.links import checked_link

POST = "lesson_post"


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A stage that was just marked; `course` is where the member stands now.

    `delivery` is the public post that asks others to look, claimed: the caller sends it at once. `quiet` as
    `note_activity` returns it.
    """

    mark: LessonMark
    lesson: Lesson
    course: CourseState
    opened_capstone: bool
    delivery: Claimed | None
    quiet: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Undone:
    """What was taken back, and where its posts (channel and message) stand."""

    mark: LessonMark
    lesson: Lesson
    course: CourseState
    posts: tuple[tuple[int, int], ...]
    quiet: timedelta | None


@dataclass(frozen=True, kw_only=True)
class PostFacts:
    """What a public post shows. `lesson` is None when its course pack is gone."""

    mark: LessonMark
    group: Group
    lesson: Lesson | None
    opened_capstone: bool = False


@dataclass(frozen=True, kw_only=True)
class Verified:
    post: PostFacts
    quiet: timedelta | None


class LessonService:
    def __init__(
        self,
        database: Database,
        *,
        ledger: Ledger,
        library: CourseLibrary,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._library = library
        self._clock = clock

    async def done(
        self,
        *,
        caller: Caller,
        typed: str | None,
        lesson: str,
        stage: Stage,
        evidence: str | None,
        channel_id: int | None,
    ) -> Marked:
        """Mark one stage of a lesson of the group's course; nothing below it is implied.

        What others have to verify gets a post in `channel_id`, where the command was used. Raises BadLink,
        EvidenceNeeded, UnknownGroup, NoGroupHere, NotAMember, NoCourse, UnknownLesson, AlreadyMarked.
        """
        link = checked_link("evidence", evidence) if evidence is not None else None
        if link is None and stage in NEED_VERIFYING:
            raise EvidenceNeeded(stage=stage)
        now = self._clock()
        async with self._database.write() as session:
            group, pack, quiet = await self._begin(session, caller, typed, now)
            found = _lesson(pack, lesson)
            before = await load_course(session, group=group, pack=pack, user_id=caller.user_id, now=now)
            known = before.of(found).mark(stage)
            if known is not None:
                raise AlreadyMarked(lesson=found.title, stage=stage, marked_at=known.marked_at)
            mark = LessonMark(
                group_id=group.id,
                user_id=caller.user_id,
                pack=pack.id,
                version=pack.version,
                lesson=found.id,
                stage=stage,
                points=POINTS[stage],
                evidence=link,
                marked_at=now,
                counts_at=counts_from(stage, marked_at=now),
            )
            session.add(mark)
            await session.flush()
            delivery = None
            if stage in NEED_VERIFYING:
                delivery = await self._ledger.plan_claimed(
                    session, _post(mark, group, channel_id or group.channel_id, now)
                )
            course = await load_course(session, group=group, pack=pack, user_id=caller.user_id, now=now)
            return Marked(
                mark=mark,
                lesson=found,
                course=course,
                opened_capstone=_opened_capstone(course, mark),
                delivery=delivery,
                quiet=quiet,
            )

    async def undo(self, *, caller: Caller, typed: str | None, lesson: str, stage: Stage | None) -> Undone:
        """Take back exactly one stage, the highest that is marked when `stage` is None: all is as before it.

        Raises UnknownGroup, NoGroupHere, NotAMember, NoCourse, UnknownLesson, NeverMarked.
        """
        now = self._clock()
        async with self._database.write() as session:
            group, pack, quiet = await self._begin(session, caller, typed, now)
            found = _lesson(pack, lesson)
            before = await load_course(session, group=group, pack=pack, user_id=caller.user_id, now=now)
            state = before.of(found)
            mark = state.mark(stage) if stage is not None else next(reversed(state.marks), None)
            if mark is None:
                raise NeverMarked(lesson=found.title, stage=stage)
            posts = await session.execute(
                select(Delivery.message_channel_id, Delivery.message_id).where(
                    Delivery.subject == _subject(mark.id), Delivery.message_id.is_not(None)
                )
            )
            standing = tuple((channel, message) for channel, message in posts if channel and message)
            await session.delete(mark)
            await session.flush()
            course = await load_course(session, group=group, pack=pack, user_id=caller.user_id, now=now)
            return Undone(mark=mark, lesson=found, course=course, posts=standing, quiet=quiet)

    async def verify(self, *, caller: Caller, mark_id: int) -> Verified:
        """Confirm another member's work, which counts from now on. Of several at once, the first one does.

        Raises NothingToVerify (also for other servers' marks), OwnMark, NotAMember, AlreadyVerified;
        SamePairAgain when the caller was the last to verify this member in this group.
        """
        now = self._clock()
        async with self._database.write() as session:
            known, group = await _posted(session, mark_id, guild_id=caller.guild_id)
            if group.archived_at is not None:
                raise NothingToVerify
            if known.user_id == caller.user_id:
                raise OwnMark
            await require_member(session, group, caller.user_id)
            quiet = await note_activity(session, group_id=group.id, caller=caller, now=now)
            mark = await _locked(session, known)
            if mark.verified_by is not None:
                raise AlreadyVerified(verified_by=mark.verified_by)
            if await _last_verifier(session, mark) == caller.user_id:
                raise SamePairAgain(owner_id=mark.user_id)
            mark.verified_by, mark.verified_at, mark.counts_at = caller.user_id, now, now
            await session.flush()
            post = await self._facts(session, mark, group)
            with suppress(NoCourse):
                pack = await pack_of(session, self._library, group)
                course = await load_course(session, group=group, pack=pack, user_id=mark.user_id, now=now)
                post = replace(post, opened_capstone=_opened_capstone(course, mark))
            return Verified(post=post, quiet=quiet)

    async def post(self, mark_id: int, *, guild_id: int | None) -> PostFacts | None:
        """What the public post of a mark shows now; None when it was taken back, or is another server's."""
        async with self._database.read() as session:
            with suppress(NothingToVerify):
                return await self._facts(session, *await _posted(session, mark_id, guild_id=guild_id))
        return None

    async def note_post(self, *, mark_id: int, channel_id: int, message_id: int) -> None:
        """This message is the mark's post."""
        async with self._database.write() as session:
            await session.execute(
                update(LessonMark)
                .where(LessonMark.id == mark_id)
                .values(post_channel_id=channel_id, post_message_id=message_id)
            )

    async def course(self, *, caller: Caller, typed: str | None, member_id: int | None = None) -> CourseState:
        """Where the caller stands, or another member of the group whom its boards show.

        Raises UnknownGroup, NoGroupHere, NotAMember, NoCourse, NotShown.
        """
        user_id = member_id if member_id is not None else caller.user_id
        async with self._database.read() as session:
            group = await find_group(session, caller=caller, typed=typed)
            await require_member(session, group, caller.user_id)
            if user_id != caller.user_id:
                other = await session.get(Membership, (group.id, user_id))
                if other is None or other.left_at is not None or other.hidden:
                    raise NotShown(user_id=user_id, group=group.name)
            pack = await pack_of(session, self._library, group)
            return await load_course(session, group=group, pack=pack, user_id=user_id, now=self._clock())

    async def suggestions(
        self, *, caller: Caller, group: str | None, typed: str, limit: int
    ) -> tuple[Pack, list[Lesson]] | None:
        """Lessons of the group's course that contain what was typed; None where no course can be told."""
        async with self._database.read() as session:
            try:
                pack = await pack_of(
                    session, self._library, await find_group(session, caller=caller, typed=group)
                )
            except StudyError:
                return None
        wanted, exact = name_key(typed), pack.find(typed)
        found = [
            lesson
            for lesson in pack.lessons
            if lesson is exact or wanted in name_key(f"{lesson.number}. {lesson.title}")
        ]
        return pack, found[:limit]

    async def _begin(
        self, session: AsyncSession, caller: Caller, typed: str | None, now: datetime
    ) -> tuple[Group, Pack, timedelta | None]:
        """The group and its course, for a member of it, and how long they were quiet.

        Noting the activity locks the membership: whatever one member does in a group happens one by one.
        """
        group = await find_group(session, caller=caller, typed=typed)
        await require_member(session, group, caller.user_id)
        quiet = await note_activity(session, group_id=group.id, caller=caller, now=now)
        return group, await pack_of(session, self._library, group), quiet

    async def _facts(self, session: AsyncSession, mark: LessonMark, group: Group) -> PostFacts:
        lesson = None
        with suppress(UnknownCourse):
            version = f"{mark.pack}@{mark.version}"
            pack = await find_pack(session, self._library, guild_id=group.guild_id, typed=version)
            lesson = pack.lesson(mark.lesson)
        return PostFacts(mark=mark, group=group, lesson=lesson)


def _lesson(pack: Pack, typed: str) -> Lesson:
    found = pack.find(typed)
    if found is None:
        raise UnknownLesson(typed=typed[:100], course=pack.title)
    return found


def _subject(mark_id: int) -> str:
    return f"lesson:{mark_id}"


def _post(mark: LessonMark, group: Group, channel_id: int, now: datetime) -> Outgoing:
    return Outgoing(
        key=f"lesson:{mark.id}",
        kind=POST,
        subject=_subject(mark.id),
        due_at=now,
        guild_id=group.guild_id,
        channel_id=channel_id,
        refs={"mark": mark.id},
        fallback=(group.channel_id,) if group.channel_id != channel_id else (),
    )


def _opened_capstone(course: CourseState, mark: LessonMark) -> bool:
    """Whether this mark completed the lesson that opened the capstone."""
    if course.pack.capstone is None or course.completed != capstone_opens_at(course.pack):
        return False
    return any(
        [one.id for one in state.marks if one.counts_at is not None] == [mark.id] for state in course.lessons
    )


async def _posted(session: AsyncSession, mark_id: int, *, guild_id: int | None) -> tuple[LessonMark, Group]:
    """A mark that others can verify, and its group in this server. Raises NothingToVerify."""
    mark = await session.get(LessonMark, mark_id)
    group = await session.get(Group, mark.group_id) if mark is not None else None
    if mark is None or group is None or group.guild_id != guild_id or mark.stage not in NEED_VERIFYING:
        raise NothingToVerify
    return mark, group


async def _locked(session: AsyncSession, mark: LessonMark) -> LessonMark:
    """The mark as it is now, with all of its owner's in the group locked: who verified them last cannot
    change meanwhile. Raises NothingToVerify when it has just been taken back.
    """
    theirs = (
        select(LessonMark)
        .where(LessonMark.group_id == mark.group_id, LessonMark.user_id == mark.user_id)
        .order_by(LessonMark.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for one in await session.scalars(theirs):
        if one.id == mark.id:
            return one
    raise NothingToVerify


async def _last_verifier(session: AsyncSession, mark: LessonMark) -> int | None:
    """Who verified this mark's owner last in this group."""
    return await session.scalar(
        select(LessonMark.verified_by)
        .where(
            LessonMark.group_id == mark.group_id,
            LessonMark.user_id == mark.user_id,
            LessonMark.verified_at.is_not(None),
        )
        .order_by(LessonMark.verified_at.desc(), LessonMark.id.desc())
        .limit(1)
    )
