"""What the ledger must say about a project: its public posts, and one private nudge when it falls quiet."""

from datetime import datetime, timedelta

from sqlalchemy import String, cast, literal, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Delivery, DeliveryState, Project, ProjectEntry
from bot.delivery.ledger import Outgoing
from bot.services.activity import QUIET

POST = "project_post"
NUDGE = "project_nudge"
POST_KEY = "project_entry:"
#: How long after its time a nudge is still sent.
NUDGE_USEFUL_FOR = timedelta(days=7)
#: How long it is looked for where a post stands.
ADOPT_WITHIN = timedelta(days=2)


def subject_of(project_id: int) -> str:
    return f"project:{project_id}"


def post_row(project: Project, entry: ProjectEntry, *, channel_id: int) -> Outgoing:
    return Outgoing(
        key=f"{POST_KEY}{entry.id}",
        kind=POST,
        subject=subject_of(project.id),
        due_at=entry.at,
        guild_id=project.guild_id,
        channel_id=channel_id,
        refs={"project": project.id, "entry": entry.id},
    )


def nudge_row(project: Project, entry: ProjectEntry) -> Outgoing:
    """One for each quiet spell: its key is the sign of life, `entry`, that the spell began with.

    It has no channel to fall back to: that somebody is quiet is nobody else's business.
    """
    due_at = entry.at + QUIET
    return Outgoing(
        key=f"project_nudge:{entry.id}",
        kind=NUDGE,
        subject=subject_of(project.id),
        due_at=due_at,
        expires_at=due_at + NUDGE_USEFUL_FOR,
        guild_id=project.guild_id,
        user_id=project.user_id,
        refs={"project": project.id},
    )


async def adopt_posts(session: AsyncSession, *, now: datetime) -> None:
    """Learn from the ledger where the posts stand that it sent."""
    await session.execute(
        update(ProjectEntry)
        .where(
            ProjectEntry.message_id.is_(None),
            ProjectEntry.at > now - ADOPT_WITHIN,
            Delivery.dedupe_key == literal(POST_KEY) + cast(ProjectEntry.id, String),
            Delivery.state == DeliveryState.SENT,
            Delivery.message_id.is_not(None),
        )
        .values(channel_id=Delivery.message_channel_id, message_id=Delivery.message_id)
        .execution_options(synchronize_session=False)
    )
