"""A further reason of failures: a backtest whose Job's time was over before its turn."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

REASONS = (
    "'EngineError', 'RuntimeError', 'InitializeError', 'InvalidCombination', 'NoData', "
    "'StoppedByStrategy', 'StorageLimitExceeded', 'EngineCrash', 'ResultMissing', 'ResultInvalid', "
    "'RecorderError', 'RecorderNotStarted', 'RecorderGaveUp', 'OOMKilled', 'BacktestTimeout', 'DeadlineExceeded', "
    "'StartTimeout', 'Unschedulable', 'QuotaExceeded', 'Evicted', 'Preempted', 'NodeLost', "
    "'JobVanished', 'UnexpectedAdmission', 'NotBegun', 'Cancelled'"
)


def upgrade() -> None:
    """Widen the checks on reasons."""
    for table in ("backtest_jobs", "backtest_attempts", "backtest_outcomes"):
        name = op.f(f"ck_{table}_reason")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"reason IN ({REASONS})")
