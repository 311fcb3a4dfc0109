"""Further failure reasons, attempts that wait without a slot, a batch's recent pace, and the engine's own analysis."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from backfleet.store.schema import run_sql_file

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REASONS = (
    "'EngineError', 'RuntimeError', 'InitializeError', 'InvalidCombination', 'NoData', "
    "'StoppedByStrategy', 'StorageLimitExceeded', 'EngineCrash', 'ResultMissing', 'ResultInvalid', "
    "'RecorderError', 'RecorderNotStarted', 'RecorderGaveUp', 'OOMKilled', 'BacktestTimeout', 'DeadlineExceeded', "
    "'StartTimeout', 'Unschedulable', 'QuotaExceeded', 'Evicted', 'Preempted', 'NodeLost', "
    "'JobVanished', 'UnexpectedAdmission', 'Cancelled'"
)


VERSIONS_OF_RESULTS = """
UPDATE optimization_batches AS batch SET engine_versions = found.versions
FROM (
    SELECT batch_uid, jsonb_agg(DISTINCT engine_version) AS versions
    FROM backtest_attempts WHERE engine_version IS NOT NULL GROUP BY batch_uid
) AS found
WHERE found.batch_uid = batch.uid
"""
"""Results keep the version that they were made by, so a batch in flight knows that a later one is another."""

PROJECTS_OF_BATCHES = """
UPDATE strategies AS strategy SET lean_project_path = NULL
FROM optimization_batches AS batch
WHERE strategy.seeded_status IS NULL
    AND batch.strategy_name = strategy.name AND batch.created_at = strategy.created_at
    AND batch.spec #>> '{strategy,leanProjectPath}' = strategy.lean_project_path
"""
"""A batch brought these rows, in one transaction with its own: its project counted for everybody in the database."""

NEW_CRITERIA = (
    "min_comparable_sharpe",
    "min_comparable_sortino",
    "max_comparable_drawdown",
    "max_comparable_deviation",
)

INDEXES_OF_LISTS: dict[str, list[str | sa.ColumnElement[Any]]] = {
    "ix_optimization_batches_newest": [sa.literal_column("accepted_at DESC"), sa.literal_column("uid DESC")],
    "ix_optimization_batches_name": ["name", sa.literal_column("accepted_at DESC")],
    "ix_optimization_batches_strategy": ["strategy_name", sa.literal_column("accepted_at DESC")],
}
"""Every list is of one installation."""


def upgrade() -> None:
    """Widen the checks on reasons; live attempts do not wait, and a batch's pace begins with its next end."""
    for table in ("backtest_jobs", "backtest_attempts", "backtest_outcomes"):
        name = op.f(f"ck_{table}_reason")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"reason IN ({REASONS})")
    moment = postgresql.TIMESTAMP(timezone=True)
    op.add_column("backtest_attempts", sa.Column("start_tries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("backtest_attempts", sa.Column("waiting_since", moment, nullable=True))
    op.add_column("backtest_attempts", sa.Column("waiting_reason", sa.Text(), nullable=True))
    op.add_column("backtest_attempts", sa.Column("retry_at", moment, nullable=True))
    op.add_column("optimization_batches", sa.Column("never_started", sa.Integer(), server_default="0", nullable=False))
    op.add_column("optimization_batches", sa.Column("suspended_at", moment, nullable=True))
    recent_ends = sa.Column("recent_ends", postgresql.JSONB(), server_default="[]", nullable=False)
    op.add_column("optimization_batches", recent_ends)
    analysis = sa.Column("analysis", postgresql.JSONB(), server_default="[]", nullable=False)
    op.add_column("backtest_results", analysis)
    run_sql_file(op.get_bind(), "triggers_0003")
    engine_versions = sa.Column("engine_versions", postgresql.JSONB(), server_default="[]", nullable=False)
    op.add_column("optimization_batches", engine_versions)
    op.execute(VERSIONS_OF_RESULTS)
    op.execute(PROJECTS_OF_BATCHES)
    for criterion in NEW_CRITERIA:
        op.add_column("success_criteria", sa.Column(criterion, sa.Double(), nullable=True))
    for index, columns in INDEXES_OF_LISTS.items():
        op.drop_index(index, "optimization_batches")
        op.create_index(index, "optimization_batches", ["installation_id", *columns])
