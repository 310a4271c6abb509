"""What a person set for themselves."""

from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import Database
from bot.db.models import Member
from bot.services.zones import checked_zone


class MemberService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_timezone(self, *, user_id: int, typed: str) -> ZoneInfo:
        """Raises UnknownZone."""
        zone = checked_zone(typed)
        async with self._database.write() as session:
            member = await session.get(Member, user_id)
            if member is None:
                member = Member(user_id=user_id)
                session.add(member)
            member.timezone = zone.key
        return zone

    async def timezone(self, *, user_id: int, default: str) -> ZoneInfo:
        """The member's own zone, else `default` (a group's)."""
        async with self._database.read() as session:
            return await zone_of(session, user_id=user_id, default=default)


async def zone_of(session: AsyncSession, *, user_id: int, default: str) -> ZoneInfo:
    member = await session.get(Member, user_id)
    return ZoneInfo(member.timezone if member is not None and member.timezone else default)
