"""Making a backup while the bot runs."""

import asyncio
import os
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from datetime import datetime
from pathlib import Path

from bot.backups.aside import KEPT
from bot.backups.contents import (
    ABOUT,
    MODELS,
    POSTGRESQL_FILE,
    SQLITE_FILE,
    About,
    check_sqlite,
    sha256,
    to_json,
)
from bot.backups.postgresql import run_tool
from bot.db import migrate
from bot.db.engine import Database
from bot.schema import CannotRun, usable
from bot.settings import Settings


def default_file(settings: Settings, now: datetime) -> Path:
    """A dated file in the backups' folder. Beside the bot's daily ones, which push out each other, its name
    keeps it apart from them.
    """
    apart = "" if migrate.sqlite_path(settings.database_url) is None else "-by-hand"
    return settings.backups / f"cohort-{now:%Y%m%d-%H%M%S}{apart}.zip"


async def make_backup(settings: Settings, target: Path, *, now: datetime) -> About:
    """Write a backup to the new file `target`, whole or not at all. Raises CannotRun."""
    _refuse_to_replace(target)
    path = migrate.sqlite_path(settings.database_url)
    if path is not None and not path.exists():
        raise CannotRun(f"There is no database at {path} yet.")
    with usable(settings):
        database = Database(settings.database_url)
        try:
            revision = await migrate.current(database)
        finally:
            await database.close()
        if revision is None:
            raise CannotRun("The database is empty: there is nothing to back up.")
        return await asyncio.to_thread(_write, settings, target, revision, now)


def _refuse_to_replace(target: Path) -> None:
    # Through no link either: what is there may be the database itself.
    if os.path.lexists(target):
        raise CannotRun(f"{target} is there already, and a backup replaces nothing. Name a new file.")


def _write(settings: Settings, target: Path, revision: str, now: datetime) -> About:
    path = migrate.sqlite_path(settings.database_url)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as name:
        folder = Path(name)
        if path is not None:
            dumped, kind = folder / SQLITE_FILE, "sqlite"
            _copy_sqlite(path, dumped)
        else:
            dumped, kind = folder / POSTGRESQL_FILE, "postgresql"
            # What earlier restores have set aside is kept in the database, not in every backup of it.
            kept_aside = f"--exclude-schema={KEPT}*"
            run_tool("pg_dump", settings, "--format=custom", kept_aside, f"--file={dumped}")
        parts = {dumped.name: dumped}
        if settings.models.is_dir():
            # What is being written there has a dot before its name.
            parts |= {
                f"{MODELS}{file.relative_to(settings.models).as_posix()}": file
                for file in sorted(settings.models.glob("[!.]*/*"))
                if file.is_file()
            }
        about = About(
            database=kind,
            revision=revision,
            made_at=now,
            files={part: sha256(file) for part, file in parts.items()},
        )
        whole = folder / "whole.zip"
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            archive.writestr(ABOUT, to_json(about))
            for part, file in parts.items():
                archive.write(file, part)
        # All that members told the bot is in it, whatever the folder is open to.
        whole.chmod(0o600)
        _refuse_to_replace(target)
        whole.replace(target)
    return about


def _copy_sqlite(source: Path, target: Path) -> None:
    """A copy of one moment, by SQLite's own backup, while others write."""
    live = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    with closing(live), closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    check_sqlite(target)
