"""Packs: what one Job carries has a row of its own, and every attempt so far is a pack of one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = postgresql.TIMESTAMP(timezone=True)
MOVED = (
    "job_name",
    "pod_name",
    "node_name",
    "start_deadline_at",
    "hard_deadline_at",
    "job_seen_at",
    "start_tries",
    "waiting_since",
    "waiting_reason",
    "retry_at",
)
"""Columns of an attempt that are its pack's from now on."""

PACKS_OF_ONE = f"""
INSERT INTO backtest_packs (
    pack_id, batch_uid, index, number, size, unsettled, launched_at, engine_started_at, {", ".join(MOVED)})
SELECT
    a.attempt_id, a.batch_uid, j.index, a.number, 1, (a.ended_at IS NULL)::int, a.launched_at, a.engine_started_at,
    {", ".join(f"a.{column}" for column in MOVED)}
FROM backtest_attempts a JOIN backtest_jobs j ON j.id = a.backtest_id
"""


def upgrade() -> None:
    """Add the table, a pack for every attempt, and what batches and backtests remember of packs."""
    op.create_table(
        "backtest_packs",
        sa.Column("pack_id", sa.Text(), nullable=False),
        sa.Column("batch_uid", sa.Text(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("job_name", sa.Text(), nullable=False),
        sa.Column("pod_name", sa.Text(), nullable=True),
        sa.Column("node_name", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("unsettled", sa.Integer(), nullable=False),
        sa.Column("launched_at", MOMENT, nullable=False),
        sa.Column("start_deadline_at", MOMENT, nullable=False),
        sa.Column("hard_deadline_at", MOMENT, nullable=False),
        sa.Column("job_seen_at", MOMENT, nullable=True),
        sa.Column("start_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("waiting_since", MOMENT, nullable=True),
        sa.Column("waiting_reason", sa.Text(), nullable=True),
        sa.Column("retry_at", MOMENT, nullable=True),
        sa.Column("engine_started_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("unsettled BETWEEN 0 AND size AND size >= 1", name=op.f("ck_backtest_packs_size")),
        sa.ForeignKeyConstraint(
            ["batch_uid"],
            ["optimization_batches.uid"],
            name=op.f("fk_backtest_packs_batch_uid"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pack_id", name=op.f("pk_backtest_packs")),
    )
    op.execute(PACKS_OF_ONE)
    op.create_index("ix_backtest_packs_batch", "backtest_packs", ["batch_uid"])
    op.create_index(
        "ix_backtest_packs_unsettled", "backtest_packs", ["batch_uid"], postgresql_where=sa.text("unsettled > 0")
    )
    op.add_column("backtest_attempts", sa.Column("pack_id", sa.Text(), nullable=True))
    op.execute("UPDATE backtest_attempts SET pack_id = attempt_id")
    op.alter_column("backtest_attempts", "pack_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_backtest_attempts_pack_id"),
        "backtest_attempts",
        "backtest_packs",
        ["pack_id"],
        ["pack_id"],
        ondelete="CASCADE",
    )
    op.create_index("ix_backtest_attempts_pack", "backtest_attempts", ["pack_id"])
    for column in MOVED:
        op.drop_column("backtest_attempts", column)
    op.create_table(
        "started_work",
        sa.Column("installation_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("failed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["installation_id"],
            ["installations.id"],
            name=op.f("fk_started_work_installation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("installation_id", "key", name=op.f("pk_started_work")),
    )
    op.add_column("backtest_jobs", sa.Column("pack_limit", sa.Integer(), nullable=True))
    packs_died = sa.Column("packs_died", postgresql.JSONB(), server_default="[]", nullable=False)
    op.add_column("optimization_batches", packs_died)
    for column in ("engine_seconds", "job_seconds"):
        op.add_column("optimization_batches", sa.Column(column, sa.Double(), nullable=True))
