"""Which results of a batch a query is about: conditions on verdicts, metrics and parameters, as SQL."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, func, literal
from sqlalchemy.types import Double

from backfleet.core.analysis.selection import Comparison
from backfleet.core.metrics import METRICS
from backfleet.core.ranking import Direction, Objective
from backfleet.store.tables.backtests import BacktestResult

_METRIC_COLUMNS = METRICS.keys() & BacktestResult.__table__.c.keys()


@dataclass(frozen=True, slots=True)
class MetricCondition:
    """A bound on a metric. A result without the metric does not meet it."""

    name: str
    comparison: Comparison
    bound: float


@dataclass(frozen=True, slots=True)
class PositionCondition:
    """The positions on one axis of the parameter space, which has `count` of them, `stride` apart in index."""

    stride: int
    count: int
    positions: range | tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilters:
    """Which results to take: those that meet all of it. `rejection` is a criterion that the result does not meet."""

    only_passed: bool = False
    rejection: str | None = None
    metrics: tuple[MetricCondition, ...] = ()
    positions: tuple[PositionCondition, ...] = ()


EVERYTHING = ResultFilters()


def results_of(batch_uid: str, filters: ResultFilters) -> ColumnElement[bool]:
    """Return the condition for results of the batch that meet the filters."""
    found: list[ColumnElement[bool]] = [BacktestResult.batch_uid == batch_uid]
    if filters.only_passed:
        found.append(BacktestResult.__table__.c.passed)
    if filters.rejection is not None:
        found.append(literal(filters.rejection) == func.any(BacktestResult.rejections))
    found += [_OPERATORS[each.comparison](metric_value(each.name), each.bound) for each in filters.metrics]
    found += [is_at(BacktestResult.__table__.c.index, each) for each in filters.positions]
    return and_(*found)


def metric_value(name: str) -> ColumnElement[float]:
    """Return a metric of a result as a number, null where it is absent."""
    columns = BacktestResult.__table__.c
    return columns[name] if name in _METRIC_COLUMNS else columns.metrics[name].astext.cast(Double())


def rank_key_of(objective: Objective) -> ColumnElement[float]:
    """Return the key of any objective, as the column `rank_key` holds it for the batch's own."""
    value = metric_value(objective.metric)
    oriented = -value if objective.direction is Direction.MAXIMIZE else value
    return func.coalesce(oriented, literal(math.inf, Double()), type_=Double())


_OPERATORS: Mapping[Comparison, Callable[[ColumnElement[float], float], ColumnElement[bool]]] = {
    Comparison.AT_LEAST: lambda value, bound: value >= bound,
    Comparison.AT_MOST: lambda value, bound: value <= bound,
    Comparison.ABOVE: lambda value, bound: value > bound,
    Comparison.BELOW: lambda value, bound: value < bound,
    Comparison.EQUAL: lambda value, bound: value == bound,
}


def is_at(index: ColumnElement[int], condition: PositionCondition) -> ColumnElement[bool]:
    """Return the condition for rows whose combination is at these positions of an axis."""
    # By arithmetic on the index: the combination itself is in another table, and as text.
    positions = condition.positions
    if not positions:
        return false()
    position = index.op("/")(condition.stride).op("%")(condition.count)
    if isinstance(positions, range) or positions[-1] - positions[0] == len(positions) - 1:
        return position.between(positions[0], positions[-1])
    return position.in_(positions)
