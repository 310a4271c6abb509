"""Servers that the bot was taken out of."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models.base import Base


class RemovedServer(Base):
    """What is known of the server is kept for a while, should somebody invite the bot again."""

    __tablename__ = "removed_servers"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    removed_at: Mapped[datetime]
