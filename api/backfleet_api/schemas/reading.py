"""What the API answers, as strict models; also what the client reads. Field names are snake_case; a piece of the custom
resource (`spec`, `criteria`) keeps the custom resource's own names.
"""

from datetime import date, datetime
from enum import StrEnum, unique
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backfleet.core.backtests import BacktestState
from backfleet.core.ranking import Direction

Number = Annotated[float, Field(allow_inf_nan=False)]
Scalar = bool | int | Number | str
Metrics = dict[str, int | Number | None]


class Answer(BaseModel):
    """The base of every body: nothing unknown, nothing coerced, never NaN."""

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


class FieldProblem(Answer):
    """One thing that is wrong with a request, and where."""

    field: str = Field(description="the query parameter, path segment or body field")
    problem: str
    hint: str | None = None


class Problem(Answer):
    """An error (RFC 9457, application/problem+json)."""

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    errors: list[FieldProblem] = []


class Health(Answer):
    """Whether the API can answer; `database` is `ok`, `unavailable` or `not migrated`."""

    status: str = Field(description="ok, or unavailable when Postgres does not answer or has no schema")
    service: str
    version: str
    database: str
    reason: str | None = Field(description="why it is unavailable; null when it is ok")
    warnings: list[str] = Field(
        default_factory=list, description="what is wrong with this installation although it answers"
    )


class Liveness(Answer):
    """The process answers; nothing else was asked."""

    status: str


class Objective(Answer):
    """The metric that ranks, and which end of it is best."""

    metric: str
    direction: Direction


class Parameters(Answer):
    """One combination twice: typed JSON values, and the exact texts that the engine read."""

    values: dict[str, Scalar]
    texts: dict[str, str]


class Best(Answer):
    """The best backtest under the batch's objective so far."""

    backtest_id: str
    index: int
    value: Number
    parameters: Parameters


class Finish(Answer):
    """How the batch ended: the reason of its Finished condition."""

    reason: str
    message: str


class Counts(Answer):
    """Backtests by state; `queued` counts those never launched too, `passed` the succeeded that meet the criteria."""

    total: int | None = Field(description="null while the constraints are still being counted")
    queued: int
    active: int
    succeeded: int
    failed: int
    cancelled: int
    passed: int


class BatchSummary(Answer):
    """A batch as lists show it."""

    batch_id: str = Field(description="the custom resource's uid")
    name: str
    namespace: str
    state: BatchPhase
    strategy: str
    engine: str
    objective: Objective
    counts: Counts
    progress: str = Field(description="ended of total, like 37/486")
    best: Best | None
    accepted_at: datetime | None
    finished_at: datetime | None
    finish: Finish | None


class Batch(BatchSummary):
    """A batch in full."""

    max_concurrent: int
    started_at: datetime | None = Field(description="when the first engine started")
    pace: str | None = Field(description="for people: backtests_per_minute as per minute, hour or day")
    backtests_per_minute: Number | None = Field(
        description="the recent pace, by the last 20 ends or 10 minutes, without time suspended; three significant figures"
    )
    estimated_finish_at: datetime | None = Field(description="at that pace; null while the batch is suspended")
    criteria: dict[str, int | Number] = Field(description="the success criteria in force; empty: everything passes")
    criteria_version: int = Field(description="goes up with every edit of the criteria")
    stale_verdicts: int = Field(description="results that an older version judged, and that are being judged again")
    engine_versions: list[str] = Field(
        description="versions of the engine that the results are of; figures of two may differ"
    )
    warnings: list[str] = Field(description="what to know before the results are compared: versions that are mixed")
    labels: dict[str, str]
    submitter: str | None
    message: str | None = Field(description="why a pending batch waits")
    spec: dict[str, Any] = Field(description="the custom resource's spec, as accepted")


class BatchPage(Answer):
    """Batches, newest first."""

    batches: list[BatchSummary]
    next_cursor: str | None = Field(description="pass it as `cursor` for the next page; null on the last")


class RankedResult(Answer):
    """A succeeded backtest in its rank; `value` is the metric that this answer is ordered by."""

    rank: int
    backtest_id: str
    index: int
    value: Number | None
    parameters: Parameters
    metrics: Metrics
    passed: bool
    rejections: list[str] = Field(description="the criteria that the result does not meet")
    criteria_version: int = Field(description="the version of the batch's criteria that judged it")
    engine_version: str | None = Field(description="of the engine that computed it; null when it did not say")
    engine_image: str | None = Field(description="the image that it ran in; null for results of 0.2.0")


class ResultPage(Answer):
    """Ranked results of one batch, best first; results without the metric come last."""

    batch_id: str
    order: Objective
    succeeded: int
    passed: int
    criteria_version: int = Field(description="the version of the criteria in force")
    stale_verdicts: int = Field(description="results that an older version judged, and that are being judged again")
    engine_versions: list[str] = Field(
        description="versions of the engine that the results are of; figures of two may differ"
    )
    warnings: list[str] = Field(description="what to know of this order: versions that are mixed")
    results: list[RankedResult]
    next_cursor: str | None = Field(description="pass it as `cursor` for the next page; null on the last")


class Attempt(Answer):
    """One try at a backtest."""

    number: int
    job_name: str
    pod_name: str | None
    launched_at: datetime
    engine_started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    reason: str | None = Field(description="why it failed; null while it runs, or when it succeeded")
    message: str | None


class EquityPoint(Answer):
    """Equity at the close of a day."""

    date: date
    equity: Number


class Finding(Answer):
    """One finding of the engine's own analysis of a run."""

    name: str
    issue: str
    sample: str | None = Field(description="the first instance, as text")
    count: int | None = Field(description="how many instances there were; null where the engine does not say")


class BacktestResult(Answer):
    """What a succeeded backtest measured, and the verdict on it."""

    metrics: Metrics
    passed: bool
    rejections: list[str]
    criteria_version: int
    statistics: dict[str, str] = Field(description="the engine's own texts, as they were")
    equity_curve: list[EquityPoint]
    warnings: list[str]
    provenance: dict[str, str] = Field(
        description="what computed it: engine, engineVersion, engineImage, and what else the engine says"
    )
    analysis: list[Finding] = Field(description="what the engine itself found remarkable (LEAN since 2026)")


class Backtest(Answer):
    """One combination of a batch: its state, attempts and result."""

    backtest_id: str
    batch_id: str
    batch_name: str
    index: int
    state: BacktestState
    parameters: Parameters
    attempts: list[Attempt]
    result: BacktestResult | None
