"""The declarative base: naming convention and the types that annotations stand for."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, MetaData
from sqlalchemy.orm import DeclarativeBase

from bot.db.types import UtcDateTime

#: Old messages carry ids in their buttons: SQLite must never give a deleted row's id to a new one.
KEEP_IDS = {"sqlite_autoincrement": True}


class Base(DeclarativeBase):
    """Every constraint has a name, so that a later migration can drop it on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {int: BigInteger, datetime: UtcDateTime}
