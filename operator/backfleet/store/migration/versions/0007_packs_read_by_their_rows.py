"""A pack says of which image its engine was, and queued backtests are found without those that run."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the digest that a pack's pod showed, and an index of queued backtests."""
    op.add_column("backtest_packs", sa.Column("image_digest", sa.Text(), nullable=True))
    is_queued = sa.text("state = 'queued'")
    op.create_index("ix_backtest_jobs_queued", "backtest_jobs", ["batch_uid", "index"], postgresql_where=is_queued)
