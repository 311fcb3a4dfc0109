"""The parameter space as a grid: positions on each axis, from an index and back, and which points are neighbours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from backfleet.core.space.parameters import Axis, ListAxis, ParameterSpace
from backfleet.core.space.scalars import ParameterType

NUMERIC = frozenset({ParameterType.INT, ParameterType.FLOAT})


@dataclass(frozen=True)
class Points:
    """Results by index, ascending: one value for each (NaN if absent), and whether it meets the criteria (1 or 0)."""

    indexes: Sequence[int]
    values: Sequence[float]
    passed: Sequence[int]


@dataclass(frozen=True)
class Grid:
    """A parameter space with the strides of its axes. The last axis varies fastest."""

    space: ParameterSpace

    @cached_property
    def counts(self) -> tuple[int, ...]:
        return tuple(axis.count for axis in self.space.axes)

    @cached_property
    def strides(self) -> tuple[int, ...]:
        """How far two points are apart in index that differ by one position on the axis."""
        strides = [1]
        for count in reversed(self.counts[1:]):
            strides.append(strides[-1] * count)
        return tuple(reversed(strides))

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.space.axes)

    @property
    def total(self) -> int:
        return self.space.total

    def position(self, index: int, axis: int) -> int:
        """Return the position of a point on an axis, from 0."""
        return index // self.strides[axis] % self.counts[axis]

    def positions(self, index: int) -> tuple[int, ...]:
        """Return the positions of a point on all axes."""
        return tuple(index // stride % count for stride, count in zip(self.strides, self.counts, strict=True))

    def index(self, positions: Sequence[int]) -> int:
        """Return the index of the point at these positions."""
        return sum(position * stride for position, stride in zip(positions, self.strides, strict=True))

    @cached_property
    def steps(self) -> tuple[tuple[tuple[int, ...], ...] | None, ...]:
        """By axis: the positions next to each position in the order of values; None if it has no order or one value.

        A range needs no table: None stands for an axis without neighbours, an empty tuple for a range.
        """
        return tuple(_steps(axis) for axis in self.space.axes)

    def next_to(self, axis: int, position: int) -> Iterator[int]:
        """Yield the positions one step from this one on the axis: none if its values are not numbers."""
        table = self.steps[axis]
        if table is None:
            return
        if table:
            yield from table[position]
            return
        if position > 0:
            yield position - 1
        if position + 1 < self.counts[axis]:
            yield position + 1

    def neighbours(self, index: int) -> Iterator[int]:
        """Yield the indexes of all points that differ by one step in one numeric parameter."""
        for axis, (stride, count) in enumerate(zip(self.strides, self.counts, strict=True)):
            if self.steps[axis] is not None:
                position = index // stride % count
                for other in self.next_to(axis, position):
                    yield index + (other - position) * stride


def is_ordered(axis: Axis) -> bool:
    """Report whether the axis has several values, and they are numbers."""
    return axis.type in NUMERIC and axis.count > 1


def _steps(axis: Axis) -> tuple[tuple[int, ...], ...] | None:
    if not is_ordered(axis):
        return None
    if not isinstance(axis, ListAxis):
        return ()
    order = sorted_positions(axis)
    table: list[tuple[int, ...]] = [()] * axis.count
    for rank, position in enumerate(order):
        table[position] = tuple(order[other] for other in (rank - 1, rank + 1) if 0 <= other < axis.count)
    return tuple(table)


def sorted_positions(axis: Axis) -> Sequence[int]:
    """Return the positions of a numeric axis in the order of their values. A range is in order already."""
    if not isinstance(axis, ListAxis):
        return range(axis.count)
    values = axis.values
    return sorted(range(axis.count), key=lambda position: values[position])
