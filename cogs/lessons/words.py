"""What members read about lessons: their own standing, the post that asks others to look, the grid."""

from datetime import datetime
from zoneinfo import ZoneInfo

import discord

from bot.courses.pace import capstone_opens_at
from bot.courses.packs import Lesson
from bot.db.models import LessonMark, Stage
from bot.locales import N_, _, pgettext
from bot.locales.writing import number
from bot.rendering.cards import Cell, GridLesson, LessonGrid
from bot.services.lessons import NEED_VERIFYING, POINTS, CourseState, LessonState, Marked, PostFacts, Undone
from bot.ui.answers import Reply
from bot.ui.buttons import DurableButton, buttons
from bot.ui.dates import short_date_with_weekday
from bot.ui.moments import moment
from bot.ui.stages import stage_words
from bot.ui.text import fitting, person, plain, shown

FEATURE = "lesson"
VERIFY = "verify"
OPEN = discord.Colour(0x2F6FED)
VERIFIED = discord.Colour(0x2E9E5B)
# Of an embed's 4,096 characters; the rest is for what stands above the lessons.
LINES_ROOM = 3500
FIELD_LIMIT = 1024

DID = {
    Stage.REPRODUCED: N_("{member} reproduced it: {evidence}"),
    Stage.OWN_DATA: N_("{member} did it with their own data: {evidence}"),
    Stage.EXPLAINED: N_("{member} explained it: {evidence}"),
}


def taken_back() -> Reply:
    """What is left of a post when its author took the mark back."""
    return Reply(_("What stood here was taken back by its author."))


def name_of(lesson: Lesson) -> str:
    return f"{lesson.number}. {shown(lesson.title, most=80)}"


def points_words(points: int) -> str:
    return _("{points} points", points=points)


# One's own standing


def marked_words(marked: Marked) -> str:
    """The private answer: what it counts for, what comes next, how far the course is."""
    stage, name = marked.mark.stage, name_of(marked.lesson)
    if stage is Stage.WATCHED:
        lines = [
            _("Noted: you watched **{lesson}**. It counts once you ran its notebook yourself.", lesson=name)
        ]
    else:
        points = points_words(marked.mark.points)
        lines = [_("Noted: you ran **{lesson}**, which counts {points}.", lesson=name, points=points)]
    lines.append(completed_words(marked.course))
    if marked.opened_capstone:
        lines.append(opened_words(marked.course))
    lines.append(_("Next stage: {what}", what=next_words(marked.course.of(marked.lesson))))
    return "\n".join(lines)


def next_words(state: LessonState) -> str:
    stage = state.next_stage
    if stage is None:
        return _("none, that was the last. `/lesson next` shows what comes now.")
    name, points = stage_words(stage), points_words(POINTS[stage])
    command = f"/lesson done lesson:{state.lesson.number} stage:{stage.value}"  # the same in every language
    if stage in NEED_VERIFYING:
        return _(
            "**{stage}**, {points} once another member has verified it. "
            "`{command} evidence:` takes a link to your work.",
            stage=name,
            points=points,
            command=command,
        )
    return _("**{stage}**, {points}. `{command}` records it.", stage=name, points=points, command=command)


def undone_words(undone: Undone) -> str:
    lesson, stage = name_of(undone.lesson), stage_words(undone.mark.stage)
    first = _("Taken back: **{lesson}**, {stage}.", lesson=lesson, stage=stage)
    return f"{first} {completed_words(undone.course)}"


def completed_words(course: CourseState) -> str:
    return _(
        "You have completed **{done} of {all}** lessons.", done=course.completed, all=len(course.lessons)
    )


def opened_words(course: CourseState) -> str:
    capstone = course.pack.capstone
    if capstone is None:
        return _("Half of the course is done, so the capstone is open: `/project start` begins yours.")
    return _(
        "Half of the course is done, so the capstone **{title}** is open: `/project start` begins yours.",
        title=shown(capstone.title),
    )


def capstone_words(course: CourseState) -> str | None:
    """Whether the capstone is open, or how much it takes; None for a course without one."""
    capstone = course.pack.capstone
    if capstone is None:
        return None
    title = shown(capstone.title)
    if course.capstone_is_open:
        return _("The capstone **{title}** is open: `/project start` begins yours.", title=title)
    return _(
        "The capstone **{title}** opens at {count} lessons.",
        title=title,
        count=capstone_opens_at(course.pack),
    )


def list_embed(course: CourseState) -> discord.Embed:
    embed = discord.Embed(title=_("Your lessons: {course}", course=shown(course.pack.title)), colour=OPEN)
    embed.description = "\n".join([*standing_lines(course), "", *lesson_lines(course)])
    return embed


def standing_lines(course: CourseState) -> list[str]:
    counting = [mark.points for state in course.lessons for mark in state.marks if mark.counts_at is not None]
    lines = [
        _(
            "**{done} of {all}** lessons completed, {points}.",
            done=course.completed,
            all=len(course.lessons),
            points=points_words(sum(counting)),
        )
    ]
    if (capstone := capstone_words(course)) is not None:
        lines.append(capstone)
    return lines


def lesson_lines(course: CourseState, *, dates: bool = False) -> list[str]:
    """A line per lesson with the stages that are marked; `dates` adds the day on which the group meets."""
    lines = []
    for state in course.lessons:
        line = f"**{name_of(state.lesson)}**: {stages_words(state)}"
        if dates and state.meets is not None:
            day = day_words(state.meets.starts_at, course.group.timezone)
            line = " · ".join([line, _("group: {day}", day=day)])
        lines.append(line)
    kept = fitting(lines, room=LINES_ROOM)
    left = len(lines) - len(kept)
    return [*kept, *([_("and {left} more lessons", left=left)] if left else [])]


