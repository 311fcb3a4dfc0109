"""Constraints between parameters: counts and finds the combinations of a space that satisfy them, in bounded steps.

A combination on which a constraint divides by zero does not satisfy it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.expressions import Expression, Operand, compile_expression
from backfleet.core.space.parameters import Axis, ParameterSpace
from backfleet.core.space.scalars import ParameterType, Value, is_whole

OPERATIONS_PER_UNIT = 10
"""So many operations on whole numbers take as long as decoding one index: a unit of work, about 5 microseconds."""
FRACTION_OPERATIONS = 7
"""An operation on fractions costs as much as so many operations on whole numbers."""

COMPILED = 64


@dataclass(frozen=True, slots=True)
class Constraint:
    """One compiled constraint. Two of the same text over the same parameters are equal."""

    text: str
    names: tuple[str, ...]
    expression: Expression = field(compare=False, repr=False)
    operations: int = field(default=1, compare=False)
    """The highest cost of testing one combination, in operations on whole numbers."""

    def is_satisfied(self, values: Mapping[str, Value]) -> bool:
        """Report whether an assignment meets the constraint."""
        return self._holds([_operand(values[name]) for name in self.names])

    def _holds(self, operands: Sequence[Operand]) -> bool:
        try:
            return bool(self.expression.evaluate(operands))
        except ZeroDivisionError:
            return False


def compile_constraints(texts: Sequence[str], space: ParameterSpace) -> tuple[Constraint, ...]:
    """Compile `spec.constraints` over the parameters of a space. SpecInvalid names item, position and fix."""
    return _compile(texts, dict(space.types))


def _compile(texts: Sequence[str], types: Mapping[str, ParameterType]) -> tuple[Constraint, ...]:
    constraints: list[Constraint] = []
    for position, text in enumerate(texts):
        expression = compile_expression(text, types, f"spec.constraints[{position}]")
        has_fractions = expression.is_fractional or any(types[name] is ParameterType.FLOAT for name in expression.names)
        operations = expression.operations * (FRACTION_OPERATIONS if has_fractions else 1)
        constraints.append(Constraint(text, expression.names, expression, operations))
    return tuple(constraints)


@lru_cache(maxsize=COMPILED)
def compile_known(texts: tuple[str, ...], types: tuple[tuple[str, ParameterType], ...]) -> tuple[Constraint, ...]:
    """Compile texts that were compiled before. A cache keeps the latest ones, so most passes compile nothing."""
    return _compile(texts, dict(types))


def count_satisfying(
    space: ParameterSpace, constraints: Sequence[Constraint], cursor: int, limit: int
) -> tuple[int, int]:
    """Count the next indexes from `cursor` on that satisfy all constraints. Return the count and the next cursor.

    Do at most `limit` units of work, but at least one test. The count is complete when the returned cursor equals
    `space.total`. Without constraints, one call is enough.
    """
    if not constraints:
        return max(space.total - cursor, 0), space.total
    end = _reach(space, constraints, cursor, limit)
    return sum(after - first for first, after in _satisfying_runs(space, constraints, cursor, end)), max(cursor, end)


def next_satisfying(
    space: ParameterSpace, constraints: Sequence[Constraint], cursor: int, wanted: int, limit: int
) -> tuple[tuple[int, ...], int]:
    """Return the next satisfying indexes from `cursor` on, at most `wanted`, and the next cursor.

    Do at most `limit` units of work, but at least one test. So the result may be shorter than `wanted` while the cursor is
    still below `space.total`.
    """
    if not constraints:
        end = min(cursor + wanted, space.total)
        return tuple(range(cursor, end)), max(cursor, end)
    end = _reach(space, constraints, cursor, limit)
    found: list[int] = []
    if wanted <= 0:
        return (), cursor
    for first, after in _satisfying_runs(space, constraints, cursor, end):
        found.extend(range(first, min(after, first + wanted - len(found))))
        if len(found) == wanted:
            return tuple(found), found[-1] + 1
    return tuple(found), max(cursor, end)


def nothing_satisfies(space: ParameterSpace, constraints: Sequence[Constraint]) -> SpecInvalid:
    """Build the error for constraints that no combination satisfies."""
    texts = " and ".join(constraint.text for constraint in constraints)
    return SpecInvalid(
        "spec.constraints",
        f"none of the {space.total:,} combinations satisfies {texts[:200]}",
        "loosen the constraints, or widen the ranges of the parameters that they name",
    )


def cost_of_test(constraints: Sequence[Constraint]) -> int:
    """Return the most units of work that testing one combination costs."""
    return 1 + sum(constraint.operations for constraint in constraints) // OPERATIONS_PER_UNIT


def work_between(space: ParameterSpace, constraints: Sequence[Constraint], cursor: int, end: int) -> int:
    """Return the units of work of walking from `cursor` to `end`: 0 without constraints."""
    if not constraints or end <= cursor:
        return 0
    run = _run_length(space, constraints)
    return (-(-end // run) - cursor // run) * cost_of_test(constraints)


def _reach(space: ParameterSpace, constraints: Sequence[Constraint], cursor: int, limit: int) -> int:
    """Return the index that a walk from `cursor` reaches within `limit` units. Indexes of one run are tested once."""
    run, tests = _run_length(space, constraints), max(1, limit // cost_of_test(constraints))
    return min((cursor // run + tests) * run, space.total)


def _run_length(space: ParameterSpace, constraints: Sequence[Constraint]) -> int:
    strides = _strides(space)
    return min(strides[name] for constraint in constraints for name in constraint.names)


_Column = Callable[[int], Operand]


def _satisfying_runs(
    space: ParameterSpace, constraints: Sequence[Constraint], cursor: int, end: int
) -> Iterator[tuple[int, int]]:
    """Yield the runs [first, after) of satisfying indexes within [cursor, end).

    Decode only the axes that constraints name. Indexes that differ only in faster axes have the same answer, so the walk
    advances by whole runs of them.
    """
    strides = _strides(space)
    columns: dict[str, _Column] = {}
    for axis in space.axes:
        columns[axis.name] = _column(axis, strides[axis.name])
    tests = [([columns[name] for name in constraint.names], constraint._holds) for constraint in constraints]
    run = _run_length(space, constraints)
    index = cursor
    while index < end:
        after = min((index // run + 1) * run, end)
        if all(holds([column(index) for column in read]) for read, holds in tests):
            yield index, after
        index = after


def _strides(space: ParameterSpace) -> dict[str, int]:
    strides: dict[str, int] = {}
    stride = 1
    for axis in reversed(space.axes):
        strides[axis.name] = stride
        stride *= axis.count
    return strides


def _column(axis: Axis, stride: int) -> _Column:
    """Return a function that gives the operand of an axis at an index. It computes each operand once."""
    count = axis.count
    known: dict[int, Operand] = {}

    def operand_at(index: int) -> Operand:
        position = index // stride % count
        try:
            return known[position]
        except KeyError:
            return known.setdefault(position, _operand(axis.value(position)))

    return operand_at


def _operand(value: Value) -> Operand:
    """Convert a whole number to int, which is fast, and any other to an exact fraction."""
    if isinstance(value, Decimal):
        return int(value) if is_whole(value) else Fraction(value)
    return value
