"""Putting a backup back, so that nothing is said twice and no id gets a second meaning."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, insert, make_url, select, update

from bot.backups.contents import MODELS, POSTGRESQL_FILE, SQLITE_FILE, About, reason_of
from bot.backups.into_postgresql import restore_postgresql
from bot.backups.into_sqlite import restore_sqlite
from bot.backups.unpacking import unpacked
from bot.db import migrate
from bot.db.engine import Database
from bot.db.models import Delivery, DeliveryState, Restore
from bot.db.models.deliveries import OPEN
from bot.db.sequences import go_on_after, last_ids
from bot.schema import CannotRun, only_process, upgrade_schema, usable
from bot.settings import Settings

# More ids than any group makes between two backups: so far do new rows keep away from lost ones.
IDS_LEFT_OUT = 1_000_000


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
    # First what needs no database: a wrong name of the backup leaves nothing behind.
    with unpacked(source) as (about, folder):
        kind = "sqlite" if make_url(settings.database_url).get_backend_name() == "sqlite" else "postgresql"
        if about.database != kind:
            raise CannotRun(
                f"{source.name} was made of {about.database}, and COHORT_DATABASE_URL is {kind}. Restore it "
                f"where it came from, then: cohort db move"
            )
        if about.revision not in migrate.revisions():
            raise CannotRun(f"{source.name} was made by a newer version of Cohort. Update Cohort first.")
        with usable(settings), only_process(settings.database_url), _models(settings, folder / MODELS):
            return await _restore(settings, about, folder, replace=replace, now=now)


async def _restore(
    settings: Settings, about: About, folder: Path, *, replace: bool, now: datetime
) -> Restored:
    async def finish(there: Settings) -> None:
        await upgrade_schema(there)
        await _settle(there, about, now)

    kept, kept_schema = None, None
    if about.database == "sqlite":
        file = folder / SQLITE_FILE
        kept = await restore_sqlite(settings, file, replace=replace, now=now, finish=finish)
    else:
        dump = folder / POSTGRESQL_FILE
        kept_schema = await restore_postgresql(settings, dump, replace=replace, now=now, finish=finish)
    due = await _open_since(settings, about, now)
    return Restored(about=about, kept=kept, kept_schema=kept_schema, open=due)


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


@contextmanager
def _models(settings: Settings, folder: Path) -> Iterator[None]:
    """Bring the models back, and take them away again when the rest fails. Each lies under its own hash, so
    one that is there already is the same.
    """
    added: list[Path] = []
    try:
        try:
            for model in sorted(folder.glob("*")) if folder.is_dir() else ():
                target = settings.models / model.name
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    added.append(target)
                    shutil.copytree(model, target)
        except OSError as error:
            raise CannotRun(
                f"The models cannot be put into {settings.models}: {reason_of(error)}. Nothing was changed."
            ) from None
        yield
    except BaseException:
        for target in added:
            shutil.rmtree(target, ignore_errors=True)
        raise
