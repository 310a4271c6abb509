"""Words for what went wrong with courses, lessons and plans: the part of `bot.ui.errors` about them."""

from bot import errors
from bot.errors import StudyError
from bot.locales import _
from bot.ui import pack_problems
from bot.ui.moments import date_and_time, moment
from bot.ui.option_refusals import LINK_EXAMPLE
from bot.ui.stages import stage_words
from bot.ui.text import listed, person, shown


def wording(error: StudyError) -> str | None:
    """One sentence on what was wrong, one on what to do instead; None for what is about something else."""
    match error:
        case errors.NoCourse(group=group):
            return _(
                "“{group}” follows no course pack yet. An organizer chooses one with "
                "`/course start`, or with `/group edit course:`.",
                group=shown(group),
            )
        case errors.UnknownCourse(typed=typed, names=names):
            return _(
                "There is no course “{typed}” here. The courses are: {names}.",
                typed=shown(typed),
                names=listed(names),
            )
        case errors.CourseUnderWay(group=group, next_starts_at=next_starts_at):
            return _(
                "“{group}” still has meetups of a course to come, the next one {moment}. Move them with "
                "`/course shift`, or cancel them with `/meetup cancel` first.",
                group=shown(group),
                moment=moment(next_starts_at),
            )
        case errors.NoCourseDates(group=group):
            return _(
                "“{group}” has no course meetups to move. `/course start` plans them.", group=shown(group)
            )
        case errors.ShiftIntoPast(title=title, starts_at=starts_at):
            return _(
                "“{title}” would start {moment}, which is over already. "
                "Choose fewer weeks, or a later lesson.",
                title=shown(title),
                moment=moment(starts_at),
            )
        case errors.ShiftOutOfOrder(
            title=title, starts_at=starts_at, previous=previous, previous_ends_at=previous_ends_at
        ):
            return _(
                "“{title}” would start {moment}, before “{previous}” ends ({previous_end}). "
                "Choose fewer weeks, or an earlier lesson.",
                title=shown(title),
                moment=moment(starts_at),
                previous=shown(previous),
                previous_end=date_and_time(previous_ends_at),
            )
        case errors.UnknownShift():
            return _("There is no such move of a course in this server.")
        case errors.ShiftUndone(undone_at=undone_at):
            return _("That was taken back {moment}, so there is nothing to undo.", moment=moment(undone_at))
        case errors.NothingMovesBack():
            return _(
                "None of these meetups can go back: they were changed since, or their old dates are over. "
                "`/course shift` and `/meetup move` move them from where they are now."
            )
    return _pack_words(error) or _lesson_words(error) or _deadline_words(error)


def _pack_words(error: StudyError) -> str | None:
    match error:
        case errors.BadPack(problems=problems):
            return pack_problems.summary(problems)
        case errors.PackTooLarge(size=size, limit=limit):
            return _(
                "This file has {size:,} KiB, and a course pack may have {limit}. "
                "Leave out what is no text about the lessons.",
                size=size // 1024,
                limit=limit // 1024,
            )
        case errors.UnreachableFile(name=name):
            return _("Discord did not hand me “{name}”. Attach it again.", name=shown(name))
        case errors.PackReaderBusy():
            return _("I am reading another pack at the moment. Try again in a few seconds.")
        case errors.NotAnOrganizer():
            return _("Only organizers can do that: who has Manage Server, or organizes a group here.")
        case errors.ShippedPack(pack=pack):
            return _(
                "“{pack}” is a course that comes with me. Choose another `id` for yours.", pack=shown(pack)
            )
        case errors.PackTaken(pack=pack, version=version):
            return _(
                "This server has “{pack}” {version} already, with other content, and members may "
                "have begun with it. Raise the `version` in your file.",
                pack=shown(pack),
                version=version,
            )
        case errors.TooManyPacks(limit=limit):
            return _(
                "This server has {limit} imported packs, all versions counted, which is the most.",
                limit=limit,
            )
    return None


def _lesson_words(error: StudyError) -> str | None:
    match error:
        case errors.UnknownLesson(typed=typed, course=course):
            return _(
                "“{typed}” is no lesson of **{course}**, the group’s course. "
                "`/lesson list` shows its lessons.",
                typed=shown(typed),
                course=shown(course),
            )
        case errors.EvidenceNeeded(stage=stage):
            return _(
                "“{stage}” needs something that others can look at. "
                "Put a link to it into the `evidence` option, such as `{example}`.",
                stage=stage_words(stage),
                example=LINK_EXAMPLE,
            )
        case errors.AlreadyMarked(lesson=lesson, stage=stage, marked_at=marked_at):
            return _(
                "You marked “{lesson}” as {stage} {moment}. `/lesson undo` takes it back.",
                lesson=shown(lesson),
                stage=stage_words(stage),
                moment=moment(marked_at),
            )
        case errors.NeverMarked(lesson=lesson, stage=None):
            return _(
                "You have marked nothing of “{lesson}”, so there is nothing to take back. "
                "`/lesson list` shows what you have.",
                lesson=shown(lesson),
            )
        case errors.NeverMarked(lesson=lesson, stage=str() as stage):
            return _(
                "You have not marked “{lesson}” as {stage}, so there is nothing to take "
                "back. `/lesson list` shows what you have.",
                lesson=shown(lesson),
                stage=stage_words(stage),
            )
        case errors.NothingToVerify():
            return _(
                "There is nothing to verify any more: its author took it back, or their group is closed."
            )
        case errors.OwnMark():
            return _("Nobody verifies their own work. Ask another member of the group to look at it.")
        case errors.SamePairAgain(owner_id=owner_id):
            return _(
                "You were the last to verify something of <@{owner_id}>, thank you. "
                "Somebody else should look at this one.",
                owner_id=owner_id,
            )
        case errors.AlreadyVerified(verified_by=verified_by):
            return _("{person} has verified this already, so it counts.", person=person(verified_by))
        case errors.NotShown(user_id=user_id, group=group):
            return _(
                "<@{user_id}> has no progress to show in “{group}”: they are not in it, or keep it "
                "to themselves. `/lesson progress` without a member shows yours.",
                user_id=user_id,
                group=shown(group),
            )
    return None


def _deadline_words(error: StudyError) -> str | None:
    match error:
        case errors.UnreadableDay(typed=typed):
            return _(
                "I can't read “{typed}” as a date. "
                "Try `in 12 weeks`, `30 june` or `2026-06-30`; `none` takes the deadline away.",
                typed=shown(typed),
            )
        case errors.PastDeadline(typed=typed):
            return _(
                "A deadline has to be tomorrow or later, and “{typed}” is not. "
                "Type a later date, such as `in 12 weeks` or `30 june`.",
                typed=shown(typed),
            )
    return None
