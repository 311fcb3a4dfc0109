"""What the API's queries take and return: plain values, not rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from backfleet.core.backtests import BacktestState, Finding, result_from_json
from backfleet.core.ranking import Direction, Objective
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchRecord, BatchState
from backfleet.core.warmth import RunKind
from backfleet.store.queries.filters import EVERYTHING, PositionCondition, ResultFilters
from backfleet.store.tables.base import AnyRow
from backfleet.store.tables.records import batch_record

BatchPlace = tuple[str, str]
"""accepted_at in ISO format and uid of the last batch of a page."""
ResultPlace = tuple[float | None, int, int]
"""Key, index and rank of the last result of a page. The key is the value, negated if more is better; None if absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page[Item]:
    """A page, and the place after which the next one starts, None on the last page."""

    items: tuple[Item, ...]
    next_place: Any | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchQuery:
    """Which batches to list. None does not filter."""

    namespace: str | None = None
    name: str | None = None
    strategy: str | None = None
    state: BatchState | None = None
    after: BatchPlace | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultQuery:
    """Which results to list, and in which order: by default the batch's objective."""

    objective: Objective | None = None
    filters: ResultFilters = EVERYTHING
    after: ResultPlace | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestQuery:
    """Which launched backtests to list: those that meet all of it. None does not filter. `after` is an index."""

    state: BacktestState | None = None
    reason: FailureReason | None = None
    min_attempts: int = 1
    positions: tuple[PositionCondition, ...] = ()
    after: int = -1
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinationAnswer:
    """One combination twice, in the order of the axes: as typed JSON values, and as the exact texts that the engine read."""

    values: Mapping[str, int | float | bool | str]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """A batch in full: its record, the parts of its spec that have columns, and the number of its backtests with a slot."""

    record: BatchRecord
    strategy: str
    engine: str
    objective: Objective
    active: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedResult:
    """A succeeded backtest with its rank. `value` is the metric that the list is ordered by."""

    rank: int
    backtest_id: str
    index: int
    value: float | int | None
    combination: CombinationAnswer
    metrics: Mapping[str, float | int | None]
    passed: bool
    rejections: tuple[str, ...]
    criteria_version: int
    run: RunKind
    warnings: tuple[str, ...]
    provenance: Mapping[str, str]
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSummary:
    """A launched backtest. `reason` and `message` explain a failure or cancellation."""

    id: str
    index: int
    window_no: int
    state: BacktestState
    combination: CombinationAnswer
    attempt_count: int
    reason: FailureReason | None
    message: str | None
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptAnswer:
    """One try at a backtest."""

    number: int
    job_name: str
    pod_name: str | None
    launched_at: datetime
    engine_started_at: datetime | None
    engine_finished_at: datetime | None
    ended_at: datetime | None
    is_charged: bool | None
    exit_code: int | None
    reason: FailureReason | None
    message: str | None

    @staticmethod
    def of(row: AnyRow) -> "AttemptAnswer":
        """Convert a row of `backtest_attempts` with the names of its Job and pod."""
        return AttemptAnswer(
            number=row.number,
            job_name=row.job_name,
            pod_name=row.pod_name,
            launched_at=row.launched_at,
            engine_started_at=row.engine_started_at,
            engine_finished_at=row.engine_finished_at,
            ended_at=row.ended_at,
            is_charged=row.is_charged,
            exit_code=row.exit_code,
            reason=FailureReason(row.reason) if row.reason else None,
            message=row.message,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultAnswer:
    """What a succeeded backtest measured, and the verdict on it."""

    metrics: Mapping[str, float | int | None]
    objective_value: float | None
    passed: bool
    rejections: tuple[str, ...]
    criteria_version: int
    run: RunKind
    statistics: Mapping[str, str]
    equity_curve: tuple[tuple[date, float], ...]
    blocks: tuple[tuple[int, float, float], ...]
    warnings: tuple[str, ...]
    provenance: Mapping[str, str]
    analysis: tuple[Finding, ...]
    recorded_at: datetime

    @staticmethod
    def of(row: AnyRow) -> "ResultAnswer":
        """Convert a row of `backtest_results` with the `body` of its outcome."""
        body = result_from_json(row.body)
        return ResultAnswer(
            metrics=row.metrics,
            objective_value=row.objective_value,
            passed=row.passed,
            rejections=tuple(row.rejections),
            criteria_version=row.criteria_version,
            run=RunKind(row.run),
            statistics=body.statistics,
            equity_curve=body.equity_curve,
            blocks=body.blocks,
            warnings=body.warnings,
            provenance=body.provenance,
            analysis=body.analysis,
            recorded_at=row.recorded_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestAnswer:
    """A backtest with its batch, its attempts and its result."""

    backtest: BacktestSummary
    batch_uid: str
    batch_name: str
    namespace: str
    engine: str
    spec: Mapping[str, Any]
    attempts: tuple[AttemptAnswer, ...] = ()
    result: ResultAnswer | None = None


def combination_answer(row: AnyRow, axes: Mapping[str, Any]) -> CombinationAnswer:
    """Convert `parameters` and `combination` of a row. JSONB does not keep the order, so the axes give it."""
    names = [axis["name"] for axis in axes.get("axes", ())]
    order = [*(name for name in names if name in row.parameters), *(set(row.parameters) - set(names))]
    return CombinationAnswer(
        values={name: row.combination[name] for name in order if name in row.combination},
        texts={name: row.parameters[name] for name in order},
    )


def batch_answer(row: AnyRow, active: int) -> BatchAnswer:
    """Convert a row of `optimization_batches`. `active` is the number of its backtests with a slot."""
    return BatchAnswer(
        record=batch_record(row),
        strategy=row.strategy_name,
        engine=row.engine,
        objective=Objective(row.objective_metric, Direction(row.objective_direction)),
        active=active,
    )
