"""Where one member stands in the group's course, lesson by lesson, and when the group meets for which."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.pace import capstone_opens_at
from bot.courses.packs import Lesson, Pack
from bot.db.models import Group, LessonMark, Occurrence, OccurrenceState, Stage
from bot.services.courses.runs import lesson_dates, newest_run
from bot.services.lessons.ladder import height


@dataclass(frozen=True, kw_only=True)
class LessonState:
    """One lesson, the member's marks on it from the bottom of the ladder up, and its date with the group."""

    lesson: Lesson
    marks: tuple[LessonMark, ...]
    meets: Occurrence | None

    @property
    def completed_at(self) -> datetime | None:
        """When the first of its stages began to count; None while none does."""
        return min((mark.counts_at for mark in self.marks if mark.counts_at is not None), default=None)

    @property
    def next_stage(self) -> Stage | None:
        """The lowest stage still to do; watching is none, for it completes nothing."""
        marked = {Stage.WATCHED, *(mark.stage for mark in self.marks)}
        return next((stage for stage in Stage if stage not in marked), None)

    def mark(self, stage: Stage) -> LessonMark | None:
        return next((mark for mark in self.marks if mark.stage is stage), None)


@dataclass(frozen=True, kw_only=True)
class CourseState:
    """The whole course as one member stands in it at the instant `now`."""

    group: Group
    pack: Pack
    lessons: tuple[LessonState, ...]
    now: datetime

    @property
    def completed(self) -> int:
        return sum(state.completed_at is not None for state in self.lessons)

    @property
    def capstone_is_open(self) -> bool:
        return self.pack.capstone is not None and self.completed >= capstone_opens_at(self.pack)

    @property
    def next(self) -> LessonState | None:
        """The first lesson that is not completed; None when all are."""
        return next((state for state in self.lessons if state.completed_at is None), None)

    @property
    def planned_done(self) -> int | None:
        """How many lessons the group has met for; None when no lesson has a date."""
        dates = [state.meets for state in self.lessons if state.meets is not None]
        return sum(date.ends_at <= self.now for date in dates) if dates else None

    def of(self, lesson: Lesson) -> LessonState:
        return next(state for state in self.lessons if state.lesson.id == lesson.id)


async def load_course(
    session: AsyncSession, *, group: Group, pack: Pack, user_id: int, now: datetime
) -> CourseState:
    """As of this transaction."""
    marks: dict[str, list[LessonMark]] = defaultdict(list)
    mine = select(LessonMark).where(
        LessonMark.group_id == group.id, LessonMark.user_id == user_id, LessonMark.pack == pack.id
    )
    for mark in await session.scalars(mine.execution_options(populate_existing=True)):
        marks[mark.lesson].append(mark)
    dates: dict[str, Occurrence] = {}
    run = await newest_run(session, group.id)
    if run is not None and run.pack == pack.id:
        for date in await lesson_dates(session, run=run, pack=pack, now=now):
            if date.found.occurrence.state is OccurrenceState.PLANNED:
                dates[date.lesson_id] = date.found.occurrence
    states = tuple(
        LessonState(
            lesson=lesson,
            marks=tuple(sorted(marks[lesson.id], key=lambda mark: height(mark.stage))),
            meets=dates.get(lesson.id),
        )
        for lesson in pack.lessons
    )
    return CourseState(group=group, pack=pack, lessons=states, now=now)
