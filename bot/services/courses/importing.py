"""Packs that organizers bring along: kept for their server, each version once and for ever."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.courses.library import CourseLibrary
from bot.courses.packs import Pack, pack_from
from bot.db.models import CoursePack
from bot.errors import NotAnOrganizer, PackTaken, ShippedPack, TooManyPacks
from bot.services.access import Caller, active_groups, is_organizer
from bot.services.courses.finding import pack_names

#: Versions of packs that one server may import.
PACKS_LIMIT = 50


@dataclass(frozen=True, kw_only=True)
class Imported:
    """`is_new` is false when the server had exactly this; `newest` is its newest version of the pack."""

    pack: Pack
    is_new: bool
    newest: str


async def require_any_organizer(session: AsyncSession, caller: Caller) -> None:
    """Raises NotAnOrganizer unless the caller manages the server or organizes a group in it."""
    if caller.manages_server:
        return
    if not any(is_organizer(group, caller) for group in await active_groups(session, caller.guild_id)):
        raise NotAnOrganizer


async def keep(
    session: AsyncSession, library: CourseLibrary, *, caller: Caller, document: dict[str, Any], now: datetime
) -> Imported:
    """Save a checked document; raises ShippedPack, PackTaken, TooManyPacks."""
    pack = pack_from(document)
    if any(shipped.id == pack.id for shipped in library.shipped):
        raise ShippedPack(pack=pack.id)
    same = select(CoursePack.content).where(
        CoursePack.guild_id == caller.guild_id,
        CoursePack.pack == pack.id,
        CoursePack.version == pack.version,
    )
    known = await session.scalar(same)
    if known is None:
        await _refuse_too_many(session, caller.guild_id)
        try:
            async with session.begin_nested():
                session.add(
                    CoursePack(
                        guild_id=caller.guild_id,
                        pack=pack.id,
                        version=pack.version,
                        content=document,
                        imported_by=caller.user_id,
                        imported_at=now,
                    )
                )
        except IntegrityError:  # imported by another process since we looked
            known = await session.scalar(same)
    if known is not None and known != document:
        raise PackTaken(pack=pack.id, version=pack.version)
    names = await pack_names(session, library, guild_id=caller.guild_id)
    newest = [name.version for name in names if name.id == pack.id][-1]
    return Imported(pack=pack, is_new=known is None, newest=newest)


async def _refuse_too_many(session: AsyncSession, guild_id: int) -> None:
    kept = select(func.count()).select_from(CoursePack).where(CoursePack.guild_id == guild_id)
    if (await session.scalar(kept) or 0) >= PACKS_LIMIT:
        raise TooManyPacks(limit=PACKS_LIMIT)
