"""Warm runs: which packs and results are warm, what a fresh run is compared with, and images that are not trusted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from backfleet.store.tables.schema import run_sql_file

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table. Nothing so far ran warm."""
    for table in ("backtest_packs", "backtest_attempts"):
        op.add_column(table, sa.Column("is_warm", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("backtest_jobs", sa.Column("warm_fingerprint", sa.Text(), nullable=True))
    op.add_column("backtest_results", sa.Column("run", sa.Text(), server_default="fresh", nullable=False))
    op.create_check_constraint(
        op.f("ck_backtest_results_run"), "backtest_results", "run IN ('fresh', 'warm', 'checked')"
    )
    op.create_index(
        "ix_backtest_results_warm", "backtest_results", ["batch_uid"], postgresql_where=sa.text("run = 'warm'")
    )
    warmth = sa.Column("warmth", postgresql.JSONB(), server_default="{}", nullable=False)
    op.add_column("optimization_batches", warmth)
    op.create_table(
        "warm_refusals",
        sa.Column("installation_id", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("engine_version", sa.Text(), nullable=True),
        sa.Column("batch_uid", sa.Text(), nullable=False),
        sa.Column(
            "refused_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["installation_id"],
            ["installations.id"],
            name=op.f("fk_warm_refusals_installation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("installation_id", "image", name=op.f("pk_warm_refusals")),
    )
    run_sql_file(op.get_bind(), "triggers_0006")
