"""Path and query parameters of the routes. Unknown and repeated parameters are errors."""

from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails

from backfleet.core.metrics import METRICS
from backfleet.core.ranking import Direction
from backfleet.core.space.scalars import shown
from backfleet.core.spec.expectations import fault
from backfleet_api.http.cursors import MAX_CURSOR_LENGTH
from backfleet_api.schemas.reading import BatchPhase

MAX_LIMIT = 200
DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
Cursor = Annotated[
    str,
    Field(max_length=MAX_CURSOR_LENGTH, pattern=r"^[A-Za-z0-9_-]+$", description="next_cursor of the previous page"),
]
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


OrderBy = Annotated[
    str,
    AfterValidator(_known_metric),
    Field(
        max_length=64,
        json_schema_extra={"enum": list(METRICS)},
        description="the metric to rank by; by default the batch's objective",
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


class _QueryModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BatchLookup(_QueryModel):
    """Parameters of requests for one batch."""

    namespace: Namespace | None = None


class BatchesQuery(_QueryModel):
    """Parameters of the list of batches, newest first."""

    state: BatchPhase | None = None
    strategy: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] | None = None
    name: Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_NAME)] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class ResultsQuery(BatchLookup):
    """Parameters of the list of results. By default the batch's objective ranks them."""

    order_by: OrderBy | None = None
    direction: Direction | None = Field(
        default=None, description="by default the metric's own: the direction in which it is better"
    )
    passed: bool = Field(default=False, description="only results that meet the criteria")
    limit: Limit = 50
    cursor: Cursor | None = None


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
ResultsParameters = Annotated[ResultsQuery, Query()]
