"""Words for what went wrong: the one place that turns facts into sentences."""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

import discord
from discord import app_commands

from bot import errors
from bot.errors import LinkProblem, StudyError
from bot.ui import card_refusals, classifier_refusals, pack_problems
from bot.ui.answers import Reply, reply
from bot.ui.text import listed, person, shown

log = logging.getLogger(__name__)

# What Discord answers when the member or the message is already gone: nobody is left to tell.
GONE = frozenset({10008, 10062, 40060})

LINK_EXAMPLE = "https://github.com/you/notebook"
LINK_PROBLEMS = {
    LinkProblem.SPACES: "The {field} has spaces or invisible characters in it.",
    LinkProblem.SCHEME: "The {field} is no web address: those begin with https:// or http://.",
    LinkProblem.FORM: "The {field} can't be read as a web address.",
    LinkProblem.HOST: "The {field} names no site that others can open.",
    LinkProblem.CREDENTIALS: "The {field} has a user name or password in it, which others would see.",
    LinkProblem.LENGTH: "The {field} is too long; the most is 500 characters.",
}

PROJECT_STATES = {
    "active": "is going on already. `/project update` adds to its log.",
    "paused": "is paused. `/project resume` takes it up again.",
    "shipped": "is shipped, so its log is closed. `/project start` begins the next one.",
    "dropped": "is dropped. `/project resume` takes it up again.",
}
IMAGE_PROBLEMS = {
    errors.ImageProblem.TOO_BIG: "That image is bigger than 8 MB. Make it smaller and attach it again.",
    errors.ImageProblem.NO_IMAGE: (
        "That file is no image I can show. Attach a PNG, JPEG, GIF or WebP, or leave the `image` option out."
    ),
    errors.ImageProblem.UNREADABLE: (
        "I could not fetch that image from Discord. Attach it once more, or leave the `image` option out."
    ),
}


