"""Putting a backup back, so that nothing is said twice and no id gets a second meaning."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, insert, make_url, select, update

from bot.backups.contents import (
    ABOUT,
    MODELS,
    POSTGRESQL_FILE,
    SQLITE_FILE,
    About,
    from_json,
    sha256,
)
from bot.backups.into_postgresql import restore_postgresql
from bot.backups.into_sqlite import restore_sqlite
from bot.db import migrate
from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState, Restore
from bot.db.models.deliveries import OPEN
from bot.db.sequences import go_on_after, last_ids
from bot.schema import CannotRun, only_process, upgrade_schema, usable
from bot.settings import Settings

# More ids than any group makes between two backups: so far do new rows keep away from lost ones.
IDS_LEFT_OUT = 1_000_000
_CHUNK = 2**20


@dataclass(frozen=True, kw_only=True)
class Restored:
    """`kept` is where the database that was there before now lies, in PostgreSQL the schema `kept_schema`;
    `open` counts what was due meanwhile.
    """

    about: About
    kept: Path | None
    kept_schema: str | None
    open: int


async def restore_backup(settings: Settings, source: Path, *, replace: bool, now: datetime) -> Restored:
    """Put a backup in the place of the database, and bring its schema to the newest revision. `replace`
    allows that there is one, which is kept beside it. Raises CannotRun, having changed nothing.
    """
    with usable(settings), only_process(settings.database_url), _unpacked(source) as (about, folder):
        url = make_url(settings.database_url)
        kind = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"
        if about.database != kind:
            raise CannotRun(
                f"{source.name} was made of {about.database}, and COHORT_DATABASE_URL is {kind}. Restore it "
                f"where it came from, then: cohort db move"
            )
        if about.revision not in migrate.revisions():
            raise CannotRun(f"{source.name} was made by a newer version of Cohort. Update Cohort first.")
        kept, kept_schema = None, None

        async def finish(there: Settings) -> None:
            await _finish(there, about, now)

        if kind == "sqlite":
            kept = await restore_sqlite(
                settings, folder / SQLITE_FILE, replace=replace, now=now, finish=finish
            )
        else:
            kept_schema = await restore_postgresql(
                settings,
                folder / POSTGRESQL_FILE,
                replace=replace,
                now=now,
                finish=finish,
            )
        _restore_models(settings, folder / MODELS)
        due = await _open_since(settings, about, now)
        return Restored(about=about, kept=kept, kept_schema=kept_schema, open=due)


@contextmanager
def _unpacked(source: Path) -> Iterator[tuple[About, Path]]:
    """The backup's parts in a folder, each what its hash says. Names in the zip choose nothing outside it."""
    try:
        with (
            zipfile.ZipFile(source) as archive,
            tempfile.TemporaryDirectory(prefix="cohort-restore-") as name,
        ):
            folder = Path(name)
            about = from_json(archive.read(ABOUT))
            for part, digest in about.files.items():
                target = (folder / part).resolve()
                if not target.is_relative_to(folder.resolve()):
                    raise CannotRun(f"{source.name} is no backup of Cohort.")
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(part) as packed, target.open("wb") as file:
                    shutil.copyfileobj(packed, file, _CHUNK)
                if sha256(target) != digest:
                    raise CannotRun(f"{source.name} is damaged: {part} is not what was backed up.")
            yield about, folder
    except FileNotFoundError:
        raise CannotRun(f"There is no file {source}.") from None
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise CannotRun(f"{source.name} is no backup of Cohort, or is damaged: {error}.") from None


async def _finish(settings: Settings, about: About, now: datetime) -> None:
    """What a database still lacks after it was put back as it was."""
    await upgrade_schema(settings)
    await _settle(settings, about, now)


async def _settle(settings: Settings, about: About, now: datetime) -> None:
    """What was due since the backup may have been said: look before saying it again. Give new rows ids beyond
    those that got lost, which still stand in messages.
    """

    def settle(connection: Connection) -> None:
        connection.execute(
            update(Delivery)
            .where(OPEN, Delivery.due_at <= now)
            .values(
                state=DeliveryState.PENDING,
                owner=None,
                next_attempt_at=now,
                attempts=func.coalesce(func.nullif(Delivery.attempts, 0), 1),
                first_attempt_at=func.coalesce(Delivery.first_attempt_at, Delivery.due_at),
            )
        )
        connection.execute(insert(Restore).values(backed_up_at=about.made_at, restored_at=now))
        go_on_after(connection, {name: last + IDS_LEFT_OUT for name, last in last_ids(connection).items()})

    database = Database(settings.database_url)
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(settle)
    finally:
        await database.close()


async def _open_since(settings: Settings, about: About, now: datetime) -> int:
    database = Database(settings.database_url)
    try:
        async with database.read() as session:
            due = select(func.count()).select_from(Delivery).where(OPEN, Delivery.due_at <= now)
            return await session.scalar(due) or 0
    finally:
        await database.close()


def _restore_models(settings: Settings, folder: Path) -> None:
    """Each model lies under its own hash, so one that is there already is the same."""
    for model in sorted(folder.glob("*")) if folder.is_dir() else ():
        target = settings.models / model.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(model, target)
