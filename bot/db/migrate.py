"""Schema upgrades, one process at a time.

Alembic is imported only when there is something to upgrade or to compare: 11 MB and a tenth of a second that
a bot whose schema is the newest, as on nearly every start, would never need.
"""

import os
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlalchemy import Connection, inspect, make_url, text

from bot.db.engine import Database
from bot.db.models import Base

if TYPE_CHECKING:
    from alembic.config import Config

# Any constant; it only has to differ from other users of advisory locks in the same database.
ADVISORY_LOCK = 0x636F686F7274
# How a migration's file names itself and the one that it follows.
REVISION = re.compile(r'^(down_)?revision(?:: [^=\n]+)? = "(\w+)"', re.MULTILINE)


class CannotUpgrade(Exception):
    """There is no way from the database's revision; the text is Alembic's."""


def alembic_config() -> "Config":
    """Alembic's settings without a file: an installed package has no pyproject.toml."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    return config


def head() -> str:
    """The newest revision this code knows."""
    known = revisions()
    heads = known.keys() - known.values()
    if len(heads) != 1:
        raise RuntimeError(f"the migrations folder has not one newest revision, but {sorted(heads)}")
    return heads.pop()


def revisions() -> dict[str, str | None]:
    """Every revision this code knows, and the one that it follows."""
    found: dict[str, str | None] = {}
    for file in files("migrations").joinpath("versions").iterdir():
        if file.name.endswith(".py"):
            named = {bool(down): name for down, name in REVISION.findall(file.read_text("utf-8"))}
            if False in named:
                found[named[False]] = named.get(True)
    return found


def sqlite_path(url: str) -> Path | None:
    """The file behind a SQLite URL; None for PostgreSQL and for a database in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def lock_on(path: Path, purpose: str) -> FileLock:
    """The lock beside a SQLite file, wherever links to it lie."""
    return FileLock(f"{os.path.realpath(path)}.{purpose}")


async def current(database: Database) -> str | None:
    """The revision that the database is at; None when it is empty."""

    def read(connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found

    async with database.engine.connect() as connection:
        return await connection.run_sync(read)


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to `revision`. Several processes may call this at once: they take turns.

    Raises CannotUpgrade.
    """
    if revision == "head" and await _is_newest(url):
        return
    from alembic import command
    from alembic.util.exc import CommandError

    try:
        await _under_lock(url, lambda config: command.upgrade(config, revision))
    except CommandError as error:
        raise CannotUpgrade(str(error)) from None


async def downgrade(url: str, revision: str) -> None:
    from alembic import command

    await _under_lock(url, lambda config: command.downgrade(config, revision))


async def _is_newest(url: str) -> bool:
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return False
    database = Database(url)
    try:
        return await current(database) == head()
    finally:
        await database.close()


async def drift(database: Database) -> list[object]:
    """How the tables differ from the models; empty when they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, Base.metadata))

    async with database.engine.connect() as connection:
        return await connection.run_sync(compare)


async def _under_lock(url: str, work: Callable[["Config"], None]) -> None:
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A blocking wait is right here: nothing else of this process runs before its schema stands.
        with lock_on(path, "migrating"):
            await _run(url, work)
    else:
        await _run(url, work)


async def _run(url: str, work: Callable[["Config"], None]) -> None:
    database = Database(url, foreign_keys=False)

    def on_connection(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        work(config)

    try:
        async with database.engine.execution_options(begin="IMMEDIATE").begin() as connection:
            if not database.is_sqlite:
                # Held until the transaction ends, however it ends.
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            await connection.run_sync(on_connection)
            if database.is_sqlite:
                await connection.run_sync(_refuse_orphans)
    finally:
        await database.close()


def _refuse_orphans(connection: Connection) -> None:
    """SQLite alters a table by dropping and copying it, which with foreign keys switched on deletes
    the rows that point to it; they are off during a migration, so this looks at what it left.
    """
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if orphans:
        raise RuntimeError(f"the migration leaves rows that point nowhere: {orphans[:5]}")
