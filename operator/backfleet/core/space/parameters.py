"""The parameter space: computes a combination from its index, in exact decimals, without enumerating the space.

The last axis varies fastest: index 0 is the first value of every axis, index 1 differs from it in the last axis only.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.scalars import (
    EXACT,
    MAX_DIGITS,
    ParameterType,
    Value,
    parse_number,
    parse_value,
    shown,
    value_text,
)

MAX_COMBINATIONS = 1_000_000
"""The default for the largest unconstrained space that a batch may declare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeDeclaration:
    """The start, end and step of a range as in the custom resource: any JSON."""

    start: object
    end: object
    step: object


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDeclaration:
    """One parameter as in the custom resource. `values` takes precedence over `range`; `value` excludes both."""

    name: str
    type: ParameterType
    range: RangeDeclaration | None = None
    values: Sequence[object] | None = None
    value: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeAxis:
    """The values start, start + step, ... of an int or float parameter, `count` of them."""

    name: str
    type: ParameterType
    start: Decimal
    step: Decimal
    count: int

    def value(self, position: int) -> Value:
        """Return the value at a 0-based position."""
        number = EXACT.fma(self.step, position, self.start)
        return int(number) if self.type is ParameterType.INT else number.normalize(EXACT)

    def to_json(self) -> dict[str, Any]:
        """Return a plain snapshot of constant size."""
        return {
            "name": self.name,
            "type": self.type.value,
            "range": {"start": value_text(self.start), "step": value_text(self.step), "count": self.count},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAxis:
    """Explicit values in their declared order. A fixed value is a list with one item."""

    name: str
    type: ParameterType
    values: tuple[Value, ...]

    @property
    def count(self) -> int:
        """Return the number of values."""
        return len(self.values)

    def value(self, position: int) -> Value:
        """Return the value at a 0-based position."""
        return self.values[position]

    def to_json(self) -> dict[str, Any]:
        """Return a plain snapshot."""
        return {"name": self.name, "type": self.type.value, "values": [value_text(value) for value in self.values]}


Axis = RangeAxis | ListAxis


@dataclass(frozen=True, slots=True)
class Combination:
    """One concrete assignment: its index in the unconstrained space, and values by name in the order of the axes."""

    index: int
    values: Mapping[str, Value]

    @property
    def texts(self) -> dict[str, str]:
        """Return the exact texts that engines read. Each parses back to its value."""
        return {name: value_text(value) for name, value in self.values.items()}

    @property
    def digest(self) -> str:
        """sha256 of the canonical JSON of the texts: equal for equal assignments, whatever the order of the axes."""
        canonical = json.dumps(self.texts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> dict[str, int | float | bool | str]:
        """Return plain JSON values for storage and display. A float keeps 15 digits exactly."""
        return {name: float(value) if isinstance(value, Decimal) else value for name, value in self.values.items()}


@dataclass(frozen=True, slots=True)
class ParameterSpace:
    """The product of the axes in declared order."""

    axes: tuple[Axis, ...]

    @property
    def types(self) -> tuple[tuple[str, ParameterType], ...]:
        """Return name and type of every parameter, in order."""
        return tuple((axis.name, axis.type) for axis in self.axes)

    @property
    def total(self) -> int:
        """Return the number of combinations, without constraints."""
        return _product(self.axes)

    def combination(self, index: int) -> Combination:
        """Return the combination at an index, in time proportional to the number of axes. IndexError outside the space."""
        if not 0 <= index < self.total:
            raise IndexError(f"index {index} is outside a space of {self.total}")
        values: list[tuple[str, Value]] = []
        rest = index
        for axis in reversed(self.axes):
            rest, position = divmod(rest, axis.count)
            values.append((axis.name, axis.value(position)))
        return Combination(index, dict(reversed(values)))

    def to_json(self) -> dict[str, Any]:
        """Return the snapshot that is kept from acceptance on. `from_json` restores an equal space."""
        return {"axes": [axis.to_json() for axis in self.axes]}

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "ParameterSpace":
        """Read what `to_json` made."""
        return ParameterSpace(tuple(_axis_from_json(axis) for axis in body["axes"]))


def build_space(declarations: Sequence[ParameterDeclaration], limit: int = MAX_COMBINATIONS) -> ParameterSpace:
    """Build the space of the declared parameters. SpecInvalid names the field under spec.parameters and the fix."""
    if not declarations:
        raise SpecInvalid("spec.parameters", "the parameter space is empty", "declare at least one parameter")
    seen: set[str] = set()
    axes: list[Axis] = []
    for position, declaration in enumerate(declarations):
        field = f"spec.parameters[{position}]"
        if declaration.name in seen:
            raise SpecInvalid(f"{field}.name", f"{declaration.name!r} is declared twice", "give each parameter once")
        seen.add(declaration.name)
        axes.append(_build_axis(declaration, field))
    total = _product(axes)
    if total > limit:
        size = f"{total:,}" if total <= 10**15 else "more than 10^15"
        raise SpecInvalid(
            "spec.parameters",
            f"the space has {size} combinations, over the limit of {limit:,}",
            "take larger steps, shorter ranges or fewer values, or split the batch",
        )
    return ParameterSpace(tuple(axes))


def _product(axes: Sequence[Axis]) -> int:
    return reduce(lambda total, axis: total * axis.count, axes, 1)


def _axis_from_json(body: Mapping[str, Any]) -> Axis:
    name, parameter_type = str(body["name"]), ParameterType(body["type"])
    if "values" in body:
        values = tuple(parse_value(text, parameter_type, name) for text in body["values"])
        return ListAxis(name=name, type=parameter_type, values=values)
    start, step = (parse_number(body["range"][key], name) for key in ("start", "step"))
    return RangeAxis(name=name, type=parameter_type, start=start, step=step, count=int(body["range"]["count"]))


def _build_axis(declaration: ParameterDeclaration, field: str) -> Axis:
    if declaration.value is not None:
        if declaration.values is not None or declaration.range is not None:
            raise SpecInvalid(
                field, "expected one of value, values and range, got more", "keep value, or values, or range"
            )
        fixed = parse_value(declaration.value, declaration.type, f"{field}.value")
        return ListAxis(name=declaration.name, type=declaration.type, values=(fixed,))
    if declaration.values is not None:
        return _build_list(declaration, declaration.values, f"{field}.values")
    if declaration.range is not None:
        return _build_range(declaration, declaration.range, f"{field}.range")
    raise SpecInvalid(field, "the parameter has no values", "give one of range, values or value")


def _build_list(declaration: ParameterDeclaration, raw_values: Sequence[object], field: str) -> ListAxis:
    if not raw_values:
        raise SpecInvalid(field, "the list is empty, so the space is empty", "list at least one value")
    values: dict[Value, int] = {}
    for position, raw in enumerate(raw_values):
        value = parse_value(raw, declaration.type, f"{field}[{position}]")
        if value in values:
            raise SpecInvalid(
                f"{field}[{position}]",
                f"{shown(raw)} repeats the value at position {values[value]}",
                "list each value once",
            )
        values[value] = position
    return ListAxis(name=declaration.name, type=declaration.type, values=tuple(values))


def _build_range(declaration: ParameterDeclaration, declared: RangeDeclaration, field: str) -> RangeAxis:
    if declaration.type not in (ParameterType.INT, ParameterType.FLOAT):
        raise SpecInvalid(field, f"a {declaration.type} parameter cannot have a range", "list its values under values")
    start, end, step = (
        Decimal(parse_value(raw, declaration.type, f"{field}.{key}"))
        for key, raw in (("start", declared.start), ("end", declared.end), ("step", declared.step))
    )
    if step <= 0:
        problem = "step is 0" if step == 0 else f"step {value_text(step)} is negative"
        raise SpecInvalid(f"{field}.step", problem, "write a positive step; the order of values does not matter")
    if end < start:
        raise SpecInvalid(
            f"{field}.end", f"end {value_text(end)} is before start {value_text(start)}", "swap start and end"
        )
    count = int(EXACT.divide_int(EXACT.subtract(end, start), step)) + 1
    axis = RangeAxis(name=declaration.name, type=declaration.type, start=start, step=step, count=count)
    _refuse_long_values(axis, field)
    return axis


def _refuse_long_values(axis: RangeAxis, field: str) -> None:
    """Refuse a start and a step of very different sizes: no double, and no engine, could tell their values apart."""
    last = EXACT.fma(axis.step, axis.count - 1, axis.start)
    top = max(abs(axis.start), abs(last))
    finest = min(_exponent(number) for number in (axis.start, axis.step) if number)
    if top and axis.count > 1 and top.adjusted() - finest + 1 > MAX_DIGITS:
        raise SpecInvalid(
            f"{field}.step",
            f"start and step together give values of more than {MAX_DIGITS} significant digits",
            "round start and step",
        )


def _exponent(number: Decimal) -> int:
    exponent = number.normalize(EXACT).as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent
