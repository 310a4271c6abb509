"""The stages of lessons and projects, in words."""

from bot.locales import N_, _

#: As they are called in sentences; English words are the stored values without their underscores.
STAGES = (
    N_("watched"),
    N_("ran"),
    N_("reproduced"),
    N_("own data"),
    N_("explained"),
    N_("idea"),
    N_("data"),
    N_("baseline"),
    N_("analysis"),
    N_("demo"),
    N_("deployed"),
    N_("written up"),
)


def stage_words(stage: str) -> str:
    """A stored stage as members read it."""
    return _(stage.replace("_", " "))
