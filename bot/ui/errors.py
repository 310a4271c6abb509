"""Words for what went wrong: the one place that turns facts into sentences."""

import logging
from collections.abc import Callable

import discord
from discord import app_commands

from bot import errors
from bot.db.engine import lost_connection
from bot.errors import StudyError
from bot.locales import _, speak
from bot.ui import (
    card_refusals,
    classifier_refusals,
    course_refusals,
    meetup_refusals,
    option_refusals,
    project_refusals,
)
from bot.ui.answers import Reply, reply
from bot.ui.languages import of_member
from bot.ui.text import listed, shown

log = logging.getLogger(__name__)

# What Discord answers when the member or the message is already gone: nobody is left to tell.
GONE = frozenset({10008, 10062, 40060})
# A command that is another one here than on the screen of whoever called it.
UNFIT = (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch)


def wording(error: StudyError) -> str:
    """One sentence on what was wrong, one on what to do instead."""
    for refusals in PARTS:
        words = refusals(error)
        if words is not None:
            return words
    raise TypeError(f"no words for {type(error).__name__}")


def _general_words(error: StudyError) -> str | None:
    """About groups and members, and what is shown of them."""
    match error:
        case errors.NoGroupHere(names=()):
            return _("This server has no study group yet. An organizer can make one with `/group create`.")
        case errors.NoGroupHere(names=names):
            return _("Which group do you mean? Name it in the `group` option: {names}.", names=listed(names))
        case errors.UnknownGroup(typed=typed, names=()):
            return _("There is no group “{typed}” here. Make one with `/group create`.", typed=shown(typed))
        case errors.UnknownGroup(typed=typed, names=names):
            return _(
                "There is no group “{typed}” here. The groups are: {names}.",
                typed=shown(typed),
                names=listed(names),
            )
        case errors.GroupNameTaken(name=name):
            return _("There is a group called “{name}” already. Choose another name.", name=shown(name))
        case errors.GroupArchived(name=name):
            return _(
                "“{name}” is archived, so nobody can join it or use it any more. "
                "`/group list` shows the open ones.",
                name=shown(name),
            )
        case errors.NotOrganizer(group=group):
            return _("Only organizers of “{group}” can do that.", group=shown(group))
        case errors.NotAMember(group=group):
            return _("You are not in “{group}”. `/group join` brings you in.", group=shown(group))
        case errors.AlreadyMember(group=group):
            return _("You are in “{group}” already.", group=shown(group))
        case errors.NotConfirmed():
            return _("Nothing was erased. To erase everything about you for good, choose True for `confirm`.")
        case errors.NotInServer():
            return _("This works only inside a server that you are a member of.")
        case errors.GoalUnreadable(typed=typed):
            return _(
                "I can't read “{typed}” as a goal. Type a number of what a board counts, such as "
                "`40 lessons`, `40 lessons a month` or `100 points a week`; `none` takes the goal away.",
                typed=shown(typed),
            )
        case errors.OwnKudos():
            return _("Kudos go to somebody else: name the member who explained something to you.")
        case errors.BotKudos(user_id=user_id):
            return _(
                "<@{user_id}> is a bot. Kudos go to people: name a member of the group.", user_id=user_id
            )
        case errors.NotThankable(user_id=user_id, group=group):
            return _(
                "<@{user_id}> is not in “{group}”, so kudos would not reach them. "
                "Name a member of the group, or another group in the `group` option.",
                user_id=user_id,
                group=shown(group),
            )
        case errors.ThankedToday(user_id=user_id):
            return _(
                "You have thanked <@{user_id}> today already, and that counts once a day. "
                "Tomorrow you can do it again.",
                user_id=user_id,
            )
        case errors.NoProfile(user_id=user_id, group=group):
            return _(
                "<@{user_id}> has no profile to show in “{group}”: they are not in it, or keep it "
                "to themselves. `/profile` without a member shows yours.",
                user_id=user_id,
                group=shown(group),
            )
        case errors.OnlyOwnProfile():
            return _(
                "Only its own member can show a profile to everybody. "
                "Leave out `public` to look at it yourself."
            )
    return None


#: Each words the errors of its features, and leaves the others.
PARTS: tuple[Callable[[StudyError], str | None], ...] = (
    _general_words,
    option_refusals.wording,
    meetup_refusals.wording,
    course_refusals.wording,
    project_refusals.wording,
    card_refusals.wording,
    classifier_refusals.wording,
)


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
    speak(of_member(interaction))
    refusal = domain_error(error)
    if refusal is not None:
        log.info("refused", extra={"refusal": type(refusal).__name__})
        text = wording(refusal)
    elif isinstance(error, app_commands.NoPrivateMessage):
        text = wording(errors.NotInServer())
    elif isinstance(error, app_commands.TransformerError):
        text = _(
            "“{value}” does not fit that option. Pick a value that Discord suggests.",
            value=shown(str(error.value)),
        )
    elif isinstance(error, UNFIT):
        log.warning("not as this command is now", extra={"problem": str(error)})
        text = _("This command has changed meanwhile. Type it anew, and pick it from Discord's list.")
    elif isinstance(error, app_commands.BotMissingPermissions):
        missing = tuple(name.replace("_", " ").title() for name in error.missing_permissions)
        text = wording(errors.MissingPermission(permissions=missing))
    else:
        reference = reference_of(interaction)
        log.error("unexpected error", exc_info=error, extra={"reference": reference})
        text = _(
            "{what} If it happens again, tell an organizer this reference: `{reference}`.",
            what=unexpected(error),
            reference=reference,
        )
    try:
        await reply(interaction, Reply(text), private=True)
    except discord.HTTPException as failure:
        if failure.code not in GONE:
            raise
        log.warning("nobody left to answer", extra={"code": failure.code})


def unexpected(error: BaseException) -> str:
    """What a member may rely on: our own failures undo everything, but what Discord refuses to show, or what
    lost its connection to the database, may have been done already.
    """
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    if isinstance(cause, discord.HTTPException):
        return _("Discord did not take my answer. Look whether it worked before you try again.")
    if lost_connection(cause):
        return _("My database went away meanwhile. Look whether it worked before you try again.")
    return _("Something went wrong on my side, and nothing was changed.")


def reference_of(interaction: discord.Interaction) -> str:
    """Eight characters that name this interaction here and in the log."""
    return f"{interaction.id:x}"[-8:]
