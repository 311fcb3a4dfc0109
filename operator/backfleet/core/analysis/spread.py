"""How results spread over the values of each parameter, and where on its axis the best one lies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from statistics import median

from backfleet.core.analysis.grid import Grid, Points, is_ordered, sorted_positions
from backfleet.core.ranking import Objective, is_better
from backfleet.core.space.scalars import value_text

MAX_VALUES = 1_000
"""The most entries for one parameter. Neighbouring values of a longer axis share an entry."""


@unique
class Edge(StrEnum):
    """At which end of its axis the best result lies."""

    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSpread:
    """The results with one value of a parameter, or with those from `first` to `last`. Figures are None without a value.

    `count` counts all results; mean, median and best are of those that have the metric.
    """

    first: str
    last: str
    count: int
    passed: int
    mean: float | None
    median: float | None
    best: float | None
    best_index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """The points that differ from one by one step in one numeric parameter: how many have a value, and their mean."""

    count: int
    mean: float | None


def best_of(points: Points, objective: Objective) -> int | None:
    """Return the index of the best result, None if no result has the metric."""
    best: tuple[float, int] | None = None
    for index, value in zip(points.indexes, points.values, strict=True):
        if math.isfinite(value) and (best is None or is_better((value, index), best, objective)):
            best = value, index
    return best[1] if best else None


def spread(grid: Grid, axis: int, points: Points, objective: Objective) -> list[ValueSpread]:
    """Return an entry for each value of the axis in the order of the axis, also for values without a result."""
    count, stride = grid.counts[axis], grid.strides[axis]
    width = -(-count // MAX_VALUES)
    buckets: list[list[tuple[float, int]]] = [[] for _ in range(-(-count // width))]
    passed = [0] * len(buckets)
    for index, value, is_passed in zip(points.indexes, points.values, points.passed, strict=True):
        bucket = index // stride % count // width
        buckets[bucket].append((value, index))
        passed[bucket] += is_passed
    found = []
    for number, (standings, passing) in enumerate(zip(buckets, passed, strict=True)):
        ends = number * width, min(count, (number + 1) * width) - 1
        first, last = (value_text(grid.space.axes[axis].value(position)) for position in ends)
        found.append(_entry(first, last, standings, passing, objective))
    return found


def _entry(first: str, last: str, standings: list[tuple[float, int]], passed: int, objective: Objective) -> ValueSpread:
    present = [each for each in standings if math.isfinite(each[0])]
    values = [value for value, _ in present]
    sign = -1 if objective.direction == "maximize" else 1
    best = min(present, key=lambda each: (sign * each[0], each[1]), default=None)
    return ValueSpread(
        first=first,
        last=last,
        count=len(standings),
        passed=passed,
        mean=_mean(values),
        median=median(values) if values else None,
        best=best[0] if best else None,
        best_index=best[1] if best else None,
    )


def edge_of(grid: Grid, axis: int, index: int) -> Edge | None:
    """Return the end of a numeric axis that the point lies at. None between the ends, and for an axis without order."""
    declared = grid.space.axes[axis]
    if not is_ordered(declared):
        return None
    order, position = sorted_positions(declared), grid.position(index, axis)
    if position == order[0]:
        return Edge.LOW
    return Edge.HIGH if position == order[-1] else None


def neighbourhood(grid: Grid, points: Points, index: int) -> Neighbourhood:
    """Return the mean of the points next to this one: far below its own value, the point is a spike and not a plateau."""
    wanted = set(grid.neighbours(index))
    pairs = zip(points.indexes, points.values, strict=True)
    values = [value for other, value in pairs if other in wanted and math.isfinite(value)]
    return Neighbourhood(count=len(values), mean=_mean(values))


def _mean(values: Sequence[float]) -> float | None:
    if not values:
        return None
    # A sum of the largest floats overflows: then the mean of halves is as good as it gets.
    try:
        mean = math.fsum(values) / len(values)
    except OverflowError:
        mean = math.fsum(value / len(values) for value in values)
    return mean if math.isfinite(mean) else None
