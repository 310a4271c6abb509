"""Every row of every table, whose it is, and how it was before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, insert, select, text, update

from bot.db.engine import Database
from bot.db.models import Base
from bot.services.privacy import COUNTED, OWN, SIGNED

Row = dict[str, Any]
Snapshot = dict[str, dict[tuple[Any, ...], Row]]
TABLES: Mapping[str, Table] = {table.name: table for table in Base.metadata.sorted_tables}
#: The columns that name a member, by table; the project's own test keeps these lists complete.
NAMING: dict[str, list[str]] = {}
for _column in (*OWN, *COUNTED, *SIGNED):
    NAMING.setdefault(_column.class_.__tablename__, []).append(_column.key)


@dataclass(frozen=True)
class Change:
    """One row that came, went or is not what it was; `before` or `after` is None where there was none."""

    table: str
    before: Row | None
    after: Row | None

    def __str__(self) -> str:
        if self.before is None or self.after is None:
            return f"{self.table}: {self.before} became {self.after}"
        changed = [key for key in self.before if self.before[key] != self.after[key]]
        said = ", ".join(f"{key} {self.before[key]!r} became {self.after[key]!r}" for key in changed)
        return f"{self.table} {self.before.get('id', self.before)}: {said}"


async def snapshot(database: Database) -> Snapshot:
    """All there is, by table and primary key."""
    async with database.read() as session:
        found: Snapshot = {}
        for name, table in TABLES.items():
            keys = [column.name for column in table.primary_key]
            rows = [dict(row) for row in (await session.execute(select(table))).mappings()]
            found[name] = {tuple(row[key] for key in keys): row for row in rows}
        return found


class Watch:
    """Tells cheaply whether anything was written since it last looked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: object = None
        self._file = sqlite3.connect(database.engine.url.database or "") if database.is_sqlite else None

    async def stirred(self) -> bool:
        before, self._seen = self._seen, await self._look()
        return before != self._seen

    async def _look(self) -> object:
        if self._file is not None:
            # Another number after every commit of another connection.
            return self._file.execute("PRAGMA data_version").fetchone()
        every = " UNION ALL ".join(f"SELECT CAST(t AS text) AS row FROM {name} t" for name in TABLES)  # noqa: S608
        async with self._database.read() as session:
            return await session.scalar(
                text(f"SELECT md5(string_agg(row, ',' ORDER BY row)) FROM ({every}) s")  # noqa: S608
            )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def changes(before: Snapshot, after: Snapshot) -> list[Change]:
    return [
        Change(name, before[name].get(key), after[name].get(key))
        for name in TABLES
        for key in sorted(before[name].keys() | after[name].keys(), key=repr)
        if before[name].get(key) != after[name].get(key)
    ]


async def put_back(database: Database, changed: Iterable[Change]) -> None:
    """Make every changed row what it was."""
    changed = sorted(changed, key=lambda change: list(TABLES).index(change.table))
    async with database.write() as session:
        # Rows that hang on others may come before them.
        relaxed = (
            "PRAGMA defer_foreign_keys = ON"
            if database.is_sqlite
            else "SET LOCAL session_replication_role = replica"
        )
        await session.execute(text(relaxed))
        for change in reversed(changed):
            if change.before is None and change.after is not None:
                await session.execute(delete(TABLES[change.table]).where(*_is(change.table, change.after)))
        for change in changed:
            table = TABLES[change.table]
            if change.before is not None and change.after is not None:
                where = _is(change.table, change.after)
                await session.execute(update(table).where(*where).values(change.before))
            elif change.before is not None:
                await session.execute(insert(table), [change.before])


def _is(table: str, row: Row) -> list[ColumnElement[bool]]:
    return [column == row[column.name] for column in TABLES[table].primary_key]


def names_member(row: Row | None, table: str, user_id: int) -> bool:
    """Whether the row is about this member, or signed by them."""
    return row is not None and any(row[column] == user_id for column in NAMING.get(table, ()))


def guilds_of(there: Snapshot, table: str, row: Row) -> frozenset[int]:
    """The servers that a row belongs to, by itself or by what it hangs on; empty for a member's alone."""
    if row.get("guild_id") is not None:
        return frozenset({row["guild_id"]})
    return frozenset(guild for parent in parents(there, table, row) for guild in guilds_of(there, *parent))


def parents(there: Snapshot, table: str, row: Row) -> Iterator[tuple[str, Row]]:
    for constraint in TABLES[table].foreign_key_constraints:
        parent = constraint.referred_table
        if parent.name == table:
            continue
        wanted = {element.column.name: row[element.parent.name] for element in constraint.elements}
        key = tuple(wanted.get(column.name) for column in parent.primary_key)
        found = there[parent.name].get(key)
        if found is not None:
            yield parent.name, found
