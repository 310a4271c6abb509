"""Which process says what, where several share one ledger."""

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from sqlalchemy import ColumnElement, Integer, TableClause, func, literal

from bot.db.models import Delivery

# What has been due for so long is anybody's: the process whose it was does not run.
OTHERS_AFTER = timedelta(minutes=1)

table = cast(TableClause, Delivery.__table__)


@dataclass(frozen=True, kw_only=True)
class Share:
    """The part of all servers, and of members for direct messages, that a process serves: these shards out of
    `count`, by Discord's formula. One process serves each, so what goes to one place goes in its order.
    """

    shards: tuple[int, ...]
    count: int

    def mine(self) -> ColumnElement[bool]:
        target = func.coalesce(table.c.user_id, table.c.guild_id, table.c.channel_id)
        return (target.bitwise_rshift(literal(22, Integer())) % self.count).in_(self.shards)
