"""Column types: aware UTC in, aware UTC out; Discord's ids; names with stable keys."""

import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer
from sqlalchemy.types import TypeDecorator

#: A surrogate key. SQLite only numbers rows by itself when the column is a plain INTEGER.
Key = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Refuses naive values, stores UTC, and returns aware UTC.

    SQLite keeps no offset and would return naive values; PostgreSQL keeps `timestamptz`.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a naive datetime has no place in the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def choice(values: type[StrEnum]) -> Enum:
    """A StrEnum stored as its value in a plain VARCHAR, so that a new value needs no migration."""
    return Enum(
        values,
        native_enum=False,
        create_constraint=False,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )


#: What a column for name keys holds. NFKC can make 18 characters out of one, so the key is cut.
KEY_LENGTH = 160


def name_key(name: str) -> str:
    """The form under which two names count as the same (Unicode NFKC, case folded, spaces joined)."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[:KEY_LENGTH]
