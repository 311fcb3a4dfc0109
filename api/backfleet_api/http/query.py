"""Path and query parameters of the routes. Unknown and repeated parameters are errors."""

from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails

from backfleet.core.backtests import BacktestState
from backfleet.core.criteria import RULES
from backfleet.core.metrics import METRICS
from backfleet.core.ranking import Direction
from backfleet.core.reasons import FailureReason
from backfleet.core.space.scalars import shown
from backfleet.core.spec.expectations import fault
from backfleet_api.http.cursors import BATCHES_PATTERN, INDEX_PATTERN, RESULTS_PATTERN
from backfleet_api.http.filters import Held, MetricFilter, MetricNames, ParameterFilter, ParameterName
from backfleet_api.schemas.analysis import Others
from backfleet_api.schemas.reading import BatchPhase

MAX_LIMIT = 200
MAX_ROWS = 100_000
REJECTIONS = tuple(rule.rejection for rule in RULES)
DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_NEXT = "next_cursor of the previous page, with the same other parameters"
BatchCursor = Annotated[str, Field(max_length=100, pattern=BATCHES_PATTERN, description=_NEXT)]
ResultCursor = Annotated[str, Field(max_length=100, pattern=RESULTS_PATTERN, description=_NEXT)]
IndexCursor = Annotated[str, Field(max_length=100, pattern=INDEX_PATTERN, description=_NEXT)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="the largest number of items in the page")]
Namespace = Annotated[
    str,
    Field(
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="the namespace of the batch, if several have one of that name",
    ),
]


def _known_metric(name: str) -> str:
    if name not in METRICS:
        raise fault(f"expected a metric, got {shown(name)}", f"use one of: {', '.join(METRICS)}")
    return name


def _known_rejection(name: str) -> str:
    if name not in REJECTIONS:
        raise fault(f"expected a rejection, got {shown(name)}", f"use one of: {', '.join(REJECTIONS)}")
    return name


OrderBy = Annotated[
    str,
    AfterValidator(_known_metric),
    Field(
        max_length=64,
        json_schema_extra={"enum": list(METRICS)},
        description="the metric to rank by; by default the batch's objective",
    ),
]

Rejection = Annotated[
    str,
    AfterValidator(_known_rejection),
    Field(
        max_length=64,
        json_schema_extra={"enum": list(REJECTIONS)},
        description="only results that do not meet this criterion",
    ),
]

BatchId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=253,
        pattern=DNS_NAME,
        description="the uid, or a name for the newest batch of that name",
    ),
]
BacktestId = Annotated[
    str,
    Path(max_length=260, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?-[0-9]{1,9}$", description="<batch uid>-<index>"),
]


class QueryModel(BaseModel):
    """The base of query parameters: unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BatchLookup(QueryModel):
    """Parameters of requests for one batch."""

    namespace: Namespace | None = None


class BatchesQuery(QueryModel):
    """Parameters of the list of batches, newest first."""

    state: BatchPhase | None = None
    strategy: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] | None = None
    name: Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_NAME)] | None = None
    limit: Limit = 50
    cursor: BatchCursor | None = None


class FilteredQuery(BatchLookup):
    """Parameters that choose among the results of a batch. A result has to meet all of them."""

    passed: bool = Field(default=False, description="only results that meet the criteria")
    rejection: Rejection | None = None
    metrics: MetricFilter | None = None
    parameters: ParameterFilter | None = None


class OrderedQuery(FilteredQuery):
    """Results, and the metric that they are about. By default it is the batch's objective."""

    order_by: OrderBy | None = None
    direction: Direction | None = Field(
        default=None, description="by default the metric's own: the direction in which it is better"
    )


class ResultsQuery(OrderedQuery):
    """Parameters of the list of results. By default the batch's objective ranks them."""

    limit: Limit = 50
    cursor: ResultCursor | None = None


class HeatMapQuery(OrderedQuery):
    """Parameters of a heat map: two parameters of the batch, and what becomes of the others."""

    x: ParameterName
    y: ParameterName
    others: Others = Field(
        default=Others.BEST,
        description="the parameters that are neither x, y nor in `at`: held at the best result (best), or aggregated",
    )
    at: Held | None = None


class ColumnsQuery(FilteredQuery):
    """Parameters of columns of results, by index."""

    columns: MetricNames | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_ROWS, description="the largest number of rows")] = MAX_ROWS
    cursor: IndexCursor | None = None


class ExportQuery(FilteredQuery):
    """Parameters of results in bulk."""


class BacktestsQuery(BatchLookup):
    """Parameters of the list of backtests, by index. A backtest has to meet all filters."""

    state: BacktestState | None = Field(default=None, description="only backtests in this state")
    reason: FailureReason | None = Field(default=None, description="only backtests that failed for this reason")
    min_attempts: int = Field(default=1, ge=1, le=1000, description="only backtests with so many attempts or more")
    parameters: ParameterFilter | None = None
    limit: Limit = 50
    cursor: IndexCursor | None = None


def strict_query(request: Request) -> None:
    """Raise an error for a parameter that is given twice. Either value would be a guess."""
    names = [name for name, _ in request.query_params.multi_items()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problem = {"problem": "expected one value, got several", "hint": "give it once"}
        raise RequestValidationError([_error(name, "field", problem) for name in twice])


def no_query(request: Request) -> None:
    """Raise an error for every query parameter. For routes that have none."""
    if names := sorted(request.query_params.keys()):
        raise RequestValidationError([_error(name, "extra_forbidden", {}) for name in names])


def _error(name: str, kind: str, context: dict[str, str]) -> ErrorDetails:
    return ErrorDetails(type=kind, loc=("query", name), msg="", input=None, ctx=context)


BatchParameters = Annotated[BatchLookup, Query()]
BatchesParameters = Annotated[BatchesQuery, Query()]
OrderedParameters = Annotated[OrderedQuery, Query()]
HeatMapParameters = Annotated[HeatMapQuery, Query()]
ColumnsParameters = Annotated[ColumnsQuery, Query()]
ExportParameters = Annotated[ExportQuery, Query()]
BacktestsParameters = Annotated[BacktestsQuery, Query()]
ResultsParameters = Annotated[ResultsQuery, Query()]
