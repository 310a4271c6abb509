"""What the ledger must say about a meetup: its post, its reminders, and who got a place."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Group, Occurrence
from bot.delivery.ledger import Ledger, Outgoing

POST = "meetup_post"
REMINDER = "meetup_reminder"
PROMOTED = "promoted"
POST_KEY = "post:"


@dataclass(frozen=True)
class Lead:
    """How long before the start a reminder is due, and until how long before it still helps."""

    name: str
    before: timedelta
    useful_until: timedelta


LEADS = (
    Lead("24h", timedelta(hours=24), timedelta(hours=1)),
    Lead("1h", timedelta(hours=1), timedelta(minutes=10)),
    Lead("10m", timedelta(minutes=10), timedelta(0)),
)


def lead_called(name: str) -> Lead:
    return next(lead for lead in LEADS if lead.name == name)


def subject_of(occurrence_id: int) -> str:
    return f"occurrence:{occurrence_id}"


def post_row(group: Group, occurrence: Occurrence, *, now: datetime) -> Outgoing:
    """The post of one date: one for ever, whatever becomes of it. The group's channel, due at `now`."""
    return Outgoing(
        key=f"{POST_KEY}{occurrence.id}",
        kind=POST,
        subject=subject_of(occurrence.id),
        due_at=now,
        expires_at=max(occurrence.ends_at, now),
        guild_id=group.guild_id,
        channel_id=group.channel_id,
        refs={"occurrence": occurrence.id},
    )


def reminder_rows(group: Group, occurrence: Occurrence, *, now: datetime) -> list[Outgoing]:
    """The reminders whose time is still to come."""
    return [
        reminder_row(group, occurrence, lead) for lead in LEADS if occurrence.starts_at - lead.before > now
    ]


def reminder_row(
    group: Group, occurrence: Occurrence, lead: Lead, *, part: int = 0, thread_id: int | None = None
) -> Outgoing:
    """One reminder, or a further part of one that mentions too many people for one message; for the
    group's channel, or for a thread and else that channel.

    The sequence is part of the key: a meetup that is moved away and back is reminded of again.
    """
    start = occurrence.starts_at
    key = f"meetup:{occurrence.id}:{int(start.timestamp())}:{lead.name}:{occurrence.sequence}"
    key += f":{part}" if part else ""
    return Outgoing(
        key=f"{key}:thread" if thread_id else key,
        kind=REMINDER,
        subject=subject_of(occurrence.id),
        due_at=start - lead.before,
        expires_at=start - lead.useful_until,
        guild_id=group.guild_id,
        channel_id=thread_id or group.channel_id,
        refs={"occurrence": occurrence.id, "lead": lead.name, "part": part},
        fallback=(group.channel_id,) if thread_id else (),
    )


def promoted_row(
    group: Group, occurrence_id: int, *, ends_at: datetime, version: int, user_id: int, now: datetime
) -> Outgoing:
    """Tell a member that they got a place: privately, or where they can be told by a mention."""
    return Outgoing(
        key=f"promoted:{occurrence_id}:{user_id}:{version}",
        kind=PROMOTED,
        subject=subject_of(occurrence_id),
        due_at=now,
        expires_at=ends_at,
        guild_id=group.guild_id,
        user_id=user_id,
        refs={"occurrence": occurrence_id, "user": user_id},
        fallback=(group.channel_id,),
    )


async def plan_reminders(
    session: AsyncSession, ledger: Ledger, *, group: Group, occurrence: Occurrence, now: datetime
) -> None:
    """Replace what was planned for this date by the reminders that its start now asks for."""
    await ledger.skip(session, subject=subject_of(occurrence.id), kinds=(REMINDER,), reason="meetup changed")
    await ledger.plan(session, *reminder_rows(group, occurrence, now=now))


async def silence(session: AsyncSession, ledger: Ledger, *, occurrence_id: int, reason: str) -> None:
    """Say nothing more about this date."""
    await ledger.skip(session, subject=subject_of(occurrence_id), reason=reason)
