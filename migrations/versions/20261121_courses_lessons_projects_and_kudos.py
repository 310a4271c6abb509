"""Courses, lessons, boards, projects, plans and kudos."""

import sqlalchemy as sa
from alembic import op

revision = "5c1d7e42a9b0"
down_revision = "1df3f2704128"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "course_packs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("pack", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("imported_by", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_packs")),
        sa.UniqueConstraint(
            "guild_id", "pack", "version", name=op.f("uq_course_packs_guild_id_pack_version")
        ),
    )
    op.create_table(
        "course_runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pack", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("every_weeks", sa.BigInteger(), nullable=False),
        sa.Column("started_by", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_course_runs_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_runs")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("course_runs", schema=None) as batch_op:
        batch_op.create_index("ix_course_runs_group_id", ["group_id"], unique=False)

    op.create_table(
        "kudos",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("giver_id", sa.BigInteger(), nullable=False),
        sa.Column("receiver_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_kudos_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kudos")),
        sa.UniqueConstraint(
            "group_id",
            "giver_id",
            "receiver_id",
            "given_on",
            name=op.f("uq_kudos_group_id_giver_id_receiver_id_given_on"),
        ),
    )
    with op.batch_alter_table("kudos", schema=None) as batch_op:
        batch_op.create_index("ix_kudos_giver_id", ["giver_id"], unique=False)
        batch_op.create_index("ix_kudos_receiver_id", ["receiver_id"], unique=False)

    op.create_table(
        "lesson_marks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("pack", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("lesson", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.String(length=500), nullable=True),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_by", sa.BigInteger(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("post_channel_id", sa.BigInteger(), nullable=True),
        sa.Column("post_message_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_lesson_marks_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_marks")),
        sa.UniqueConstraint(
            "group_id",
            "user_id",
            "pack",
            "lesson",
            "stage",
            name=op.f("uq_lesson_marks_group_id_user_id_pack_lesson_stage"),
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("lesson_marks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lesson_marks_group_id_counting",
            ["group_id", "user_id", "pack", "lesson", "counts_at", "points"],
            unique=False,
            sqlite_where=sa.text("counts_at IS NOT NULL"),
            postgresql_where=sa.text("counts_at IS NOT NULL"),
        )
        batch_op.create_index("ix_lesson_marks_user_id", ["user_id"], unique=False)

    op.create_table(
        "projects",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("goal", sa.String(length=300), nullable=False),
        sa.Column("repo", sa.String(length=500), nullable=True),
        sa.Column("link", sa.String(length=500), nullable=True),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_projects_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.create_index("ix_projects_group_id", ["group_id"], unique=False)
        batch_op.create_index("ix_projects_user_id", ["user_id"], unique=False)
        batch_op.create_index(
            "uq_projects_guild_id_user_id_active",
            ["guild_id", "user_id"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )

    op.create_table(
        "study_plans",
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hours_per_week", sa.BigInteger(), nullable=True),
        sa.Column("deadline", sa.Date(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shrunk_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_study_plans_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_study_plans")),
    )
    op.create_table(
        "course_meetups",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lesson", sa.String(length=40), nullable=False),
        sa.Column("meetup_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["meetup_id"], ["meetups.id"], name=op.f("fk_course_meetups_meetup_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["course_runs.id"], name=op.f("fk_course_meetups_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "lesson", name=op.f("pk_course_meetups")),
        sa.UniqueConstraint("meetup_id", name=op.f("uq_course_meetups_meetup_id")),
    )
    op.create_table(
        "course_shifts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("from_lesson", sa.String(length=40), nullable=False),
        sa.Column("weeks", sa.BigInteger(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("interaction_id", sa.BigInteger(), nullable=False),
        sa.Column("shifted_by", sa.BigInteger(), nullable=False),
        sa.Column("shifted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["course_runs.id"], name=op.f("fk_course_shifts_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_shifts")),
        sa.UniqueConstraint("interaction_id", name=op.f("uq_course_shifts_interaction_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("course_shifts", schema=None) as batch_op:
        batch_op.create_index("ix_course_shifts_run_id", ["run_id"], unique=False)

    op.create_table(
        "project_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=True),
        sa.Column("link", sa.String(length=500), nullable=True),
        sa.Column("has_image", sa.Boolean(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_project_entries_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_entries")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("project_entries", schema=None) as batch_op:
        batch_op.create_index("ix_project_entries_project_id", ["project_id"], unique=False)

    with op.batch_alter_table("groups", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pack", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("pack_version", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("goal_count", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("goal_by", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("goal_period", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("digest_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("theme", sa.String(length=8), server_default="dark", nullable=False))

    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("streak", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column("active_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("hidden", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_column("hidden")
        batch_op.drop_column("active_at")
        batch_op.drop_column("name")

    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_column("streak")

    with op.batch_alter_table("groups", schema=None) as batch_op:
        batch_op.drop_column("theme")
        batch_op.drop_column("digest_since")
        batch_op.drop_column("goal_period")
        batch_op.drop_column("goal_by")
        batch_op.drop_column("goal_count")
        batch_op.drop_column("pack_version")
        batch_op.drop_column("pack")

    with op.batch_alter_table("project_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_project_entries_project_id")

    op.drop_table("project_entries")
    with op.batch_alter_table("course_shifts", schema=None) as batch_op:
        batch_op.drop_index("ix_course_shifts_run_id")

    op.drop_table("course_shifts")
    op.drop_table("course_meetups")
    op.drop_table("study_plans")
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_projects_guild_id_user_id_active",
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
        batch_op.drop_index("ix_projects_user_id")
        batch_op.drop_index("ix_projects_group_id")

    op.drop_table("projects")
    with op.batch_alter_table("lesson_marks", schema=None) as batch_op:
        batch_op.drop_index("ix_lesson_marks_user_id")
        batch_op.drop_index(
            "ix_lesson_marks_group_id_counting",
            sqlite_where=sa.text("counts_at IS NOT NULL"),
            postgresql_where=sa.text("counts_at IS NOT NULL"),
        )

    op.drop_table("lesson_marks")
    with op.batch_alter_table("kudos", schema=None) as batch_op:
        batch_op.drop_index("ix_kudos_receiver_id")
        batch_op.drop_index("ix_kudos_giver_id")

    op.drop_table("kudos")
    with op.batch_alter_table("course_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_course_runs_group_id")

    op.drop_table("course_runs")
    op.drop_table("course_packs")
