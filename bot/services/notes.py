"""Notes to organizers: what could not be said in their group's channel, and what they can do."""

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import Database
from bot.db.models import Group, Meetup, Occurrence
from bot.delivery.ledger import Claimed, Outgoing

NOTE = "organizer_note"

_MISSING = re.compile(r"missing permissions: (?P<names>.+)")
_REFUSED = re.compile(r"(?P<status>\d{3}) (?P<code>\d+)\b")


class Obstacle(StrEnum):
    """Why a channel cannot be written to, as far as an organizer can do something about it."""

    PERMISSION = "permission"
    FORBIDDEN = "forbidden"
    GONE = "gone"


class NoteService:
    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def about_failure(self, delivery: Claimed, reason: str) -> Outgoing | None:
        """What to tell whoever made the group after `delivery` failed for good; None when nobody can help.

        One note per server, channel, obstacle and day, by its key. A note that fails makes no other.
        """
        obstacle = obstacle_of(reason)
        if delivery.kind == NOTE or delivery.channel_id is None or obstacle is None:
            return None
        async with self._database.read() as session:
            group = await _group(session, delivery)
        if group is None or not group.created_by:  # who made it had themselves forgotten
            return None
        now = self._clock()
        missing = _MISSING.fullmatch(reason)
        return Outgoing(
            key=f"note:{group.guild_id}:{delivery.channel_id}:{obstacle}:{now.date()}",
            kind=NOTE,
            subject=f"note:{group.id}",
            due_at=now,
            guild_id=group.guild_id,
            user_id=group.created_by,
            refs={
                "group": group.id,
                "channel": delivery.channel_id,
                "about": delivery.kind,
                "obstacle": obstacle.value,
                "permissions": missing["names"].split(", ") if missing else [],
            },
        )

    async def group(self, group_id: int) -> Group | None:
        async with self._database.read() as session:
            return await session.get(Group, group_id)


def obstacle_of(reason: str) -> Obstacle | None:
    """Read the sender's reason; None for what no organizer can change (Discord's own failures, our
    mistakes, a member's closed direct messages).
    """
    if _MISSING.fullmatch(reason):
        return Obstacle.PERMISSION
    refused = _REFUSED.match(reason)
    if refused is None:
        return Obstacle.GONE if reason.startswith("nothing can be posted") else None
    status, code = int(refused["status"]), int(refused["code"])
    if code in (10003, 10004) or status == 404:
        return Obstacle.GONE
    return Obstacle.FORBIDDEN if status == 403 else None


async def _group(session: AsyncSession, delivery: Claimed) -> Group | None:
    """The group that it was said for: its own, else the channel's, else the server's oldest."""
    feature, _, number = delivery.subject.partition(":")
    if feature == "group":
        return await session.get(Group, int(number))
    if feature == "occurrence":
        query = select(Group).join(Meetup).join(Occurrence).where(Occurrence.id == int(number))
        return (await session.scalars(query)).one_or_none()
    here = select(Group).where(Group.guild_id == delivery.guild_id, Group.archived_at.is_(None))
    groups = (await session.scalars(here.order_by(Group.id))).all()
    return next(
        (group for group in groups if group.channel_id == delivery.channel_id), next(iter(groups), None)
    )
