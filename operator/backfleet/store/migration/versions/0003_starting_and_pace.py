"""Further failure reasons, attempts that wait without a slot, a batch's recent pace, and one place for a result's body."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from backfleet.store.tables.schema import run_sql_file

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

MOVED = {
    "statistics": "statistics",
    "equityCurve": "equity_curve",
    "blocks": "blocks",
    "warnings": "warnings",
    "provenance": "provenance",
}
"""Keys of an outcome's body, and the columns of its result that repeated them."""
BODY = {"metrics": "metrics", **MOVED}

PIECE = 1_000
"""Results whose bodies one statement compares: some tens of megabytes at most in ordinary databases."""

FIND_LACKING = f"""
WITH piece AS (SELECT * FROM backtest_results WHERE backtest_id > :after ORDER BY backtest_id LIMIT {PIECE})
SELECT max(r.backtest_id), array_agg(r.attempt_id) FILTER (WHERE o.kind IS DISTINCT FROM 'succeeded' OR
    {" OR ".join(f"o.body -> '{key}' IS DISTINCT FROM r.{column}" for key, column in BODY.items())})
FROM piece AS r LEFT JOIN backtest_outcomes AS o ON o.attempt_id = r.attempt_id
"""
"""A result and its outcome are the same by 0.2.0; where somebody made them differ, answers keep what the result said."""

MOVE_BODIES = f"""
INSERT INTO backtest_outcomes AS o (attempt_id, kind, recorded_at, body)
SELECT attempt_id, 'succeeded', recorded_at, jsonb_build_object({
    ", ".join(f"'{key}', {column}" for key, column in BODY.items())
})
FROM backtest_results WHERE attempt_id = ANY(:lacking)
ON CONFLICT (attempt_id) DO UPDATE SET kind = 'succeeded', reason = NULL, message = NULL, body = excluded.body
"""

INDEXES_OF_LISTS: dict[str, list[str | sa.ColumnElement[Any]]] = {
    "ix_optimization_batches_newest": [sa.literal_column("accepted_at DESC"), sa.literal_column("uid DESC")],
    "ix_optimization_batches_name": ["name", sa.literal_column("accepted_at DESC")],
    "ix_optimization_batches_strategy": ["strategy_name", sa.literal_column("accepted_at DESC")],
}
"""Every list is of one installation."""


def upgrade() -> None:
    """Widen the checks on reasons. No live attempt waits, and a batch's pace begins with its next end."""
    # First, since it may take minutes, and what follows locks the outcomes that recorders append.
    move_bodies(op.get_bind())
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
    run_sql_file(op.get_bind(), "bodies_0003")
    run_sql_file(op.get_bind(), "triggers_0003")
    for column in MOVED.values():
        op.drop_column("backtest_results", column)
    attempt_of_result = op.f("fk_backtest_results_attempt_id")
    op.drop_constraint(attempt_of_result, "backtest_results", type_="foreignkey")
    op.create_foreign_key(
        attempt_of_result, "backtest_results", "backtest_outcomes", ["attempt_id"], ["attempt_id"], ondelete="CASCADE"
    )
    engine_versions = sa.Column("engine_versions", postgresql.JSONB(), server_default="[]", nullable=False)
    op.add_column("optimization_batches", engine_versions)
    op.execute(VERSIONS_OF_RESULTS)
    op.execute(PROJECTS_OF_BATCHES)
    for criterion in NEW_CRITERIA:
        op.add_column("success_criteria", sa.Column(criterion, sa.Double(), nullable=True))
    for index, columns in INDEXES_OF_LISTS.items():
        op.drop_index(index, "optimization_batches")
        op.create_index(index, "optimization_batches", ["installation_id", *columns])


def move_bodies(connection: sa.Connection) -> None:
    """Give every result's outcome the result's body, a piece of the results at a time.

    Write nothing where they are already equal. A run that is interrupted is rolled back and starts again.
    """
    after, is_open = "", False
    while True:
        last, lacking = connection.execute(sa.text(FIND_LACKING), {"after": after}).one()
        if lacking and not is_open:
            # Outcomes never change, and are announced, but for this.
            connection.execute(sa.text("ALTER TABLE backtest_outcomes DISABLE TRIGGER USER"))
            is_open = True
        if lacking:
            connection.execute(sa.text(MOVE_BODIES), {"lacking": lacking})
        if last is None:
            break
        after = last
    if is_open:
        connection.execute(sa.text("ALTER TABLE backtest_outcomes ENABLE TRIGGER USER"))
