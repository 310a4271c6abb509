"""The backup that the bot makes by itself, once a day, of a database in a file."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.backups.making import make_backup
from bot.schema import CannotRun
from bot.settings import Settings

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
LOOK_EVERY = timedelta(hours=1)
NAME = "cohort-%Y%m%d-%H%M%S.zip"


class DailyBackups:
    """Looks at the ages of those that are there, so that a restart does not make one more.

    Only what is named like one of its own counts and is ever deleted.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock

    async def run(self) -> None:
        """Make today's backup if there is none yet, and delete the oldest beyond the number to keep."""
        now = self._clock()
        try:
            there = await asyncio.to_thread(self._there)
            # One from the future comes of a clock that went wrong; it stands for no day until then.
            if any(timedelta() <= now - made < EVERY for made in there):
                return
            target = self._settings.backups / now.astimezone(UTC).strftime(NAME)
            await make_backup(self._settings, target, now=now)
            log.info("backed up", extra={"file": str(target)})
            too_many = max(0, len(there) + 1 - self._settings.backups_kept)
            for made in sorted(there)[:too_many]:
                there[made].unlink(missing_ok=True)
        except CannotRun as error:
            log.error("no backup today: %s", error)
        except OSError as error:
            log.error("the backups in %s cannot be looked after: %s", self._settings.backups, error)

    def _there(self) -> dict[datetime, Path]:
        """The backups by when they were made, which their names say: copying a file changes its time."""
        found = {}
        for file in self._settings.backups.glob("cohort-*.zip"):
            try:
                made = datetime.strptime(file.name, NAME).replace(tzinfo=UTC)
            except ValueError:
                continue
            if made.strftime(NAME) == file.name and file.is_file():
                found[made] = file
        return found
