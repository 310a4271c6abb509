"""Saying after all what was given up or taken back: the statements that put its rows back."""

from typing import cast

from sqlalchemy import ColumnElement, TableClause, Update, case, or_, update

from bot.db.models import Delivery, DeliveryState
from bot.delivery.messages import Outgoing

table = cast(TableClause, Delivery.__table__)


def revived(outgoing: Outgoing) -> Update:
    """What failed under this key, with the due time, end and channel given now.

    Had it one attempt, that one was refused, and it starts from nothing. Of several one may have got
    through: it is looked for first, and is tried nowhere else than where it was.
    """
    once = table.c.attempts <= 1
    return (
        update(table)
        .where(
            table.c.dedupe_key == outgoing.key,
            table.c.state == DeliveryState.FAILED,
            or_(once, table.c.channel_id == outgoing.channel_id),
        )
        .values(
            state=DeliveryState.PENDING,
            channel_id=outgoing.channel_id,
            due_at=outgoing.due_at,
            next_attempt_at=outgoing.due_at,
            expires_at=outgoing.expires_at,
            attempts=case((once, 0), else_=table.c.attempts),
            first_attempt_at=case((~once, table.c.first_attempt_at)),
            errors=0,
            settled_at=None,
        )
        .returning(table.c.next_attempt_at)
    )


def reopened(*, guild_id: int, reason: str, ended: ColumnElement[bool]) -> Update:
    """What was skipped in this server for `reason`, unless it has `ended`.

    What was being sent when it was skipped is looked for first, and waits for its lease, as any retry.
    """
    return (
        update(table)
        .where(
            table.c.state == DeliveryState.SKIPPED,
            table.c.guild_id == guild_id,
            table.c.last_error == reason,
            ~ended,
        )
        .values(state=DeliveryState.PENDING, settled_at=None, last_error=None)
        .returning(table.c.next_attempt_at)
    )
