"""Give no id of a group twice on SQLite: altering the table had lost that."""

from alembic import op

revision = "6c0f4e1b97d2"
down_revision = "a618edc8607b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("groups", recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass


def downgrade() -> None:
    """What the revision before expects is the same table."""
