"""Words for what went wrong with projects and their pictures: the part of `bot.ui.errors` about them."""

from bot import errors
from bot.errors import ImageProblem, StudyError
from bot.locales import N_, _
from bot.ui.moments import moment
from bot.ui.text import listed, shown

_STATES = {
    "active": N_("“{title}” is going on already. `/project update` adds to its log."),
    "paused": N_("“{title}” is paused. `/project resume` takes it up again."),
    "shipped": N_("“{title}” is shipped, so its log is closed. `/project start` begins the next one."),
    "dropped": N_("“{title}” is dropped. `/project resume` takes it up again."),
}
_IMAGES = {
    ImageProblem.TOO_BIG: N_("That image is bigger than 8 MB. Make it smaller and attach it again."),
    ImageProblem.NO_IMAGE: N_(
        "That file is no image I can show. Attach a PNG, JPEG, GIF or WebP, or leave the `image` option out."
    ),
    ImageProblem.UNREADABLE: N_(
        "I could not fetch that image from Discord. Attach it once more, or leave the `image` option out."
    ),
}


def wording(error: StudyError) -> str | None:
    """One sentence on what was wrong, one on what to do instead; None for what is about something else."""
    match error:
        case errors.ActiveProject(title=title):
            return _(
                "“{title}” is still going on, and one project at a time gets finished. "
                "`/project ship`, `/project pause` or `/project drop` it first.",
                title=shown(title),
            )
        case errors.NoActiveProject(resumable=()):
            return _("You have no active project here. `/project start` begins one.")
        case errors.NoActiveProject(resumable=titles):
            return _(
                "You have no active project here. `/project resume` takes one up again ({titles}), "
                "`/project start` begins a new one.",
                titles=listed(titles),
            )
        case errors.NothingToResume():
            return _("You have no paused project here. `/project start` begins one.")
        case errors.WhichProject(titles=titles):
            return _(
                "Which project do you mean? Name it in the `project` option: {titles}.", titles=listed(titles)
            )
        case errors.UnknownProject(typed=typed):
            return _(
                "I can't find a project “{typed}” for that. Pick one from the list that appears as you type.",
                typed=shown(typed),
            )
        case errors.ProjectGone():
            return _(
                "This project is not to be seen here any more, or it is not yours. "
                "`/project list` shows those of the group."
            )
        case errors.NoProjects(user_id=user_id):
            return _(
                "<@{user_id}> has no project to show here yet. `/project list` shows those of the group.",
                user_id=user_id,
            )
        case errors.WrongProjectState(title=title, state=state):
            return _(_STATES[state], title=shown(title))
        case errors.AskedLately(title=title, asked_at=asked_at):
            return _(
                "You asked the group about “{title}” {moment}. "
                "Give them a day to answer; `/project update` can say more about it meanwhile.",
                title=shown(title),
                moment=moment(asked_at),
            )
        case errors.BadImage(problem=problem):
            return _(_IMAGES[problem])
    return None
