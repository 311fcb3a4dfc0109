"""Rows as the planner's records, and records as rows: batches, attempts and outcomes."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.ranking import Direction, Objective
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchRecord, BatchState, Best, Counters, OutcomeRecord
from backfleet.core.spec.storable import storable_text
from backfleet.store.passes.bodies import BODY_COLUMNS, measured
from backfleet.store.tables.backtests import BacktestAttempt, BacktestJob, BacktestOutcome
from backfleet.store.tables.base import AnyRow, Json

_SAME_NAMES = (
    "uid",
    "namespace",
    "name",
    "spec",
    "controls",
    "axes",
    "criteria",
    "criteria_version",
    "stale_verdicts",
    "total",
    "count_cursor",
    "count_found",
    "next_index",
    "repeated_reason",
    "labels",
    "submitter",
    "accepted_at",
    "first_engine_started_at",
    "last_launched_at",
    "suspended_at",
    "never_started",
    "missing_since",
    "finished_at",
    "finish_reason",
    "finish_message",
)
"""Fields of BatchRecord that are columns of the same name."""

ATTEMPT_COLUMNS = (
    BacktestJob.batch_uid,
    BacktestJob.index.label("backtest_index"),
    BacktestJob.state,
    BacktestJob.parameters,
    BacktestJob.charged,
    BacktestJob.uncharged,
    (BacktestJob.deciding_attempt_id == BacktestAttempt.attempt_id).label("is_deciding"),
    BacktestAttempt.number,
    BacktestAttempt.job_name,
    BacktestAttempt.is_open,
    BacktestAttempt.launched_at,
    BacktestAttempt.start_deadline_at,
    BacktestAttempt.hard_deadline_at,
    BacktestAttempt.job_seen_at,
    BacktestAttempt.start_tries,
    BacktestAttempt.waiting_since,
    BacktestAttempt.waiting_reason,
    BacktestAttempt.retry_at,
    BacktestAttempt.engine_started_at,
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


def batch_record(row: AnyRow) -> BatchRecord:
    """A row of `optimization_batches`."""
    best = None
    if row.best_index is not None:
        best = Best(index=row.best_index, value=row.best_value, parameter_texts=row.best_parameters)
    return BatchRecord(
        state=BatchState(row.state),
        counters=Counters(succeeded=row.succeeded, failed=row.failed, cancelled=row.cancelled, passed=row.passed),
        best=best,
        recent_ends=ends_of(row.recent_ends),
        engine_versions=tuple(row.engine_versions),
        version=row.version,
        **{name: getattr(row, name) for name in _SAME_NAMES},
    )


def batch_columns(record: BatchRecord) -> dict[str, Any]:
    """The columns of a batch, but for those that repeat parts of its spec."""
    counters, best = record.counters, record.best
    return {
        **{name: _plain(getattr(record, name)) for name in _SAME_NAMES},
        "engine_versions": list(record.engine_versions),
        "state": record.state.value,
        "succeeded": counters.succeeded,
        "failed": counters.failed,
        "cancelled": counters.cancelled,
        "passed": counters.passed,
        "best_index": best.index if best else None,
        "best_value": best.value if best else None,
        "best_parameters": dict(best.parameter_texts) if best else None,
        "recent_ends": [[moment.isoformat(), ended] for moment, ended in record.recent_ends],
    }


def ends_of(column: list[Any]) -> tuple[tuple[datetime, int], ...]:
    """The samples of a batch's pace, from their JSON."""
    return tuple((datetime.fromisoformat(moment), ended) for moment, ended in column)


def objective_of(spec: Json) -> Objective:
    """The objective of an accepted spec, defaults included."""
    declared = spec.get("objective") or {}
    direction = declared.get("direction")
    metric = declared.get("metric") or Objective().metric
    return Objective.of(metric, Direction(direction) if direction else None)


def attempt_record(row: AnyRow) -> AttemptRecord:
    """A row of ATTEMPT_COLUMNS."""
    return AttemptRecord(
        batch_uid=row.batch_uid,
        index=row.backtest_index,
        number=row.number,
        job_name=row.job_name,
        backtest_state=BacktestState(row.state),
        is_deciding=row.is_deciding,
        is_open=row.is_open,
        charged=row.charged,
        uncharged=row.uncharged,
        parameter_texts=row.parameters,
        launched_at=row.launched_at,
        start_deadline_at=row.start_deadline_at,
        hard_deadline_at=row.hard_deadline_at,
        job_seen_at=row.job_seen_at,
        start_tries=row.start_tries,
        waiting_since=row.waiting_since,
        waiting_reason=row.waiting_reason,
        retry_at=row.retry_at,
        engine_started_at=row.engine_started_at,
        ended_at=row.ended_at,
        reason=FailureReason(row.reason) if row.reason else None,
        message=row.message,
    )


def outcome_record(row: AnyRow) -> OutcomeRecord:
    """A row of OUTCOME_COLUMNS."""
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


def spec_columns(spec: Json) -> dict[str, Any]:
    """The columns of a batch that repeat parts of its spec."""
    data, objective = spec.get("data") or {}, objective_of(spec)
    return {
        "strategy_name": spec["strategy"]["name"],
        "engine": spec["engine"]["name"],
        "start_date": _date(data.get("startDate")),
        "end_date": _date(data.get("endDate")),
        "initial_cash": str(data.get("initialCash", 1000)),
        "objective_metric": objective.metric,
        "objective_direction": objective.direction.value,
    }


def _date(value: object) -> date | None:
    return date.fromisoformat(str(value)) if value else None


def _plain(value: object) -> object:
    # As it comes back from JSONB, so that a record and its row compare equal.
    if isinstance(value, str):
        return storable_text(value)
    return json.loads(json.dumps(dict(value))) if isinstance(value, Mapping) else value
