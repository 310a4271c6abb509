"""Keeping what a PostgreSQL database holds in a schema of its own, while a backup takes its place."""

from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from bot.schema import CannotRun

# What begins with it is left out of every backup, and the bot never looks there.
KEPT = "cohort_before_"
DENIED = "42501"
TABLE_KINDS = ("r", "p")
# Tables, views and sequences, but those that belong to an extension, or move along with their table.
_MOVABLE = text(
    "SELECT relname, relkind::text FROM pg_class"
    " WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = :schema)"
    " AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS ("
    "SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid"
    " AND (deptype = 'e' OR (relkind = 'S' AND deptype IN ('a', 'i')))) ORDER BY relname"
)


def relations(connection: Connection, schema: str) -> dict[str, str]:
    """The tables of a schema and what is like them, with PostgreSQL's letter for the kind of each."""
    return {name: kind for name, kind in connection.execute(_MOVABLE, {"schema": schema})}


def set_aside(connection: Connection, schema: str, now: datetime) -> str | None:
    """Move all tables of `schema` into a new one and return its name; None when there are none. The schema
    itself stays, with its owner, its grants and its extensions. Raises CannotRun.
    """
    names = list(relations(connection, schema))
    if not names:
        return None
    kept = f"{KEPT}{now:%Y%m%d_%H%M%S}"
    try:
        connection.exec_driver_sql(f"CREATE SCHEMA {kept}")
        _move(connection, names, schema, kept)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != DENIED:
            raise
        reason = str(error.orig).rpartition(">: ")[2]
        raise CannotRun(
            f"The database that is there cannot be kept: {reason}. The user in COHORT_DATABASE_URL must own "
            "its tables and be allowed to CREATE in the database. Nothing was changed."
        ) from None
    return kept


def put_back(connection: Connection, schema: str, kept: str | None) -> None:
    """Remove what a restore that failed has put into `schema`, and undo `set_aside`."""
    came = [
        _within(connection, schema, name)
        for name, kind in relations(connection, schema).items()
        if kind in TABLE_KINDS
    ]
    if came:
        connection.exec_driver_sql(f"DROP TABLE {', '.join(came)} CASCADE")
    if kept is not None:
        _move(connection, list(relations(connection, kept)), kept, schema)
        connection.exec_driver_sql(f"DROP SCHEMA {kept}")


def _move(connection: Connection, names: list[str], source: str, target: str) -> None:
    there = connection.dialect.identifier_preparer.quote_identifier(target)
    for name in names:
        connection.exec_driver_sql(f"ALTER TABLE {_within(connection, source, name)} SET SCHEMA {there}")


def _within(connection: Connection, schema: str, name: str) -> str:
    quote = connection.dialect.identifier_preparer.quote_identifier
    return f"{quote(schema)}.{quote(name)}"