def wording(error: StudyError) -> str:
    """One sentence on what was wrong, one on what to do instead."""
    match error:
        case errors.UnreadableTime(typed=typed):
            return (
                f"I can't read “{shown(typed)}” as a date and a time. "
                "Try `tomorrow 7pm`, `sat 18:30`, `in 2 hours` or `2026-10-22 19:00`."
            )
        case errors.PastTime(instant=instant):
            return (
                f"{moment(instant)} is over already. "
                "Type a time that is still to come, such as `tomorrow 7pm`."
            )
        case errors.TooFarTime(instant=instant):
            return f"{moment(instant)} is more than five years away. Type an earlier date."
        case errors.SkippedTime(before=before, after=after, zone=zone):
            return (
                f"The clocks in {zone} jump over that time. "
                f"Did you mean `{iso(before, zone)}` or `{iso(after, zone)}`? Type one of them."
            )
        case errors.AmbiguousTime(first=first, second=second, zone=zone):
            return (
                f"The clocks in {zone} show that time twice. "
                f"Type `{iso(first, zone)}` for the first or `{iso(second, zone)}` for the second."
            )
        case errors.VagueTime(typed=typed, readings=readings, zone=zone):
            local = [reading.astimezone(ZoneInfo(zone)) for reading in readings]
            choices = " or ".join(f"`{reading:%Y-%m-%d %H:%M}`" for reading in local)
            return f"“{shown(typed)}” can be read in more than one way. Type {choices}."
        case errors.UnknownZone(name=name):
            return (
                f"“{shown(name)}” is no time zone I know. "
                "Type a city, and pick a zone such as `Europe/Berlin`; `/timezone` lists them as you type."
            )
        case errors.NoGroupHere(names=()):
            return "This server has no study group yet. An organizer can make one with `/group create`."
        case errors.NoGroupHere(names=names):
            return f"Which group do you mean? Name it in the `group` option: {listed(names)}."
        case errors.UnknownGroup(typed=typed, names=()):
            return f"There is no group “{shown(typed)}” here. Make one with `/group create`."
        case errors.UnknownGroup(typed=typed, names=names):
            return f"There is no group “{shown(typed)}” here. The groups are: {listed(names)}."
        case errors.GroupNameTaken(name=name):
            return f"There is a group called “{shown(name)}” already. Choose another name."
        case errors.GroupArchived(name=name):
            return (
                f"“{shown(name)}” is archived, so nobody can join it or use it any more. "
                "`/group list` shows the open ones."
            )
        case errors.NotOrganizer(group=group):
            return f"Only organizers of “{shown(group)}” can do that."
        case errors.NotAMember(group=group):
            return f"You are not in “{shown(group)}”. `/group join` brings you in."
        case errors.AlreadyMember(group=group):
            return f"You are in “{shown(group)}” already."
        case errors.NotConfirmed():
            return "Nothing was erased. To erase everything about you for good, choose True for `confirm`."
        case errors.NotInServer():
            return "This works only inside a server that you are a member of."
        case errors.BadText(field=field, length=0):
            return f"The {field} needs at least one visible character."
        case errors.BadText(field=field, limit=limit, length=length):
            return f"The {field} has {length} characters; the most is {limit}. Shorten it a little."
        case errors.BadNumber(field=field, value=value, least=least, most=most):
            return f"{field.capitalize()} can't be {value}. Type a number from {least} to {most}."
        case errors.BadOption(field=field, value=value, choices=choices):
            return f"“{shown(value)}” is no {field} I know. Choose one of: {', '.join(choices)}."
        case errors.NothingToChange(what=what):
            return f"Nothing to change: fill in at least one option with a new value for the {what}."
        case errors.UnknownMeetup(typed=typed):
            return (
                f"I can't find a coming meetup “{shown(typed)}”. "
                "Pick one from the list that appears as you type."
            )
        case errors.MeetupOver(title=title, ended_at=ended_at):
            return f"“{shown(title)}” ended {moment(ended_at)}, so it can't be changed any more."
        case errors.MeetupCancelled(title=title):
            return f"“{shown(title)}” does not take place, so there is nothing to answer or change."
        case errors.NotRecurring(title=title):
            return f"“{shown(title)}” happens only once. Use `/meetup cancel` or `/meetup move` instead."
        case errors.DateTaken(starts_at=starts_at):
            return f"This meetup has a date at {moment(starts_at)} already. Choose another time."
        case errors.NotHost(title=title):
            return f"Only the host of “{shown(title)}” or an organizer can do that."
        case errors.BotHost(user_id=user_id):
            return f"<@{user_id}> is a bot, and a bot can't host a meetup. Choose a person."
        case errors.CheckinClosed(title=title, opens_at=opens_at, closes_at=closes_at):
            return f"Check-in for “{shown(title)}” is open from {moment(opens_at)} to {moment(closes_at)}."
        case errors.CodeNeeded(title=title):
            return f"The host of “{shown(title)}” has the code. Type it: `/meetup checkin code:`."
        case errors.WrongCode(title=title):
            return (
                f"That is not the current code of “{shown(title)}”. Ask the host: "
                "it changes every few minutes."
            )
        case errors.TooManyAttempts(retry_at=retry_at):
            return f"Too many wrong codes. Try again {moment(retry_at)}."
        case errors.NoMeetupNow(group=group, next_starts_at=None):
            return f"“{shown(group)}” has no meetup to check in to."
        case errors.NoMeetupNow(group=group, next_starts_at=datetime() as starts_at):
            return f"No meetup of “{shown(group)}” is on now. The next one starts {moment(starts_at)}."
        case errors.NoMeetups():
            return "No meetup is planned here yet. An organizer can plan one with `/meetup schedule`."
        case errors.UnknownReminder(typed=typed):
            return f"You have no reminder “{shown(typed)}”. `/remind list` shows yours."
        case errors.NotYourReminder():
            return "This reminder is somebody else’s, so only they can answer it. `/remind me` makes yours."
        case errors.TooManyReminders(limit=limit):
            return (
                f"You have {limit} open reminders, which is the most. Cancel one with `/remind cancel` first."
            )
        case errors.GoalUnreadable(typed=typed):
            return (
                f"I can't read “{shown(typed)}” as a goal. Type a number of what a board counts, such as "
                "`40 lessons`, `40 lessons a month` or `100 points a week`; `none` takes the goal away."
            )
        case errors.NoCourse(group=group):
            return (
                f"“{shown(group)}” follows no course pack yet. An organizer chooses one with "
                "`/course start`, or with `/group edit course:`."
            )
        case errors.UnknownCourse(typed=typed, names=names):
            return f"There is no course “{shown(typed)}” here. The courses are: {listed(names)}."
        case errors.BadPack(problems=problems):
            return pack_problems.summary(problems)
        case errors.PackTooLarge(size=size, limit=limit):
            return (
                f"This file has {size // 1024:,} KiB, and a course pack may have {limit // 1024}. "
                "Leave out what is no text about the lessons."
            )
        case errors.UnreachableFile(name=name):
            return f"Discord did not hand me “{shown(name)}”. Attach it again."
        case errors.PackReaderBusy():
            return "I am reading another pack at the moment. Try again in a few seconds."
        case errors.NotAnOrganizer():
            return "Only organizers can do that: who has Manage Server, or organizes a group here."
        case errors.ShippedPack(pack=pack):
            return f"“{shown(pack)}” is a course that comes with me. Choose another `id` for yours."
        case errors.PackTaken(pack=pack, version=version):
            return (
                f"This server has “{shown(pack)}” {version} already, with other content, and members may "
                "have begun with it. Raise the `version` in your file."
            )
        case errors.TooManyPacks(limit=limit):
            return f"This server has {limit} imported packs, all versions counted, which is the most."
        case errors.CourseUnderWay(group=group, next_starts_at=next_starts_at):
            return (
                f"“{shown(group)}” still has meetups of a course to come, the next one "
                f"{moment(next_starts_at)}. Move them with `/course shift`, or cancel them with "
                "`/meetup cancel` first."
            )
        case errors.NoCourseDates(group=group):
            return f"“{shown(group)}” has no course meetups to move. `/course start` plans them."
        case errors.ShiftIntoPast(title=title, starts_at=starts_at):
            return (
                f"“{shown(title)}” would start {moment(starts_at)}, which is over already. "
                "Choose fewer weeks, or a later lesson."
            )
        case errors.ShiftOutOfOrder(
            title=title, starts_at=starts_at, previous=previous, previous_ends_at=previous_ends_at
        ):
            return (
                f"“{shown(title)}” would start {moment(starts_at)}, before “{shown(previous)}” ends "
                f"({date_and_time(previous_ends_at)}). Choose fewer weeks, or an earlier lesson."
            )
        case errors.UnknownShift():
            return "There is no such move of a course in this server."
        case errors.ShiftUndone(undone_at=undone_at):
            return f"That was taken back {moment(undone_at)}, so there is nothing to undo."
        case errors.NothingMovesBack():
            return (
                "None of these meetups can go back: they were changed since, or their old dates are over. "
                "`/course shift` and `/meetup move` move them from where they are now."
            )
        case errors.BadLink(field=field, problem=problem):
            why = LINK_PROBLEMS[problem].format(field=field)
            return f"{why} Paste a whole address, such as `{LINK_EXAMPLE}`."
        case errors.UnknownLesson(typed=typed, course=course):
            return (
                f"“{shown(typed)}” is no lesson of **{shown(course)}**, the group’s course. "
                "`/lesson list` shows its lessons."
            )
        case errors.EvidenceNeeded(stage=stage):
            return (
                f"“{stage_words(stage)}” needs something that others can look at. "
                f"Put a link to it into the `evidence` option, such as `{LINK_EXAMPLE}`."
            )
        case errors.AlreadyMarked(lesson=lesson, stage=stage, marked_at=marked_at):
            return (
                f"You marked “{shown(lesson)}” as {stage_words(stage)} {moment(marked_at)}. "
                "`/lesson undo` takes it back."
            )
        case errors.NeverMarked(lesson=lesson, stage=None):
            return (
                f"You have marked nothing of “{shown(lesson)}”, so there is nothing to take back. "
                "`/lesson list` shows what you have."
            )
        case errors.NeverMarked(lesson=lesson, stage=str() as stage):
            return (
                f"You have not marked “{shown(lesson)}” as {stage_words(stage)}, so there is nothing to take "
                "back. `/lesson list` shows what you have."
            )
        case errors.NothingToVerify():
            return "There is nothing to verify any more: its author took it back, or their group is closed."
        case errors.OwnMark():
            return "Nobody verifies their own work. Ask another member of the group to look at it."
        case errors.SamePairAgain(owner_id=owner_id):
            return (
                f"You were the last to verify something of <@{owner_id}>, thank you. "
                "Somebody else should look at this one."
            )
        case errors.AlreadyVerified(verified_by=verified_by):
            return f"{person(verified_by)} has verified this already, so it counts."
        case errors.NotShown(user_id=user_id, group=group):
            return (
                f"<@{user_id}> has no progress to show in “{shown(group)}”: they are not in it, or keep it "
                "to themselves. `/lesson progress` without a member shows yours."
            )
        case errors.UnreadableDay(typed=typed):
            return (
                f"I can't read “{shown(typed)}” as a date. "
                "Try `in 12 weeks`, `30 june` or `2026-06-30`; `none` takes the deadline away."
            )
        case errors.PastDeadline(typed=typed):
            return (
                f"A deadline has to be tomorrow or later, and “{shown(typed)}” is not. "
                "Type a later date, such as `in 12 weeks` or `30 june`."
            )
        case errors.ActiveProject(title=title):
            return (
                f"“{shown(title)}” is still going on, and one project at a time gets finished. "
                "`/project ship`, `/project pause` or `/project drop` it first."
            )
        case errors.NoActiveProject(resumable=()):
            return "You have no active project here. `/project start` begins one."
        case errors.NoActiveProject(resumable=titles):
            return (
                "You have no active project here. `/project resume` takes one up again "
                f"({listed(titles)}), `/project start` begins a new one."
            )
        case errors.NothingToResume():
            return "You have no paused project here. `/project start` begins one."
        case errors.WhichProject(titles=titles):
            return f"Which project do you mean? Name it in the `project` option: {listed(titles)}."
        case errors.UnknownProject(typed=typed):
            return (
                f"I can't find a project “{shown(typed)}” for that. "
                "Pick one from the list that appears as you type."
            )
        case errors.ProjectGone():
            return (
                "This project is not to be seen here any more, or it is not yours. "
                "`/project list` shows those of the group."
            )
        case errors.NoProjects(user_id=user_id):
            return f"<@{user_id}> has no project to show here yet. `/project list` shows those of the group."
        case errors.WrongProjectState(title=title, state=state):
            return f"“{shown(title)}” {PROJECT_STATES[state]}"
        case errors.AskedLately(title=title, asked_at=asked_at):
            return (
                f"You asked the group about “{shown(title)}” {moment(asked_at)}. "
                "Give them a day to answer; `/project update` can say more about it meanwhile."
            )
        case errors.BadImage(problem=problem):
            return IMAGE_PROBLEMS[problem]
        case errors.OwnKudos():
            return "Kudos go to somebody else: name the member who explained something to you."
        case errors.BotKudos(user_id=user_id):
            return f"<@{user_id}> is a bot. Kudos go to people: name a member of the group."
        case errors.NotThankable(user_id=user_id, group=group):
            return (
                f"<@{user_id}> is not in “{shown(group)}”, so kudos would not reach them. "
                "Name a member of the group, or another group in the `group` option."
            )
        case errors.ThankedToday(user_id=user_id):
            return (
                f"You have thanked <@{user_id}> today already, and that counts once a day. "
                "Tomorrow you can do it again."
            )
        case errors.NoProfile(user_id=user_id, group=group):
            return (
                f"<@{user_id}> has no profile to show in “{shown(group)}”: they are not in it, or keep it "
                "to themselves. `/profile` without a member shows yours."
            )
        case errors.OnlyOwnProfile():
            return (
                "Only its own member can show a profile to everybody. "
                "Leave out `public` to look at it yourself."
            )
        case errors.MissingPermission(permissions=permissions, channel_id=channel_id):
            where = f" in <#{channel_id}>" if channel_id else ""
            return (
                f"I lack {listed(permissions)}{where}. "
                "Give my role that permission in the server settings, then try again."
            )
        case errors.UnusableChannel(channel_id=channel_id, reason=reason):
            return f"I can't use <#{channel_id}>: {reason}. Choose another channel."
        case errors.UnusableRole(role_id=role_id, reason=reason):
            return f"I can't use <@&{role_id}>: {reason}. Choose another role."
    words = card_refusals.wording(error) or classifier_refusals.wording(error)
    if words is None:
        raise TypeError(f"no words for {type(error).__name__}")
    return words


