"""The backup that the bot makes by itself, once a day, of a database in a file."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.backups.making import default_file, make_backup
from bot.schema import CannotRun
from bot.settings import Settings

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
LOOK_EVERY = timedelta(hours=1)


class DailyBackups:
    """Looks at the newest backup's age, so that neither a restart nor a second process makes one more."""

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock

    async def run(self) -> None:
        """Make today's backup if there is none yet, and delete the oldest beyond the number to keep."""
        now = self._clock()
        there = sorted(self._settings.backups.glob("cohort-*.zip"))
        newest = datetime.fromtimestamp(there[-1].stat().st_mtime, now.tzinfo) if there else None
        if newest is not None and now - newest < EVERY:
            return
        target = default_file(self._settings, now)
        try:
            await make_backup(self._settings, target, now=now)
        except (CannotRun, OSError) as error:
            log.error("no backup today: %s", error)
            return
        log.info("backed up", extra={"file": str(target)})
        for old in [*there, target][: -self._settings.backups_kept]:
            old.unlink(missing_ok=True)
