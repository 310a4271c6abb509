"""Cards that a member keeps forgetting, and putting them to the group."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import Card, CardMemory, Group, Note
from bot.delivery.ledger import Ledger, Outgoing
from bot.errors import NotSetAside
from bot.services.reviews.grading import memory_of

EXPLAIN = "card_explain"
#: How long a question that could not be posted yet is worth posting.
ASK_WITHIN = timedelta(days=2)


async def is_set_aside(session: AsyncSession, memory: CardMemory, card: Card) -> bool:
    """Whether this member meets the card no more until it is reworded; `queue.at_hand` says the contrary."""
    if memory.leech_at is None:
        return False
    note = await session.get_one(Note, card.note_id)
    return not memory.leech_at < note.updated_at


async def put_to_group(
    session: AsyncSession, ledger: Ledger, group: Group, *, user_id: int, card_id: int, now: datetime
) -> None:
    """Ask the group to explain a card that was set aside, once for each time that it is, without saying whose
    it is. Raises NotSetAside.
    """
    memory = await memory_of(session, user_id=user_id, card_id=card_id)
    if memory is None or memory.leech_at is None or memory.group_id != group.id:
        raise NotSetAside
    outgoing = Outgoing(
        key=f"card_explain:{card_id}:{user_id}:{memory.lapses}",
        kind=EXPLAIN,
        subject=f"card:{card_id}",
        due_at=now,
        expires_at=now + ASK_WITHIN,
        guild_id=group.guild_id,
        channel_id=group.channel_id,
        refs={"card": card_id, "group": group.id},
    )
    await ledger.plan(session, outgoing)
