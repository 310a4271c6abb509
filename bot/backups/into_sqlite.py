"""Putting a copy in the place of a SQLite file, which stays beside it, whatever state it is in."""

import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url

from bot.backups.contents import check_sqlite
from bot.db import migrate
from bot.schema import CannotRun
from bot.settings import Settings

# What SQLite may keep beside a file, as long as that is not folded.
_BESIDE = ("-wal", "-shm", "-journal")
_MAGIC = b"SQLite format 3\0"
_IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


async def restore_sqlite(
    settings: Settings,
    copy: Path,
    *,
    replace: bool,
    now: datetime,
    finish: Callable[[Settings], Awaitable[None]],
) -> Path | None:
    """Let `finish` complete the copy, then put it in the place of the database's file, and return where that
    lies now; None when there was none. Raises CannotRun, having changed nothing.
    """
    path = migrate.sqlite_path(settings.database_url)
    assert path is not None  # noqa: S101 (it is SQLite)
    if path.is_dir():
        raise CannotRun(f"{path} is a folder, and COHORT_DATABASE_URL must name a file.")
    there = _is_there(path)
    if there and not replace:
        raise CannotRun(f"There is a database at {path}. To put the backup in its place, add --replace.")
    check_sqlite(copy)
    # Everything that can go wrong happens to the copy, beside its final place.
    coming = path.with_name(f".{path.name}.restoring")
    try:
        _remove(coming)
        _copy(copy, coming, like=path)
        # As an address its name may need escapes.
        url = make_url(settings.database_url).set(database=str(coming))
        address = url.render_as_string(hide_password=False)
        await finish(settings.model_copy(update={"database_url": address}))
        _fold(coming)
        kept = _set_aside(path, now)
        try:
            coming.replace(path)
        except OSError:
            _rename(kept, path)
            raise
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotRun(f"The backup cannot be put at {path}: {reason}. Nothing was changed.") from None
    finally:
        with suppress(OSError):
            _remove(coming)
    return kept if there else None


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def _copy(source: Path, target: Path, *, like: Path) -> None:
    """A copy that has the rights and the owner of what it replaces; of nothing, it is for its owner alone."""
    mode, owner = 0o600, None
    with suppress(OSError):
        status = like.stat()
        mode, owner = status.st_mode & 0o777 | 0o600, (status.st_uid, status.st_gid)
    with (
        source.open("rb") as old,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new,
    ):
        shutil.copyfileobj(old, new, 2**20)
    target.chmod(mode)
    if owner is not None and hasattr(os, "chown"):
        # Only root may give a file away; it restores what the service's own user must open.
        with suppress(PermissionError):
            os.chown(target, *owner)


def _set_aside(path: Path, now: datetime) -> Path:
    """Keep the database under another name, and what stands beside it even alone: that would be taken for the
    new one's. Raises CannotRun when somebody still uses it.
    """
    try:
        # SQLite throws a log away that stands beside no database; it may be all that is left.
        if _looks_like_one(path):
            _fold(path)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _IN_USE:
            raise CannotRun(f"Something still uses {path}. Stop it first.") from None
        # It is damaged, perhaps the reason for all this: kept as it is.
    kept = _unused(path.with_name(f"{path.stem}-before-{now:%Y%m%d-%H%M%S}{path.suffix}"))
    _rename(path, kept)
    return kept


def _looks_like_one(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _unused(path: Path) -> Path:
    number, found = 1, path
    while any(_is_there(taken) for taken in _files_of(found)):
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def _rename(source: Path, target: Path) -> None:
    """With what stands beside it: without that, it may lack its newest rows."""
    for old, new in zip(_files_of(source), _files_of(target), strict=True):
        if _is_there(old):
            old.replace(new)


def _fold(path: Path) -> None:
    """Let everything stand in the one file: none of SQLite's others may outlive it under its name."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        # Fails while anybody else reads or writes, and takes back what a crash left half written.
        database.execute("BEGIN EXCLUSIVE")
        database.execute("ROLLBACK")
    _remove_beside(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _remove_beside(path)


def _remove_beside(path: Path) -> None:
    for left in (*_files_of(path)[1:], path.with_name(f"{path.name}.migrating")):
        left.unlink(missing_ok=True)


def _files_of(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + end) for end in _BESIDE)]
