"""What members read about lessons: their own standing, the post that asks others to look, the grid."""

from datetime import datetime
from zoneinfo import ZoneInfo

import discord

from bot.courses.pace import capstone_opens_at
from bot.courses.packs import Lesson
from bot.db.models import LessonMark, Stage
from bot.rendering.cards import Cell, GridLesson, LessonGrid
from bot.services.lessons import NEED_VERIFYING, POINTS, CourseState, LessonState, Marked, PostFacts, Undone
from bot.ui.answers import Reply
from bot.ui.buttons import DurableButton, buttons
from bot.ui.errors import moment
from bot.ui.text import fitting, person, plain, shown

FEATURE = "lesson"
VERIFY = "verify"
OPEN = discord.Colour(0x2F6FED)
VERIFIED = discord.Colour(0x2E9E5B)
# Of an embed's 4,096 characters; the rest is for what stands above the lessons.
LINES_ROOM = 3500
FIELD_LIMIT = 1024

LABELS = {stage: stage.value.replace("_", " ") for stage in Stage}
DID = {
    Stage.REPRODUCED: "reproduced it",
    Stage.OWN_DATA: "did it with their own data",
    Stage.EXPLAINED: "explained it",
}
#: What is left of a post when its author took the mark back.
TAKEN_BACK = Reply("What stood here was taken back by its author.")


def name_of(lesson: Lesson) -> str:
    return f"{lesson.number}. {shown(lesson.title, most=80)}"


def points_words(points: int) -> str:
    return f"{points} points"


# One's own standing


def marked_words(marked: Marked) -> str:
    """The private answer: what it counts for, what comes next, how far the course is."""
    stage, name = marked.mark.stage, name_of(marked.lesson)
    if stage is Stage.WATCHED:
        first = f"Noted: you watched **{name}**. It counts once you ran its notebook yourself."
    else:
        first = f"Noted: you ran **{name}**, which counts {points_words(marked.mark.points)}."
    lines = [first, f"You have completed {progress_words(marked.course)}."]
    if marked.opened_capstone:
        lines.append(opened_words(marked.course))
    lines.append(f"Next stage: {next_words(marked.course.of(marked.lesson))}")
    return "\n".join(lines)


def next_words(state: LessonState) -> str:
    stage = state.next_stage
    if stage is None:
        return "none, that was the last. `/lesson next` shows what comes now."
    command = f"/lesson done lesson:{state.lesson.number} stage:{stage.value}"
    if stage in NEED_VERIFYING:
        return (
            f"**{LABELS[stage]}**, {points_words(POINTS[stage])} once another member has verified it. "
            f"`{command} evidence:` takes a link to your work."
        )
    return f"**{LABELS[stage]}**, {points_words(POINTS[stage])}. `{command}` records it."


def undone_words(undone: Undone) -> str:
    return (
        f"Taken back: **{name_of(undone.lesson)}**, {LABELS[undone.mark.stage]}. "
        f"You have completed {progress_words(undone.course)}."
    )


def progress_words(course: CourseState) -> str:
    return f"**{course.completed} of {len(course.lessons)}** lessons"


def opened_words(course: CourseState) -> str:
    title = f" **{shown(course.pack.capstone.title)}**" if course.pack.capstone is not None else ""
    return f"Half of the course is done, so the capstone{title} is open: `/project start` begins yours."


def capstone_words(course: CourseState) -> str | None:
    """Whether the capstone is open, or how much it takes; None for a course without one."""
    capstone = course.pack.capstone
    if capstone is None:
        return None
    if course.capstone_is_open:
        return f"The capstone **{shown(capstone.title)}** is open: `/project start` begins yours."
    return f"The capstone **{shown(capstone.title)}** opens at {capstone_opens_at(course.pack)} lessons."


def list_embed(course: CourseState) -> discord.Embed:
    embed = discord.Embed(title=f"Your lessons: {shown(course.pack.title)}", colour=OPEN)
    embed.description = "\n".join([*standing_lines(course), "", *lesson_lines(course)])
    return embed


def standing_lines(course: CourseState) -> list[str]:
    counting = [mark.points for state in course.lessons for mark in state.marks if mark.counts_at is not None]
    lines = [f"{progress_words(course)} completed, {points_words(sum(counting))}."]
    if (capstone := capstone_words(course)) is not None:
        lines.append(capstone)
    return lines


def lesson_lines(course: CourseState, *, dates: bool = False) -> list[str]:
    """A line per lesson with the stages that are marked; `dates` adds the day on which the group meets."""
    lines = []
    for state in course.lessons:
        line = f"**{name_of(state.lesson)}**: {stages_words(state)}"
        if dates and state.meets is not None:
            line += f" · group: {day_words(state.meets.starts_at, course.group.timezone)}"
        lines.append(line)
    kept = fitting(lines, room=LINES_ROOM)
    left = len(lines) - len(kept)
    return [*kept, *([f"and {left} more lessons"] if left else [])]