def stages_words(state: LessonState) -> str:
    if not state.marks:
        return _("not begun")
    return ", ".join(
        _("{stage} (to be verified)", stage=stage_words(mark.stage))
        if is_waiting(mark)
        else stage_words(mark.stage)
        for mark in state.marks
    )


def is_waiting(mark: LessonMark) -> bool:
    return mark.stage in NEED_VERIFYING and mark.verified_at is None


def next_embed(course: CourseState) -> discord.Embed:
    """The first lesson that is not completed, and everything one needs to begin it."""
    state = course.next
    if state is None:
        embed = discord.Embed(title=_("You have completed every lesson"), colour=VERIFIED)
        embed.description = "\n".join([shown(course.pack.title), *standing_lines(course)])
        return embed
    lesson = state.lesson
    embed = discord.Embed(title=_("Next: {lesson}", lesson=name_of(lesson)), colour=OPEN)
    embed.description = plain(lesson.summary)
    if lesson.topics:
        topics = ", ".join(fitting([plain(topic) for topic in lesson.topics], room=FIELD_LIMIT, between=", "))
        embed.add_field(name=_("Topics"), value=topics, inline=False)
    links = fitting([f"{plain(link.title)}: {plain(link.url)}" for link in lesson.links], room=FIELD_LIMIT)
    if links:
        embed.add_field(name=_("Links"), value="\n".join(links), inline=False)
    embed.add_field(name=_("Effort"), value=effort_words(lesson))
    embed.add_field(name=_("So far"), value=stages_words(state))
    embed.add_field(name=_("Group meets for it"), value=meeting_words(state, now=course.now), inline=False)
    embed.add_field(name=_("Next stage"), value=next_words(state), inline=False)
    embed.add_field(name=_("Course"), value="\n".join(standing_lines(course)), inline=False)
    return embed


def effort_words(lesson: Lesson) -> str:
    if not lesson.cost:
        return _("{hours:g} h", hours=lesson.hours)
    cost = number(lesson.cost, ",.0f" if round(lesson.cost, 2) == round(lesson.cost) else ",.2f")
    return _("{hours:g} h and ${cost}", hours=lesson.hours, cost=cost)


def meeting_words(state: LessonState, *, now: datetime) -> str:
    if state.meets is None:
        return _("No meetup is planned for it")
    when = moment(state.meets.starts_at)
    return _("It met {when}", when=when) if state.meets.ends_at <= now else when


# The grid


def grid(course: CourseState, *, name: str) -> LessonGrid:
    zone = ZoneInfo(course.group.timezone)
    return LessonGrid(
        title=course.pack.title,
        name=name,
        stages=tuple(column_words(stage) for stage in Stage),
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


def column_words(stage: Stage) -> str:
    """The stage where there is room for about ten letters."""
    match stage:
        case Stage.REPRODUCED:
            return pgettext("narrow column", "reproduced")
        case Stage.OWN_DATA:
            return pgettext("narrow column", "own data")
        case _:
            return stage_words(stage)


def cell(mark: LessonMark | None) -> Cell:
    if mark is None:
        return Cell.EMPTY
    return Cell.CLAIMED if is_waiting(mark) else Cell.DONE


def grid_embed(course: CourseState, *, name: str) -> discord.Embed:
    """The same as the picture, in words."""
    embed = discord.Embed(title=f"{shown(name)}: {shown(course.pack.title)}", colour=OPEN)
    lines = standing_lines(course)
    if course.planned_done is not None:
        met, every = course.planned_done, len(course.lessons)
        lines.append(_("The group has met for {done} of {all} lessons.", done=met, all=every))
    embed.description = "\n".join([*lines, "", *lesson_lines(course, dates=True)])
    return embed


def alternative(course: CourseState, *, name: str) -> str:
    return _(
        "{member} in {course}: {done} of {all} lessons completed. "
        "The text beside this picture names the stages of each.",
        member=name,
        course=course.pack.title,
        done=course.completed,
        all=len(course.lessons),
    )


def day_words(instant: datetime, zone: str) -> str:
    return short_date_with_weekday(instant.astimezone(ZoneInfo(zone)))


# The public post


def post(facts: PostFacts, *, delivery: int | None = None) -> Reply:
    """Somebody's evidence, with the Verify button as long as nobody has pressed it."""
    mark = facts.mark
    lesson = name_of(facts.lesson) if facts.lesson is not None else shown(mark.lesson)
    points = points_words(mark.points)
    embed = discord.Embed(title=f"{lesson}: {stage_words(mark.stage)}", colour=OPEN)
    lines = [_(DID[mark.stage], member=person(mark.user_id), evidence=plain(mark.evidence or ""))]
    if mark.verified_by is None:
        lines.append(
            _(
                "Any other member of **{group}** can look at it and press Verify; "
                "it counts {points} from then on.",
                group=shown(facts.group.name),
                points=points,
            )
        )
        view = buttons(
            DurableButton(
                FEATURE,
                mark.id,
                VERIFY,
                label=_("Verify"),
                style=discord.ButtonStyle.success,
                delivery=delivery,
            )
        )
    else:
        view = None
        embed.colour = VERIFIED
        verifier = person(mark.verified_by)
        lines.append(_("Verified by {member}. It counts {points}.", member=verifier, points=points))
        if facts.opened_capstone:
            author = f"<@{mark.user_id}>"
            lines.append(_("That is half of the course: the capstone is open for {member}.", member=author))
    embed.description = "\n".join(lines)
    # An embed shows no preview of the page behind the link: nobody but the reader ever opens it.
    return Reply(embeds=[embed], view=view)
