"""Signs of life: who did something for the course, under which name, and after how long a pause."""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Membership
from bot.services.access import Caller, active

#: Whoever was quiet for so long is asked, once and privately, how they want to go on.
QUIET = timedelta(days=14)
NAME_LIMIT = 100


async def note_activity(
    session: AsyncSession, *, group_id: int, caller: Caller, now: datetime
) -> timedelta | None:
    """Note that this member of the group did something, in the caller's transaction.

    Returns how long they had been quiet when that was two weeks or more, else None.
    """
    mine = active(Membership.group_id == group_id) & (Membership.user_id == caller.user_id)
    before = await session.scalar(select(Membership.active_at).where(mine))
    values: dict[str, object] = {"active_at": now}
    if caller.name is not None:
        values["name"] = caller.name[:NAME_LIMIT]
    await session.execute(update(Membership).where(mine).values(values))
    return now - before if before is not None and now - before >= QUIET else None
