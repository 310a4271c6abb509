"""Servers that the bot was taken out of."""

import sqlalchemy as sa
from alembic import op

revision = "7fba528c8ca0"
down_revision = "40aa5ddb229a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removed_servers",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", name=op.f("pk_removed_servers")),
    )


def downgrade() -> None:
    op.drop_table("removed_servers")
