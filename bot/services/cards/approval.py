"""The post that asks a second member to look at a card before it joins the deck."""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Delivery, Group, Note, NoteState
from bot.delivery.ledger import Claimed, Ledger, Outgoing
from bot.services.access import Caller

APPROVAL = "card_approval"
WORTH_ASKING = timedelta(days=7)

#: A message: its channel's and its own id.
Place = tuple[int, int]


async def ask(
    session: AsyncSession,
    ledger: Ledger,
    *,
    group: Group,
    note: Note,
    caller: Caller,
    answer_in: int | None,
    now: datetime,
) -> Claimed | None:
    """Plan the post. In the group's channel, or a thread of it, the command's own answer is to be the post:
    then it comes back claimed. From elsewhere the ledger posts it into the group's channel.
    """
    here = answer_in if group.channel_id in caller.channel_ids and answer_in is not None else None
    post = Outgoing(
        key=f"flashcard:{note.id}:{note.revision}",
        kind=APPROVAL,
        subject=_subject(note),
        due_at=now,
        expires_at=now + WORTH_ASKING,
        guild_id=group.guild_id,
        channel_id=here or group.channel_id,
        refs={"note": note.id, "revision": note.revision},
        fallback=(group.channel_id,) if here not in (None, group.channel_id) else (),
    )
    if here is not None:
        return await ledger.plan_claimed(session, post)
    await ledger.plan(session, post)
    return None


async def withdraw(session: AsyncSession, ledger: Ledger, note: Note, *, reason: str) -> tuple[Place, ...]:
    """Take back what was planned about a note; where posts about it stand, the oldest first."""
    posts = await session.execute(
        select(Delivery.message_channel_id, Delivery.message_id)
        .where(Delivery.subject == _subject(note), Delivery.message_id.is_not(None))
        .order_by(Delivery.id)
    )
    standing = tuple((channel, message) for channel, message in posts if channel and message)
    await ledger.skip(session, subject=_subject(note), reason=reason)
    return standing


async def let_in(session: AsyncSession, *, group_id: int) -> None:
    """Whatever waits joins the deck: the group wants no approval any more."""
    await session.execute(
        update(Note)
        .where(Note.group_id == group_id, Note.state == NoteState.PENDING)
        .values(state=NoteState.ACTIVE)
    )


def _subject(note: Note) -> str:
    return f"flashcard:{note.id}"
