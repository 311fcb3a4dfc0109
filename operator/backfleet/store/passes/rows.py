"""Converts rows of packs, attempts and outcomes to the records that a pass plans with."""

from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.packs import PackRecord
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, OutcomeRecord
from backfleet.store.passes.bodies import BODY_COLUMNS, measured
from backfleet.store.tables.backtests import BacktestAttempt, BacktestJob, BacktestOutcome, BacktestPack
from backfleet.store.tables.base import AnyRow

PACK_COLUMNS = (
    BacktestPack.batch_uid,
    BacktestPack.index.label("first_index"),
    BacktestPack.number,
    BacktestPack.job_name,
    BacktestPack.size,
    BacktestPack.unsettled,
    BacktestPack.is_warm,
    BacktestPack.launched_at,
    BacktestPack.start_deadline_at,
    BacktestPack.hard_deadline_at,
    BacktestPack.job_seen_at,
    BacktestPack.start_tries,
    BacktestPack.waiting_since,
    BacktestPack.waiting_reason,
    BacktestPack.retry_at,
    BacktestPack.engine_started_at,
    BacktestPack.node_name,
    BacktestPack.image_digest,
)
ATTEMPT_COLUMNS = (
    BacktestJob.batch_uid,
    BacktestJob.index.label("backtest_index"),
    BacktestJob.state,
    BacktestJob.parameters,
    BacktestJob.charged,
    BacktestJob.uncharged,
    BacktestJob.pack_limit,
    BacktestJob.warm_fingerprint,
    (BacktestJob.deciding_attempt_id == BacktestAttempt.attempt_id).label("is_deciding"),
    BacktestAttempt.number,
    BacktestAttempt.pack_id,
    BacktestAttempt.is_warm,
    BacktestAttempt.is_open,
    BacktestAttempt.launched_at,
    BacktestAttempt.ended_at,
    BacktestAttempt.reason,
    BacktestAttempt.message,
)
OUTCOME_COLUMNS = (
    BacktestOutcome.attempt_id,
    BacktestOutcome.kind,
    BacktestOutcome.reason.label("outcome_reason"),
    BacktestOutcome.message.label("outcome_message"),
    *BODY_COLUMNS,
    BacktestOutcome.exit_code,
    BacktestOutcome.engine_started_at.label("outcome_started_at"),
    BacktestOutcome.engine_finished_at.label("outcome_finished_at"),
    BacktestOutcome.recorded_at,
)


def pack_record(row: AnyRow) -> PackRecord:
    """Convert a row of PACK_COLUMNS."""
    return PackRecord(
        batch_uid=row.batch_uid,
        index=row.first_index,
        number=row.number,
        job_name=row.job_name,
        size=row.size,
        unsettled=row.unsettled,
        is_warm=row.is_warm,
        launched_at=row.launched_at,
        start_deadline_at=row.start_deadline_at,
        hard_deadline_at=row.hard_deadline_at,
        job_seen_at=row.job_seen_at,
        start_tries=row.start_tries,
        waiting_since=row.waiting_since,
        waiting_reason=row.waiting_reason,
        retry_at=row.retry_at,
        engine_started_at=row.engine_started_at,
        node_name=row.node_name,
        image_digest=row.image_digest,
    )


def attempt_record(row: AnyRow) -> AttemptRecord:
    """Convert a row of ATTEMPT_COLUMNS."""
    return AttemptRecord(
        batch_uid=row.batch_uid,
        index=row.backtest_index,
        number=row.number,
        pack_id=row.pack_id,
        backtest_state=BacktestState(row.state),
        is_deciding=row.is_deciding,
        is_open=row.is_open,
        charged=row.charged,
        uncharged=row.uncharged,
        pack_limit=row.pack_limit,
        is_warm=row.is_warm,
        warm_fingerprint=row.warm_fingerprint,
        parameter_texts=row.parameters,
        launched_at=row.launched_at,
        ended_at=row.ended_at,
        reason=FailureReason(row.reason) if row.reason else None,
        message=row.message,
    )


def outcome_record(row: AnyRow) -> OutcomeRecord:
    """Convert a row of OUTCOME_COLUMNS."""
    failed = row.kind == "failed"
    return OutcomeRecord(
        attempt_id=row.attempt_id,
        recorded_at=row.recorded_at,
        ending=Failure(reason=FailureReason(row.outcome_reason), message=row.outcome_message)
        if failed
        else measured(row),
        exit_code=row.exit_code,
        engine_started_at=row.outcome_started_at,
        engine_finished_at=row.outcome_finished_at,
    )
