"""Where each table's ids go on: a deleted row's id, or a lost one's, must never become another row's."""

from collections.abc import Mapping

from sqlalchemy import Connection, Table, func, select, text

from bot.db.models import Base

SQLITE = "sqlite"


def last_ids(connection: Connection) -> dict[str, int]:
    """The largest id that each table ever gave, as far as the database remembers it, by the table's name."""
    return {table.name: max(_largest(connection, table), _given(connection, table)) for table in _numbered()}


def go_on_after(connection: Connection, ids: Mapping[str, int]) -> None:
    """Let each table's next row have an id beyond the one that is given for it."""
    for table in _numbered():
        last = ids.get(table.name, 0)
        if connection.dialect.name == SQLITE:
            row = {"name": table.name, "last": last}
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
            connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), row)
        elif last:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
                {"name": table.name, "last": last},
            )


def _numbered() -> list[Table]:
    """The tables whose ids stand in messages, and so are never given twice."""
    return [
        table for table in Base.metadata.sorted_tables if table.dialect_options[SQLITE].get("autoincrement")
    ]


def _largest(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.max(table.c.id))) or 0


def _given(connection: Connection, table: Table) -> int:
    if connection.dialect.name == SQLITE:
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    else:
        query = text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:name, 'id')::regclass)")
    return connection.scalar(query, {"name": table.name}) or 0
