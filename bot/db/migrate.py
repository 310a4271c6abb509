"""Schema upgrades, one process at a time."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, make_url, text

from bot.db.engine import Database
from bot.db.models import Base

# Any constant; it only has to differ from other users of advisory locks in the same database.
ADVISORY_LOCK = 0x636F686F7274


def alembic_config() -> Config:
    """Alembic's settings without a file: an installed package has no pyproject.toml."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    return config


def head() -> str:
    """The newest revision this code knows."""
    revision = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the migrations folder holds no revision")
    return revision


def sqlite_path(url: str) -> Path | None:
    """The file behind a SQLite URL; None for PostgreSQL and for a database in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


async def current(database: Database) -> str | None:
    """The revision that the database is at; None when it is empty."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to `revision`. Several processes may call this at once: they take turns."""
    await _under_lock(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: str, revision: str) -> None:
    await _under_lock(url, lambda config: command.downgrade(config, revision))


async def drift(database: Database) -> list[object]:
    """How the tables differ from the models; empty when they agree."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, Base.metadata))

    async with database.engine.connect() as connection:
        return await connection.run_sync(compare)


async def _under_lock(url: str, work: Callable[[Config], None]) -> None:
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A blocking wait is right here: nothing else of this process runs before its schema stands.
        with FileLock(f"{path}.migrating"):
            await _run(url, work)
    else:
        await _run(url, work)


async def _run(url: str, work: Callable[[Config], None]) -> None:
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
