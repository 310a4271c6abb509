"""Making a backup while the bot runs."""

import asyncio
import logging
import os
import sqlite3
import stat
import tempfile
import zipfile
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from bot.backups.aside import KEPT
from bot.backups.contents import (
    ABOUT,
    MODELS,
    POSTGRESQL_FILE,
    SQLITE_FILE,
    About,
    check_sqlite,
    reason_of,
    sha256,
    to_json,
)
from bot.backups.postgresql import run_tool
from bot.db import migrate
from bot.db.engine import Database
from bot.db.models import ModelVersion, VersionState
from bot.schema import CannotRun, usable
from bot.settings import Settings

log = logging.getLogger(__name__)

WHOLE = "whole.zip"


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
            if revision is None:
                raise CannotRun("The database is empty: there is nothing to back up.")
            async with database.read() as session:
                trained = await session.run_sync(_trained)
        finally:
            await database.close()
    about = await asyncio.to_thread(_write, settings, target, revision, now)
    if missing := trained - {part.split("/")[1] for part in about.files if part.startswith(MODELS)}:
        log.warning(
            "%d of the groups' models are not in the backup: their files are not in %s",
            len(missing),
            settings.models,
        )
    return about


def _trained(session: Session) -> set[str]:
    """The models that the database names, by their hash: all but those that are known to be broken."""
    if not inspect(session.connection()).has_table("model_versions"):  # an older revision
        return set()
    versions = select(ModelVersion.digest).where(ModelVersion.state != VersionState.DAMAGED)
    return set(session.scalars(versions))


def _refuse_to_replace(target: Path) -> None:
    # Through no link either: what is there may be the database itself.
    if os.path.lexists(target):
        raise CannotRun(f"{target} is there already, and a backup replaces nothing. Name a new file.")


def _write(settings: Settings, target: Path, revision: str, now: datetime) -> About:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as name:
            about = _write_whole(settings, Path(name), revision, now)
            _refuse_to_replace(target)
            (Path(name) / WHOLE).replace(target)
    except OSError as error:
        raise CannotRun(f"The backup {target} cannot be made: {reason_of(error)}.") from None
    except sqlite3.Error as error:
        raise CannotRun(f"The backup {target} cannot be made: {error}.") from None
    return about


def _write_whole(settings: Settings, folder: Path, revision: str, now: datetime) -> About:
    path = migrate.sqlite_path(settings.database_url)
    if path is not None:
        dumped, kind = folder / SQLITE_FILE, "sqlite"
        _copy_sqlite(path, dumped)
    else:
        dumped, kind = folder / POSTGRESQL_FILE, "postgresql"
        # What earlier restores have set aside is kept in the database, not in every backup of it.
        kept_aside = f"--exclude-schema={KEPT}*"
        run_tool("pg_dump", settings, "--format=custom", kept_aside, f"--file={dumped}")
    try:
        models = {
            f"{MODELS}{file.relative_to(settings.models).as_posix()}": file for file in _models(settings)
        }
        parts = {dumped.name: dumped} | models
        files = {part: sha256(file) for part, file in parts.items()}
    except OSError as error:
        raise CannotRun(
            f"The models in {settings.models} cannot be read: {reason_of(error)}. No backup was made."
        ) from None
    about = About(database=kind, revision=revision, made_at=now, files=files)
    whole = folder / WHOLE
    with zipfile.ZipFile(
        whole, "w", zipfile.ZIP_DEFLATED, compresslevel=6, strict_timestamps=False
    ) as archive:
        archive.writestr(ABOUT, to_json(about))
        for part, file in parts.items():
            archive.write(file, part)
    # All that members told the bot is in it, whatever the folder is open to.
    whole.chmod(0o600)
    return about


def _models(settings: Settings) -> list[Path]:
    """Every file of every model. Raises OSError, where a glob would be content with what it can read."""
    try:
        folders = sorted(settings.models.iterdir())
    except FileNotFoundError:
        return []
    # What is being written there has a dot before its name.
    return [
        file
        for folder in folders
        if not folder.name.startswith(".") and stat.S_ISDIR(folder.stat().st_mode)
        for file in sorted(folder.iterdir())
        if stat.S_ISREG(file.stat().st_mode)
    ]


def _copy_sqlite(source: Path, target: Path) -> None:
    """A copy of one moment, by SQLite's own backup, while others write."""
    live = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    with closing(live), closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    check_sqlite(target)
