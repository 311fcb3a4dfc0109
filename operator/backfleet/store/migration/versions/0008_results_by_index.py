"""Results by index: files and analysis of a batch read them in that order, a piece at a time."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_backtest_results_index", "backtest_results", ["batch_uid", "index"])
