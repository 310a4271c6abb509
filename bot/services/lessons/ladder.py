"""The evidence ladder: what each stage is worth, and what it takes to count."""

from datetime import datetime

from bot.db.models import Stage

#: Each stage has points of its own; those of one lesson add up.
POINTS = {Stage.WATCHED: 0, Stage.RAN: 2, Stage.REPRODUCED: 4, Stage.OWN_DATA: 6, Stage.EXPLAINED: 6}
#: These need evidence, and count when another member has looked at it.
NEED_VERIFYING = frozenset({Stage.REPRODUCED, Stage.OWN_DATA, Stage.EXPLAINED})


def counts_from(stage: Stage, *, marked_at: datetime) -> datetime | None:
    """When a mark begins to count without anybody else's doing; None for what doesn't."""
    return marked_at if stage is Stage.RAN else None


def height(stage: Stage) -> int:
    """How high the stage stands on the ladder, from 0."""
    return list(Stage).index(stage)
