"""Count the results that are to be judged again, and find them by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count. Every verdict is by the only version of its batch's criteria, so none is stale."""
    op.add_column(
        "optimization_batches", sa.Column("stale_verdicts", sa.Integer(), server_default="0", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_optimization_batches_stale_verdicts"),
        "optimization_batches",
        "stale_verdicts >= 0 AND stale_verdicts <= succeeded",
    )
    op.create_index(
        "ix_optimization_batches_stale",
        "optimization_batches",
        ["installation_id"],
        postgresql_where=sa.text("stale_verdicts > 0"),
    )
    op.create_index("ix_backtest_results_criteria", "backtest_results", ["batch_uid", "criteria_version"])
