"""What a person set for themselves."""

from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import Database
from bot.db.models import Member
from bot.locales import SOURCE
from bot.services.zones import checked_zone


class MemberService:
    def __init__(self, database: Database) -> None:
        self._database = database
        # Who speaks another language than English, so that an interaction asks no database about it.
        self._languages: dict[int, str] = {}

    async def learn_languages(self) -> None:
        """Once, before the first interaction."""
        async with self._database.read() as session:
            rows = await session.execute(
                select(Member.user_id, Member.language).where(Member.language.is_not(None))
            )
            self._languages = {user: language for user, language in rows if language is not None}

    async def remember_language(self, *, user_id: int, language: str) -> None:
        """Direct messages come in the language that the member's Discord last had."""
        if self._languages.get(user_id, SOURCE) == language:
            return
        self._languages[user_id] = language
        async with self._database.write() as session:
            member = await session.get(Member, user_id)
            if member is None:
                member = Member(user_id=user_id)
                session.add(member)
            member.language = language if language != SOURCE else None

    def forget_language(self, *, user_id: int) -> None:
        """The member has erased everything: what they speak is learned anew."""
        self._languages.pop(user_id, None)

    async def language(self, *, user_id: int) -> str:
        async with self._database.read() as session:
            member = await session.get(Member, user_id)
            return member.language if member is not None and member.language is not None else SOURCE

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
