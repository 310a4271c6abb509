"""Kudos: one member thanks another who explained something."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError

from bot.db.engine import Database
from bot.db.models import Group, Kudos
from bot.errors import BotKudos, NotThankable, OwnKudos, ThankedToday
from bot.services.access import Caller, find_group, is_member, require_member
from bot.services.activity import note_activity
from bot.services.text import clean_text

REASON_LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class Given:
    """Kudos that were just given; `quiet` as `note_activity` returns it."""

    kudos: Kudos
    group: Group
    quiet: timedelta | None


class KudosService:
    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def give(
        self, *, caller: Caller, typed: str | None, receiver_id: int, receiver_is_bot: bool, reason: str
    ) -> Given:
        """Thank a member of the group.

        The same member can be thanked once on each day of the group's own calendar. Raises OwnKudos,
        BotKudos, BadText, NotAMember, NotThankable, ThankedToday, UnknownGroup, NoGroupHere.
        """
        if receiver_id == caller.user_id:
            raise OwnKudos
        if receiver_is_bot:
            raise BotKudos(user_id=receiver_id)
        reason = clean_text("reason", reason, limit=REASON_LIMIT)
        async with self._database.write() as session:
            now = self._clock()
            group = await find_group(session, caller=caller, typed=typed)
            await require_member(session, group, caller.user_id)
            if not await is_member(session, group_id=group.id, user_id=receiver_id):
                raise NotThankable(user_id=receiver_id, group=group.name)
            kudos = Kudos(
                group_id=group.id,
                giver_id=caller.user_id,
                receiver_id=receiver_id,
                reason=reason,
                given_on=now.astimezone(ZoneInfo(group.timezone)).date(),
                given_at=now,
            )
            try:
                async with session.begin_nested():
                    session.add(kudos)
            except IntegrityError:
                raise ThankedToday(user_id=receiver_id) from None
            quiet = await note_activity(session, group_id=group.id, caller=caller, now=now)
            return Given(kudos=kudos, group=group, quiet=quiet)
