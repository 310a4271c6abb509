"""What a member's Discord speaks, for direct messages."""

import sqlalchemy as sa
from alembic import op

revision = "b3d1c7a94e52"
down_revision = "7fba528c8ca0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("members", sa.Column("language", sa.String(length=10), nullable=True))


def downgrade() -> None:
    op.drop_column("members", "language")
