"""`cohort backup` and `cohort restore`: everything the bot knows, as one zip file, and back again.

A backup holds the database and the models, and no token. It is made while the bot runs; a restore wants the
bot stopped. What the bot said after the backup was made is not in it, so a restore sees to it that nothing
is said twice and that no id in an old message's button gets a second meaning.
"""

from bot.backups.contents import About
from bot.backups.daily import LOOK_EVERY, DailyBackups
from bot.backups.making import default_file, make_backup
from bot.backups.restoring import Restored, restore_backup

__all__ = ["LOOK_EVERY", "About", "DailyBackups", "Restored", "default_file", "make_backup", "restore_backup"]
