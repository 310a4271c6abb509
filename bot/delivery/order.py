"""In which order deliveries to one place go out, whichever processes hold them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, TableClause, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Delivery, DeliveryState
from bot.db.models.deliveries import OPEN
from bot.delivery.messages import Claimed

# How soon to look again after what another process has on its way to the same place.
LOOK_AGAIN = timedelta(seconds=1)

table = cast(TableClause, Delivery.__table__)


def turn(claimed: Claimed) -> tuple[datetime, int]:
    """What decides between two deliveries to one place: the due time, then the id."""
    return claimed.due_at, claimed.id


async def held_up(
    session: AsyncSession,
    claimed: Sequence[Claimed],
    *,
    now: Callable[[timedelta], ColumnElement[datetime]],
    owner: str,
    longest: timedelta,
) -> dict[int, timedelta]:
    """Those of the claimed, by id, that an earlier one to the same place holds up, and for how long to wait
    before looking again.

    An earlier one that nobody holds counts too, for another process may be claiming it at this moment. One
    that was first tried before `longest` holds up nobody any more. `now` is this moment, or one after it, by
    the ledger's clock; what `owner` itself has on its way is left to it.
    """
    channels = [one.channel_id for one in claimed if one.channel_id is not None]
    users = [one.user_id for one in claimed if one.user_id is not None]
    moment, columns = now(timedelta(0)), table.c
    earlier = await session.execute(
        select(
            columns.channel_id, columns.user_id, columns.due_at, columns.id, columns.state,
            columns.next_attempt_at, moment,
        ).where(
            OPEN,
            columns.next_attempt_at <= now(longest),
            columns.due_at <= max(one.due_at for one in claimed),
            or_(columns.channel_id.in_(channels), columns.user_id.in_(users)),
            columns.id.not_in([one.id for one in claimed]),
            or_(columns.first_attempt_at.is_(None), columns.first_attempt_at > now(-longest)),
            or_(columns.owner.is_(None), columns.owner != owner, columns.next_attempt_at <= moment),
        )
    )  # fmt: skip
    waits: dict[int, timedelta] = {}
    for channel_id, user_id, due_at, id_, state, next_attempt_at, at in earlier:
        postponed = state is DeliveryState.PENDING
        wait = max(next_attempt_at - at, LOOK_AGAIN) if postponed else LOOK_AGAIN
        for one in claimed:
            if (one.channel_id, one.user_id) == (channel_id, user_id) and (due_at, id_) < turn(one):
                waits[one.id] = max(waits.get(one.id, LOOK_AGAIN), wait)
    return waits
