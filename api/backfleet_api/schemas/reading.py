"""The answers of the API as strict models, which the client reads too.

Field names are snake_case. Parts of the custom resource (`spec`, `criteria`) keep the custom resource's own names.
"""

from datetime import date, datetime
from enum import StrEnum, unique
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backfleet.core.backtests import BacktestState
from backfleet.core.ranking import Direction
from backfleet.core.warmth import RunKind

Number = Annotated[float, Field(allow_inf_nan=False)]
Scalar = bool | int | Number | str
Metrics = dict[str, int | Number | None]


class Body(BaseModel):
    """The base of every body: unknown fields, coercion and NaN are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@unique
class BatchPhase(StrEnum):
    """The state of a batch as the API shows it."""

    PENDING = "pending"
    COUNTING = "counting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({BatchPhase.COMPLETE, BatchPhase.FAILED, BatchPhase.CANCELLED})


class FieldProblem(Body):
    """One problem of a request: the field, what is wrong, and the fix."""

    field: str = Field(description="the query parameter, path segment or body field")
    problem: str
    hint: str | None = None


class Problem(Body):
    """An error (RFC 9457, application/problem+json)."""

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    errors: list[FieldProblem] = []


class Health(Body):
    """Whether the API can answer; `database` is `ok`, `unavailable` or `not migrated`."""

    status: str = Field(description="ok, or unavailable when Postgres does not answer or has no schema")
    service: str
    version: str
    database: str
    reason: str | None = Field(description="why it is unavailable; null when it is ok")
    warnings: list[str] = Field(
        default_factory=list, description="problems of this installation that do not stop it from answering"
    )


class Liveness(Body):
    """The process is alive. Nothing else was checked."""

    status: str


class Objective(Body):
    """The metric that ranks, and whether more or less of it is better."""

    metric: str
    direction: Direction


class Parameters(Body):
    """One combination twice: as typed JSON values, and as the exact texts that the engine read."""

    values: dict[str, Scalar]
    texts: dict[str, str]


class Best(Body):
    """The best backtest under the batch's objective so far."""

    backtest_id: str
    index: int
    value: Number
    parameters: Parameters


class Finish(Body):
    """How the batch ended: reason and message of its Finished condition."""

    reason: str
    message: str


class Counts(Body):
    """Backtests by state. `queued` includes those never launched; `passed` counts the succeeded that meet the criteria."""

    total: int | None = Field(description="null while the operator still counts combinations under the constraints")
    queued: int
    active: int
    succeeded: int
    failed: int
    cancelled: int
    passed: int


class BatchSummary(Body):
    """A batch as lists show it."""

    batch_id: str = Field(description="the custom resource's uid")
    name: str
    namespace: str
    state: BatchPhase
    strategy: str
    engine: str
    objective: Objective
    counts: Counts
    progress: str = Field(description="ended and total backtests, like 37/486")
    best: Best | None
    accepted_at: datetime | None
    finished_at: datetime | None
    finish: Finish | None


class Batch(BatchSummary):
    """A batch in full."""

    max_concurrent: int
    backtests_per_job: int | str = Field(description="how many backtests one Job carries: a number, or auto")
    started_at: datetime | None = Field(description="when the first engine started")
    pace: str | None = Field(description="backtests_per_minute for people, per minute, hour or day")
    backtests_per_minute: Number | None = Field(
        description="the recent pace: of the last 20 ends or 10 minutes, without time suspended; three significant figures"
    )
    estimated_finish_at: datetime | None = Field(description="at that pace; null while the batch is suspended")
    criteria: dict[str, int | Number] = Field(
        description="the success criteria in force; if empty, every result passes"
    )
    criteria_version: int = Field(description="increases with every edit of the criteria")
    stale_verdicts: int = Field(
        description="results whose verdict is by an older version of the criteria, not yet updated"
    )
    engine_versions: list[str] = Field(
        description="the engine versions that computed the results; figures of different versions may differ"
    )
    warnings: list[str] = Field(description="warnings about comparing the results, such as mixed engine versions")
    advice: list[str] = Field(description="what would make the batch faster, from its own measured times")
    labels: dict[str, str]
    submitter: str | None
    message: str | None = Field(description="why a pending batch is not accepted yet")
    spec: dict[str, Any] = Field(description="the custom resource's spec, as accepted")


class BatchPage(Body):
    """Batches, newest first."""

    batches: list[BatchSummary]
    next_cursor: str | None = Field(description="pass it as `cursor` for the next page; null on the last")


class RankedResult(Body):
    """A succeeded backtest with its rank. `value` is the metric that this answer is ordered by."""

    rank: int
    backtest_id: str
    index: int
    value: Number | None
    parameters: Parameters
    metrics: Metrics
    passed: bool
    rejections: list[str] = Field(description="the criteria that the result does not meet")
    criteria_version: int = Field(description="the version of the batch's criteria that the verdict is by")
    run: RunKind = Field(
        description="fresh: in a process of its own; warm: in one with others; checked: fresh, and a warm run gave the same"
    )
    engine_version: str | None = Field(
        description="version of the engine that computed the result; null if the engine did not report it"
    )
    engine_image: str | None = Field(description="the engine's image; null for results of Backfleet 0.2.0")


class ResultPage(Body):
    """Ranked results of one batch, best first; results without the metric come last."""

    batch_id: str
    order: Objective
    succeeded: int
    passed: int
    criteria_version: int = Field(description="the version of the criteria in force")
    stale_verdicts: int = Field(
        description="results whose verdict is by an older version of the criteria, not yet updated"
    )
    engine_versions: list[str] = Field(
        description="the engine versions that computed the results; figures of different versions may differ"
    )
    warnings: list[str] = Field(description="warnings about this order, such as mixed engine versions")
    results: list[RankedResult]
    next_cursor: str | None = Field(description="pass it as `cursor` for the next page; null on the last")


class Attempt(Body):
    """One try at a backtest."""

    number: int
    job_name: str
    pod_name: str | None
    launched_at: datetime
    engine_started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    reason: str | None = Field(description="why it failed; null while it runs or if it succeeded")
    message: str | None


class EquityPoint(Body):
    """Equity at the close of a day."""

    date: date
    equity: Number


class Finding(Body):
    """One finding of the engine's own analysis of a run."""

    name: str
    issue: str
    sample: str | None = Field(description="the first instance, as text")
    count: int | None = Field(description="the number of instances; null if the engine does not report it")


class BacktestResult(Body):
    """What a succeeded backtest measured, and the verdict on it."""

    metrics: Metrics
    passed: bool
    rejections: list[str]
    criteria_version: int
    run: RunKind = Field(
        description="fresh: in a process of its own; warm: in one with others; checked: fresh, and a warm run gave the same"
    )
    statistics: dict[str, str] = Field(description="the engine's own statistics, unchanged")
    equity_curve: list[EquityPoint]
    warnings: list[str]
    provenance: dict[str, str] = Field(
        description="what computed the result: engine, engineVersion, engineImage, and further facts of the engine"
    )
    analysis: list[Finding] = Field(description="findings of the engine's own analysis (LEAN since 2026)")


class Backtest(Body):
    """One combination of a batch: its state, attempts and result."""

    backtest_id: str
    batch_id: str
    batch_name: str
    index: int
    state: BacktestState
    parameters: Parameters
    attempts: list[Attempt]
    log_tail: str | None = Field(
        description="the message of the last failed attempt, which has the end of what the engine wrote"
    )
    command: str | None = Field(description="what runs it outside of a cluster; null if the engine has no such command")
    result: BacktestResult | None