def stages_words(state: LessonState) -> str:
    if not state.marks:
        return "not begun"
    return ", ".join(
        LABELS[mark.stage] + (" (to be verified)" if is_waiting(mark) else "") for mark in state.marks
    )


def is_waiting(mark: LessonMark) -> bool:
    return mark.stage in NEED_VERIFYING and mark.verified_at is None


def next_embed(course: CourseState) -> discord.Embed:
    """The first lesson that is not completed, and everything one needs to begin it."""
    state = course.next
    if state is None:
        embed = discord.Embed(title="You have completed every lesson", colour=VERIFIED)
        embed.description = "\n".join([shown(course.pack.title), *standing_lines(course)])
        return embed
    lesson = state.lesson
    embed = discord.Embed(title=f"Next: {name_of(lesson)}", colour=OPEN)
    embed.description = plain(lesson.summary)
    if lesson.topics:
        topics = ", ".join(fitting([plain(topic) for topic in lesson.topics], room=FIELD_LIMIT, between=", "))
        embed.add_field(name="Topics", value=topics, inline=False)
    links = fitting([f"{plain(link.title)}: {plain(link.url)}" for link in lesson.links], room=FIELD_LIMIT)
    if links:
        embed.add_field(name="Links", value="\n".join(links), inline=False)
    cost = f" and ${lesson.cost:,.2f}".removesuffix(".00") if lesson.cost else ""
    embed.add_field(name="Effort", value=f"{lesson.hours:g} h{cost}")
    embed.add_field(name="So far", value=stages_words(state))
    embed.add_field(name="Group meets for it", value=meeting_words(state, now=course.now), inline=False)
    embed.add_field(name="Next stage", value=next_words(state), inline=False)
    embed.add_field(name="Course", value="\n".join(standing_lines(course)), inline=False)
    return embed


def meeting_words(state: LessonState, *, now: datetime) -> str:
    if state.meets is None:
        return "No meetup is planned for it"
    over = "It met " if state.meets.ends_at <= now else ""
    return over + moment(state.meets.starts_at)


# The grid


def grid(course: CourseState, *, name: str) -> LessonGrid:
    zone = ZoneInfo(course.group.timezone)
    return LessonGrid(
        title=course.pack.title,
        name=name,
        stages=tuple(LABELS.values()),
        lessons=tuple(
            GridLesson(
                number=state.lesson.number,
                title=state.lesson.title,
                cells=tuple(cell(state.mark(stage)) for stage in Stage),
                planned=state.meets.starts_at.astimezone(zone).date() if state.meets is not None else None,
            )
            for state in course.lessons
        ),
        planned_done=course.planned_done,
    )


def cell(mark: LessonMark | None) -> Cell:
    if mark is None:
        return Cell.EMPTY
    return Cell.CLAIMED if is_waiting(mark) else Cell.DONE


def grid_embed(course: CourseState, *, name: str) -> discord.Embed:
    """The same as the picture, in words."""
    embed = discord.Embed(title=f"{shown(name)}: {shown(course.pack.title)}", colour=OPEN)
    lines = standing_lines(course)
    if course.planned_done is not None:
        lines.append(f"The group has met for {course.planned_done} of {len(course.lessons)} lessons.")
    embed.description = "\n".join([*lines, "", *lesson_lines(course, dates=True)])
    return embed


def alternative(course: CourseState, *, name: str) -> str:
    return (
        f"{name} in {course.pack.title}: {course.completed} of {len(course.lessons)} lessons completed. "
        "The text beside this picture names the stages of each."
    )


def day_words(instant: datetime, zone: str) -> str:
    day = instant.astimezone(ZoneInfo(zone))
    return f"{day:%a} {day.day} {day:%b %Y}"


# The public post


def post(facts: PostFacts, *, delivery: int | None = None) -> Reply:
    """Somebody's evidence, with the Verify button as long as nobody has pressed it."""
    mark = facts.mark
    lesson = name_of(facts.lesson) if facts.lesson is not None else shown(mark.lesson)
    embed = discord.Embed(title=f"{lesson}: {LABELS[mark.stage]}", colour=OPEN)
    lines = [f"{person(mark.user_id)} {DID[mark.stage]}: {plain(mark.evidence or '')}"]
    if mark.verified_by is None:
        lines.append(
            f"Any other member of **{shown(facts.group.name)}** can look at it and press Verify; "
            f"it counts {points_words(mark.points)} from then on."
        )
        view = buttons(
            DurableButton(
                FEATURE,
                mark.id,
                VERIFY,
                label="Verify",
                style=discord.ButtonStyle.success,
                delivery=delivery,
            )
        )
    else:
        view = None
        embed.colour = VERIFIED
        lines.append(f"Verified by {person(mark.verified_by)}. It counts {points_words(mark.points)}.")
        if facts.opened_capstone:
            lines.append(f"That is half of the course: the capstone is open for <@{mark.user_id}>.")
    embed.description = "\n".join(lines)
    # An embed shows no preview of the page behind the link: nobody but the reader ever opens it.
    return Reply(embeds=[embed], view=view)
