"""The schema and the database file, as the command line looks after them: every problem is one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import Timeout
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.db import migrate
from bot.db.addresses import shown
from bot.db.engine import Database
from bot.settings import Settings


class CannotRun(Exception):
    """The bot must not start; the message is one line for the operator."""


@contextmanager
def only_process(database_url: str) -> Iterator[None]:
    """SQLite serves one bot process: hold a lock beside the file, or refuse with one clear line."""
    path = migrate.sqlite_path(database_url)
    if path is None:
        yield
        return
    lock = migrate.lock_on(path, "running")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise CannotRun(
            f"Another Cohort process uses {path}. Stop it first, or use PostgreSQL for several processes."
        ) from None
    except OSError as error:
        raise CannotRun(f"The folder of {path} cannot be written: {error.strerror}.") from None
    try:
        yield
    finally:
        lock.release()


async def prepare_schema(settings: Settings) -> None:
    """Upgrade the schema under a lock, or refuse to start when told not to; raises CannotRun."""
    if settings.migrate_on_start:
        await upgrade_schema(settings)
    else:
        found, head = await database_revision(settings)
        if found != head:
            raise CannotRun(behind(found))
    await _require_writable(settings)


async def _require_writable(settings: Settings) -> None:
    """A SQLite file that may only be read would fail each tick and each command."""
    with usable(settings):
        database = Database(settings.database_url)
        try:
            if database.is_sqlite:
                async with database.write() as session:
                    # A transaction alone would do as well with reading.
                    await session.execute(text("UPDATE alembic_version SET version_num = version_num"))
        finally:
            await database.close()


async def require_newest(settings: Settings) -> None:
    """The database is there, at the newest revision, and can be reached; raises CannotRun."""
    path = migrate.sqlite_path(settings.database_url)
    with usable(settings):
        if path is not None and not path.exists():
            raise CannotRun(f"There is no database at {path}.")
    found, head = await database_revision(settings)
    if found != head:
        raise CannotRun(behind(found))


def behind(found: str | None) -> str:
    """What to do about a database that is not at the newest revision."""
    if found is not None and found not in migrate.revisions():
        return (
            f"The database is at revision {found}, which this version of Cohort does not know: a newer one "
            "made it. Install that."
        )
    return (
        f"The database is at revision {found or 'empty'}, this version needs {migrate.head()}. "
        "Run: cohort db upgrade"
    )


async def upgrade_schema(settings: Settings) -> None:
    """Bring the schema to the newest revision; raises CannotRun."""
    with usable(settings):
        try:
            await migrate.upgrade(settings.database_url)
        except migrate.CannotUpgrade as error:
            raise CannotRun(
                f"The schema cannot be upgraded: {error}. Was it made by a newer version?"
            ) from None


async def database_revision(settings: Settings) -> tuple[str | None, str]:
    """What the database is at (None when it is empty or its file is not there yet), and the newest.

    Raises CannotRun.
    """
    path = migrate.sqlite_path(settings.database_url)
    with usable(settings):
        if path is not None and not path.exists():
            return None, migrate.head()
        database = Database(settings.database_url)
        try:
            return await migrate.current(database), migrate.head()
        finally:
            await database.close()


async def schema_problems(settings: Settings) -> list[str]:
    """What `cohort db check` has to say; empty when all is well. Raises CannotRun."""
    found, head = await database_revision(settings)
    if found != head:
        return [behind(found)]
    with usable(settings):
        database = Database(settings.database_url)
        try:
            return [f"Drift: {difference}" for difference in await migrate.drift(database)]
        finally:
            await database.close()


@contextmanager
def usable(settings: Settings) -> Iterator[None]:
    """Turn what goes wrong on the way to the database into a CannotRun of one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise CannotRun("PostgreSQL needs the postgres extra: uv pip install -e '.[postgres]'") from None
    except (DBAPIError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        reason = " ".join(str(cause).split()) or type(cause).__name__
        raise CannotRun(f"The database {shown(settings.database_url)} cannot be used: {reason}") from None
