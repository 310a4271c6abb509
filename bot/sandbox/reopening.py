"""Between two runs the simulated Discord is forgotten and the database is kept: what the
one no longer has, the other must not believe in.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import case, delete, select, update

from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState, Group, Membership, Occurrence, OccurrenceState
from bot.services.meetups.announcing import POST_KEY

if TYPE_CHECKING:
    from bot.sandbox.world import World


async def reopen(world: "World", *, database_url: str, now: datetime) -> bool:
    """Before the bot connects: False when the database is new, else make both sides agree.

    Members get their groups' roles back. The welcomes of open groups and the posts of coming dates,
    which the server no longer has, are said once more; nothing else that was ever sent is. What an
    earlier run did in time that it skipped is undone where it would stand in the way.
    """
    database = Database(database_url)
    try:
        async with database.write() as session:
            groups = (await session.scalars(select(Group).where(Group.archived_at.is_(None)))).all()
            if not (await session.scalars(select(Group.id).limit(1))).all():
                return False
            for group in groups:
                members = await session.scalars(
                    select(Membership.user_id).where(
                        Membership.group_id == group.id, Membership.left_at.is_(None)
                    )
                )
                _give_role(world, group.role_id, members.all())
            coming = await session.execute(
                select(Occurrence.meetup_id, Occurrence.id)
                .where(Occurrence.ends_at > now, Occurrence.state == OccurrenceState.PLANNED)
                .order_by(Occurrence.starts_at.desc())
            )
            ids = [(meetup, number) for meetup, number in coming]
            soonest = dict(ids)  # the last of each meetup stays
            await session.execute(
                update(Occurrence).values(
                    post_channel_id=None,
                    post_message_id=None,
                    post_version=0,
                    event_id=None,
                    event_version=0,
                    event_post_id=None,
                    event_shows=None,
                    event_tried_at=None,
                    event_retry_at=None,
                )
            )
            # Time that was skipped in an earlier run is still to come.
            await session.execute(update(Occurrence).where(Occurrence.ends_at > now).values(closed_at=None))
            later = [f"{POST_KEY}{number}" for meetup, number in ids if soonest[meetup] != number]
            await session.execute(
                delete(Delivery).where(Delivery.dedupe_key.in_(later), Delivery.state == DeliveryState.SENT)
            )
            keys = [f"welcome:{group.id}" for group in groups]
            keys += [f"{POST_KEY}{number}" for number in soonest.values()]
            await session.execute(
                update(Delivery)
                .where(Delivery.dedupe_key.in_(keys), Delivery.state == DeliveryState.SENT)
                .values(
                    state=DeliveryState.PENDING,
                    # The post of a course's later lesson, sent in time that was skipped, waits for its day.
                    next_attempt_at=case((Delivery.due_at > now, Delivery.due_at), else_=now),
                    attempts=0,
                    fence=0,
                    owner=None,
                    first_attempt_at=None,
                    settled_at=None,
                    message_channel_id=None,
                    message_id=None,
                )
            )
            return True
    finally:
        await database.close()


def _give_role(world: "World", role_id: int | None, user_ids: Iterable[int]) -> None:
    """Give these people a role, unless it is not one of this server's."""
    backend = world.env.backend
    guild = backend.guilds[world.guild.id]
    if role_id not in guild.roles:
        return
    for user_id in user_ids:
        if user_id in guild.members:
            backend.add_member_role(guild.id, user_id, role_id)
