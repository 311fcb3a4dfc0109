"""Conditions on parameters, and the positions on their axes that meet them."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum, unique

from backfleet.core.analysis.grid import NUMERIC, Grid
from backfleet.core.space.parameters import Axis, ListAxis
from backfleet.core.space.scalars import Value, value_text

_NUMBER = re.compile(r"[+-]?[0-9]{1,64}(\.[0-9]{1,64})?([eE][+-]?[0-9]{1,3})?")


@unique
class Comparison(StrEnum):
    """How a condition compares."""

    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"
    EQUAL = "="


@dataclass(frozen=True, slots=True)
class ParameterCondition:
    """One condition on one parameter: one of `texts` if EQUAL, else a bound, which is the only text."""

    name: str
    comparison: Comparison
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selected:
    """The positions on an axis that a condition selects: a range, or a list of positions in ascending order."""

    axis: int
    positions: range | tuple[int, ...]


class NoOrder(ValueError):
    """The parameter's values are not numbers, so a bound on them has no meaning."""


def select(grid: Grid, condition: ParameterCondition) -> Selected:
    """Return what the condition selects. Raise KeyError for an unknown parameter, NoOrder for a bound on text or bool."""
    if condition.name not in grid.names:
        raise KeyError(condition.name)
    number = grid.names.index(condition.name)
    axis = grid.space.axes[number]
    if condition.comparison is Comparison.EQUAL:
        found = {position for text in condition.texts for position in _equal(axis, text)}
        return Selected(number, tuple(sorted(found)))
    if axis.type not in NUMERIC:
        raise NoOrder(condition.name)
    bound = Decimal(condition.texts[0])
    if not isinstance(axis, ListAxis):
        return Selected(number, _part(axis, condition.comparison, bound))
    kept = (place for place, value in enumerate(axis.values) if _holds(condition.comparison, Decimal(value), bound))
    return Selected(number, tuple(kept))


def position_of(axis: Axis, text: str) -> int | None:
    """Return the position of the value that the text means, or None. 14.0 means 14."""
    return next(iter(_equal(axis, text)), None)


def _equal(axis: Axis, text: str) -> Sequence[int]:
    if axis.type in NUMERIC:
        if not _NUMBER.fullmatch(text):
            return ()
        wanted = Decimal(text)
        if not isinstance(axis, ListAxis):
            values = _Values(axis)
            left = bisect_left(values, wanted)
            return (left,) if left < axis.count and values[left] == wanted else ()
        return tuple(position for position, value in enumerate(axis.values) if value == wanted)
    return tuple(position for position in range(axis.count) if value_text(axis.value(position)) == text)


def _part(axis: Axis, comparison: Comparison, bound: Decimal) -> range:
    values = _Values(axis)
    match comparison:
        case Comparison.AT_LEAST:
            return range(bisect_left(values, bound), axis.count)
        case Comparison.ABOVE:
            return range(bisect_right(values, bound), axis.count)
        case Comparison.AT_MOST:
            return range(bisect_right(values, bound))
        case _:
            return range(bisect_left(values, bound))


def _holds(comparison: Comparison, value: Decimal, bound: Decimal) -> bool:
    match comparison:
        case Comparison.AT_LEAST:
            return value >= bound
        case Comparison.ABOVE:
            return value > bound
        case Comparison.AT_MOST:
            return value <= bound
        case _:
            return value < bound


class _Values(Sequence[Decimal]):
    """The values of a range axis as a sequence to search in: they ascend."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis

    def __len__(self) -> int:
        return self._axis.count

    def __getitem__(self, position: int) -> Decimal:  # type: ignore[override]
        return _decimal(self._axis.value(position))


def _decimal(value: Value) -> Decimal:
    assert not isinstance(value, str)
    return Decimal(value)
