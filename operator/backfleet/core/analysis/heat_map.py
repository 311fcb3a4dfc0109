"""A map of a metric over two parameters, row by row: others held at given positions, or aggregated over their values."""

import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from statistics import median

from backfleet.core.analysis.grid import Grid, Points

MAX_CELLS = 1_000_000
NAN = math.nan


@unique
class Aggregate(StrEnum):
    """What a cell shows of the results in it."""

    MIN = "min"
    MEDIAN = "median"
    MAX = "max"
    PASSING = "passing"
    """The share of the results that meets the criteria."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Two axes; others that are `held`, by axis, at a position; and what a cell shows of the results that are left in it."""

    x: int
    y: int
    held: Mapping[int, int]
    aggregate: Aggregate


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """`width` times `height` cells, the x axis varying fastest. NaN where a cell has no value.

    A cell covers `x_bin` positions of the x axis and `y_bin` of the y axis: 1 unless there would be too many cells.
    `neighbourhood` is the mean of the points that differ by one step in one numeric parameter: of all parameters where
    each cell is one point, else of the two axes, from cell to cell.
    """

    width: int
    height: int
    x_bin: int
    y_bin: int
    values: Sequence[float]
    neighbourhood: Sequence[float]
    counts: Sequence[float]


def draw(grid: Grid, points: Points, question: Question, max_cells: int = MAX_CELLS) -> HeatMap:
    """Draw the map. Results without the metric count, but have no value, except under PASSING."""
    x_bin, y_bin = _bins(grid.counts[question.x], grid.counts[question.y], max_cells)
    width, height = -(-grid.counts[question.x] // x_bin), -(-grid.counts[question.y] // y_bin)
    kept = _kept(grid, points, question.held)
    cells = _cells(grid, question, (x_bin, y_bin, width), kept.indexes)
    counts = array("d", bytes(8 * width * height))
    for cell in cells:
        counts[cell] += 1
    values = _aggregate(kept, cells, question.aggregate, width * height)
    is_point = len(question.held) == len(grid.counts) - 2 and x_bin == y_bin == 1
    if is_point and question.aggregate is not Aggregate.PASSING:
        near = _around_points(grid, points, question, (width, height))
    else:
        near = _around_cells(grid, question, values, (x_bin, y_bin, width, height))
    return HeatMap(
        width=width, height=height, x_bin=x_bin, y_bin=y_bin, values=values, neighbourhood=near, counts=counts
    )


def _bins(across: int, down: int, max_cells: int) -> tuple[int, int]:
    x_bin = y_bin = 1
    while -(-across // x_bin) * -(-down // y_bin) > max_cells:
        if across // x_bin >= down // y_bin:
            x_bin += 1
        else:
            y_bin += 1
    return x_bin, y_bin


def _kept(grid: Grid, points: Points, held: Mapping[int, int]) -> Points:
    if not held:
        return points
    limits = [(grid.strides[axis], grid.counts[axis], position) for axis, position in held.items()]
    triples = zip(points.indexes, points.values, points.passed, strict=True)
    rows = list(triples)
    for stride, count, position in limits:
        rows = [row for row in rows if row[0] // stride % count == position]
    return Points([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def _cells(grid: Grid, question: Question, shape: tuple[int, int, int], indexes: Sequence[int]) -> list[int]:
    x_bin, y_bin, width = shape
    x_stride, x_count = grid.strides[question.x], grid.counts[question.x]
    y_stride, y_count = grid.strides[question.y], grid.counts[question.y]
    if x_bin == y_bin == 1:
        return [index // y_stride % y_count * width + index // x_stride % x_count for index in indexes]
    return [index // y_stride % y_count // y_bin * width + index // x_stride % x_count // x_bin for index in indexes]


def _aggregate(points: Points, cells: list[int], aggregate: Aggregate, size: int) -> Sequence[float]:
    values = array("d", [NAN]) * size
    if aggregate is Aggregate.PASSING:
        passed, counts = array("d", bytes(8 * size)), array("d", bytes(8 * size))
        for cell, is_passed in zip(cells, points.passed, strict=True):
            passed[cell] += is_passed
            counts[cell] += 1
        for cell in set(cells):
            values[cell] = passed[cell] / counts[cell]
        return values
    groups: dict[int, list[float]] = {}
    for cell, value in zip(cells, points.values, strict=True):
        if value - value == 0:  # finite, and cheaper than a call
            groups.setdefault(cell, []).append(value)
    summary = _SUMMARIES[aggregate]
    for cell, group in groups.items():
        values[cell] = group[0] if len(group) == 1 else summary(group)
    return values


_SUMMARIES: Mapping[Aggregate, Callable[[list[float]], float]] = {
    Aggregate.MIN: min,
    Aggregate.MEDIAN: median,
    Aggregate.MAX: max,
}


def _around_points(grid: Grid, points: Points, question: Question, shape: tuple[int, int]) -> Sequence[float]:
    """Return the mean around each point of the map, in all numeric parameters, those that are held included."""
    width, height = shape
    known = dict(zip(points.indexes, points.values, strict=True))
    corner = sum(position * grid.strides[axis] for axis, position in question.held.items())
    x_stride, y_stride = grid.strides[question.x], grid.strides[question.y]
    aside = [
        (other - position) * grid.strides[axis]
        for axis, position in question.held.items()
        for other in grid.next_to(axis, position)
    ]
    columns = [[(other - x) * x_stride for other in grid.next_to(question.x, x)] for x in range(width)]
    rows = [[(other - y) * y_stride for other in grid.next_to(question.y, y)] for y in range(height)]

    def means() -> Iterator[float]:
        for y in range(height):
            fixed = aside + rows[y]
            start = corner + y * y_stride
            for x in range(width):
                point = start + x * x_stride
                yield _mean([known.get(point + offset, NAN) for offset in fixed + columns[x]])

    return array("d", means())


def _around_cells(
    grid: Grid, question: Question, values: Sequence[float], shape: tuple[int, int, int, int]
) -> Sequence[float]:
    """Return the mean of the cells next to each one."""
    x_bin, y_bin, width, height = shape
    columns = _nearby(grid, question.x, width, x_bin)
    rows = _nearby(grid, question.y, height, y_bin)

    def means() -> Iterator[float]:
        for y in range(height):
            start = y * width
            for x in range(width):
                near = [values[start + other] for other in columns[x]]
                near += [values[other * width + x] for other in rows[y]]
                yield _mean(near)

    return array("d", means())


def _nearby(grid: Grid, axis: int, size: int, bin_size: int) -> list[list[int]]:
    if grid.steps[axis] is None or bin_size == 1:
        return [list(grid.next_to(axis, position)) for position in range(size)]
    # Bins of a range, and of a list of numbers as it was declared.
    return [[other for other in (place - 1, place + 1) if 0 <= other < size] for place in range(size)]


def _mean(values: list[float]) -> float:
    total, count = 0.0, 0
    for value in values:
        if value - value == 0:
            total += value
            count += 1
    return total / count if count else NAN
