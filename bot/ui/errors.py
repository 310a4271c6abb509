"""Words for what went wrong: the one place that turns facts into sentences."""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

import discord
from discord import app_commands

from bot import errors
from bot.errors import StudyError
from bot.ui.answers import Reply, reply
from bot.ui.text import fitting, shown

log = logging.getLogger(__name__)

# What Discord answers when the member or the message is already gone: nobody is left to tell.
GONE = frozenset({10008, 10062, 40060})
# Of a message's 2,000 characters; the rest is for the sentence around a list of names.
LIST_ROOM = 1600


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
                "Type a city, and pick a zone such as `Europe/Berlin` from the list."
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
                f"“{shown(name)}” is archived, so nobody can join it any more. "
                "`/group list` shows the open ones."
            )
        case errors.NotOrganizer(group=group):
            return f"Only organizers of “{shown(group)}” can do that."
        case errors.NotAMember(group=group):
            return f"You are not in “{shown(group)}”. `/group join` brings you in."
        case errors.AlreadyMember(group=group):
            return f"You are in “{shown(group)}” already."
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
    raise TypeError(f"no words for {type(error).__name__}")


def listed(names: tuple[str, ...], *, most: int = 12) -> str:
    words = fitting([f"**{shown(name)}**" for name in names[:most]], room=LIST_ROOM, between=", ")
    left = len(names) - len(words)
    return ", ".join(words) + (f" and {left} more" if left else "")


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
