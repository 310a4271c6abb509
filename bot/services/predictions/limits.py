"""How many pictures a member and a server may ask about at once."""

import math
from collections import deque
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta

from bot.errors import ClassifiedTooOften
from bot.services.access import Caller

WINDOW = timedelta(minutes=1)
#: In any window.
MEMBER_LIMIT, SERVER_LIMIT = 6, 60
#: When so many are known, those of whom nothing was heard for a window are forgotten.
MANY = 1000


class Allowance:
    """Sliding windows, counted in this process alone: where several processes answer for one bot, each has
    its own count. A member has a window in each of their servers.
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._asked: dict[Hashable, deque[datetime]] = {}
        self._forget_at = MANY

    def take(self, caller: Caller) -> None:
        """Count one question. Raises ClassifiedTooOften, and then counts nothing."""
        now = self._clock()
        member, server = (caller.guild_id, caller.user_id), caller.guild_id
        for key, limit in ((member, MEMBER_LIMIT), (server, SERVER_LIMIT)):
            asked = self._recent(key, now)
            if len(asked) >= limit:
                left = min(asked[-limit] + WINDOW - now, WINDOW)
                seconds = max(1, math.ceil(left.total_seconds()))
                raise ClassifiedTooOften(seconds=seconds, is_member=key == member)
        if len(self._asked) >= self._forget_at:
            self._asked = {known: asked for known in self._asked if (asked := self._recent(known, now))}
            self._forget_at = max(MANY, 2 * len(self._asked))
        for key in (member, server):
            self._asked.setdefault(key, deque()).append(now)

    def _recent(self, key: Hashable, now: datetime) -> deque[datetime]:
        """Those of the last window; none of a future that a clock set back has left behind."""
        asked = self._asked.get(key, deque())
        while asked and not now - WINDOW < asked[0] <= now:
            asked.popleft()
        return asked
