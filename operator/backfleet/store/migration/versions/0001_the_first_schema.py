"""The first schema."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from backfleet.store.tables.schema import run_sql_file

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('installations',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('epoch', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('created_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('fenced_at', TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_installations'))
    )
    op.create_table('strategies',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('catalog_id', sa.Text(), nullable=True),
        sa.Column('category', sa.Text(), nullable=True),
        sa.Column('asset_class', sa.Text(), nullable=True),
        sa.Column('lean_project_path', sa.Text(), nullable=True),
        sa.Column('description', sa.Text(), server_default='', nullable=False),
        sa.Column('symbols', JSONB(), server_default='[]', nullable=False),
        sa.Column('parameters', JSONB(), server_default='[]', nullable=False),
        sa.Column('status', sa.Text(), server_default='testing', nullable=False),
        sa.Column('seeded_status', sa.Text(), nullable=True),
        sa.Column('priority', sa.Integer(), server_default='0', nullable=False),
        sa.Column('created_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('updated_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.CheckConstraint("status IN ('planned', 'testing', 'available', 'rejected', 'passed', 'deployed', 'on_hold')", name=op.f('ck_strategies_status')),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_strategies')),
        sa.UniqueConstraint('catalog_id', name=op.f('uq_strategies_catalog_id'))
    )
    op.create_table('optimization_batches',
        sa.Column('uid', sa.Text(), nullable=False),
        sa.Column('installation_id', sa.Text(), nullable=False),
        sa.Column('namespace', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('strategy_name', sa.Text(), nullable=False),
        sa.Column('engine', sa.Text(), nullable=False),
        sa.Column('start_date', sa.Date(), nullable=True),
        sa.Column('end_date', sa.Date(), nullable=True),
        sa.Column('initial_cash', sa.Numeric(), nullable=False),
        sa.Column('objective_metric', sa.Text(), nullable=False),
        sa.Column('objective_direction', sa.Text(), nullable=False),
        sa.Column('spec', JSONB(), nullable=False),
        sa.Column('controls', JSONB(), nullable=False),
        sa.Column('axes', JSONB(), nullable=False),
        sa.Column('criteria', JSONB(), nullable=False),
        sa.Column('criteria_version', sa.Integer(), server_default='1', nullable=False),
        sa.Column('search_state', JSONB(), nullable=True),
        sa.Column('total', sa.Integer(), nullable=True),
        sa.Column('count_cursor', sa.Integer(), server_default='0', nullable=False),
        sa.Column('count_found', sa.Integer(), server_default='0', nullable=False),
        sa.Column('next_index', sa.Integer(), server_default='0', nullable=False),
        sa.Column('succeeded', sa.Integer(), server_default='0', nullable=False),
        sa.Column('failed', sa.Integer(), server_default='0', nullable=False),
        sa.Column('cancelled', sa.Integer(), server_default='0', nullable=False),
        sa.Column('passed', sa.Integer(), server_default='0', nullable=False),
        sa.Column('best_index', sa.Integer(), nullable=True),
        sa.Column('best_value', sa.Double(), nullable=True),
        sa.Column('best_parameters', JSONB(), nullable=True),
        sa.Column('repeated_reason', sa.Text(), nullable=True),
        sa.Column('retry_round', sa.Integer(), server_default='0', nullable=False),
        sa.Column('labels', JSONB(), server_default='{}', nullable=False),
        sa.Column('submitter', sa.Text(), nullable=True),
        sa.Column('provenance', JSONB(), server_default='{}', nullable=False),
        sa.Column('accepted_at', TIMESTAMP(timezone=True), nullable=False),
        sa.Column('first_engine_started_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('last_launched_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('missing_since', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('finished_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('finish_reason', sa.Text(), nullable=True),
        sa.Column('finish_message', sa.Text(), nullable=True),
        sa.Column('version', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('created_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('updated_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.CheckConstraint("(state = 'finished') = (finished_at IS NOT NULL)", name=op.f('ck_optimization_batches_finished')),
        sa.CheckConstraint("objective_direction IN ('maximize', 'minimize')", name=op.f('ck_optimization_batches_objective_direction')),
        sa.CheckConstraint("state IN ('counting', 'live', 'finished')", name=op.f('ck_optimization_batches_state')),
        sa.CheckConstraint('least(succeeded, failed, cancelled, passed) >= 0 AND passed <= succeeded', name=op.f('ck_optimization_batches_counters')),
        sa.ForeignKeyConstraint(['installation_id'], ['installations.id'], name=op.f('fk_optimization_batches_installation_id')),
        sa.ForeignKeyConstraint(['strategy_name'], ['strategies.name'], name=op.f('fk_optimization_batches_strategy_name')),
        sa.PrimaryKeyConstraint('uid', name=op.f('pk_optimization_batches'))
    )
    op.create_index('ix_optimization_batches_live', 'optimization_batches', ['installation_id'], unique=False, postgresql_where=sa.text("state <> 'finished'"))
    op.create_index('ix_optimization_batches_name', 'optimization_batches', ['name', sa.literal_column('accepted_at DESC')], unique=False)
    op.create_index('ix_optimization_batches_newest', 'optimization_batches', [sa.literal_column('accepted_at DESC'), sa.literal_column('uid DESC')], unique=False)
    op.create_index('ix_optimization_batches_strategy', 'optimization_batches', ['strategy_name', sa.literal_column('accepted_at DESC')], unique=False)
    op.create_table('success_criteria',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('strategy_name', sa.Text(), nullable=True),
        sa.Column('min_trades', sa.Integer(), nullable=True),
        sa.Column('max_trades', sa.Integer(), nullable=True),
        sa.Column('min_sharpe', sa.Double(), nullable=True),
        sa.Column('max_drawdown', sa.Double(), nullable=True),
        sa.Column('min_win_rate', sa.Double(), nullable=True),
        sa.Column('min_avg_win', sa.Double(), nullable=True),
        sa.Column('min_psr', sa.Double(), nullable=True),
        sa.Column('max_fee_share', sa.Double(), nullable=True),
        sa.Column('version', sa.Integer(), server_default='1', nullable=False),
        sa.Column('seeded', JSONB(), nullable=True),
        sa.Column('updated_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(['strategy_name'], ['strategies.name'], name=op.f('fk_success_criteria_strategy_name'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_success_criteria')),
        sa.UniqueConstraint('strategy_name', name=op.f('uq_success_criteria_strategy_name'))
    )
    op.create_index('ix_success_criteria_default', 'success_criteria', [sa.literal_column('(strategy_name IS NULL)')], unique=True, postgresql_where=sa.text('strategy_name IS NULL'))
    op.create_table('backtest_jobs',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('batch_uid', sa.Text(), nullable=False),
        sa.Column('window_no', sa.Integer(), server_default='0', nullable=False),
        sa.Column('index', sa.Integer(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('parameters', JSONB(), nullable=False),
        sa.Column('combination', JSONB(), nullable=False),
        sa.Column('combination_hash', sa.Text(), nullable=False),
        sa.Column('attempt_count', sa.Integer(), nullable=False),
        sa.Column('deciding_attempt_id', sa.Text(), nullable=False),
        sa.Column('charged', sa.Integer(), server_default='0', nullable=False),
        sa.Column('uncharged', sa.Integer(), server_default='0', nullable=False),
        sa.Column('retry_round', sa.Integer(), server_default='0', nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('message', sa.Text(), nullable=True),
        sa.Column('created_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('started_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('finished_at', TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("reason IN ('EngineError', 'RuntimeError', 'InitializeError', 'InvalidCombination', 'NoData', 'EngineCrash', 'ResultMissing', 'ResultInvalid', 'RecorderError', 'OOMKilled', 'BacktestTimeout', 'DeadlineExceeded', 'StartTimeout', 'Unschedulable', 'QuotaExceeded', 'Evicted', 'Preempted', 'NodeLost', 'JobVanished', 'UnexpectedAdmission', 'Cancelled')", name=op.f('ck_backtest_jobs_reason')),
        sa.CheckConstraint("state IN ('queued', 'launching', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f('ck_backtest_jobs_state')),
        sa.CheckConstraint('index >= 0 AND attempt_count >= 1 AND charged >= 0 AND uncharged >= 0', name=op.f('ck_backtest_jobs_counts')),
        sa.ForeignKeyConstraint(['batch_uid'], ['optimization_batches.uid'], name=op.f('fk_backtest_jobs_batch_uid'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_backtest_jobs')),
        sa.UniqueConstraint('batch_uid', 'window_no', 'index', name=op.f('uq_backtest_jobs_batch_uid_window_no_index'))
    )
    op.create_index('ix_backtest_jobs_alive', 'backtest_jobs', ['batch_uid', 'index'], unique=False, postgresql_where=sa.text("state IN ('queued', 'launching', 'running')"))
    op.create_index('ix_backtest_jobs_deciding_attempt', 'backtest_jobs', ['deciding_attempt_id'], unique=False)
    op.create_index('ix_backtest_jobs_ended_badly', 'backtest_jobs', ['batch_uid', 'index'], unique=False, postgresql_where=sa.text("state IN ('failed', 'cancelled')"))
    op.create_table('backtest_attempts',
        sa.Column('attempt_id', sa.Text(), nullable=False),
        sa.Column('backtest_id', sa.Text(), nullable=False),
        sa.Column('batch_uid', sa.Text(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('retry_round', sa.Integer(), server_default='0', nullable=False),
        sa.Column('job_name', sa.Text(), nullable=False),
        sa.Column('pod_name', sa.Text(), nullable=True),
        sa.Column('node_name', sa.Text(), nullable=True),
        sa.Column('engine', sa.Text(), nullable=True),
        sa.Column('engine_version', sa.Text(), nullable=True),
        sa.Column('image_digest', sa.Text(), nullable=True),
        sa.Column('launched_at', TIMESTAMP(timezone=True), nullable=False),
        sa.Column('start_deadline_at', TIMESTAMP(timezone=True), nullable=False),
        sa.Column('hard_deadline_at', TIMESTAMP(timezone=True), nullable=False),
        sa.Column('job_seen_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('engine_started_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('engine_finished_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('ended_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('is_open', sa.Boolean(), server_default='true', nullable=False),
        sa.Column('is_charged', sa.Boolean(), nullable=True),
        sa.Column('exit_code', sa.Integer(), nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('message', sa.Text(), nullable=True),
        sa.Column('created_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.CheckConstraint("reason IN ('EngineError', 'RuntimeError', 'InitializeError', 'InvalidCombination', 'NoData', 'EngineCrash', 'ResultMissing', 'ResultInvalid', 'RecorderError', 'OOMKilled', 'BacktestTimeout', 'DeadlineExceeded', 'StartTimeout', 'Unschedulable', 'QuotaExceeded', 'Evicted', 'Preempted', 'NodeLost', 'JobVanished', 'UnexpectedAdmission', 'Cancelled')", name=op.f('ck_backtest_attempts_reason')),
        sa.CheckConstraint('is_open OR ended_at IS NOT NULL', name=op.f('ck_backtest_attempts_closed')),
        sa.CheckConstraint('number >= 1', name=op.f('ck_backtest_attempts_number')),
        sa.ForeignKeyConstraint(['backtest_id'], ['backtest_jobs.id'], name=op.f('fk_backtest_attempts_backtest_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['batch_uid'], ['optimization_batches.uid'], name=op.f('fk_backtest_attempts_batch_uid'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('attempt_id', name=op.f('pk_backtest_attempts')),
        sa.UniqueConstraint('backtest_id', 'number', name=op.f('uq_backtest_attempts_backtest_id_number'))
    )
    op.create_index('ix_backtest_attempts_batch', 'backtest_attempts', ['batch_uid'], unique=False)
    op.create_index('ix_backtest_attempts_open', 'backtest_attempts', ['batch_uid'], unique=False, postgresql_where=sa.text('is_open'))
    # Each table points at the other: the backtest at the attempt that decides it, the attempt at its backtest.
    op.create_foreign_key(
        'fk_backtest_jobs_deciding_attempt_id',
        'backtest_jobs', 'backtest_attempts', ['deciding_attempt_id'], ['attempt_id'],
        deferrable=True, initially='DEFERRED',
    )
    op.create_table('backtest_outcomes',
        sa.Column('attempt_id', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('message', sa.Text(), nullable=True),
        sa.Column('body', JSONB(), nullable=True),
        sa.Column('exit_code', sa.Integer(), nullable=True),
        sa.Column('engine_started_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('engine_finished_at', TIMESTAMP(timezone=True), nullable=True),
        sa.Column('recorded_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.CheckConstraint("(kind = 'failed') = (reason IS NOT NULL AND message IS NOT NULL)", name=op.f('ck_backtest_outcomes_failure')),
        sa.CheckConstraint("(kind = 'succeeded') = (body IS NOT NULL)", name=op.f('ck_backtest_outcomes_body')),
        sa.CheckConstraint("kind IN ('succeeded', 'failed')", name=op.f('ck_backtest_outcomes_kind')),
        sa.CheckConstraint("reason IN ('EngineError', 'RuntimeError', 'InitializeError', 'InvalidCombination', 'NoData', 'EngineCrash', 'ResultMissing', 'ResultInvalid', 'RecorderError', 'OOMKilled', 'BacktestTimeout', 'DeadlineExceeded', 'StartTimeout', 'Unschedulable', 'QuotaExceeded', 'Evicted', 'Preempted', 'NodeLost', 'JobVanished', 'UnexpectedAdmission', 'Cancelled')", name=op.f('ck_backtest_outcomes_reason')),
        sa.CheckConstraint('pg_column_size(body) <= 1048576 AND length(message) <= 2000', name=op.f('ck_backtest_outcomes_size')),
        sa.ForeignKeyConstraint(['attempt_id'], ['backtest_attempts.attempt_id'], name=op.f('fk_backtest_outcomes_attempt_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('attempt_id', name=op.f('pk_backtest_outcomes'))
    )
    op.create_table('backtest_results',
        sa.Column('backtest_id', sa.Text(), nullable=False),
        sa.Column('batch_uid', sa.Text(), nullable=False),
        sa.Column('attempt_id', sa.Text(), nullable=False),
        sa.Column('index', sa.Integer(), nullable=False),
        sa.Column('objective_value', sa.Double(), nullable=True),
        sa.Column('rank_key', sa.Double(), nullable=False),
        sa.Column('passed', sa.Boolean(), nullable=False),
        sa.Column('rejections', ARRAY(sa.Text()), server_default='{}', nullable=False),
        sa.Column('criteria_version', sa.Integer(), nullable=False),
        sa.Column('metrics', JSONB(), nullable=False),
        sa.Column('sharpe_ratio', sa.Double(), sa.Computed("(metrics ->> 'sharpe_ratio')::double precision", persisted=True), nullable=True),
        sa.Column('sortino_ratio', sa.Double(), sa.Computed("(metrics ->> 'sortino_ratio')::double precision", persisted=True), nullable=True),
        sa.Column('probabilistic_sharpe_ratio', sa.Double(), sa.Computed("(metrics ->> 'probabilistic_sharpe_ratio')::double precision", persisted=True), nullable=True),
        sa.Column('net_profit', sa.Double(), sa.Computed("(metrics ->> 'net_profit')::double precision", persisted=True), nullable=True),
        sa.Column('annual_return', sa.Double(), sa.Computed("(metrics ->> 'annual_return')::double precision", persisted=True), nullable=True),
        sa.Column('drawdown', sa.Double(), sa.Computed("(metrics ->> 'drawdown')::double precision", persisted=True), nullable=True),
        sa.Column('total_trades', sa.Double(), sa.Computed("(metrics ->> 'total_trades')::double precision", persisted=True), nullable=True),
        sa.Column('win_rate', sa.Double(), sa.Computed("(metrics ->> 'win_rate')::double precision", persisted=True), nullable=True),
        sa.Column('average_win', sa.Double(), sa.Computed("(metrics ->> 'average_win')::double precision", persisted=True), nullable=True),
        sa.Column('average_loss', sa.Double(), sa.Computed("(metrics ->> 'average_loss')::double precision", persisted=True), nullable=True),
        sa.Column('profit_loss_ratio', sa.Double(), sa.Computed("(metrics ->> 'profit_loss_ratio')::double precision", persisted=True), nullable=True),
        sa.Column('total_fees', sa.Double(), sa.Computed("(metrics ->> 'total_fees')::double precision", persisted=True), nullable=True),
        sa.Column('fee_share', sa.Double(), sa.Computed("(metrics ->> 'fee_share')::double precision", persisted=True), nullable=True),
        sa.Column('statistics', JSONB(), server_default='{}', nullable=False),
        sa.Column('equity_curve', JSONB(), server_default='[]', nullable=False),
        sa.Column('blocks', JSONB(), server_default='[]', nullable=False),
        sa.Column('warnings', JSONB(), server_default='[]', nullable=False),
        sa.Column('provenance', JSONB(), server_default='{}', nullable=False),
        sa.Column('recorded_at', TIMESTAMP(timezone=True), nullable=False),
        sa.Column('created_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.CheckConstraint('passed = (cardinality(rejections) = 0)', name=op.f('ck_backtest_results_verdict')),
        sa.ForeignKeyConstraint(['attempt_id'], ['backtest_attempts.attempt_id'], name=op.f('fk_backtest_results_attempt_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['backtest_id'], ['backtest_jobs.id'], name=op.f('fk_backtest_results_backtest_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['batch_uid'], ['optimization_batches.uid'], name=op.f('fk_backtest_results_batch_uid'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('backtest_id', name=op.f('pk_backtest_results')),
        sa.UniqueConstraint('attempt_id', name=op.f('uq_backtest_results_attempt_id'))
    )
    op.create_index('ix_backtest_results_passed', 'backtest_results', ['batch_uid', 'rank_key', 'index'], unique=False, postgresql_where=sa.text('passed'))
    op.create_index('ix_backtest_results_ranking', 'backtest_results', ['batch_uid', 'rank_key', 'index'], unique=False)
    op.create_table('outcome_inbox',
        sa.Column('attempt_id', sa.Text(), nullable=False),
        sa.Column('recorded_at', TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(['attempt_id'], ['backtest_outcomes.attempt_id'], name=op.f('fk_outcome_inbox_attempt_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('attempt_id', name=op.f('pk_outcome_inbox'))
    )
    op.create_index('ix_outcome_inbox_recorded_at', 'outcome_inbox', ['recorded_at', 'attempt_id'], unique=False)
    run_sql_file(op.get_bind(), 'triggers_0001')
    run_sql_file(op.get_bind(), 'views_0001')