def stage_words(stage: str) -> str:
    return stage.replace("_", " ")


def moment(instant: datetime) -> str:
    """An instant as every reader's own clock shows it, and how far away it is."""
    return f"{date_and_time(instant)} ({relative(instant)})"


def date_and_time(instant: datetime) -> str:
    return f"<t:{int(instant.timestamp())}:F>"


def relative(instant: datetime) -> str:
    return f"<t:{int(instant.timestamp())}:R>"


def iso(instant: datetime, zone: str) -> str:
    """Local ISO 8601 with the offset, which is what tells the two readings of a repeated hour apart."""
    return instant.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def domain_error(error: BaseException) -> StudyError | None:
    """The refusal inside what discord.py wrapped around it, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, StudyError):
            return seen
        seen = seen.__cause__
    return None


async def answer_error(interaction: discord.Interaction, error: BaseException) -> None:
    """Tell the member, privately: a refusal in its words, anything unexpected by its reference id."""
    refusal = domain_error(error)
    if refusal is not None:
        log.info("refused", extra={"refusal": type(refusal).__name__})
        text = wording(refusal)
    elif isinstance(error, app_commands.NoPrivateMessage):
        text = wording(errors.NotInServer())
    elif isinstance(error, app_commands.TransformerError):
        text = f"“{shown(str(error.value))}” does not fit that option. Pick a value that Discord suggests."
    elif isinstance(error, app_commands.BotMissingPermissions):
        missing = tuple(name.replace("_", " ").title() for name in error.missing_permissions)
        text = wording(errors.MissingPermission(permissions=missing))
    else:
        reference = reference_of(interaction)
        log.error("unexpected error", exc_info=error, extra={"reference": reference})
        text = f"{unexpected(error)} If it happens again, tell an organizer this reference: `{reference}`."
    try:
        await reply(interaction, Reply(text), private=True)
    except discord.HTTPException as failure:
        if failure.code not in GONE:
            raise
        log.warning("nobody left to answer", extra={"code": failure.code})


def unexpected(error: BaseException) -> str:
    """What a member may rely on: our own failures undo everything, but what Discord refuses to show may
    have been done already.
    """
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    if isinstance(cause, discord.HTTPException):
        return "Discord did not take my answer. Look whether it worked before you try again."
    return "Something went wrong on my side, and nothing was changed."


def reference_of(interaction: discord.Interaction) -> str:
    """Eight characters that name this interaction here and in the log."""
    return f"{interaction.id:x}"[-8:]
