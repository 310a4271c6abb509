"""Words for options that can't be taken, and for what the bot may not do in a channel or with a role: the
part of `bot.ui.errors` about them.
"""

from bot import errors
from bot.errors import LinkProblem, StudyError
from bot.locales import N_, _
from bot.ui.text import begun_large, listed, shown

LINK_EXAMPLE = "https://github.com/you/notebook"
_LINKS = {
    LinkProblem.SPACES: N_("The {field} has spaces or invisible characters in it."),
    LinkProblem.SCHEME: N_("The {field} is no web address: those begin with https:// or http://."),
    LinkProblem.FORM: N_("The {field} can't be read as a web address."),
    LinkProblem.HOST: N_("The {field} names no site that others can open."),
    LinkProblem.CREDENTIALS: N_("The {field} has a user name or password in it, which others would see."),
    LinkProblem.LENGTH: N_("The {field} is too long; the most is 500 characters."),
}
#: What was to be filled in, as the services name it: options and the fields of forms.
FIELDS = (
    N_("back"),
    N_("board"),
    N_("capacity"),
    N_("choice"),
    N_("course"),
    N_("deck’s name"),
    N_("epochs"),
    N_("evidence"),
    N_("front"),
    N_("goal"),
    N_("hours a week"),
    N_("label"),
    N_("lesson"),
    N_("link"),
    N_("location"),
    N_("minutes"),
    N_("name"),
    N_("reason"),
    N_("repo"),
    N_("step"),
    N_("text"),
    N_("theme"),
    N_("title"),
    N_("topic"),
    N_("weeks"),
)
_CHANGEABLE = {"card": N_("the card"), "group": N_("the group"), "meetup": N_("the meetup")}
#: As Discord's settings call them in each language.
PERMISSIONS = (
    N_("Attach Files"),
    N_("Create Events"),
    N_("Embed Links"),
    N_("Manage Events"),
    N_("Manage Roles"),
    N_("Read Message History"),
    N_("Send Messages"),
    N_("Send Messages in Threads"),
    N_("View Channel"),
)


def wording(error: StudyError) -> str | None:
    """One sentence on what was wrong, one on what to do instead; None for what is about something else."""
    match error:
        case errors.BadText(field=field, length=0):
            return _("The {field} needs at least one visible character.", field=_(field))
        case errors.BadText(field=field, limit=limit, length=length):
            return _(
                "The {field} has {length} characters; the most is {limit}. Shorten it a little.",
                field=_(field),
                length=length,
                limit=limit,
            )
        case errors.BadNumber(field=field, value=value, least=least, most=most):
            return _(
                "{field} can't be {value}. Type a number from {least} to {most}.",
                field=begun_large(_(field)),
                value=value,
                least=least,
                most=most,
            )
        case errors.BadOption(field=field, value=value, choices=choices):
            return _(
                "“{value}” is no {field} I know. Choose one of: {choices}.",
                value=shown(value),
                field=_(field),
                choices=", ".join(map(_, choices)),
            )
        case errors.NothingToChange(what=what):
            return _(
                "Nothing to change: fill in at least one option with a new value for {what}.",
                what=_(_CHANGEABLE.get(what, f"the {what}")),  # the same in every language
            )
        case errors.BadLink(field=field, problem=problem):
            return _(
                "{why} Paste a whole address, such as `{example}`.",
                why=_(_LINKS[problem], field=_(field)),
                example=LINK_EXAMPLE,
            )
        case errors.MissingPermission(permissions=permissions, channel_id=None):
            return _(
                "I lack {permissions}. Give my role that permission in the server settings, then try again.",
                permissions=listed([_(name) for name in permissions]),
            )
        case errors.MissingPermission(permissions=permissions, channel_id=channel_id):
            return _(
                "I lack {permissions} in <#{channel_id}>. "
                "Give my role that permission in the server settings, then try again.",
                permissions=listed([_(name) for name in permissions]),
                channel_id=channel_id,
            )
        case errors.UnusableChannel(channel_id=channel_id, reason=reason):
            return _(
                "I can't use <#{channel_id}>: {reason}. Choose another channel.",
                channel_id=channel_id,
                reason=_(reason),
            )
        case errors.UnusableRole(role_id=role_id, reason=reason):
            return _(
                "I can't use <@&{role_id}>: {reason}. Choose another role.",
                role_id=role_id,
                reason=_(reason),
            )
    return None
