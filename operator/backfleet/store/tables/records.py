"""Converts rows of `optimization_batches` to records of batches, and back."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from backfleet.core.records import BatchRecord, BatchState, Best, Counters
from backfleet.core.spec.defaults import INITIAL_CASH
from backfleet.core.spec.storable import storable_text
from backfleet.core.warmth import Warmth
from backfleet.store.tables.base import AnyRow

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
    "engine_seconds",
    "job_seconds",
    "missing_since",
    "finished_at",
    "finish_reason",
    "finish_message",
)
"""Fields of BatchRecord with a column of the same name."""


def batch_record(row: AnyRow) -> BatchRecord:
    """Convert a row of `optimization_batches`."""
    best = None
    if row.best_index is not None:
        best = Best(index=row.best_index, value=row.best_value, parameter_texts=row.best_parameters)
    return BatchRecord(
        state=BatchState(row.state),
        counters=Counters(succeeded=row.succeeded, failed=row.failed, cancelled=row.cancelled, passed=row.passed),
        best=best,
        recent_ends=ends_of(row.recent_ends),
        engine_versions=tuple(row.engine_versions),
        packs_died=tuple(row.packs_died),
        warmth=Warmth.from_json(row.warmth),
        version=row.version,
        **{name: getattr(row, name) for name in _SAME_NAMES},
    )


def batch_columns(record: BatchRecord) -> dict[str, Any]:
    """Return the columns of a batch, without those that repeat parts of its spec."""
    counters, best = record.counters, record.best
    return {
        **{name: _plain(getattr(record, name)) for name in _SAME_NAMES},
        "engine_versions": list(record.engine_versions),
        "packs_died": list(record.packs_died),
        "warmth": record.warmth.to_json(),
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
    """Read the samples of a batch's pace from their JSON."""
    return tuple((datetime.fromisoformat(moment), ended) for moment, ended in column)


def spec_columns(record: BatchRecord) -> dict[str, Any]:
    """Return the columns of a batch that repeat parts of its spec."""
    data, objective = record.spec.get("data") or {}, record.objective
    return {
        "strategy_name": record.strategy,
        "engine": record.engine,
        "start_date": _date(data.get("startDate")),
        "end_date": _date(data.get("endDate")),
        "initial_cash": str(data.get("initialCash", INITIAL_CASH)),
        "objective_metric": objective.metric,
        "objective_direction": objective.direction.value,
    }


def _date(value: object) -> date | None:
    return date.fromisoformat(str(value)) if value else None


def _plain(value: object) -> object:
    # As JSONB returns it, so that a record and its row compare equal.
    if isinstance(value, str):
        return storable_text(value)
    return json.loads(json.dumps(dict(value))) if isinstance(value, Mapping) else value
