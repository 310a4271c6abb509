"""When the database was put back from a backup."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import Base
from bot.db.types import Key


class Restore(Base):
    """What was said between `backed_up_at` and `restored_at` is not known here any more."""

    __tablename__ = "restores"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    backed_up_at: Mapped[datetime]
    restored_at: Mapped[datetime]
