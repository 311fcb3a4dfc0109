"""Constraints between parameters: which combinations of a space are run, counted and found in bounded steps.

A combination on which a constraint divides by zero does not satisfy it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from backfleet.core.errors import SpecInvalid
from backfleet.core.expressions import Expression, Operand, compile_expression
from backfleet.core.parameters import Axis, ParameterSpace
from backfleet.core.scalars import Value, is_whole

FREE_OPERATIONS = 8
"""Constraints of more operations than this in all are looked at for fewer indexes at a time."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One compiled constraint; equal texts over the same parameters are equal."""

    text: str
    names: tuple[str, ...]
    expression: Expression = field(compare=False, repr=False)

    def is_satisfied(self, values: Mapping[str, Value]) -> bool:
        """Whether an assignment meets it."""
        return self._holds([_operand(values[name]) for name in self.names])

    def _holds(self, operands: Sequence[Operand]) -> bool:
        try:
            return bool(self.expression.evaluate(operands))
        except ZeroDivisionError:
            return False


def compile_constraints(texts: Sequence[str], space: ParameterSpace) -> tuple[Constraint, ...]:
    """Compile `spec.constraints` over the parameters of a space; SpecInvalid names item, position and mend."""
    types = {axis.name: axis.type for axis in space.axes}
    constraints: list[Constraint] = []
    for position, text in enumerate(texts):
        expression = compile_expression(text, types, f"spec.constraints[{position}]")
        constraints.append(Constraint(text, expression.names, expression))
    return tuple(constraints)


def count_satisfying(
    space: ParameterSpace, constraints: Sequence[Constraint], cursor: int, limit: int
) -> tuple[int, int]:
    """How many of the next indexes from `cursor` on satisfy all constraints, and the index to go on from.

    At most `limit` indexes are looked at, fewer when the constraints are long, so that `limit` bounds the time. The count
    is complete when the returned cursor is `space.total`; without constraints it is so at once.
    """
    if not constraints:
        return max(space.total - cursor, 0), space.total
    end = min(cursor + _affordable(constraints, limit), space.total)
    return sum(after - first for first, after in _satisfying_runs(space, constraints, cursor, end)), max(cursor, end)


def next_satisfying(
    space: ParameterSpace, constraints: Sequence[Constraint], cursor: int, wanted: int, scan_limit: int
) -> tuple[tuple[int, ...], int]:
    """The next satisfying indexes from `cursor` on, at most `wanted`, and the index to go on from.

    At most `scan_limit` indexes are looked at, fewer when the constraints are long; so fewer may come back while the cursor
    is still below `space.total`.
    """
    if not constraints:
        end = min(cursor + wanted, space.total)
        return tuple(range(cursor, end)), max(cursor, end)
    end = min(cursor + _affordable(constraints, scan_limit), space.total)
    found: list[int] = []
    if wanted <= 0:
        return (), cursor
    for first, after in _satisfying_runs(space, constraints, cursor, end):
        found.extend(range(first, min(after, first + wanted - len(found))))
        if len(found) == wanted:
            return tuple(found), found[-1] + 1
    return tuple(found), max(cursor, end)


def nothing_satisfies(space: ParameterSpace, constraints: Sequence[Constraint]) -> SpecInvalid:
    """The error for constraints that the finished count found no combination for."""
    texts = " and ".join(constraint.text for constraint in constraints)
    return SpecInvalid(
        "spec.constraints",
        f"none of the {space.total:,} combinations satisfies {texts[:200]}",
        "loosen the constraints, or widen the ranges of the parameters that they name",
    )


def _affordable(constraints: Sequence[Constraint], limit: int) -> int:
    operations = sum(constraint.expression.operations for constraint in constraints)
    return max(1, limit * FREE_OPERATIONS // max(FREE_OPERATIONS, operations))


_Column = Callable[[int], Operand]


def _satisfying_runs(
    space: ParameterSpace, constraints: Sequence[Constraint], cursor: int, end: int
) -> Iterator[tuple[int, int]]:
    """Runs [first, after) of satisfying indexes within [cursor, end).

    Only the axes that constraints name are decoded. Indexes that differ in faster axes alone share their answer, so the
    walk goes by whole runs of those.
    """
    strides = _strides(space)
    columns: dict[str, _Column] = {}
    for axis in space.axes:
        columns[axis.name] = _column(axis, strides[axis.name])
    tests = [([columns[name] for name in constraint.names], constraint._holds) for constraint in constraints]
    run = min(strides[name] for constraint in constraints for name in constraint.names)
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
    """The operand of an axis at an index, each computed once per walk."""
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
    """Whole numbers as int, which is fast; others as exact fractions."""
    if isinstance(value, Decimal):
        return int(value) if is_whole(value) else Fraction(value)
    return value
