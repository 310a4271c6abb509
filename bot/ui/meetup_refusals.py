"""Words for what went wrong with times, meetups and reminders: the part of `bot.ui.errors` about them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from bot import errors
from bot.errors import StudyError
from bot.locales import _
from bot.ui.moments import iso, moment
from bot.ui.text import one_of, shown


def wording(error: StudyError) -> str | None:
    """One sentence on what was wrong, one on what to do instead; None for what is about something else."""
    match error:
        case errors.UnreadableTime(typed=typed):
            return _(
                "I can't read “{typed}” as a date and a time. "
                "Try `tomorrow 7pm`, `sat 18:30`, `in 2 hours` or `2026-10-22 19:00`.",
                typed=shown(typed),
            )
        case errors.PastTime(instant=instant):
            return _(
                "{moment} is over already. Type a time that is still to come, such as `tomorrow 7pm`.",
                moment=moment(instant),
            )
        case errors.TooFarTime(instant=instant):
            return _("{moment} is more than five years away. Type an earlier date.", moment=moment(instant))
        case errors.SkippedTime(before=before, after=after, zone=zone):
            return _(
                "The clocks in {zone} jump over that time. "
                "Did you mean `{before}` or `{after}`? Type one of them.",
                zone=zone,
                before=iso(before, zone),
                after=iso(after, zone),
            )
        case errors.AmbiguousTime(first=first, second=second, zone=zone):
            return _(
                "The clocks in {zone} show that time twice. "
                "Type `{first}` for the first or `{second}` for the second.",
                zone=zone,
                first=iso(first, zone),
                second=iso(second, zone),
            )
        case errors.VagueTime(typed=typed, readings=readings, zone=zone):
            local = [reading.astimezone(ZoneInfo(zone)) for reading in readings]
            return _(
                "“{typed}” can be read in more than one way. Type {choices}.",
                typed=shown(typed),
                choices=one_of([f"`{reading:%Y-%m-%d %H:%M}`" for reading in local]),
            )
        case errors.UnknownZone(name=name):
            return _(
                "“{name}” is no time zone I know. "
                "Type a city, and pick a zone such as `Europe/Berlin`; `/timezone` lists them as you type.",
                name=shown(name),
            )
    return _meetup_words(error)


def _meetup_words(error: StudyError) -> str | None:
    match error:
        case errors.UnknownMeetup(typed=typed):
            return _(
                "I can't find a coming meetup “{typed}”. Pick one from the list that appears as you type.",
                typed=shown(typed),
            )
        case errors.MeetupOver(title=title, ended_at=ended_at):
            return _(
                "“{title}” ended {moment}, so it can't be changed any more.",
                title=shown(title),
                moment=moment(ended_at),
            )
        case errors.MeetupCancelled(title=title):
            return _(
                "“{title}” does not take place, so there is nothing to answer or change.", title=shown(title)
            )
        case errors.NotRecurring(title=title):
            return _(
                "“{title}” happens only once. Use `/meetup cancel` or `/meetup move` instead.",
                title=shown(title),
            )
        case errors.DateTaken(starts_at=starts_at):
            return _(
                "This meetup has a date at {moment} already. Choose another time.", moment=moment(starts_at)
            )
        case errors.NotHost(title=title):
            return _("Only the host of “{title}” or an organizer can do that.", title=shown(title))
        case errors.BotHost(user_id=user_id):
            return _(
                "<@{user_id}> is a bot, and a bot can't host a meetup. Choose a person.", user_id=user_id
            )
        case errors.CheckinClosed(title=title, opens_at=opens_at, closes_at=closes_at):
            return _(
                "Check-in for “{title}” is open from {opens} to {closes}.",
                title=shown(title),
                opens=moment(opens_at),
                closes=moment(closes_at),
            )
        case errors.CodeNeeded(title=title):
            return _(
                "The host of “{title}” has the code. Type it: `/meetup checkin code:`.", title=shown(title)
            )
        case errors.WrongCode(title=title):
            return _(
                "That is not the current code of “{title}”. Ask the host: it changes every few minutes.",
                title=shown(title),
            )
        case errors.TooManyAttempts(retry_at=retry_at):
            return _("Too many wrong codes. Try again {moment}.", moment=moment(retry_at))
        case errors.NoMeetupNow(group=group, next_starts_at=None):
            return _("“{group}” has no meetup to check in to.", group=shown(group))
        case errors.NoMeetupNow(group=group, next_starts_at=datetime() as starts_at):
            return _(
                "No meetup of “{group}” is on now. The next one starts {moment}.",
                group=shown(group),
                moment=moment(starts_at),
            )
        case errors.NoMeetups():
            return _("No meetup is planned here yet. An organizer can plan one with `/meetup schedule`.")
        case errors.UnknownReminder(typed=typed):
            return _("You have no reminder “{typed}”. `/remind list` shows yours.", typed=shown(typed))
        case errors.NotYourReminder():
            return _(
                "This reminder is somebody else’s, so only they can answer it. `/remind me` makes yours."
            )
        case errors.TooManyReminders(limit=limit):
            return _(
                "You have {limit} open reminders, which is the most. Cancel one with `/remind cancel` first.",
                limit=limit,
            )
    return None
