"""What happens to a group's meetups when the group itself changes."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Delivery, DeliveryState, Group, Meetup, Occurrence
from bot.delivery.ledger import Ledger
from bot.services.meetups import planning
from bot.services.meetups.announcing import POST, REMINDER, subject_of
from bot.services.meetups.facts import MeetupFacts, load_facts
from bot.services.meetups.finding import lock_series


async def cancel_all(
    session: AsyncSession, *, group_id: int, ledger: Ledger, now: datetime
) -> list[MeetupFacts]:
    """Call off everything the group has planned, in the caller's transaction; returns those dates."""
    called_off: list[Occurrence] = []
    meetups = await session.scalars(
        select(Meetup).where(Meetup.group_id == group_id, Meetup.cancelled_at.is_(None)).order_by(Meetup.id)
    )
    for meetup in meetups.all():
        await lock_series(session, meetup.id)
        called_off += await planning.cancel(session, meetup=meetup, ledger=ledger, now=now)
    return await load_facts(session, [occurrence.id for occurrence in called_off], now=now)


async def retarget(session: AsyncSession, *, group: Group) -> None:
    """Say in the group's new channel what is still to be said; posts that stand stay where they are."""
    dates = await session.scalars(
        select(Occurrence.id)
        .join(Meetup, Meetup.id == Occurrence.meetup_id)
        .where(Meetup.group_id == group.id, Occurrence.closed_at.is_(None))
    )
    await session.execute(
        update(Delivery)
        .where(
            Delivery.subject.in_([subject_of(occurrence_id) for occurrence_id in dates]),
            Delivery.kind.in_((POST, REMINDER)),
            Delivery.state == DeliveryState.PENDING,
        )
        .values(channel_id=group.channel_id)
        .execution_options(synchronize_session=False)
    )
